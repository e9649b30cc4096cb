// SPDX-License-Identifier: Apache-2.0
//! Putting back what a run has set at its target: phase Restoring, before the run is finished, whatever ended it; and before a run goes that
//! was deleted.
//!
//! A run's verdict is known before, and waits in the status. So nothing is needed here but the status and what there is of the target: no
//! plan, no session, no runners.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_core::{
    pinning::{Change, Rest, restore, said},
    verdict::Outcome,
};
use upsurge_crds::{
    LoadTestRun, conditions,
    names::{conditions::TARGET_RESTORED, reasons},
    v1alpha1::{
        Deadlines, LoadTestRunStatus, PendingOutcome, Phase, PinnedObject, PinningStatus, Snapshot, TimeSpan,
    },
};

use super::{Decision, Effect, Look, NEXT_LOOK, Situation, ended, gone};
use crate::load_test_run::{
    pinning::{Hidden, Scaler, outstanding},
    progress::Cause,
    results,
    update_status::{base, finished, in_phase},
    validate,
};

/// Time until it is tried again to put something back that may not be changed.
const AGAIN: Duration = Duration::from_secs(5);

/// What comes next for what is to be put back.
enum Back {
    /// These are to be changed.
    Change(Vec<Change>),
    /// Nothing can be done now; why.
    Wait(String),
    /// It is done, but for what is left as it is.
    Done(Vec<String>),
}

/// A run that has set something at its target ends only when that is put back: its end becomes a beginning of that.
pub(super) fn before_end(mut decision: Decision, now: Timestamp) -> Decision {
    let state = &mut decision.state;
    if state.phase != Some(Phase::Finished) {
        return decision;
    }
    let Some(pinning) = state.pinning.as_mut().filter(|pinning| !pinning.restored) else { return decision };
    pinning.outcome = state.verdict.take().map(|verdict| PendingOutcome {
        verdict,
        reason: state.reason.clone().unwrap_or_default(),
        message: state.message.clone().unwrap_or_default(),
    });
    state.completion_time = None;
    let cause = Cause::of(state);
    in_phase(state, Phase::Restoring, cause.as_ref(), "putting back what the run has set at its target", now);
    decision
}

/// What comes next for a run whose verdict waits.
pub(super) fn decide(situation: &Situation) -> Decision {
    let (run, now) = (&situation.run, situation.now);
    let mut state = base(run);
    let Some(mut pinning) = state.pinning.take() else {
        return ended(situation, &results::without_load(None));
    };
    let began = state.phase_start_time.as_ref().map(|time| time.0);
    let is_overdue = is_overdue(run, began, now);
    match step(&pinning, situation.scaler.as_ref(), situation.refusal.as_ref(), is_overdue) {
        Back::Change(changes) => {
            state.pinning = Some(pinning);
            Decision::first(state, Effect::SetReplicas(changes))
        }
        Back::Wait(why) => {
            state.pinning = Some(pinning);
            let cause = Cause::of(&state);
            let message = format!("putting back what the run has set at its target: {why}");
            in_phase(&mut state, Phase::Restoring, cause.as_ref(), &message, now);
            // Why the run ends is known; that it does not is what is to be read now.
            state.message = Some(message);
            Decision::new(state, vec![Effect::WriteStatus], Look::After(AGAIN))
        }
        Back::Done(left) => {
            let outcome = outcome(&state, &pinning, &left);
            (pinning.restored, pinning.left) = (true, left.clone());
            state.pinning = Some(pinning);
            tell(&mut state, run, &left, now);
            finished(&mut state, &outcome, now);
            Decision::new(state, vec![Effect::WriteStatus], Look::After(NEXT_LOOK))
        }
    }
}

/// What comes next for a run that was deleted and is kept until all is put back. Its runners are told to stop first.
pub fn deleted(
    run: &LoadTestRun,
    scaler: Option<&Scaler>,
    refusal: Option<&Cause>,
    now: Timestamp,
) -> Decision {
    let go = |left: Vec<String>| {
        let mut decision = gone(run);
        decision.effects.push(Effect::ReleaseRun(left));
        decision
    };
    let Some(pinning) = outstanding(run) else { return go(Vec::new()) };
    let began = run.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let (is_overdue, state) = (is_overdue(run, began, now), base(run));
    match step(pinning, scaler, refusal, is_overdue) {
        Back::Change(changes) => {
            Decision::new(state, vec![Effect::CloseSession, Effect::SetReplicas(changes)], Look::Now)
        }
        Back::Wait(_) => Decision::new(state, vec![Effect::CloseSession], Look::After(AGAIN)),
        Back::Done(left) => go(left),
    }
}

fn step(pinning: &PinningStatus, scaler: Option<&Scaler>, refusal: Option<&Cause>, is_overdue: bool) -> Back {
    let (rest, hidden) = match scaler {
        Some(scaler) => (restore(pinning, &scaler.present), scaler.hidden.clone()),
        // Nobody knows where to look.
        None => (Rest::default(), pinning.originals.iter().map(unknown).collect()),
    };
    let Rest { changes, mut left } = rest;
    if refusal.is_none() && !changes.is_empty() {
        return Back::Change(changes);
    }
    let unchanged = changes.iter().filter_map(|Change { to, .. }| Some(had(to, refusal?.message())));
    let undone: Vec<String> =
        unchanged.chain(hidden.iter().map(|hidden| had(&hidden.object, &hidden.why))).collect();
    if undone.is_empty() {
        return Back::Done(left);
    }
    if is_overdue {
        left.extend(undone);
        return Back::Done(left);
    }
    let why = refusal.filter(|_| !changes.is_empty()).map(|refusal| refusal.message().to_owned());
    Back::Wait(why.unwrap_or_else(|| undone.join("; ")))
}

fn had(object: &PinnedObject, why: &str) -> String {
    format!("{}/{} had {} before the run: {why}", object.kind, object.name, said(object))
}

fn unknown(original: &PinnedObject) -> Hidden {
    Hidden { object: original.clone(), why: "the run has not noted which workload it belongs to".into() }
}

/// Whether the time is up in which it is tried to put something back.
fn is_overdue(run: &LoadTestRun, began: Option<Timestamp>, now: Timestamp) -> bool {
    let limit: TimeSpan = match run.spec.test.as_ref().map(Snapshot::read) {
        Some(Ok(test)) => test.deadlines.restore(),
        _ => Deadlines::default().restore(),
    };
    began.is_some_and(|began| validate::since(began, now) >= limit.0)
}

/// The verdict that has waited, and what is left.
fn outcome(state: &LoadTestRunStatus, pinning: &PinningStatus, left: &[String]) -> Outcome {
    let mut outcome = match pinning.outcome.clone() {
        Some(PendingOutcome { verdict, reason, message }) => Outcome { verdict, reason, message },
        None => results::without_load(Cause::of(state).as_ref()),
    };
    for left in left {
        outcome.message += &format!("; {left}");
    }
    outcome
}

fn tell(state: &mut LoadTestRunStatus, run: &LoadTestRun, left: &[String], now: Timestamp) {
    let changed = state.pinning.iter().flat_map(|pinning| pinning.changed.clone());
    let told: Vec<String> = changed.chain(left.iter().cloned()).collect();
    state.warnings.extend(told);
    let (reason, message) = if left.is_empty() {
        (reasons::RESTORED, "what the run found at its target is put back".to_owned())
    } else {
        (reasons::LEFT_AS_IT_IS, left.join("; "))
    };
    let (generation, is_whole) = (run.metadata.generation, left.is_empty());
    conditions::set(&mut state.conditions, TARGET_RESTORED, is_whole, reason, &message, generation, now);
}
