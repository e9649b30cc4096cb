// SPDX-License-Identifier: Apache-2.0
//! What comes next for a run: a function of the facts, which gives the run's state and what is to be done. Pure.
//!
//! Nothing is remembered between two decisions but what is in the status, the checkpoint and the cluster. So it does
//! not matter which operator decides, or how often. `progress` knows the phases, `begin` what comes before there is a
//! Job; what is new for a phase goes there, what is new to be done into [`Effect`].

mod begin;
mod effect;
mod pin;
mod record;
mod restore;
mod situation;

use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;
use upsurge_core::{autoscaling, verdict::Outcome};
use upsurge_crds::{
    LoadTestRun,
    names::reasons,
    v1alpha1::{Company, Deadlines, LoadTestRunStatus, Phase, Snapshot, TimeSpan, Verdict},
};

pub use self::{
    effect::{Decision, Effect, Look},
    restore::{deleted, undone},
    situation::{Admission, Asked, Lookup, Objects, Planned, Situation},
};
use super::{
    pinning::{is_kept, outstanding},
    plan::Plan,
    progress::{self, Cause, Facts, Transition},
    results,
    update_status::{base, finished, in_phase, is_retrying},
    validate,
};
use crate::{
    collector::SessionSnapshot,
    prometheus_checks::{self, Answers},
    settings::Keep,
    stores,
};

/// Time until the first look after a phase began.
const NEXT_LOOK: Duration = Duration::from_millis(50);
/// Time between two looks at a question that is under way.
const ANSWER_LOOK: Duration = Duration::from_millis(200);
/// Time until the next look at a run that is over, when it is not known whether its runners are there.
const UNKNOWN_LOOK: Duration = Duration::from_secs(5);
/// Time after its end in which a run may not have been cleared up, if the operator died meanwhile.
const CLEAR_UP_WINDOW: Duration = Duration::from_secs(600);

/// What comes next for a run that is not finished.
pub fn decide(situation: &Situation) -> Decision {
    let decision = match base(&situation.run).phase {
        None | Some(Phase::Pending) => begin::decide(situation),
        Some(Phase::Restoring) if !restore::is_done(&situation.run) => restore::decide(situation),
        Some(phase) => proceed(situation, phase),
    };
    restore::before_end(decision, situation.now)
}

/// The end of a run that could not even be looked at for as long as it may wait for its beginning; `None` before. One under load is
/// never given up for that.
pub fn given_up(run: &LoadTestRun, why: &str, now: Timestamp) -> Option<Decision> {
    let status = run.status.as_ref()?;
    let is_pending = status.phase == Some(Phase::Pending) && is_retrying(status);
    let since = status.phase_start_time.as_ref().filter(|_| is_pending)?;
    let deadline = match run.spec.test.as_ref().map(Snapshot::read) {
        Some(Ok(test)) => test.deadlines.prepare,
        // One that was made by hand has no test yet.
        _ => Deadlines::default().prepare,
    };
    if validate::since(since.0, now) < deadline.0 {
        return None;
    }
    let cause = overdue(deadline, why);
    let mut state = base(run);
    finished(&mut state, &results::without_load(Some(&cause)), now);
    state.end_cause.get_or_insert_with(|| cause.recorded());
    let decision = Decision::new(state, vec![Effect::WriteStatus], Look::After(NEXT_LOOK));
    Some(restore::before_end(decision, now))
}

/// The cause of an end before there was a Job.
fn overdue(deadline: TimeSpan, why: &str) -> Cause {
    let message = format!("spec.deadlines.prepare of {deadline} has passed: {why}");
    Cause::breakdown(reasons::DEADLINE_EXCEEDED, message)
}

/// What is left of a run that is over.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// Whether this operator still remembers it.
    pub remembered: bool,
    /// Whether its Job is still there, if that is known.
    pub has_job: Option<bool>,
    /// How long that is kept.
    pub keep: Keep,
}

