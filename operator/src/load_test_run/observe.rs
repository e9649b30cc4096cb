// SPDX-License-Identifier: Apache-2.0
//! The facts about a run: the run itself, its plan, its Job and pods, its target, and what the collector knows. Looks, and
//! changes nothing. A first look is at what the watches show; what changes more than figures is decided after a second
//! one, at the API server itself ([`Source`]).

pub mod pod_events;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use upsurge_core::{
    metrics::{Selector, names},
    policy::{Entry, Sample, Turn},
    verdict::Outcome,
};
use upsurge_crds::{
    LoadTestRun,
    names::{labels, reasons},
    v1alpha1::{Phase, Snapshot, Verdict},
};

use upsurge_observer::FindError;

use super::{
    apply,
    decide::{Admission, Lookup, Objects, Planned, Situation},
    pinning::{self, Scaler, Sizing},
    plan::{self, Plan},
    pods::{JobState, RunnerPod},
    progress::Cause,
    runs::Runs,
    validate::{self, Obstacle, Target},
};
use crate::{
    collector::{RunKey, SessionSnapshot},
    context::Context,
    naming, recording,
    records::Keeping,
    status::{self, WriteError},
    target_leases::{self, Next, Place},
};

/// Time between two updates of the figures in the status while the load runs, and for each run that does.
const LIVE_INTERVAL: [Duration; 2] = [Duration::from_secs(5), Duration::from_millis(200)];
/// Longest such time.
const LONGEST_LIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Time that pods and containers get before events are asked why there are none.
const USUAL: Duration = Duration::from_secs(2);

