// SPDX-License-Identifier: Apache-2.0
//! The controller of `LoadTestRun`: carries out one execution, from the first look to the verdict.
//!
//! Observe (client: the facts) → decide (pure: the run's state and what is to be done) → carry out (client) → look again.
//! The collector starts the load by itself once all runners are ready; no reconciliation is on that path.

mod apply;
mod build;
mod carry_out;
mod decide;
mod deletion;
#[cfg(test)]
pub(crate) mod fixtures;
mod memory;
mod missing;
mod neighbours;
mod observe;
mod pinning;
mod plan;
mod pods;
mod progress;
mod refusal;
mod results;
mod runs;
mod storing;
mod update_status;
mod validate;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{ResourceExt, core::error_boundary::InvalidObject, runtime::controller::Action};
use tokio::{task::spawn_blocking, time::timeout};
use tracing::{Instrument, info, info_span, warn};
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{Phase, Snapshot},
};

pub use self::runs::Runs;
use self::{
    carry_out::{Carried, carry_out},
    decide::{Decision, Left, Look, Situation},
    deletion::{deleted, unread},
    observe::Source,
};
use crate::{
    cache::CachedRun,
    collector::RunKey,
    errors::{LONGEST_LOOK, TELLING_FAILURES, chain},
    metrics,
    status::WriteError,
    target_leases,
};

/// Most looks in a row before others get their turn.
const LOOKS: u32 = 8;
/// Time until the next look when it is not sure whether this operator leads.
const UNSURE: Duration = Duration::from_secs(1);
/// Time until the next look at a run that others write all the time.
const NEXT_LOOK: Duration = Duration::from_millis(50);

