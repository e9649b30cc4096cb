// SPDX-License-Identifier: Apache-2.0
//! The test's status: the newest run in short, and the conditions.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Resource, ResourceExt};
use tracing::info;
use upsurge_core::{autoscaling, contract, verdict::headline};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    conditions::find,
    names::{conditions, reasons},
    v1alpha1::{LoadTestStatus, Phase, Verdict},
};

use super::decide::{Decided, Decision, Trigger, age_key, is_active, remembered, rerun, rollout};
use crate::{
    audit::{self, Act},
    context::Context,
    errors::chain,
    status::{self, WriteError, texts},
};

/// The status that a test should have. Pure.
pub fn status(test: &LoadTest, decided: &Decided, runs: &[LoadTestRun], now: Timestamp) -> LoadTestStatus {
    let decision = &decided.decision;
    let mut status = test.status.clone().unwrap_or_default();
    let generation = test.metadata.generation;
    status.observed_generation = generation;
    if let Decision::Start(start) = decision {
        status.last_run_generation = generation;
        status.last_run_digest = Some(start.digest.clone());
        if start.trigger == Trigger::Rerun {
            status.reruns = Some(status.reruns.unwrap_or_default() + 1);
        }
        if let Some(value) = rerun(test) {
            status.last_rerun = Some(remembered(value));
        }
    }
    note_starts(&mut status, test, decided);
    let shown = shown(decision, runs);
    let message = match shown {
        Some(run) if !is_active(run) && shows_the_end_of(test, run) => told(&status),
        Some(run) => mirror(&mut status, run),
        None => without_run(&mut status),
    };
    let refused = if let Decision::Refuse { message } = decision { Some(message) } else { None };
    if refused.is_some() {
        (status.phase, status.verdict) = (None, None);
        status.reason = Some(reasons::INVALID_SPEC.into());
    }
    let held = matches!(decision, Decision::Suspended { .. }) && !shown.is_some_and(is_active);
    let reason = status.reason.clone().unwrap_or_else(|| reasons::PENDING.into());
    let phase = status.phase.map(|phase| format!("{phase:?}")).unwrap_or_else(|| reasons::PENDING.into());
    let waiting;
    let state = match (refused, held, status.phase, status.verdict) {
        (Some(message), ..) => contract::State::Refused { reason: reasons::INVALID_SPEC, message },
        (None, true, ..) => contract::State::Suspended { message: suspended(decision) },
        (None, false, Some(Phase::Finished), Some(verdict)) => {
            contract::State::Finished { verdict, reason: &reason, message: &message }
        }
        (None, false, ..) => {
            waiting = match decision {
                Decision::Wait { active } => {
                    format!("{message}; the next run starts when {active} has ended")
                }
                _ => message,
            };
            contract::State::Working { reason: &phase, message: &waiting }
        }
    };
    contract::apply(&mut status.conditions, &state, generation, now);
    texts::bounded(status)
}

/// What of schedule and rollouts is answered, and what comes next.
fn note_starts(status: &mut LoadTestStatus, test: &LoadTest, decided: &Decided) {
    let Decided { decision, schedule, rollout } = decided;
    let mut next = schedule.next;
    if let Decision::Start(start) = decision {
        status.last_trigger = Some(start.trigger.as_str().into());
        if start.trigger == Trigger::Rollout {
            status.rollouts = Some(status.rollouts.unwrap_or_default() + 1);
        }
        if let Some(time) = schedule.due {
            status.last_schedule_time = Some(Time(time));
        }
        next = schedule.following;
    }
    status.next_schedule_time = next.map(Time);
    let is_noted = matches!(decision, Decision::Start(_)) || rollout.is_passed_over;
    if rollout::watched(test).is_none() {
        // Whoever asks anew begins anew.
        status.last_revision = None;
    } else if is_noted && rollout.ready.is_some() {
        status.last_revision.clone_from(&rollout.ready);
    }
}

fn suspended(decision: &Decision) -> &'static str {
    match decision {
        Decision::Suspended { due: true } => "spec.suspend holds the next run; set it to false to start it",
        _ => "spec.suspend holds new runs; none is due, so that setting it to false starts none by itself",
    }
}

/// The run that the status shows: the one just made, one that is active, or else the newest.
fn shown<'a>(decision: &Decision, runs: &'a [LoadTestRun]) -> Option<&'a LoadTestRun> {
    if let Decision::Start(start) = decision
        && let Some(run) = runs.iter().find(|run| run.name_any() == start.name)
    {
        return Some(run);
    }
    runs.iter().max_by_key(|run| (is_active(run), age_key(run)))
}

/// Whether a test shows already how a finished run ended: nothing of the run is needed for it any more.
pub fn shows_the_end_of(test: &LoadTest, run: &LoadTestRun) -> bool {
    let (Some(shown), Some(theirs)) = (&test.status, &run.status) else { return false };
    let is_told = find(&shown.conditions, conditions::READY).is_some_and(|ready| {
        let held = test.spec.suspend && ready.reason == reasons::SUSPENDED;
        held || Some(&ready.reason) == shown.reason.as_ref()
    });
    is_told
        && shown.last_run.as_deref() == Some(run.name_any().as_str())
        && shown.phase == Some(Phase::Finished)
        && (shown.verdict, &shown.completion_time) == (theirs.verdict, &theirs.completion_time)
}

