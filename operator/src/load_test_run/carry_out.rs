//! One step of a run that is under way: asks the pure parts what comes next, and does it.

mod begin;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use upsurge_core::{autoscaling, verdict::Outcome};
use upsurge_crds::{
    LoadTestRun,
    names::reasons,
    v1alpha1::{Phase, Verdict},
};

use super::{
    Done, Error, apply,
    observe::{self, Observed},
    plan::{self, Plan},
    progress::{self, Cause, Facts, Transition},
    results, update_status,
    validate::{self, Obstacle},
};
use crate::{
    collector::{SessionError, SessionSnapshot},
    context::Context,
};

/// Time between two looks at a target that is not quiet.
const QUIET_LOOK: Duration = Duration::from_secs(1);
/// Time until the first look after a phase began.
const NEXT_LOOK: Duration = Duration::from_millis(50);
/// Time between two updates of the figures in the status while the load runs.
const LIVE_INTERVAL: Duration = Duration::from_secs(5);

/// Takes a run one step further.
pub async fn step(run: &LoadTestRun, context: &Context) -> Result<Done, Error> {
    match run.status.as_ref().and_then(|status| status.phase) {
        None | Some(Phase::Pending) => match begin::begin(run, context).await? {
            Ok(done) => Ok(done),
            Err((run, Obstacle::Wait(message))) => wait(&run, context, &message).await,
            Err((run, Obstacle::End(outcome))) => end(&run, context, outcome).await,
        },
        Some(_) => proceed(run, context).await,
    }
}

/// From the creation of the runner pods to the verdict.
async fn proceed(run: &LoadTestRun, context: &Context) -> Result<Done, Error> {
    let plan = match plan_of(run, context)? {
        Ok(plan) => plan,
        Err(outcome) => return end(run, context, outcome).await,
    };
    let key = plan::key(run);
    let mut session = plan.session(&run.spec.load_test_ref.name);
    session.is_under_way = update_status::base(run).phase.is_some_and(|phase| phase >= Phase::Starting);
    if let Err(error) = context.sessions.open(session).await {
        let cause = damaged(error)?;
        apply::quench(&context.client, &plan).await?;
        return end(run, context, results::without_load(Some(&cause))).await;
    }
    let observed = observe::objects(&context.client, run, plan.content.runners).await?;
    // Looked at after the pods: a runner's last words come before its pod's end.
    let Some(snapshot) = context.sessions.snapshot(&key) else {
        return Ok(Done::Again(QUIET_LOOK));
    };
    let now = Timestamp::now();
    let status = update_status::base(run);
    let phase = status.phase.unwrap_or(Phase::Preparing);
    let cause = Cause::of(&status);
    if let (Phase::Stopping, Some(cause)) = (phase, &cause) {
        // Again after a restart of the operator; the first reason stays.
        context.sessions.stop(&key, cause.message());
    }
    if phase == Phase::Collecting && progress::awaits_after(&plan, &snapshot) {
        context.sessions.run_after(&key);
    }
    let facts = Facts {
        phase,
        since: status.phase_start_time.as_ref().map_or(now, |time| time.0),
        cause: cause.as_ref(),
        abort: run.spec.abort,
        plan: &plan,
        job: observed.job.as_ref(),
        pods: &observed.pods,
        forbidden: observed.forbidden.as_deref(),
        session: &snapshot,
        watch_until: watch_until(&plan, &snapshot, phase, now),
    };
    let transition = progress::next(&facts, now);
    perform(run, context, Seen { plan, observed, snapshot, cause, phase }, transition, now).await
}

struct Seen {
    plan: Arc<Plan>,
    observed: Observed,
    snapshot: SessionSnapshot,
    cause: Option<Cause>,
    phase: Phase,
}

