// SPDX-License-Identifier: Apache-2.0
//! The controller of `LoadTest`: makes a run when one is due and shows the newest run's result.
//!
//! A pipeline of steps: observe (client) → decide (pure) → build (pure) → apply (client) → update status
//! (client) → prune (client). The run is created before the status says so; an operator that dies in between finds the run
//! by its name.

mod apply;
mod build;
mod decide;
mod failure;
mod observe;
mod update_status;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt, core::DeserializeGuard, runtime::controller::Action};
use tokio::time::timeout;
use tracing::{Instrument, info, info_span, warn};
use upsurge_crds::{LoadTest, LoadTestRun, v1alpha1::Phase};

pub use self::failure::Error;
use crate::{
    audit::{self, Act},
    context::Context,
    errors::{LONGEST_LOOK, chain},
    metrics,
    status::{self, WriteError},
};

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
        Ok(test) => {
            let answered = timeout(LONGEST_LOOK, look(test, &context).instrument(span)).await;
            answered.unwrap_or(Err(Error::Unanswered))
        }
        Err(invalid) => Err(Error::Invalid(Box::new(invalid.clone()))),
    };
    let (outcome, action) = match &result {
        Ok(Done::Applied(next)) => ("Applied", until(*next)),
        Ok(Done::Nothing(next)) => ("Unchanged", until(*next)),
        Ok(Done::Unsure) => ("Waiting", Action::requeue(UNSURE)),
        Err(_) => ("Failed", Action::await_change()),
    };
    context.metrics.reconciled(metrics::LOAD_TEST, outcome, began);
    if result.is_ok() {
        context.backoff.succeeded(&key(&test));
    }
    result.map(|_| action)
}

/// Time until the next look when it is not sure whether this operator leads.
const UNSURE: Duration = Duration::from_secs(1);

/// What a reconciliation came to.
#[derive(Debug, PartialEq, Eq)]
enum Done {
    /// Something was changed. A run will be too old to be kept after so long.
    Applied(Option<Duration>),
    /// There was nothing to do, and likewise.
    Nothing(Option<Duration>),
    /// This operator may not lead any more; it has ended soon, or gets its lease renewed after all.
    Unsure,
}

fn until(next: Option<Duration>) -> Action {
    next.map_or_else(Action::await_change, Action::requeue)
}

/// Works on the test as the cache has it; if that is no longer the test as it is, on that.
async fn look(cached: &LoadTest, context: &Context) -> Result<Done, Error> {
    let mut result = steps(cached, context).await;
    if matches!(&result, Err(Error::UpdateStatus(WriteError::Conflict))) {
        let api: Api<LoadTest> =
            Api::namespaced(context.client.clone(), &cached.namespace().unwrap_or_default());
        let found = api.get_opt(&cached.name_any()).await.map_err(|error| Error::Read(Box::new(error)))?;
        let Some(test) = found.filter(|test| test.meta().uid == cached.meta().uid) else {
            return Ok(Done::Nothing(None));
        };
        result = steps(&test, context).await;
    }
    match result {
        Ok(done) => Ok(done),
        Err(Error::UpdateStatus(error @ WriteError::Superseded { .. })) => {
            info!(reason = chain(&error), "left the test to the operator that leads");
            Ok(Done::Nothing(None))
        }
        Err(Error::UpdateStatus(WriteError::NotLeading(why))) => {
            info!(reason = %why, "did nothing for the test");
            Ok(Done::Unsure)
        }
        Err(error) => Err(error),
    }
}

async fn steps(test: &LoadTest, context: &Context) -> Result<Done, Error> {
    if test.meta().deletion_timestamp.is_some() {
        return Ok(Done::Nothing(None));
    }
    let admitted = || status::admit(&context.fence, test.status.as_ref());
    admitted()?;
    let mut observed = observe::observe(&context.client, &context.cache, test).await?;
    let mut decision = decide::decide(test, &observed.runs);
    if !observed.is_fresh && !rests_on_little(test, &decision, &observed.runs) {
        observed = observe::read(&context.client, test).await?;
        decision = decide::decide(test, &observed.runs);
    }
    let mut runs = observed.runs;
    if let decide::Decision::Start(start) = &decision {
        admitted()?;
        let run = apply::create(&context.client, test, build::run(test, start)).await?;
        if !runs.iter().any(|known| known.name_any() == run.name_any()) {
            let note = format!("created run {} ({})", run.name_any(), start.trigger.as_str());
            let act = match start.trigger {
                decide::Trigger::SpecChanged => Act::Start,
                decide::Trigger::Rerun => Act::Rerun,
            };
            audit::of_test(&context.events, test, act, Some(&run.name_any()), start.trigger.as_str()).await;
            info!(run = run.name_any(), trigger = start.trigger.as_str(), "created run");
            context.events.normal(&test.object_ref(&()), "RunCreated", "CreateRun", &note).await;
            runs.push(run);
        }
    }
    let status = update_status::status(test, &decision, &runs, Timestamp::now());
    let written = update_status::update(context, test, &status).await?;
    // Only now: what a deleted run showed is in the test's status.
    let now = Timestamp::now();
    let outdated = decide::outdated(&test.spec.history, &runs, now);
    if !outdated.is_empty() && observed.is_fresh {
        admitted()?;
        apply::delete(&context.client, test, &outdated).await?;
    }
    let next = decide::next_outdated(&test.spec.history, &runs, now);
    Ok(if written || !outdated.is_empty() { Done::Applied(next) } else { Done::Nothing(next) })
}

/// Whether what the cache keeps of runs is enough for a decision: nothing is made or deleted, and no finished run's copy of
/// the spec, which it does not keep, could change it.
fn rests_on_little(test: &LoadTest, decision: &decide::Decision, runs: &[LoadTestRun]) -> bool {
    use decide::Decision::{Nothing, Refuse, Start, Suspended, Wait};
    let last = test.status.as_ref().and_then(|status| status.last_run.as_deref());
    let knows_last = || runs.iter().any(|run| Some(run.name_any().as_str()) == last);
    let has_ended = || test.status.as_ref().is_none_or(|status| status.phase == Some(Phase::Finished));
    let is_certain = match decision {
        Start(_) => false,
        // One that was made a moment ago may not be cached yet: no older one is shown in its place.
        Nothing | Suspended { due: false } => last.is_none() || has_ended() || knows_last(),
        Suspended { due: true } | Refuse { .. } | Wait { .. } => !knows_last(),
    };
    is_certain && decide::outdated(&test.spec.history, runs, Timestamp::now()).is_empty()
}

/// Forgets what is remembered of a test that is gone.
pub fn forget(context: &Context, namespace: &str, name: &str) {
    context.backoff.succeeded(&key_of(namespace, name));
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
    key_of(&test.namespace().unwrap_or_default(), &test.name_any())
}

fn key_of(namespace: &str, name: &str) -> String {
    format!("{}/{namespace}/{name}", metrics::LOAD_TEST)
}

#[cfg(test)]
mod tests;