/// What is left to do for a finished run: free what it held, and after a while delete its runners, whose logs people may
/// want to read. Its result is in its status; an operator that died before it came here left a checkpoint, which the next
/// one deletes if the end was not long ago, and the run's own end otherwise.
pub fn clear_up(run: &LoadTestRun, left: &Left, now: Timestamp) -> Decision {
    let status = run.status.as_ref();
    let ended = status.and_then(|status| status.completion_time.as_ref()).map(|time| time.0);
    let ago = ended.map(|ended| validate::since(ended, now));
    // A record on its way to its store has the run looked at every few seconds, and was begun with after all this.
    let is_recent = || ago.is_some_and(|ago| ago < CLEAR_UP_WINDOW);
    let unfinished = left.remembered || (!stores::is_begun(status) && is_recent());
    let mut effects = match unfinished {
        true => {
            vec![Effect::CloseSession, Effect::LeaveTarget, Effect::DropCheckpoint, Effect::Forget]
        }
        false => Vec::new(),
    };
    if is_kept(run) {
        effects.push(Effect::ReleaseRun(Vec::new()));
    }
    let keep = match status.and_then(|status| status.verdict) {
        Some(Verdict::Passed) => left.keep.passed,
        _ => left.keep.not_passed,
    };
    let for_more = keep.saturating_sub(ago.unwrap_or_default());
    let look = match left.has_job {
        None => Look::After(UNKNOWN_LOOK),
        Some(true) if !for_more.is_zero() => Look::After(for_more),
        // One that never had a Job has a service account perhaps.
        Some(has_job) => {
            if has_job || unfinished {
                effects.push(Effect::RemoveRunners);
            }
            Look::AtChange
        }
    };
    Decision::new(base(run), effects, look)
}

/// What is left to do for a run that is gone: its runners are told to stop. The checkpoint goes with the run.
pub fn gone(run: &LoadTestRun) -> Decision {
    let effects = vec![Effect::CloseSession, Effect::LeaveTarget, Effect::Forget];
    Decision::new(base(run), effects, Look::AtChange)
}

/// From the creation of the runner pods to the verdict.
fn proceed(situation: &Situation, phase: Phase) -> Decision {
    let plan = match &situation.plan {
        Some(Ok(plan)) => plan,
        Some(Err(outcome)) => return ended(situation, outcome),
        None => return ended(situation, &results::without_load(None)),
    };
    let (unset, refusal) = match &situation.refusal {
        Some(cause) if cause.reason() == reasons::PINNING_FORBIDDEN => (Some(cause), None),
        refusal => (None, refusal.as_ref()),
    };
    match refusal {
        // Only the session is still wanted then.
        Some(cause) if phase == Phase::Restoring => return restore::unjudged(situation, plan, cause),
        Some(cause) => return ended_by(situation, cause),
        None => {}
    }
    let Some(session) = &situation.session else {
        return Decision::first(base(&situation.run), Effect::OpenSession);
    };
    let state = base(&situation.run);
    let cause = Cause::of(&state);
    let facts = Facts {
        phase,
        since: state.phase_start_time.as_ref().map_or(situation.now, |time| time.0),
        cause: cause.as_ref(),
        abort: situation.run.spec.abort && !record::is_waited_for(&state),
        plan,
        job: situation.objects.job.as_ref(),
        pods: &situation.objects.pods,
        forbidden: situation.objects.forbidden.as_deref(),
        session,
        watch_until: watch_until(plan, session, phase, situation.now),
    };
    let transition = match (unset, &situation.excess) {
        // The target can't be set for the next epoch; what was measured before is kept.
        (Some(cause), _) if phase == Phase::Running => Transition::Stop(cause.clone()),
        (_, Some(message)) if phase == Phase::Running => {
            Transition::Stop(Cause::breakdown(reasons::RATE_EXCEEDED, message))
        }
        _ => progress::next(&facts, situation.now),
    };
    let mut decision = taken(situation, &facts, transition);
    decision.effects.splice(0..0, due(&facts, situation.now));
    decision
}

