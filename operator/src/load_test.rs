//! The controller of `LoadTest`: makes a run when one is due and shows the newest run's result.
//!
//! A pipeline of steps: observe (client) → decide (pure) → build (pure) → apply (client) → update status
//! (client) → prune (client). The run is created before the status says so; an operator that dies in between finds the run
//! by its name.

mod apply;
mod build;
mod decide;
mod observe;
mod update_status;

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;
use kube::{
    Resource, ResourceExt,
    core::{DeserializeGuard, error_boundary::InvalidObject},
    runtime::controller::Action,
};
use tracing::{Instrument, info, info_span, warn};
use upsurge_crds::LoadTest;

pub(crate) use self::build::run_labels;
use crate::{context::Context, metrics};

/// Why a reconciliation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object can't be read.
    #[error("the object can't be read: {0}")]
    Invalid(#[source] Box<InvalidObject>),
    /// The test's runs can't be read.
    #[error("failed to observe")]
    Observe(#[from] observe::Error),
    /// A run can't be created or deleted.
    #[error("failed to apply")]
    Apply(#[from] apply::Error),
    /// The status can't be written.
    #[error("failed to update the status")]
    UpdateStatus(#[source] Box<kube::Error>),
}

impl Error {
    fn category(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "Invalid",
            Self::Observe(_) => "Observe",
            Self::Apply(_) => "Apply",
            Self::UpdateStatus(_) => "UpdateStatus",
        }
    }
}

/// Brings a test's runs and status in line with its spec.
///
/// # Errors
/// When the API server refuses something or does not answer.
pub async fn reconcile(
    test: Arc<DeserializeGuard<LoadTest>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let began = Instant::now();
    let span =
        info_span!("load_test", namespace = test.namespace().unwrap_or_default(), name = test.name_any());
    let result = match &test.0 {
        Ok(test) => steps(test, &context).instrument(span).await,
        Err(invalid) => Err(Error::Invalid(Box::new(invalid.clone()))),
    };
    let outcome = match &result {
        Ok(true) => "Applied",
        Ok(false) => "Unchanged",
        Err(_) => "Failed",
    };
    context.metrics.reconciled(metrics::LOAD_TEST, outcome, began);
    if result.is_ok() {
        context.backoff.succeeded(&key(&test));
    }
    result.map(|_| Action::await_change())
}

async fn steps(test: &LoadTest, context: &Context) -> Result<bool, Error> {
    if test.meta().deletion_timestamp.is_some() {
        return Ok(false);
    }
    let observed = observe::observe(&context.client, test).await?;
    let decision = decide::decide(test, &observed.runs);
    let mut runs = observed.runs;
    if let decide::Decision::Start(start) = &decision {
        let run = apply::create(&context.client, test, build::run(test, start)).await?;
        if !runs.iter().any(|known| known.name_any() == run.name_any()) {
            let note = format!("created run {} ({})", run.name_any(), start.trigger.as_str());
            info!(run = run.name_any(), trigger = start.trigger.as_str(), "created run");
            context.events.normal(&test.object_ref(&()), "RunCreated", "CreateRun", &note).await;
            runs.push(run);
        }
    }
    let status = update_status::status(test, &decision, &runs, Timestamp::now());
    let written = update_status::update(context, test, &status).await?;
    // Only now: what a deleted run showed is in the test's status.
    let outdated = decide::outdated(&test.spec.history_limit, &runs);
    apply::delete(&context.client, test, &outdated).await?;
    Ok(written || !outdated.is_empty())
}

/// How long to wait after a failure. An object that can't be read waits for its next change.
pub fn error_policy(test: Arc<DeserializeGuard<LoadTest>>, error: &Error, context: Arc<Context>) -> Action {
    context.metrics.failed(metrics::LOAD_TEST, error.category());
    if matches!(error, Error::Invalid(_)) {
        return Action::await_change();
    }
    let (failures, wait) = context.backoff.failed(&key(&test));
    warn!(
        namespace = test.namespace(),
        name = test.name_any(),
        failures,
        error = chain(error),
        "failed to reconcile load test"
    );
    Action::requeue(wait)
}

fn key(test: &DeserializeGuard<LoadTest>) -> String {
    format!("{}/{}/{}", metrics::LOAD_TEST, test.namespace().unwrap_or_default(), test.name_any())
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
