// SPDX-License-Identifier: Apache-2.0
//! Putting back what a run has set at its target: phase Restoring, before the run is finished, whatever ended it; and before a run goes that
//! was deleted.
//!
//! Nothing is needed for that but the status and what there is of the target: no plan, no session, no runners. A run whose load has come to
//! its end is judged after that, from its checkpoint if need be, so that its record has all of it. If that is lost meanwhile, it is judged by
//! what its status says. The verdict of one that ends in another way is known before, and waits in the status.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use upsurge_core::{
    pinning::{Change, Rest, by_hand, restore, said},
    verdict::Outcome,
};
use upsurge_crds::{
    LoadTestRun, conditions,
    names::{conditions::TARGET_RESTORED, reasons},
    v1alpha1::{
        Deadlines, LoadTestRunStatus, PendingOutcome, Phase, PinnedObject, PinningStatus, Snapshot, TimeSpan,
    },
};

use super::{Decision, Effect, Look, NEXT_LOOK, Situation, ended, ended_as, ended_by, gone, record};
use crate::load_test_run::{
    pinning::{Hidden, Scaler, outstanding},
    plan::Plan,
    progress::Cause,
    results,
    update_status::{base, finished, in_phase},
    validate,
};

/// Time until it is tried again to put something back that may not be changed.
const AGAIN: Duration = Duration::from_secs(5);
/// For so long an operator tries it at least that has just begun to lead. What kept the one before from its work, such as an API server that
/// was away for longer than the whole deadline, may still keep this one from it for a while.
const LEAST: Duration = Duration::from_secs(60);

/// What comes next for what is to be put back.
enum Back {
    /// These are to be changed.
    Change(Vec<Change>),
    /// Nothing can be done now; why.
    Wait(String),
    /// It is done, but for what is left as it is.
    Done(Vec<String>),
}

/// What is said as long as something is put back.
pub(super) const PUTTING_BACK: &str = "putting back what the run has set at its target";

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
    in_phase(state, Phase::Restoring, cause.as_ref(), PUTTING_BACK, now);
    decision
}

/// Whether a run that puts something back has done so, and is to be judged now.
pub(super) fn is_done(run: &LoadTestRun) -> bool {
    let pinning = run.status.as_ref().and_then(|status| status.pinning.as_deref());
    pinning.is_some_and(|pinning| pinning.restored && pinning.outcome.is_none())
}

/// What comes next for a run that has something to put back.
pub(super) fn decide(situation: &Situation) -> Decision {
    let (run, now) = (&situation.run, situation.now);
    let mut state = base(run);
    let Some(mut pinning) = state.pinning.take() else {
        return ended(situation, &results::without_load(None));
    };
    let began = state.phase_start_time.as_ref().map(|time| time.0);
    let is_overdue = is_overdue(run, began, situation.led_for, now);
    match step(run, &pinning, situation.scaler.as_ref(), situation.refusal.as_ref(), is_overdue) {
        Back::Change(changes) => {
            state.pinning = Some(pinning);
            Decision::first(state, Effect::SetReplicas(changes))
        }
        Back::Wait(why) => {
            state.pinning = Some(pinning);
            let cause = Cause::of(&state);
            let message = format!("{PUTTING_BACK}: {why}");
            in_phase(&mut state, Phase::Restoring, cause.as_ref(), &message, now);
            // Why the run ends is known; that it does not is what is to be read now.
            state.message = Some(message);
            Decision::new(state, vec![Effect::WriteStatus], Look::After(AGAIN))
        }
        Back::Done(left) => {
            let outcome = pinning.outcome.clone();
            (pinning.restored, pinning.left) = (true, left);
            state.pinning = Some(pinning);
            if let Some(PendingOutcome { verdict, reason, message }) = outcome {
                let mut outcome = Outcome { verdict, reason, message };
                tell(&mut state, run, &mut outcome, now);
                finished(&mut state, &outcome, now);
            }
            Decision::new(state, vec![Effect::WriteStatus], Look::After(NEXT_LOOK))
        }
    }
}

/// What comes next for a run that was deleted and is kept until all is put back. Its runners are told to stop first.
pub fn deleted(
    run: &LoadTestRun,
    scaler: Option<&Scaler>,
    refusal: Option<&Cause>,
    led_for: Duration,
    now: Timestamp,
) -> Decision {
    let go = |left: Vec<String>| {
        let mut decision = gone(run);
        decision.effects.push(Effect::ReleaseRun(left));
        decision
    };
    let Some(pinning) = outstanding(run) else { return go(Vec::new()) };
    let began = run.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let (is_overdue, state) = (is_overdue(run, began, led_for, now), base(run));
    match step(run, pinning, scaler, refusal, is_overdue) {
        Back::Change(changes) => {
            Decision::new(state, vec![Effect::CloseSession, Effect::SetReplicas(changes)], Look::Now)
        }
        Back::Wait(_) => Decision::new(state, vec![Effect::CloseSession], Look::After(AGAIN)),
        Back::Done(left) => go(left),
    }
}