/// What a phase needs for as long as it lasts: it is done again after a restart of the operator.
fn due(facts: &Facts<'_>, now: Timestamp) -> Option<Effect> {
    match (facts.phase, facts.cause) {
        // The first reason stays.
        (Phase::Stopping, Some(cause)) if facts.session.stop.is_none() => {
            Some(Effect::StopRunners(cause.message().into()))
        }
        (Phase::Collecting, _) if progress::awaits_after(facts.plan, facts.session) => Some(Effect::RunAfter),
        (Phase::Collecting, None) if progress::awaits_answers(facts.plan, facts.session) => {
            let (start, end) = span(facts.session, now)?;
            Some(Effect::HavePrometheusAsked { start, end })
        }
        _ => None,
    }
}

/// From a transition to a new state and what is to be done.
fn taken(situation: &Situation, facts: &Facts<'_>, transition: Transition) -> Decision {
    let (phase, cause, now) = (facts.phase, facts.cause, situation.now);
    let pods = facts.pods;
    let mut state = base(&situation.run);
    let quench = || situation.objects.may_be_at_work(facts.plan.content.runners).then_some(Effect::Quench);
    let mut effects = Vec::new();
    let mut shows_figures = false;
    let look = match transition {
        Transition::Stay { message, wake } => {
            in_phase(&mut state, phase, cause, &message, now);
            let is_news = results::has_news(&state, facts.session);
            shows_figures = phase == Phase::Running && (situation.figures_due || is_news);
            if shows_figures {
                results::show(&mut state, facts.plan, facts.session, pods);
            }
            effects.push(Effect::WriteStatus);
            wake
        }
        Transition::Enter { phase: next, message } => {
            // Runner 0 still has to tidy up; the others were told to stop, and have their time for it.
            if phase == Phase::Stopping && !progress::awaits_after(facts.plan, facts.session) {
                effects.extend(quench());
            }
            in_phase(&mut state, next, cause, &message, now);
            results::show(&mut state, facts.plan, facts.session, pods);
            effects.push(Effect::WriteStatus);
            NEXT_LOOK
        }
        Transition::Stop(cause) => {
            // A load that has ended needs no stopping; there is only nothing more to wait for.
            let next = if phase == Phase::Collecting { phase } else { Phase::Stopping };
            in_phase(&mut state, next, Some(&cause), "", now);
            results::show(&mut state, facts.plan, facts.session, pods);
            effects.push(Effect::WriteStatus);
            if next == Phase::Stopping {
                effects.push(Effect::StopRunners(cause.message().into()));
            }
            NEXT_LOOK
        }
        Transition::FinishEpoch => match pin::following(situation, facts) {
            pin::Following::Finish(finish) => {
                in_phase(&mut state, phase, cause, "", now);
                effects.extend(finish);
                NEXT_LOOK
            }
            pin::Following::Prepare(decision) => return *decision,
            pin::Following::Stop(cause) => return taken(situation, facts, Transition::Stop(cause)),
        },
        Transition::Conclude if outstanding(&situation.run).is_some() => {
            // What comes after that may take a while, and the target is not held for it.
            in_phase(&mut state, Phase::Restoring, cause, restore::PUTTING_BACK, now);
            results::show(&mut state, facts.plan, facts.session, pods);
            effects.extend(quench());
            effects.push(Effect::WriteStatus);
            NEXT_LOOK
        }
        Transition::Conclude => {
            if let Some(waits) = record::waits(situation, facts) {
                return waits;
            }
            let company = match company(situation, facts) {
                Ok(company) => company,
                Err(question) => return Decision::first(state, question),
            };
            let answers = match answers(situation, facts) {
                Ok(answers) => answers,
                Err(None) => return Decision::new(state, effects, Look::After(ANSWER_LOOK)),
                Err(Some(question)) => {
                    effects.extend(quench());
                    effects.push(question);
                    return Decision::new(state, effects, Look::After(ANSWER_LOOK));
                }
            };
            effects.extend(quench());
            let beside = results::Beside { checks: &answers.checks, series: &answers.series, company };
            let mut outcome =
                results::conclude(&mut state, facts.plan, facts.session, pods, cause, &beside, now);
            restore::tell(&mut state, &situation.run, &mut outcome, now);
            finished(&mut state, &outcome, now);
            effects.extend(record::kept(situation, facts, &answers.series, &mut state));
            effects.push(Effect::WriteStatus);
            NEXT_LOOK
        }
    };
    Decision { shows_figures, ..Decision::new(state, effects, Look::After(look)) }
}

