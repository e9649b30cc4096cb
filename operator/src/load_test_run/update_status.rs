// SPDX-License-Identifier: Apache-2.0
//! The run's status: putting it together, keeping it small, writing it, and telling of what changed.

mod bounds;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Resource, ResourceExt};
use tracing::info;
use upsurge_core::{contract, report::is_after_failed, verdict::Outcome};
use upsurge_crds::{
    LoadTestRun, conditions,
    names::{
        conditions::{OLD_SPEC, RECORD_NOT_KEPT, RECORD_STORED},
        reasons,
    },
    v1alpha1::{EndCauseType, LoadTestRunStatus, Phase, Verdict},
};

use self::bounds::bounded;
use super::{neighbours, progress::Cause, storing::Told};
use crate::{
    audit::{self, Act},
    context::Context,
    errors::chain,
    status::{self, WriteError},
};

/// The status that a run has, as a base for the next one.
pub fn base(run: &LoadTestRun) -> LoadTestRunStatus {
    let mut status = run.status.clone().unwrap_or_default();
    // In the status of an operator that had no field for it, the cause is in what is shown.
    status.end_cause = Cause::of(&status).as_ref().map(Cause::recorded);
    status
}

/// Whether a run waits for its turn, by the policy or on its target.
pub fn awaits_turn(status: &LoadTestRunStatus) -> bool {
    let reasons = [reasons::QUEUED, reasons::TARGET_BUSY];
    status.phase == Some(Phase::Pending)
        && status.reason.as_deref().is_some_and(|reason| reasons.contains(&reason))
}

/// The run waits for its turn.
pub fn awaiting_turn(status: &mut LoadTestRunStatus, reason: &str, message: &str, now: Timestamp) {
    if awaits_turn(status) {
        status.message = Some(message.to_owned());
    } else {
        in_phase(status, Phase::Pending, None, message, now);
    }
    status.reason = Some(reason.into());
}

/// A phase begins, or goes on with another message.
pub fn in_phase(
    status: &mut LoadTestRunStatus,
    phase: Phase,
    cause: Option<&Cause>,
    message: &str,
    now: Timestamp,
) {
    let was_retrying = is_retrying(status);
    // Whoever waited for its turn begins only now: that uses up none of its time.
    if status.phase != Some(phase) || awaits_turn(status) {
        status.phase = Some(phase);
        status.phase_start_time = Some(Time(now));
    }
    status.end_cause = cause.map(Cause::recorded);
    status.reason = Some(cause.map_or_else(|| format!("{phase:?}"), |cause| cause.reason().to_owned()));
    if let Some(cause) = cause {
        status.message = Some(cause.message().to_owned());
    } else if !message.is_empty() {
        status.message = Some(message.to_owned());
    } else if was_retrying {
        // What failed has worked.
        status.message = None;
    }
}

/// Something that may work later is tried again. Why a run ends stays what its status says first.
pub fn retry(status: &mut LoadTestRunStatus, error: &str, now: Timestamp) {
    if status.end_cause.is_some() {
        return;
    }
    if matches!(status.phase, None | Some(Phase::Pending)) && !is_retrying(status) {
        // There is time for it from now on, however long the run has waited for its target.
        status.phase = Some(Phase::Pending);
        status.phase_start_time = Some(Time(now));
    }
    status.message = Some(retrying_message(error));
    status.reason = Some(reasons::RETRYING.into());
}

/// Whether something is tried again.
pub fn is_retrying(status: &LoadTestRunStatus) -> bool {
    status.reason.as_deref() == Some(reasons::RETRYING)
}

fn retrying_message(error: &str) -> String {
    format!("Retrying: {error}")
}

/// The run ends with a verdict.
pub fn finished(status: &mut LoadTestRunStatus, outcome: &Outcome, now: Timestamp) {
    status.phase = Some(Phase::Finished);
    status.phase_start_time = Some(Time(now));
    status.completion_time = Some(Time(now));
    status.verdict = Some(outcome.verdict);
    status.reason = Some(outcome.reason.clone());
    status.message = Some(outcome.message.clone());
}

