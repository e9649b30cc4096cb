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
mod tell;
mod update_status;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt, runtime::controller::Action};
use tokio::time::timeout;
use tracing::{Instrument, info, info_span, warn};
use upsurge_crds::{LoadTest, LoadTestRun, v1alpha1::Phase};

pub use self::failure::Error;
use crate::{
    cache::PackedTest,
    context::Context,
    errors::{LONGEST_LOOK, TELLING_FAILURES, chain},
    metrics,
    status::{self, WriteError},
};

/// Brings a test's runs and status in line with its spec.
///
/// # Errors
/// When the API server refuses something or does not answer.
pub async fn reconcile(test: Arc<PackedTest>, context: Arc<Context>) -> Result<Action, Error> {
    let began = Instant::now();
    let span =
        info_span!("load_test", namespace = test.namespace().unwrap_or_default(), name = test.name_any());
    let result = match test.read() {
        Ok(test) => {
            let answered =
                timeout(LONGEST_LOOK, look(&test, &context, &Timestamp::now).instrument(span)).await;
            answered.unwrap_or(Err(Error::Unanswered))
        }
        Err(invalid) => Err(Error::Invalid(invalid)),
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
/// Longest time until the next look at a test that starts by itself: clocks are set, and timers are not.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Tells when it is.
type Clock<'a> = &'a (dyn Fn() -> Timestamp + Send + Sync);

/// What a reconciliation came to.
#[derive(Debug, PartialEq, Eq)]
enum Done {
    /// Something was changed. After so long a run is due, or too old to be kept.
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
async fn look(cached: &LoadTest, context: &Context, clock: Clock<'_>) -> Result<Done, Error> {
    let mut result = steps(cached, context, clock).await;
    if matches!(&result, Err(Error::UpdateStatus(WriteError::Conflict))) {
        let api: Api<LoadTest> =
            Api::namespaced(context.client.clone(), &cached.namespace().unwrap_or_default());
        let found = api.get_opt(&cached.name_any()).await.map_err(|error| Error::Read(Box::new(error)))?;
        let Some(test) = found.filter(|test| test.meta().uid == cached.meta().uid) else {
            return Ok(Done::Nothing(None));
        };
        result = steps(&test, context, clock).await;
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
        Err(error) => {
            let key = key_of(&cached.namespace().unwrap_or_default(), &cached.name_any());
            if context.backoff.failures(&key) >= TELLING_FAILURES {
                update_status::retrying(context, cached, &chain(&error)).await;
            }
            Err(error)
        }
    }
}

async fn steps(test: &LoadTest, context: &Context, clock: Clock<'_>) -> Result<Done, Error> {
    let revision = observe::revision(&context.rollouts, test);
    if test.meta().deletion_timestamp.is_some() {
        return Ok(Done::Nothing(None));
    }
    let admitted = || status::admit(&context.fence, test.status.as_ref());
    admitted()?;
    let now = clock();
    let decide = |runs: &[LoadTestRun]| {
        decide::decide(test, &decide::Facts { runs, revision: revision.as_ref(), now })
    };
    let mut observed = observe::observe(&context.client, &context.cache, test).await?;
    let mut decided = decide(&observed.runs);
    if !observed.is_fresh && !rests_on_little(test, &decided.decision, &observed.runs, now) {
        observed = observe::read(&context.client, test).await?;
        decided = decide(&observed.runs);
    }
    let mut runs = observed.runs;
    if let decide::Decision::Start(start) = &decided.decision {
        admitted()?;
        apply::abort(&context.client, test, &start.replaces).await?;
        admitted()?;
        let run = apply::create(&context.client, test, build::run(test, start, &decided)).await?;
        if !runs.iter().any(|known| known.name_any() == run.name_any()) {
            tell::start(context, test, start, &decided, &run.name_any()).await;
            runs.push(run);
        }
    }
    let status = update_status::status(test, &decided, &runs, now);
    let written = update_status::update(context, test, &status).await?;
    if let Some(time) = decided.schedule.missed.filter(|_| written) {
        tell::missed(context, test, time).await;
    }
    // Only now: what a deleted run showed is in the test's status.
    let now = clock();
    let outdated = decide::outdated(&test.spec.history, &runs, now);
    if !outdated.is_empty() && observed.is_fresh {
        admitted()?;
        apply::delete(&context.client, test, &outdated).await?;
    }
    let waits = [
        decided.wait(now).map(|wait| wait.min(LONGEST_WAIT)),
        decide::next_outdated(&test.spec.history, &runs, now),
    ];
    let next = waits.into_iter().flatten().min();
    Ok(if written || !outdated.is_empty() { Done::Applied(next) } else { Done::Nothing(next) })
}

/// Whether what the cache keeps of runs is enough for a decision: nothing is made or deleted, and no finished run's copy of
/// the spec, which it does not keep, could change it.
fn rests_on_little(
    test: &LoadTest,
    decision: &decide::Decision,
    runs: &[LoadTestRun],
    now: Timestamp,
) -> bool {
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
    is_certain && decide::outdated(&test.spec.history, runs, now).is_empty()
}

/// Forgets what is remembered of a test that is gone.
pub fn forget(context: &Context, namespace: &str, name: &str) {
    context.rollouts.leave(namespace, name);
    context.backoff.succeeded(&key_of(namespace, name));
}

/// How long to wait after a failure. An object that can't be read waits for its next change.
pub fn error_policy(test: Arc<PackedTest>, error: &Error, context: Arc<Context>) -> Action {
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

fn key(test: &PackedTest) -> String {
    key_of(&test.namespace().unwrap_or_default(), &test.name_any())
}

fn key_of(namespace: &str, name: &str) -> String {
    format!("{}/{namespace}/{name}", metrics::LOAD_TEST)
}

#[cfg(test)]
mod tests;