/// Something of a run can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("failed to read {what}")]
    Read {
        /// What was read.
        what: &'static str,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
    /// The run's test or plan can't be read.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// It can't be found out whether the target is free.
    #[error(transparent)]
    Lease(#[from] target_leases::Error),
    /// The target can't be looked at.
    #[error("failed to look at the target")]
    Target(#[from] FindError),
    /// The run is not this operator's to work on.
    #[error(transparent)]
    Fenced(#[from] WriteError),
    /// The API server gave an object without what every object has.
    #[error("the run has no UID")]
    NoUid,
}

/// Where facts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What the watches show, which may lag behind.
    Cache,
    /// The API server itself.
    Server,
}

/// Looks at a run that is not finished, and was read from there.
///
/// # Errors
/// When the API server does not answer, or another operator is at work.
pub async fn situation(
    runs: &Runs,
    run: LoadTestRun,
    from: Source,
    refusal: Option<Cause>,
    delay: Option<String>,
) -> Result<Situation, Error> {
    let context = &runs.context;
    status::admit(&context.fence, run.status.as_ref())?;
    let key = plan::key(&run);
    let pending = matches!(run.status.as_ref().and_then(|status| status.phase), None | Some(Phase::Pending));
    let now = Timestamp::now();
    let plan = run.spec.test.as_ref().map(|test| planned(runs, &run, test)).transpose()?;
    let runners = match &plan {
        Some(Ok(plan)) if !pending => plan.content.runners,
        _ => 0,
    };
    let objects = objects(context, &run, from, runners).await?;
    let begins = pending && objects.job.is_none() && !run.spec.abort;
    let (admission, place) = match &plan {
        Some(Ok(plan)) if begins => admission(runs, &run, plan, now).await?,
        Some(Ok(plan)) => {
            context.platform.adopt(entry(&run, plan));
            (Admission::Granted, Place::held())
        }
        _ => (Admission::Granted, Place::held()),
    };
    // Only then: hundreds that wait for their turn need not look at their targets, nor should they judge one that another
    // run makes load on. Before a run takes its target, it looks whether that is there.
    let is_turn = matches!(place.next, Next::Held | Next::Free(_));
    let looks = begins && admission == Admission::Granted && is_turn;
    let (test, target) = match (begins, &plan) {
        (false, _) => (Lookup::NotNeeded, None),
        (true, Some(Ok(plan))) if looks => {
            (test(&context.client, &run).await?, target(&context.client, &run, plan).await?)
        }
        (true, _) => (test(&context.client, &run).await?, None),
    };
    // Looked at after the pods: a runner's last words come before its pod's end.
    let session = context.sessions.snapshot(&key).await;
    let epochs = session.as_ref().and_then(|session| session.epochs.as_ref());
    let plan = match (plan, epochs) {
        (Some(Ok(plan)), Some(epochs)) => Some(Ok(Arc::new(plan.at(epochs)))),
        (plan, _) => plan,
    };
    let turned = session.as_ref().and_then(|session| session.turned.as_ref());
    let turned = turned.filter(|turned| !turned.turned.never);
    let plan = match (plan, turned) {
        (Some(Ok(plan)), Some(turned)) => Some(Ok(Arc::new(plan.turned(turned)))),
        (plan, _) => plan,
    };
    let is_in = |phase| run.status.as_ref().and_then(|status| status.phase) == Some(phase);
    let running = is_in(Phase::Running);
    let may_set_replicas = context.may_set_replicas(&run.namespace().unwrap_or_default());
    let scaler = match &plan {
        _ if is_in(Phase::Restoring) => noted_scaler(runs, &run).await?,
        Some(Ok(plan)) if may_set_replicas => {
            let is_between = running && session.as_ref().is_some_and(SessionSnapshot::is_between_epochs);
            scaler(runs, &run, plan, looks || is_between).await?
        }
        _ => None,
    };
    let excess = session.as_ref().filter(|_| running).and_then(|session| excess(runs, &key, session));
    Ok(Situation {
        now,
        admission,
        place,
        company: runs.memory.company(&key),
        record: if runs.records.is_on() { runs.memory.keeping(&key) } else { Keeping::Off },
        cluster_version: context.cluster_version.get(),
        excess,
        test,
        plan,
        target,
        led_for: context.fence.led_for(),
        scaler,
        may_set_replicas,
        objects,
        session,
        figures_due: runs.memory.is_showing_due(&key, live_interval(context.sessions.count())),
        checks: runs.memory.asked(&key),
        refusal,
        delay,
        runner: context.runner(),
        run,
    })
}

/// What the policy says to a run that has not begun, and how it stands on its target. Whoever waits for one of the two
/// takes up no room with the other.
async fn admission(
    runs: &Runs,
    run: &LoadTestRun,
    plan: &Plan,
    now: Timestamp,
) -> Result<(Admission, Place), Error> {
    let platform = &runs.context.platform;
    let content = &plan.content;
    if let Err(message) = platform.check(plan.test(), &plan.valid, &content.namespace) {
        return Ok((Admission::Refused(message), Place::held()));
    }
    let place = runs.leases.look(&plan.claims, &plan.target_user(run, now)).await?;
    if matches!(place.next, Next::Busy { .. }) {
        platform.leave(&content.namespace, &content.run);
        return Ok((Admission::Granted, place));
    }
    if pinning::outstanding(run).is_some() {
        // It was its turn once, and what it has set must not stay for as long as others run.
        platform.adopt(entry(run, plan));
        return Ok((Admission::Granted, place));
    }
    let admission = match platform.turn(entry(run, plan)) {
        Turn::Begin => Admission::Granted,
        Turn::Wait(message) => Admission::Queued(message),
    };
    Ok((admission, place))
}

/// The run as the queue knows it.
fn entry(run: &LoadTestRun, plan: &Plan) -> Entry {
    Entry {
        namespace: plan.content.namespace.clone(),
        name: plan.content.run.clone(),
        created: run.metadata.creation_timestamp.as_ref().map_or(Timestamp::MIN, |time| time.0),
        runners: plan.content.runners,
    }
}

/// Why a run has to stop because its namespace makes too much load.
fn excess(runs: &Runs, key: &RunKey, session: &SessionSnapshot) -> Option<String> {
    let sample = Sample {
        start: session.t0?,
        elapsed: session.elapsed,
        requests: session.metrics.count(names::HTTP_REQS, &Selector::default()),
    };
    runs.context.platform.measured(&key.namespace, &key.name, sample)
}

/// The test of a run that lacks something which only the test has.
async fn test(client: &Client, run: &LoadTestRun) -> Result<Lookup, Error> {
    let is_owned = run.owner_references().iter().any(|owner| owner.kind == "LoadTest");
    if run.spec.test.is_some() && is_owned {
        return Ok(Lookup::NotNeeded);
    }
    let found = apply::test_of(client, run).await?;
    Ok(found.map_or(Lookup::Missing, |test| Lookup::Found(Box::new(test))))
}

async fn target(client: &Client, run: &LoadTestRun, plan: &Plan) -> Result<Option<Target>, Error> {
    let namespace = run.namespace().unwrap_or_default();
    let mut looked = Vec::new();
    for workload in &plan.test().target.workloads {
        let target = recording::target(&namespace, workload.reference());
        looked.push(validate::look(client, &target).await?);
    }
    Ok(Target::of(looked))
}

/// What decides on the replicas of the target of a run that sets them, when it is time for that.
async fn scaler(runs: &Runs, run: &LoadTestRun, plan: &Plan, is_time: bool) -> Result<Option<Scaler>, Error> {
    let sets = is_time && plan.epochs().is_some_and(|epochs| epochs.set_replicas());
    let Some(workload) = plan.test().target.workload().filter(|_| sets) else { return Ok(None) };
    let target = recording::target(&run.namespace().unwrap_or_default(), workload.reference());
    let known = run.status.as_ref().and_then(|status| status.pinning.as_deref());
    Ok(Some(pinning::look(&runs.context.client, &target, known, plan.sizes().map(Sizing::of)).await?))
}

/// What decides on the replicas of a target that a run has noted and not put back yet.
///
/// # Errors
/// When the API server does not answer.
pub async fn noted_scaler(runs: &Runs, run: &LoadTestRun) -> Result<Option<Scaler>, Error> {
    let Some((known, target)) = pinning::outstanding(run).zip(pinning::target(run)) else { return Ok(None) };
    Ok(Some(pinning::found(&runs.context.client, &target, Some(known)).await?))
}

/// The plan of a run: what its own copy of the test says, which nobody can change.
fn planned(runs: &Runs, run: &LoadTestRun, test: &Snapshot) -> Result<Planned, Error> {
    let namespace = run.namespace().unwrap_or_default();
    let reach = runs.context.platform.policy().rules(&namespace).reach();
    // What runners were given, or may have been, stays; while nobody was, a new policy makes a new plan.
    let given = runs.context.sessions.has(&plan::key(run));
    if let Some(plan) = runs.memory.plan(run).filter(|plan| given || plan.content.reach == reach) {
        return Ok(Ok(plan));
    }
    let test = match validate::snapshot(test) {
        Ok(test) => test,
        Err(obstacle) => return Ok(Err(never(obstacle))),
    };
    match validate::spec(&test) {
        Ok(valid) => Ok(Ok(runs.memory.keep(Plan::new(run, &test, valid, reach).ok_or(Error::NoUid)?))),
        Err(obstacle) => Ok(Err(never(obstacle))),
    }
}

fn never(obstacle: Obstacle) -> Outcome {
    match obstacle {
        Obstacle::End(outcome) => outcome,
        Obstacle::Wait(message) => {
            Outcome { verdict: Verdict::Error, reason: reasons::INVALID_SPEC.into(), message }
        }
    }
}

/// Reads the run as it is now; `None` if it is gone.
///
/// # Errors
/// When the API server does not answer.
pub async fn run(client: &Client, cached: &LoadTestRun) -> Result<Option<LoadTestRun>, Error> {
    let api: Api<LoadTestRun> = Api::namespaced(client.clone(), &cached.namespace().unwrap_or_default());
    let found = api.get_opt(&cached.name_any()).await.map_err(failed("the run"))?;
    Ok(found.filter(|run| run.meta().uid == cached.meta().uid))
}

/// Time between two updates of the figures in a status, when so many runs are under way: all of them together write five
/// times a second at most.
fn live_interval(runs: usize) -> Duration {
    let [least, each] = LIVE_INTERVAL;
    let shared = each.saturating_mul(u32::try_from(runs).unwrap_or(u32::MAX));
    shared.clamp(least, LONGEST_LIVE_INTERVAL)
}

/// What there is of a run of `runners` runners.
///
/// # Errors
/// When the API server does not answer.
async fn objects(context: &Context, run: &LoadTestRun, from: Source, runners: u32) -> Result<Objects, Error> {
    let namespace = run.namespace().unwrap_or_default();
    let uid = run.uid().unwrap_or_default();
    let name = naming::base(&run.name_any(), &uid);
    let known = match from {
        Source::Cache => context.cache.runners_of(&namespace, &run.name_any(), &name),
        Source::Server => None,
    };
    let (job, pods) = match known {
        Some(known) => known,
        None => read(&context.client, &namespace, &run.name_any(), &name).await?,
    };
    let Some(job) = job else { return Ok(Objects::default()) };
    if !job.owner_references().iter().any(|owner| owner.uid == uid) {
        return Ok(Objects { foreign: Some(name), ..Objects::default() });
    }
    let job_uid = job.uid();
    let mine =
        |pod: &&Arc<Pod>| pod.owner_references().iter().any(|owner| Some(&owner.uid) == job_uid.as_ref());
    let mut pods: Vec<RunnerPod> = pods.iter().filter(mine).map(|pod| RunnerPod::of(pod)).collect();
    let client = &context.client;
    pod_events::complete(client, &namespace, &mut pods).await.map_err(failed("events of the runner pods"))?;
    let mut observed = Objects { job: Some(JobState::of(&job)), pods, ..Objects::default() };
    let is_overdue =
        job.creation_timestamp().is_none_or(|created| validate::since(created.0, Timestamp::now()) >= USUAL);
    if observed.pods.len() < runners as usize
        && is_overdue
        && job.status.as_ref().is_none_or(|status| status.conditions.is_none())
    {
        let forbidden = pod_events::creation_failure(client, &namespace, &job).await;
        observed.forbidden = forbidden.map_err(failed("events of the runners' Job"))?;
    }
    Ok(observed)
}

/// Whether the Job of a run that is over is still there; `None` as long as the watches have not shown all.
pub fn has_job(context: &Context, run: &LoadTestRun) -> Option<bool> {
    let name = naming::base(&run.name_any(), &run.uid().unwrap_or_default());
    let known = context.cache.runners_of(&run.namespace().unwrap_or_default(), &run.name_any(), &name);
    known.map(|(job, _)| job.is_some())
}

/// Reads a Job, and the pods of its run.
///
/// # Errors
/// When the API server does not answer.
pub async fn read(
    client: &Client,
    namespace: &str,
    run: &str,
    job: &str,
) -> Result<(Option<Arc<Job>>, Vec<Arc<Pod>>), Error> {
    let jobs: Api<Job> = Api::namespaced(client.clone(), namespace);
    let Some(job) = jobs.get_opt(job).await.map_err(failed("the runners' Job"))? else {
        return Ok((None, Vec::new()));
    };
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let selector = format!("{}={}", labels::RUN, naming::label(run));
    let list =
        pods.list(&ListParams::default().labels(&selector)).await.map_err(failed("the runner pods"))?;
    Ok((Some(Arc::new(job)), list.items.into_iter().map(Arc::new).collect()))
}

/// An error of reading something.
pub fn failed(what: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Read { what, source: Box::new(source) }
}