/// Takes over what a run shows; gives its message.
fn mirror(status: &mut LoadTestStatus, run: &LoadTestRun) -> String {
    let theirs = run.status.clone().unwrap_or_default();
    let phase = theirs.phase.unwrap_or(Phase::Pending);
    status.last_run = Some(run.name_any());
    status.phase = Some(phase);
    status.verdict = theirs.verdict;
    status.reason = Some(theirs.reason.unwrap_or_else(|| format!("{phase:?}")));
    status.start_time = theirs.start_time;
    status.completion_time = theirs.completion_time;
    status.summary = theirs.summary.map(|summary| *summary);
    status.autoscaling = theirs.autoscaling.as_deref().map(autoscaling::digest);
    theirs.message.unwrap_or_else(|| format!("run {} was created", run.name_any()))
}

/// What a test shows that has no run any more: what it showed before. A run that was deleted before its end was
/// stopped by that.
fn without_run(status: &mut LoadTestStatus) -> String {
    let Some(last_run) = status.last_run.clone() else {
        return "no run was made yet".into();
    };
    if status.phase != Some(Phase::Finished) {
        status.phase = Some(Phase::Finished);
        status.verdict = Some(Verdict::Aborted);
        status.reason = Some(reasons::ABORTED.into());
        return format!("run {last_run} was deleted before it ended");
    }
    match told(status) {
        told if told.is_empty() => format!("run {last_run} has ended"),
        told => told,
    }
}

/// What the status says in words.
fn told(status: &LoadTestStatus) -> String {
    find(&status.conditions, conditions::READY).map(|condition| condition.message.clone()).unwrap_or_default()
}

/// Writes the status and tells of what changed in it.
///
/// # Errors
/// When this operator may not, or the test has changed since it was read, or the API server refuses it.
pub async fn update(context: &Context, test: &LoadTest, wanted: &LoadTestStatus) -> Result<bool, WriteError> {
    let api: Api<LoadTest> = Api::namespaced(context.client.clone(), &test.namespace().unwrap_or_default());
    let written = status::write(&context.fence, &api, test, wanted.clone()).await?;
    if written {
        tell(context, test, wanted).await;
    }
    Ok(written)
}

/// Says that an error holds up the test, such as a run that the API server does not take; best effort.
pub async fn retrying(context: &Context, test: &LoadTest, error: &str) {
    let mut wanted = test.status.clone().unwrap_or_default();
    wanted.observed_generation = test.metadata.generation;
    let message = format!("Retrying: {error}");
    let state = contract::State::Retrying { message: &message };
    contract::apply(&mut wanted.conditions, &state, test.metadata.generation, Timestamp::now());
    let api: Api<LoadTest> = Api::namespaced(context.client.clone(), &test.namespace().unwrap_or_default());
    if let Err(error) = status::write(&context.fence, &api, test, texts::bounded(wanted)).await {
        info!(reason = chain(&error), "failed to say in the status that the test is being retried");
    }
}

async fn tell(context: &Context, test: &LoadTest, wanted: &LoadTestStatus) {
    let old = test.status.clone().unwrap_or_default();
    let about = test.object_ref(&());
    let message = |status: &LoadTestStatus| {
        find(&status.conditions, conditions::READY)
            .map(|condition| condition.message.clone())
            .unwrap_or_default()
    };
    let reason = wanted.reason.as_deref().unwrap_or_default();
    if reason == reasons::INVALID_SPEC && message(&old) != message(wanted) {
        context.events.warning(&about, reasons::INVALID_SPEC, "Validate", &message(wanted)).await;
        audit::of_test(&context.events, test, Act::Refuse, None, &message(wanted)).await;
    }
    let held = |status: &LoadTestStatus| {
        find(&status.conditions, conditions::READY)
            .is_some_and(|condition| condition.reason == reasons::SUSPENDED)
    };
    match (held(&old), held(wanted)) {
        (false, true) => {
            audit::of_test(&context.events, test, Act::Suspend, None, "spec.suspend holds new runs").await;
        }
        (true, false) => {
            audit::of_test(&context.events, test, Act::Resume, None, "spec.suspend holds no runs any more")
                .await;
        }
        _ => {}
    }
    if let (Some(Phase::Finished), Some(verdict)) = (wanted.phase, wanted.verdict)
        && (old.phase != Some(Phase::Finished) || old.last_run != wanted.last_run)
    {
        let run = wanted.last_run.as_deref().unwrap_or_default();
        let note = format!("run {run} ended with {}", headline(verdict, reason, &message(wanted)));
        match verdict {
            Verdict::Passed => context.events.normal(&about, "Passed", "Judge", &note).await,
            other => context.events.warning(&about, &format!("{other:?}"), "Judge", &note).await,
        }
    }
}

#[cfg(test)]
mod tests;