/// Sets the conditions by what the status says.
fn judge_conditions(status: &mut LoadTestRunStatus, generation: Option<i64>, now: Timestamp) {
    status.observed_generation = generation;
    let reason = status.reason.clone().unwrap_or_default();
    let message = status.message.clone().unwrap_or_default();
    let (reason, message) = (reason.as_str(), message.as_str());
    let state = match status.verdict {
        Some(verdict) => contract::State::Finished { verdict, reason, message },
        None if reason == reasons::RETRYING => contract::State::Retrying { message },
        None => contract::State::Working { reason, message },
    };
    contract::apply(&mut status.conditions, &state, generation, now);
    if reason == reasons::OLD_SPEC {
        conditions::set(&mut status.conditions, OLD_SPEC, true, reason, message, generation, now);
    }
}

/// Says in the conditions of a run that is over that its copy of the test can't be read any more. Nothing else about it
/// changes.
///
/// # Errors
/// When this operator may not, or the run has changed since it was read, or the API server refuses it.
pub async fn note_old_spec(context: &Context, run: &LoadTestRun, message: &str) -> Result<(), WriteError> {
    let mut wanted = base(run);
    if conditions::is_true(&wanted.conditions, OLD_SPEC) {
        return Ok(());
    }
    let (generation, now) = (run.metadata.generation, Timestamp::now());
    conditions::set(&mut wanted.conditions, OLD_SPEC, true, reasons::OLD_SPEC, message, generation, now);
    let api: Api<LoadTestRun> = Api::namespaced(context.client.clone(), &run.namespace().unwrap_or_default());
    status::write(&context.fence, &api, run, bounded(wanted)).await?;
    info!(detail = message, "said that the run is of another version of the API");
    Ok(())
}

/// Says in the conditions of a run that is over how its record stands that is to go to a store, and in an event if that is news. Nothing
/// else about it changes.
///
/// # Errors
/// When this operator may not, or the run has changed since it was read, or the API server refuses it.
pub async fn note_stored(context: &Context, run: &LoadTestRun, told: &Told) -> Result<(), WriteError> {
    let mut wanted = base(run);
    let Told { is_stored, reason, message } = told;
    let known = conditions::find(&wanted.conditions, RECORD_STORED);
    let is_known = known.is_some_and(|known| known.reason == *reason && known.message == *message);
    if is_known {
        return Ok(());
    }
    let (generation, now) = (run.metadata.generation, Timestamp::now());
    conditions::set(&mut wanted.conditions, RECORD_STORED, *is_stored, reason, message, generation, now);
    let api: Api<LoadTestRun> = Api::namespaced(context.client.clone(), &run.namespace().unwrap_or_default());
    status::write(&context.fence, &api, run, bounded(wanted)).await?;
    info!(reason, detail = message, "the record is on its way to its store");
    let about = run.object_ref(&());
    match *reason {
        reasons::RECORD_STORING => {}
        reasons::RECORD_STORED => context.events.normal(&about, reason, "Store", message).await,
        _ => context.events.warning(&about, reason, "Store", message).await,
    }
    Ok(())
}

/// Writes a status, if it is new, and tells of what changed. Says whether it was written.
///
/// # Errors
/// When this operator may not, or the run has changed since it was read, or the API server refuses it.
pub async fn update(
    context: &Context,
    run: &LoadTestRun,
    wanted: LoadTestRunStatus,
) -> Result<bool, WriteError> {
    let mut wanted = wanted;
    // Most looks find nothing new. Then nothing is compared piece by piece, as it is written.
    let is_the_same = run.status.as_ref() == Some(&wanted)
        && wanted.observed_generation == run.metadata.generation
        && wanted.leader_term.is_some_and(|term| context.fence.check() == Ok(term));
    if is_the_same {
        return Ok(false);
    }
    judge_conditions(&mut wanted, run.metadata.generation, Timestamp::now());
    let wanted = bounded(wanted);
    let api: Api<LoadTestRun> = Api::namespaced(context.client.clone(), &run.namespace().unwrap_or_default());
    let written = status::write(&context.fence, &api, run, wanted.clone()).await?;
    if written {
        tell(context, run, &wanted).await;
    }
    Ok(written)
}

/// Says that a temporary error holds up the run; best effort.
pub async fn retrying(context: &Context, run: &LoadTestRun, error: &str) {
    let (mut wanted, now) = (base(run), Timestamp::now());
    retry(&mut wanted, error, now);
    wanted.observed_generation = run.metadata.generation;
    let message = retrying_message(error);
    let state = contract::State::Retrying { message: &message };
    contract::apply(&mut wanted.conditions, &state, run.metadata.generation, now);
    let wanted = bounded(wanted);
    let api: Api<LoadTestRun> = Api::namespaced(context.client.clone(), &run.namespace().unwrap_or_default());
    if let Err(error) = status::write(&context.fence, &api, run, wanted).await {
        info!(reason = chain(&error), "failed to say in the status that the run is being retried");
    }
}