/// Why a reconciliation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object can't be read.
    #[error("the object can't be read: {0}")]
    Invalid(#[source] Box<InvalidObject>),
    /// Something that a decision rests on can't be read.
    #[error("failed to observe")]
    Observe(#[from] observe::Error),
    /// The thread on which it was to be decided ended.
    #[error("failed to decide: {0}")]
    Decide(#[from] tokio::task::JoinError),
    /// What was decided can't be carried out.
    #[error(transparent)]
    CarryOut(#[from] carry_out::Error),
    /// The API server does not answer.
    #[error("the API server did not answer for {} s", LONGEST_LOOK.as_secs())]
    Unanswered,
}

impl Error {
    fn category(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "Invalid",
            Self::Unanswered => "Unanswered",
            Self::Observe(observe::Error::Target(_)) => "Target",
            Self::Observe(_) => "Observe",
            Self::Decide(_) => "Decide",
            Self::CarryOut(carry_out::Error::Apply(_) | carry_out::Error::NoPlan) => "Apply",
            Self::CarryOut(carry_out::Error::Session(_)) => "Session",
            Self::CarryOut(carry_out::Error::Lease(_)) => "Lease",
            Self::CarryOut(carry_out::Error::Record(_)) => "Record",
            Self::CarryOut(carry_out::Error::Pin(_)) => "Pin",
            Self::CarryOut(carry_out::Error::UpdateStatus(_)) => "UpdateStatus",
        }
    }

    /// How a status that can't be written stands in the way, if that is what failed.
    fn fenced(&self) -> Option<&WriteError> {
        match self {
            Self::Observe(observe::Error::Fenced(error))
            | Self::CarryOut(carry_out::Error::UpdateStatus(error)) => Some(error),
            _ => None,
        }
    }
}

/// What a reconciliation came to.
enum Done {
    /// Nothing is left to do until the run changes.
    Settled,
    /// Look again after a while.
    Again(Duration),
}

/// Takes a run one step further.
///
/// # Errors
/// When the API server refuses something or does not answer.
pub async fn reconcile(run: Arc<CachedRun>, runs: Arc<Runs>) -> Result<Action, Error> {
    let began = Instant::now();
    let span = info_span!("run", namespace = run.namespace().unwrap_or_default(), name = run.name_any());
    let answered = match &run.0 {
        Ok(run) => timeout(LONGEST_LOOK, steps(run, &runs).instrument(span)).await,
        Err(invalid) => timeout(LONGEST_LOOK, unread(invalid, &runs).instrument(span)).await,
    };
    let result = answered.unwrap_or(Err(Error::Unanswered));
    let (outcome, action) = match result {
        Ok(Done::Settled) => ("Settled", Ok(Action::await_change())),
        Ok(Done::Again(wait)) => ("Waiting", Ok(Action::requeue(wait))),
        Err(error) => ("Failed", Err(error)),
    };
    let context = &runs.context;
    context.metrics.reconciled(metrics::LOAD_TEST_RUN, outcome, began);
    if action.is_ok() {
        context.backoff.succeeded(&name(&*run));
    }
    action
}

async fn steps(cached: &LoadTestRun, runs: &Runs) -> Result<Done, Error> {
    let result = look(cached, runs).await;
    let Err(error) = result else { return result };
    match error.fenced() {
        // Another operator works on it: not one more word.
        Some(WriteError::Superseded { .. }) => {
            info!(reason = chain(&error), "left the run to the operator that leads");
            Ok(Done::Settled)
        }
        // This one has ended soon, or gets its lease renewed after all.
        Some(WriteError::NotLeading(why)) => {
            info!(reason = %why, "did nothing for the run");
            Ok(Done::Again(UNSURE))
        }
        _ => {
            if runs.context.backoff.failures(&name(cached)) >= TELLING_FAILURES
                && let Ok(Some(run)) = observe::run(&runs.context.client, cached).await
            {
                let why = chain(&error);
                let Some(decision) = decide::given_up(&run, &why, Timestamp::now()) else {
                    update_status::retrying(&runs.context, &run, &why).await;
                    return Err(error);
                };
                warn!(reason = why, "gave up a run that could not begin");
                return last(runs, &run, decision).await;
            }
            Err(error)
        }
    }
}

/// Looks, decides and acts until there is something to wait for. Looked at first is what the cache has; if something is to
/// be done, it is decided anew on what there is now: a phase must not be entered twice, nor a Job missed that
/// was made a moment ago.
async fn look(cached: &LoadTestRun, runs: &Runs) -> Result<Done, Error> {
    if cached.metadata.deletion_timestamp.is_some() {
        return deleted(cached, runs).await;
    }
    if runs.memory.has_predecessor(cached) {
        forget(runs, &plan::key(cached)).await;
    }
    if is_finished(cached) {
        return clear_up(cached, runs).await;
    }
    let situation = observe::situation(runs, cached.clone(), Source::Cache, None, None).await?;
    let (situation, decision) = decided(situation).await?;
    // Said once: who is to be stopped is told, and the others get their time anew. So it must not get lost on the way.
    let mut excess = situation.excess.clone();
    if decision.only_shows(&situation.run) {
        match act(runs, situation, &decision).await {
            Ok(_) => {
                if let Some(done) = done(decision.look) {
                    return Ok(done);
                }
            }
            // The cache lags behind.
            Err(carry_out::Error::UpdateStatus(WriteError::Conflict)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (mut refusal, mut delay) = (None, None);
    let (mut put_back, mut conflicts) = (Vec::new(), pinning::Conflicts::default());
    for _ in 0..LOOKS {
        let Some(run) = observe::run(&runs.context.client, cached).await? else {
            return last(runs, cached, decide::gone(cached)).await;
        };
        if run.metadata.deletion_timestamp.is_some() {
            return deleted(&run, runs).await;
        }
        if is_finished(&run) {
            return clear_up(&run, runs).await;
        }
        let mut situation =
            observe::situation(runs, run, Source::Server, refusal.take(), delay.take()).await?;
        situation.excess = situation.excess.or(excess);
        excess = situation.excess.clone();
        let (situation, decision) = decided(situation).await?;
        // What a target is held by is tried again until its own deadline.
        let puts_back = phase(&situation.run) == Some(Phase::Restoring);
        if let Some(cause) = decide::undone(&decision, &put_back) {
            refusal = Some(cause);
            continue;
        }
        match act(runs, situation, &decision).await {
            Ok(Carried::Out) => {
                if puts_back {
                    put_back.extend(decision.changes().iter().map(|change| change.to.clone()));
                }
                if let Some(done) = done(decision.look) {
                    return Ok(done);
                }
            }
            Ok(Carried::Refused(cause)) => refusal = Some(cause),
            Ok(Carried::Delayed(why)) => {
                warn!(reason = why, "run can't begin yet; trying again");
                delay = Some(why);
            }
            // How long that is tried again is decided anew.
            Ok(Carried::NotKept) => {}
            Err(carry_out::Error::Pin(error @ pinning::Error::Conflict { .. })) if puts_back => {
                refusal = conflicts.met(&error);
            }
            // Somebody was faster: decide anew on what is there now.
            Err(
                carry_out::Error::UpdateStatus(WriteError::Conflict)
                | carry_out::Error::Lease(target_leases::Error::Conflict(_))
                | carry_out::Error::Pin(pinning::Error::Conflict { .. }),
            ) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Done::Again(NEXT_LOOK))
}

/// Decides. Once the results are in, all figures of a run and its record are made: that takes long enough to be done on a thread on which
/// nothing else waits.
async fn decided(situation: Situation) -> Result<(Situation, Decision), Error> {
    let is_long = matches!(phase(&situation.run), Some(Phase::Collecting | Phase::Restoring));
    let with_decision = |situation: Situation| (decide::decide(&situation), situation);
    let (decision, situation) = match is_long {
        true => spawn_blocking(move || with_decision(situation)).await?,
        false => with_decision(situation),
    };
    Ok((situation, decision))
}

/// Carries out what was decided. What it was decided on is let go before, the figures above all: while they are held
/// here, what runners report makes a copy of them.
async fn act(runs: &Runs, situation: Situation, decision: &Decision) -> Result<Carried, carry_out::Error> {
    let Situation { run, plan, now, .. } = situation;
    let plan = plan.as_ref().and_then(|plan| plan.as_ref().ok());
    if let Some(plan) = plan.filter(|_| phase(&run) > Some(Phase::Pending)) {
        runs.leases.adopt(&plan.claims, &plan.target_user(&run, now));
    }
    carry_out(runs, &run, plan, decision).await
}

/// What is left to do until the next look; `None` if that is to come at once.
fn done(look: Look) -> Option<Done> {
    match look {
        Look::Now => None,
        Look::After(wait) => Some(Done::Again(wait)),
        Look::AtChange => Some(Done::Settled),
    }
}

async fn clear_up(run: &LoadTestRun, runs: &Runs) -> Result<Done, Error> {
    note_old_spec(run, runs).await?;
    let left = Left {
        remembered: runs.memory.plan(run).is_some(),
        has_job: observe::has_job(&runs.context, run),
        keep: runs.context.keep,
    };
    let done = last(runs, run, decide::clear_up(run, &left, Timestamp::now())).await?;
    // Only then: what others wait for is free by now. What could not be freed is tried again first, as nobody does once this has begun.
    if left.has_job.is_none() || matches!(done, Done::Again(wait) if wait <= UNSURE) {
        return Ok(done);
    }
    let wait = storing::go_on(run, runs).await?;
    Ok(match (done, wait) {
        (done, None) => done,
        (Done::Settled, Some(wait)) => Done::Again(wait),
        (Done::Again(look), Some(wait)) => Done::Again(look.min(wait)),
    })
}

/// Says that a run is of another version of the API, if its copy of the test can't be read. The cache keeps no other.
async fn note_old_spec(run: &LoadTestRun, runs: &Runs) -> Result<(), Error> {
    let Some(Err(unreadable)) = run.spec.test.as_ref().map(Snapshot::read) else { return Ok(()) };
    let Some(run) = observe::run(&runs.context.client, run).await? else { return Ok(()) };
    let noted = update_status::note_old_spec(&runs.context, &run, &validate::old_spec(&unreadable)).await;
    match noted {
        // Whoever was faster makes the controller look again.
        Ok(()) | Err(WriteError::Conflict) => Ok(()),
        Err(error) => Err(Error::CarryOut(carry_out::Error::UpdateStatus(error))),
    }
}

/// Carries out what is left to do for a run that is over.
async fn last(runs: &Runs, run: &LoadTestRun, decision: Decision) -> Result<Done, Error> {
    let carried = match carry_out(runs, run, None, &decision).await {
        // Somebody was faster.
        Err(carry_out::Error::Pin(pinning::Error::Conflict { .. })) => return Ok(Done::Again(NEXT_LOOK)),
        carried => carried?,
    };
    match carried {
        Carried::Delayed(why) => {
            warn!(reason = why, "failed to clear up after the run; trying again");
            Ok(Done::Again(UNSURE))
        }
        Carried::Out | Carried::Refused(_) | Carried::NotKept => {
            Ok(done(decision.look).unwrap_or(Done::Again(NEXT_LOOK)))
        }
    }
}

/// Ends what was kept for a run that is gone: its runners are told to stop, and its target is free.
pub async fn forget(runs: &Runs, key: &RunKey) {
    let plan = runs.memory.forget(key);
    runs.context.platform.leave(&key.namespace, &key.name);
    runs.context.backoff.succeeded(&format!("{}/{key}", metrics::LOAD_TEST_RUN));
    runs.context.sessions.close(key).await;
    let Some(plan) = plan else { return };
    if let Err(error) = runs.leases.leave(&plan.claims, &plan.content.uid, None).await {
        warn!(run = %key, error = chain(&error), "failed to free the run's target; whoever wants it will");
    }
}

fn phase(run: &LoadTestRun) -> Option<Phase> {
    run.status.as_ref().and_then(|status| status.phase)
}

fn is_finished(run: &LoadTestRun) -> bool {
    phase(run) == Some(Phase::Finished)
}

/// How long to wait after a failure. An object that can't be read waits for its next change.
pub fn error_policy(run: Arc<CachedRun>, error: &Error, runs: Arc<Runs>) -> Action {
    let context = &runs.context;
    context.metrics.failed(metrics::LOAD_TEST_RUN, error.category());
    if matches!(error, Error::Invalid(_)) {
        warn!(namespace = run.namespace(), name = run.name_any(), %error, "run can't be read");
        return Action::await_change();
    }
    let (failures, wait) = context.backoff.failed(&name(&*run));
    warn!(
        namespace = run.namespace(),
        name = run.name_any(),
        failures,
        error = chain(error),
        "failed to reconcile run"
    );
    Action::requeue(wait)
}

fn name<K: ResourceExt>(run: &K) -> String {
    format!("{}/{}/{}", metrics::LOAD_TEST_RUN, run.namespace().unwrap_or_default(), run.name_any())
}

#[cfg(test)]
mod tests;