async fn perform(
    run: &LoadTestRun,
    context: &Context,
    seen: Seen,
    transition: Transition,
    now: Timestamp,
) -> Result<Done, Error> {
    let Seen { plan, observed, snapshot, cause, phase } = &seen;
    let mut status = update_status::base(run);
    let again = match transition {
        Transition::Stay { message, wake } => {
            update_status::in_phase(&mut status, *phase, cause.as_ref(), &message, now);
            if *phase == Phase::Running && plan.is_showing_due(LIVE_INTERVAL) {
                results::show(&mut status, plan, snapshot, &observed.pods);
            }
            wake
        }
        Transition::Enter { phase: next, message } => {
            // Runner 0 still has to tidy up; the others were told to stop, and have their time for it.
            if *phase == Phase::Stopping && !progress::awaits_after(plan, snapshot) {
                quench_if_needed(context, &seen).await?;
            }
            update_status::in_phase(&mut status, next, cause.as_ref(), &message, now);
            results::show(&mut status, plan, snapshot, &observed.pods);
            NEXT_LOOK
        }
        Transition::Stop(cause) => {
            context.sessions.stop(&plan::key(run), cause.message());
            update_status::in_phase(&mut status, Phase::Stopping, Some(&cause), "", now);
            results::show(&mut status, plan, snapshot, &observed.pods);
            NEXT_LOOK
        }
        Transition::Conclude => {
            quench_if_needed(context, &seen).await?;
            let outcome =
                results::conclude(&mut status, plan, snapshot, &observed.pods, cause.as_ref(), now).await;
            update_status::finished(&mut status, &outcome, Timestamp::now());
            NEXT_LOOK
        }
    };
    update_status::update(context, run, status).await.map_err(Box::new)?;
    Ok(Done::Again(again))
}

/// Ends pods that are still there although the run is not.
async fn quench_if_needed(context: &Context, seen: &Seen) -> Result<(), Error> {
    let Some(job) = &seen.observed.job else { return Ok(()) };
    let is_over = job.finished || job.failure.is_some() || job.deleting;
    let all_ended = seen.observed.pods.iter().all(|pod| pod.end.is_some());
    if !is_over && (!all_ended || seen.observed.pods.len() < seen.plan.content.runners as usize) {
        apply::quench(&context.client, &seen.plan).await?;
    }
    Ok(())
}

fn watch_until(plan: &Plan, snapshot: &SessionSnapshot, phase: Phase, now: Timestamp) -> Option<Timestamp> {
    let test = plan.test();
    let (true, Some(_), Some(spec)) = (phase == Phase::Collecting, &test.target.workload, &test.autoscaling)
    else {
        return None;
    };
    let timeline = plan.carried_out(snapshot.elapsed);
    autoscaling::watch_until(&snapshot.observation, &timeline, snapshot.t0?, spec, now)
}

/// The plan of a run; or how the run ends, because it has none.
fn plan_of(run: &LoadTestRun, context: &Context) -> Result<Result<Arc<Plan>, Outcome>, Error> {
    if let Some(plan) = context.prepared.get(run) {
        return Ok(Ok(plan));
    }
    let planned = match &run.spec.test {
        Some(test) => validate::spec(test).map(|valid| (test, valid)),
        None => Err(Obstacle::error(reasons::INVALID_SPEC, "spec.test was taken away; make another run")),
    };
    let (test, valid) = match planned {
        Ok(planned) => planned,
        Err(Obstacle::End(outcome)) => return Ok(Err(outcome)),
        Err(Obstacle::Wait(message)) => {
            return Ok(Err(Outcome {
                verdict: Verdict::Error,
                reason: reasons::INVALID_SPEC.into(),
                message,
            }));
        }
    };
    let plan = Plan::new(run, test, valid).ok_or(Error::NoUid)?;
    Ok(Ok(context.prepared.keep(plan)))
}

/// A checkpoint that can't be read back ends the run; anything else is worth another try.
fn damaged(error: SessionError) -> Result<Cause, Error> {
    match error.reason() {
        Some(reason) => Ok(Cause::breakdown(reason, error.to_string())),
        None => Err(error.into()),
    }
}

async fn wait(run: &LoadTestRun, context: &Context, message: &str) -> Result<Done, Error> {
    let mut status = update_status::base(run);
    update_status::in_phase(&mut status, Phase::Pending, None, message, Timestamp::now());
    update_status::update(context, run, status).await.map_err(Box::new)?;
    Ok(Done::Again(QUIET_LOOK))
}

async fn end(run: &LoadTestRun, context: &Context, outcome: Outcome) -> Result<Done, Error> {
    let mut status = update_status::base(run);
    update_status::finished(&mut status, &outcome, Timestamp::now());
    update_status::update(context, run, status).await.map_err(Box::new)?;
    Ok(Done::Again(NEXT_LOOK))
}