async fn tell(context: &Context, run: &LoadTestRun, wanted: &LoadTestRunStatus) {
    let old = base(run);
    let about = run.object_ref(&());
    let events = &context.events;
    if let (None, Some(cause)) = (&old.end_cause, &wanted.end_cause) {
        info!(cause = ?cause.type_, reason = cause.reason, detail = cause.message, "run ends early");
        events.warning(&about, &cause.reason, "Stop", &cause.message).await;
        if cause.type_ == EndCauseType::Aborted {
            audit::of_run(events, run, Act::Abort, &cause.message).await;
        }
    }
    let reason = wanted.reason.clone().unwrap_or_default();
    let message = wanted.message.clone().unwrap_or_default();
    let not_kept = |status: &LoadTestRunStatus| {
        let condition = conditions::find(&status.conditions, RECORD_NOT_KEPT);
        condition.map(|condition| (condition.reason.clone(), condition.message.clone()))
    };
    if let Some(news) = not_kept(wanted).filter(|news| Some(news) != not_kept(&old).as_ref()) {
        let (reason, message) = news;
        events.warning(&about, &reason, "Keep", &message).await;
    }
    if reason == reasons::TARGET_BUSY && old.reason.as_ref() != Some(&reason) {
        info!(detail = message, "run waits for its target");
        let note = format!("run {}: {message}", run.name_any());
        events.normal(&audit::test_of(run), &reason, "Wait", &note).await;
        events.normal(&about, &reason, "Wait", &message).await;
    }
    let (Some(phase), true) = (wanted.phase, old.phase != wanted.phase) else { return };
    info!(phase = ?phase, verdict = ?wanted.verdict, reason, detail = message, "run entered a phase");
    if matches!(reason.as_str(), reasons::POLICY_VIOLATION | reasons::INVALID_SPEC) {
        audit::of_run(events, run, Act::Refuse, &message).await;
    }
    if phase == Phase::Finished {
        for output in &wanted.outputs {
            if let Some(message) = &output.message {
                let note = format!("output {}: {message}", output.name);
                events.warning(&about, reasons::OUTPUT_INCOMPLETE, "Push", &note).await;
            }
        }
        for warning in &wanted.warnings {
            let (reason, action) = kind(warning);
            events.warning(&about, reason, action, warning).await;
        }
    }
    match (phase, wanted.verdict) {
        (Phase::Finished, Some(verdict)) => {
            let note = format!("{reason}: {message}");
            match verdict {
                Verdict::Passed => events.normal(&about, "Passed", "Judge", &note).await,
                other => events.warning(&about, &format!("{other:?}"), "Judge", &note).await,
            }
        }
        // Told above, with its cause.
        (Phase::Stopping, _) => {}
        (Phase::Pending, _) if reason == reasons::TARGET_BUSY => {}
        (phase, _) => events.normal(&about, &format!("{phase:?}"), "Proceed", &message).await,
    }
}

/// What a warning is about, as reason and action of an event.
fn kind(warning: &str) -> (&'static str, &'static str) {
    // First, as it may hold any words of the target.
    if is_after_failed(warning) {
        (reasons::AFTER_FAILED, "TidyUp")
    } else if neighbours::is_told(warning) {
        (reasons::RUNNER_BESIDE_TARGET, "Place")
    } else {
        (reasons::WARNING, "Measure")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use upsurge_core::report::after_failed;

    use super::*;

    #[rstest]
    #[case::beside_the_target(
        "runner pod a-0 shared node n with pod b of the target: they took CPU".into(),
        reasons::RUNNER_BESIDE_TARGET
    )]
    #[case::beside_it_without_a_name(
        "3 more runner pods shared a node with pods of the target".into(),
        reasons::RUNNER_BESIDE_TARGET
    )]
    #[case::after(after_failed("DELETE /fixtures: 500"), reasons::AFTER_FAILED)]
    #[case::after_in_the_words_of_a_target(
        after_failed("GET /: 3 more runner pods shared a node with pods of the target"),
        reasons::AFTER_FAILED
    )]
    #[case::another("figures of tags were given up".into(), reasons::WARNING)]
    fn an_event_of_a_warning_has_the_reason_that_the_page_on_troubles_explains(
        #[case] warning: String,
        #[case] expected: &str,
    ) {
        assert_eq!(kind(&warning).0, expected);
    }
}