fn step(
    run: &LoadTestRun,
    pinning: &PinningStatus,
    scaler: Option<&Scaler>,
    refusal: Option<&Cause>,
    is_overdue: bool,
) -> Back {
    let (rest, hidden) = match scaler {
        Some(scaler) => (restore(pinning, &scaler.present), scaler.hidden.clone()),
        // Nobody knows where to look.
        None => (Rest::default(), pinning.originals.iter().map(unknown).collect()),
    };
    let Rest { changes, mut left } = rest;
    if refusal.is_none() && !changes.is_empty() {
        return Back::Change(changes);
    }
    let unchanged = changes.iter().filter_map(|Change { to, .. }| Some((to, refusal?.message())));
    let hidden = hidden.iter().map(|hidden| (&hidden.object, hidden.why.as_str()));
    let undone: Vec<(&PinnedObject, &str)> = unchanged.chain(hidden).collect();
    if undone.is_empty() {
        return Back::Done(left);
    }
    if is_overdue {
        let namespace = run.namespace().unwrap_or_default();
        let told = |(object, why): &(&PinnedObject, &str)| {
            format!("{}; to put it back: {}", had(object, why), by_hand(object, &namespace))
        };
        left.extend(undone.iter().map(told));
        return Back::Done(left);
    }
    let why = refusal.filter(|_| !changes.is_empty()).map(|refusal| refusal.message().to_owned());
    let all = || undone.iter().map(|(object, why)| had(object, why)).collect::<Vec<_>>().join("; ");
    Back::Wait(why.unwrap_or_else(all))
}

fn had(object: &PinnedObject, why: &str) -> String {
    format!("{}/{} had {} before the run: {why}", object.kind, object.name, said(object))
}

fn unknown(original: &PinnedObject) -> Hidden {
    Hidden { object: original.clone(), why: "the run has not noted which workload it belongs to".into() }
}

/// Whether the time is up in which it is tried to put something back.
fn is_overdue(run: &LoadTestRun, began: Option<Timestamp>, led_for: Duration, now: Timestamp) -> bool {
    let limit: TimeSpan = match run.spec.test.as_ref().map(Snapshot::read) {
        Some(Ok(test)) => test.deadlines.restore(),
        _ => Deadlines::default().restore(),
    };
    led_for >= LEAST.min(limit.0) && began.is_some_and(|began| validate::since(began, now) >= limit.0)
}

/// That something which was put back a moment ago is not so any more. Whatever sets it again may do so for ever, so it counts as what may not
/// be changed.
pub fn undone(decision: &Decision, put_back: &[PinnedObject]) -> Option<Cause> {
    let Change { to, .. } = decision.changes().iter().find(|change| put_back.contains(&change.to))?;
    let PinnedObject { kind, name, .. } = to;
    let message = format!("{kind}/{name} does not stay as it was put back: something else sets it each time");
    Some(Cause::breakdown(reasons::PINNING_FORBIDDEN, message))
}

/// The verdict of a run that has put all back and whose results can't be had any more, by what its status still says: why it ended early, or
/// what came out of its epochs. `None` where that tells too little.
fn without_results(state: &mut LoadTestRunStatus, plan: &Plan) -> Option<Outcome> {
    if let Some(cause) = Cause::of(state) {
        return Some(match state.start_time {
            Some(_) => results::cut_short(plan, &cause),
            None => results::without_load(Some(&cause)),
        });
    }
    let outcome = results::answer_alone(state, plan)?;
    // Those are of the last epoch, warm-up and all.
    (state.summary, state.generator) = (None, None);
    Some(outcome)
}

/// The end of a run that has put all back and can't be judged as others are, as its checkpoint is lost or damaged.
pub(super) fn unjudged(situation: &Situation, plan: &Plan, why: &Cause) -> Decision {
    let mut state = base(&situation.run);
    let Some(outcome) = without_results(&mut state, plan) else { return ended_by(situation, why) };
    let told = format!("the verdict is of what the status still had, as the rest is lost: {}", why.message());
    state.warnings.push(told);
    record::lost(situation, &mut state, why.message());
    ended_as(situation, state, outcome)
}

/// Tells what somebody else has changed meanwhile and what is left, if anything was put back.
pub(super) fn tell(state: &mut LoadTestRunStatus, run: &LoadTestRun, outcome: &mut Outcome, now: Timestamp) {
    let Some(pinning) = state.pinning.as_deref().filter(|pinning| pinning.restored) else { return };
    let (changed, left) = (pinning.changed.clone(), pinning.left.clone());
    for left in &left {
        outcome.message += &format!("; {left}");
    }
    let (reason, message) = if left.is_empty() {
        (reasons::RESTORED, "what the run found at its target is put back".to_owned())
    } else {
        (reasons::LEFT_AS_IT_IS, left.join("; "))
    };
    let (generation, is_whole) = (run.metadata.generation, left.is_empty());
    state.warnings.extend(changed.into_iter().chain(left));
    conditions::set(&mut state.conditions, TARGET_RESTORED, is_whole, reason, &message, generation, now);
}
