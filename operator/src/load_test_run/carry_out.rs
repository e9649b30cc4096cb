// SPDX-License-Identifier: Apache-2.0
//! Carries out what was decided, one effect after the other, and asks before each whether this operator still leads.
//!
//! Decides nothing. What the API server understood and does not want is no failure: it goes back into the next
//! decision as a refusal. So does, as a delay, what could not be done for a run that has no Job yet: it is decided how long that is
//! tried again.

mod replicas;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use tracing::warn;
use upsurge_crds::{LoadTestRun, names::reasons, v1alpha1::Phase};

use super::{
    apply,
    decide::{Decision, Effect},
    pinning,
    plan::{self, Plan},
    progress::Cause,
    runs::Runs,
    update_status,
};
use crate::{
    collector::SessionError,
    errors::chain,
    fence::NotLeading,
    prometheus_checks::{self, Answers},
    records::KeepError,
    status::{self, WriteError},
    stores, target_leases,
};

/// Why an effect could not be carried out; trying again may help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Objects can't be written.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// The collector can't open the run's session.
    #[error("failed to open the collector's session")]
    Session(#[from] SessionError),
    /// The status can't be written.
    #[error("failed to update the status")]
    UpdateStatus(#[from] WriteError),
    /// The lease on the target can't be used.
    #[error("failed to use the lease on the target")]
    Lease(#[from] target_leases::Error),
    /// The run's record can't be written.
    #[error("failed to keep the run's record")]
    Record(#[from] KeepError),
    /// What decides on the replicas of the target can't be changed.
    #[error("failed to set the replicas of the target")]
    Pin(#[from] pinning::Error),
    /// There is no plan for what was decided.
    #[error("the run has no plan")]
    NoPlan,
}

impl Error {
    /// Whether it keeps a run from its beginning, for now. Where there is load, nothing is given up for a failure that may pass;
    /// and a run that has changed since, or another's to work on, is only looked at again.
    fn delays(&self, run: &LoadTestRun) -> bool {
        let is_pending = matches!(update_status::base(run).phase, None | Some(Phase::Pending));
        is_pending
            && match self {
                Self::Apply(_) | Self::Session(_) | Self::Lease(target_leases::Error::Api { .. }) => true,
                Self::Pin(error) => !matches!(error, pinning::Error::Conflict { .. }),
                Self::Lease(_) | Self::UpdateStatus(_) | Self::Record(_) | Self::NoPlan => false,
            }
    }
}

impl From<NotLeading> for Error {
    fn from(error: NotLeading) -> Self {
        Self::UpdateStatus(error.into())
    }
}

/// What came of a decision.
#[derive(Debug)]
pub enum Carried {
    /// All of it is done.
    Out,
    /// One effect can't be had; what came after it was left.
    Refused(Cause),
    /// One effect could not be carried out, for this reason, which may pass; what came after it was left.
    Delayed(String),
    /// The run's record could not be written; what came after it was left. That is remembered, and it is decided what follows from it.
    NotKept,
}

/// Carries out a decision on a run.
///
/// # Errors
/// When this operator does not lead any more, the run has changed since, or the API server does not answer.
pub async fn carry_out(
    runs: &Runs,
    run: &LoadTestRun,
    plan: Option<&Arc<Plan>>,
    decision: &Decision,
) -> Result<Carried, Error> {
    for effect in &decision.effects {
        status::admit(&runs.context.fence, run.status.as_ref())?;
        match one(runs, run, plan, decision, effect).await {
            Ok(None) => {}
            Ok(Some(cause)) => return Ok(Carried::Refused(cause)),
            Err(Error::Record(error)) => {
                warn!(error = chain(&error), "failed to keep the record of the run");
                runs.memory.not_kept(&plan::key(run), &error);
                return Ok(Carried::NotKept);
            }
            Err(error) if error.delays(run) => return Ok(Carried::Delayed(chain(&error))),
            Err(error) => return Err(error),
        }
    }
    Ok(Carried::Out)
}

async fn one(
    runs: &Runs,
    run: &LoadTestRun,
    plan: Option<&Arc<Plan>>,
    decision: &Decision,
    effect: &Effect,
) -> Result<Option<Cause>, Error> {
    let (context, key) = (&runs.context, plan::key(run));
    let (client, sessions) = (&context.client, &context.sessions);
    let plan = || plan.ok_or(Error::NoPlan);
    match effect {
        Effect::Complete(body) => {
            return apply::complete(client, run, body).await.map_or_else(refused, |_| Ok(None));
        }
        Effect::WriteLease(lease) => runs.leases.write(lease).await?,
        Effect::LeaveTarget => leave(runs, run).await?,
        Effect::LookForCompany { start, end } => {
            let plan = plan()?;
            let company = runs.leases.company(&plan.claims, &plan.content.uid, (*start, *end)).await?;
            runs.memory.met(&key, company);
        }
        Effect::KeepRun => return replicas::unwanted(pinning::keep(client, run).await, &key.namespace),
        Effect::SetReplicas(changes) => return replicas::set(context, run, changes).await,
        Effect::ReleaseRun(left) => {
            for left in left {
                warn!(what = %left, "a run goes that could not put back all that it had set");
                let about = run.object_ref(&());
                context.events.warning(&about, reasons::LEFT_AS_IT_IS, "Restore", left).await;
            }
            pinning::release(client, run).await?;
        }
        Effect::OpenSession => {
            let mut session = plan()?.session(&run.spec.load_test_ref.name);
            session.is_under_way =
                update_status::base(run).phase.is_some_and(|phase| phase >= Phase::Starting);
            let opened = sessions.open(session).await;
            return opened.map_or_else(damaged, |()| Ok(None));
        }
        Effect::ApplyGroundwork(objects) => {
            return apply::groundwork(client, objects).await.map_or_else(refused, |()| Ok(None));
        }
        Effect::CreateJob(objects) => {
            return apply::job(client, objects).await.map_or_else(refused, |()| Ok(None));
        }
        Effect::KeepRecord(record) => {
            if stores::settings(run).is_some()
                && let Some(whole) = runs.records.whole(record.clone()).await
            {
                sessions.shelve(&key.namespace, run.metadata.uid.as_deref().unwrap_or_default(), whole);
            }
            let packed = runs.records.pack(run, record.clone()).await?;
            // That may have taken long enough for another operator to be at work.
            status::admit(&context.fence, run.status.as_ref())?;
            runs.records.write(packed).await?;
        }
        Effect::WriteStatus => {
            update_status::update(context, run, decision.state.clone()).await?;
            if decision.shows_figures {
                runs.memory.shown(&key);
            }
        }
        Effect::StopRunners(reason) => sessions.stop(&key, reason).await,
        Effect::FinishEpoch(finished) => {
            let next = sessions.finish_epoch(&key, (**finished).clone()).await;
            return next.map_or_else(damaged, |()| Ok(None));
        }
        Effect::RunAfter => sessions.run_after(&key).await,
        Effect::Quench => apply::quench(client, run).await?,
        Effect::HavePrometheusAsked { start, end } => sessions.ask_prometheus(&key, *start, *end).await,
        Effect::AskPrometheus { start, end } => {
            let (plan, policy, start, end) = (plan()?.clone(), context.platform.policy(), *start, *end);
            runs.memory.ask(&key, async move {
                let spec = plan.test().prometheus.as_ref();
                match spec.and_then(|spec| Some((spec, spec.server.as_ref()?))) {
                    Some((spec, server)) => {
                        prometheus_checks::ask_server(&policy, server, spec, plan.timeline(), start, end)
                            .await
                    }
                    None => Answers::default(),
                }
            });
        }
        Effect::CloseSession => sessions.close(&key).await,
        Effect::DropCheckpoint => apply::drop_checkpoint(client, run).await?,
        Effect::RemoveRunners => apply::remove_runners(client, run).await?,
        Effect::Forget => {
            drop(runs.memory.forget(&key));
            context.platform.leave(&key.namespace, &key.name);
        }
    }
    Ok(None)
}

/// Takes a run out of the leases on its targets. One that this operator knows nothing of was over before it led: it has
/// cleared up after that at its start.
async fn leave(runs: &Runs, run: &LoadTestRun) -> Result<(), Error> {
    let Some(plan) = runs.memory.plan(run) else { return Ok(()) };
    let mut load = run.status.as_ref().and_then(target_leases::load);
    if let Some(load) = &mut load {
        // Of a run that was deleted under load nobody wrote down the end.
        load.until.get_or_insert_with(|| Time(Timestamp::now()));
    }
    Ok(runs.leases.leave(&plan.claims, &plan.content.uid, load.as_ref()).await?)
}

/// A checkpoint that is lost, or can't be read back, ends the run; anything else is worth another try.
fn damaged(error: SessionError) -> Result<Option<Cause>, Error> {
    match error.reason() {
        Some(reason) => Ok(Some(Cause::breakdown(reason, error.to_string()))),
        None => Err(error.into()),
    }
}

/// What the API server does not want ends the run; anything else is worth another try.
fn refused(error: apply::Error) -> Result<Option<Cause>, Error> {
    match error.refusal() {
        Some((reason, message)) => Ok(Some(Cause::breakdown(reason, message))),
        None => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