/// What Prometheus says about a load that went to its planned end; or what is still to be done to know it.
fn answers<'a>(situation: &'a Situation, facts: &Facts<'_>) -> Result<Cow<'a, Answers>, Option<Effect>> {
    let asked = facts.plan.test().prometheus.as_ref().filter(|_| facts.cause.is_none());
    let (Some(spec), Some((start, end))) = (asked, span(facts.session, situation.now)) else {
        return Ok(Cow::Owned(Answers::default()));
    };
    if spec.url.is_some() {
        let session = facts.session;
        let has_answered = session.checks.is_some();
        return Ok(Cow::Owned(Answers {
            checks: prometheus_checks::answered(&spec.checks, session.checks.as_deref()),
            series: prometheus_checks::answered_series(&spec.series, &session.series, has_answered),
        }));
    }
    match &situation.checks {
        Asked::Answered(answers) => Ok(Cow::Borrowed(answers)),
        Asked::UnderWay => Err(None),
        Asked::NotYet => Err(Some(Effect::AskPrometheus { start, end })),
    }
}

/// Whose load was on the target at the same time; or what is to be done to know it. Who does not share has no company.
fn company<'a>(situation: &'a Situation, facts: &Facts<'_>) -> Result<&'a [Company], Effect> {
    let shares = !facts.plan.test().target.sharing.is_exclusive();
    let Some((start, end)) = span(facts.session, situation.now).filter(|_| shares) else { return Ok(&[]) };
    situation.company.as_deref().ok_or(Effect::LookForCompany { start, end })
}

/// Start and end of the load.
fn span(session: &SessionSnapshot, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    Some((session.load_start()?, session.load_end()?.min(now)))
}

/// The run ends without having been measured.
fn ended(situation: &Situation, outcome: &Outcome) -> Decision {
    ended_as(situation, base(&situation.run), outcome.clone())
}

/// The run ends in that state, with that verdict.
fn ended_as(situation: &Situation, mut state: LoadTestRunStatus, mut outcome: Outcome) -> Decision {
    restore::tell(&mut state, &situation.run, &mut outcome, situation.now);
    finished(&mut state, &outcome, situation.now);
    let runners = match &situation.plan {
        Some(Ok(plan)) => plan.content.runners,
        _ => u32::MAX,
    };
    let quench = situation.objects.may_be_at_work(runners).then_some(Effect::Quench);
    let effects = quench.into_iter().chain([Effect::WriteStatus]).collect();
    Decision::new(state, effects, Look::After(NEXT_LOOK))
}

/// The same for a cause.
fn ended_by(situation: &Situation, cause: &Cause) -> Decision {
    let mut decision = ended(situation, &results::without_load(Some(cause)));
    decision.state.end_cause.get_or_insert_with(|| cause.recorded());
    decision
}

fn watch_until(plan: &Plan, snapshot: &SessionSnapshot, phase: Phase, now: Timestamp) -> Option<Timestamp> {
    let start = snapshot.t0.filter(|_| phase == Phase::Collecting)?;
    let timeline = plan.carried_out(snapshot.elapsed);
    let each = plan.test().target.workloads.iter().zip(snapshot.workloads());
    each.filter_map(|(workload, record)| autoscaling::watch_until(record, &timeline, start, workload, now))
        .max()
}

#[cfg(test)]
mod tests;
