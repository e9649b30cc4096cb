//! From the first look at a run to the creation of its runner pods.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use upsurge_crds::{LoadTestRun, names::reasons, v1alpha1::Phase};

use crate::{
    context::Context,
    load_test_run::{
        Done, Error, apply, build, observe,
        plan::{self, Plan},
        progress::Cause,
        results, update_status,
        validate::{self, Obstacle},
    },
};

/// What keeps a run from beginning, and the run as it was then.
pub type Held = (Box<LoadTestRun>, Obstacle);

/// From the first look to the creation of the runner pods.
pub async fn begin(run: &LoadTestRun, context: &Context) -> Result<Result<Done, Held>, Error> {
    if run.spec.abort {
        let outcome = results::without_load(Some(&Cause::Aborted));
        return Ok(Err((Box::new(run.clone()), Obstacle::End(outcome))));
    }
    let run = match completed(run, context).await? {
        Ok(run) => run,
        Err(obstacle) => return Ok(Err((Box::new(run.clone()), obstacle))),
    };
    match prepare(&run, context).await? {
        Ok(()) => Ok(Ok(Done::Again(super::NEXT_LOOK))),
        Err(obstacle) => Ok(Err((Box::new(run), obstacle))),
    }
}

/// The run with all that it needs from its test.
async fn completed(run: &LoadTestRun, context: &Context) -> Result<Result<LoadTestRun, Obstacle>, Error> {
    let is_owned = run.owner_references().iter().any(|owner| owner.kind == "LoadTest");
    if run.spec.test.is_some() && is_owned {
        return Ok(Ok(run.clone()));
    }
    let Some(test) = apply::test_of(&context.client, run).await? else {
        if run.spec.test.is_some() {
            return Ok(Ok(run.clone()));
        }
        let message = format!(
            "spec.loadTestRef: there is no LoadTest {} in namespace {}",
            run.spec.load_test_ref.name,
            run.namespace().unwrap_or_default()
        );
        return Ok(Err(Obstacle::error(reasons::TEST_NOT_FOUND, message)));
    };
    match apply::completion(run, &test) {
        Some(body) => Ok(Ok(apply::complete(&context.client, run, &body).await?)),
        None => Ok(Ok(run.clone())),
    }
}

/// Checks what must be true before the load, and makes the runner pods.
async fn prepare(run: &LoadTestRun, context: &Context) -> Result<Result<(), Obstacle>, Error> {
    let now = Timestamp::now();
    let Some(test) = &run.spec.test else {
        let message = "spec.test was taken away while the run began; make another run";
        return Ok(Err(Obstacle::error(reasons::INVALID_SPEC, message)));
    };
    let valid = match validate::spec(test) {
        Ok(valid) => valid,
        Err(obstacle) => return Ok(Err(obstacle)),
    };
    if let Some(workload) = &test.target.workload {
        let namespace = run.namespace().unwrap_or_default();
        let target = validate::look(&context.client, &namespace, workload).await?;
        let since =
            run.status.as_ref().and_then(|status| status.phase_start_time.as_ref()).map(|time| time.0);
        let waited = since.map_or(Duration::ZERO, |since| validate::since(since, now));
        if let Err(obstacle) = validate::target(test, &target, waited) {
            return Ok(Err(obstacle));
        }
    }
    let plan = Plan::new(run, test, valid).ok_or(Error::NoUid)?;
    let name = &run.spec.load_test_ref.name;
    let objects = match build::objects(&plan, name, &context.runner) {
        Ok(objects) => objects,
        Err(error) => return Ok(Err(Obstacle::error(reasons::INVALID_SPEC, error.to_string()))),
    };
    let plan = context.prepared.keep(plan);
    let observed = observe::objects(&context.client, run, 0).await?;
    // The session first: runners that come up find the collector waiting for them.
    let (opened, written) = tokio::join!(
        context.sessions.open(plan.session(name)),
        apply::groundwork(&context.client, &objects),
    );
    if let Err(error) = written {
        return refused(error).map(Err);
    }
    if let Err(error) = opened {
        return super::damaged(error).map(|cause| Err(Obstacle::End(results::without_load(Some(&cause)))));
    }
    if observed.job.is_none() {
        let began = context.sessions.snapshot(&plan::key(run)).is_some_and(|snapshot| snapshot.t0.is_some());
        if began {
            // The operator died before it could note that the Job was made, and somebody deleted the Job.
            let message =
                format!("Job {} vanished: somebody deleted it; all of the load is missing", plan.job());
            return Ok(Err(Obstacle::error(reasons::RUNNER_LOST, message)));
        }
        if let Err(error) = apply::job(&context.client, &objects).await {
            return refused(error).map(Err);
        }
    }
    let mut status = update_status::base(run);
    let pods = if plan.content.runners == 1 { "pod" } else { "pods" };
    let message = format!("creating {} runner {pods}", plan.content.runners);
    update_status::in_phase(&mut status, Phase::Preparing, None, &message, now);
    update_status::update(context, run, status).await.map_err(Box::new)?;
    Ok(Ok(()))
}

/// What the API server does not want ends the run; anything else is worth another try.
fn refused(error: apply::Error) -> Result<Obstacle, Error> {
    match error.refusal() {
        Some((reason, message)) => Ok(Obstacle::error(reason, message)),
        None => Err(error.into()),
    }
}
