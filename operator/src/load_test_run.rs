//! The controller of `LoadTestRun`: carries out one execution, from the first look to the verdict.
//!
//! A pipeline of steps around a pure state machine: observe (client) → validate → plan → build (pure) → apply
//! (client) → progress (pure) → update status (client). The collector starts the load by itself once all runners
//! are ready; no reconciliation is on that path.

mod apply;
mod build;
mod carry_out;
#[cfg(test)]
mod fixtures;
mod missing;
mod observe;
mod plan;
mod pods;
mod progress;
mod refusal;
mod results;
mod update_status;
mod validate;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{
    ResourceExt,
    core::{DeserializeGuard, error_boundary::InvalidObject},
    runtime::controller::Action,
};
use tracing::{Instrument, info_span, warn};
use upsurge_crds::{LoadTestRun, v1alpha1::Phase};

pub use self::plan::Prepared;
use crate::{
    collector::{RunKey, SessionError},
    context::Context,
    load_test::chain,
    metrics,
    sampling::SamplingError,
};

/// Failures in a row after which the status says that something is being retried.
const TELLING_FAILURES: u32 = 3;
/// Time after its end in which a run may not have been cleared up, if the operator died meanwhile.
const CLEAR_UP_WINDOW: Duration = Duration::from_secs(600);

/// Why a reconciliation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object can't be read.
    #[error("the object can't be read: {0}")]
    Invalid(#[source] Box<InvalidObject>),
    /// The run, its Job or its pods can't be read.
    #[error("failed to observe")]
    Observe(#[from] observe::Error),
    /// The target can't be looked at.
    #[error("failed to look at the target")]
    Target(#[from] SamplingError),
    /// Objects can't be written.
    #[error("failed to apply")]
    Apply(#[from] apply::Error),
    /// The collector can't open the run's session.
    #[error("failed to open the collector's session")]
    Session(#[from] SessionError),
    /// The status can't be written.
    #[error("failed to update the status")]
    UpdateStatus(#[from] Box<kube::Error>),
    /// The API server gave an object without what every object has.
    #[error("the run has no UID")]
    NoUid,
}

impl Error {
    fn category(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "Invalid",
            Self::Observe(_) => "Observe",
            Self::Target(_) => "Target",
            Self::Apply(_) => "Apply",
            Self::Session(_) => "Session",
            Self::UpdateStatus(_) => "UpdateStatus",
            Self::NoUid => "NoUid",
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
pub async fn reconcile(
    run: Arc<DeserializeGuard<LoadTestRun>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let began = Instant::now();
    let span = info_span!("run", namespace = run.namespace().unwrap_or_default(), name = run.name_any());
    let result = match &run.0 {
        Ok(run) => steps(run, &context).instrument(span).await,
        Err(invalid) => Err(Error::Invalid(Box::new(invalid.clone()))),
    };
    let (outcome, action) = match result {
        Ok(Done::Settled) => ("Settled", Ok(Action::await_change())),
        Ok(Done::Again(wait)) => ("Waiting", Ok(Action::requeue(wait))),
        Err(error) => ("Failed", Err(error)),
    };
    context.metrics.reconciled(metrics::LOAD_TEST_RUN, outcome, began);
    if action.is_ok() {
        context.backoff.succeeded(&name(&*run));
    }
    action
}

async fn steps(cached: &LoadTestRun, context: &Context) -> Result<Done, Error> {
    let key = plan::key(cached);
    if cached.metadata.deletion_timestamp.is_some() {
        forget(context, &key).await;
        return Ok(Done::Settled);
    }
    if context.prepared.has_predecessor(cached) {
        forget(context, &key).await;
    }
    if is_finished(cached) {
        return clear_up(cached, context).await;
    }
    // The cache may lag behind our own last write, and a phase must not be entered twice.
    let Some(run) = observe::run(&context.client, cached).await? else {
        forget(context, &key).await;
        return Ok(Done::Settled);
    };
    if is_finished(&run) {
        return clear_up(&run, context).await;
    }
    let result = carry_out::step(&run, context).await;
    if let Err(error) = &result
        && context.backoff.failures(&name(&run)) >= TELLING_FAILURES
    {
        update_status::retrying(context, &run, &chain(error)).await;
    }
    result
}

/// Frees what a finished run held. Its result is in its status; an operator that died before it came here left
/// a checkpoint, which the next one deletes if the end was not long ago, and the run's own end otherwise.
async fn clear_up(run: &LoadTestRun, context: &Context) -> Result<Done, Error> {
    let key = plan::key(run);
    let ended = run.status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|time| time.0);
    let recent = ended.is_some_and(|ended| validate::since(ended, Timestamp::now()) < CLEAR_UP_WINDOW);
    if context.prepared.get(run).is_some() || recent {
        context.sessions.close(&key).await;
        apply::drop_checkpoint(&context.client, run).await?;
        context.prepared.forget(&key);
    }
    Ok(Done::Settled)
}

/// Ends what was kept for a run that is gone: its runners are told to stop.
pub async fn forget(context: &Context, key: &RunKey) {
    context.prepared.forget(key);
    context.sessions.close(key).await;
}

fn is_finished(run: &LoadTestRun) -> bool {
    run.status.as_ref().and_then(|status| status.phase) == Some(Phase::Finished)
}

/// How long to wait after a failure. An object that can't be read waits for its next change.
pub fn error_policy(run: Arc<DeserializeGuard<LoadTestRun>>, error: &Error, context: Arc<Context>) -> Action {
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
