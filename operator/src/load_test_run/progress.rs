// SPDX-License-Identifier: Apache-2.0
//! The phases of a run whose Job was created, as a pure state machine.
//!
//! [`next`] looks at what was observed and says what comes next; what is to be done for that is decided by `decide`. What
//! must outlive the operator is in the status: the phase, since when, and the cause of an early end.

pub(super) mod breakdown;
mod cause;

use std::time::Duration;

use jiff::Timestamp;
use upsurge_core::{plan::Timeline, protocol::Readiness};
use upsurge_crds::{LoadTestSpec, v1alpha1::Phase};

pub use self::cause::Cause;
use super::{
    plan::Plan,
    pods::{JobState, RunnerPod},
};
use crate::collector::{RunnerView, SessionSnapshot};

/// What to look at when a runner's container runs and the collector has not heard of it.
const UNHEARD: &str = ", which has not reached the operator: its log says why, and network policies must let it reach the \
                       operator's collector Service";
/// Time from the start of its container in which a runner is not expected to have reached the operator.
const UNHEARD_PATIENCE: Duration = Duration::from_secs(10);
/// Longest time that runners get to drain once they were told to stop. Where there are many of them, each hears of it with its
/// next message only, up to ten seconds later.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);
/// Longest time that results and pods get to settle once the load has ended.
const SETTLE_LIMIT: Duration = Duration::from_secs(15);
/// Longest time that the steps of `verify` and `after` get together, beyond that.
const AFTER_LIMIT: Duration = Duration::from_secs(300);
/// Time between two looks while nothing happens.
const LOOK: Duration = Duration::from_secs(1);

/// What was observed of a run.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Phase in the status.
    pub phase: Phase,
    /// When it began.
    pub since: Timestamp,
    /// Why the run ends early, if it does.
    pub cause: Option<&'a Cause>,
    /// Whether somebody asked to stop.
    pub abort: bool,
    /// What is run.
    pub plan: &'a Plan,
    /// The Job; absent if there is none.
    pub job: Option<&'a JobState>,
    /// Its pods.
    pub pods: &'a [RunnerPod],
    /// Why the Job can't create pods.
    pub forbidden: Option<&'a str>,
    /// The collector's session.
    pub session: &'a SessionSnapshot,
    /// Until when the autoscaler is watched after the load.
    pub watch_until: Option<Timestamp>,
}

impl Facts<'_> {
    fn runners(&self) -> u32 {
        self.plan.content.runners
    }

    fn pod(&self, index: u32) -> Option<&RunnerPod> {
        self.pods.iter().find(|pod| pod.index == index)
    }

    fn view(&self, index: u32) -> Option<&RunnerView> {
        self.session.runners.iter().find(|runner| runner.index == index)
    }

    /// Whether a runner's pod, as far as there is one, does nothing any more.
    fn is_quiet(&self, index: u32) -> bool {
        let heard = self.view(index).and_then(|view| view.pod.as_deref());
        self.pod(index).is_none_or(|pod| pod.is_quiet(heard == Some(&pod.name)))
    }

    fn for_longer_than(&self, limit: Duration, now: Timestamp) -> bool {
        passed(self.since, now) >= limit
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The phase goes on.
    Stay {
        /// What is waited for.
        message: String,
        /// When to look again if nothing happens before.
        wake: Duration,
    },
    /// Another phase begins.
    Enter {
        /// The phase.
        phase: Phase,
        /// What happens in it.
        message: String,
    },
    /// The run ends early: its load now, or, when that has ended already, what would still be waited for.
    Stop(Cause),
    /// The epoch under way is over: judge it, and go on with what follows from that.
    FinishEpoch,
    /// The run ends: judge it.
    Conclude,
}

/// Whether steps are to be done after the load, and it is not known yet what became of them.
pub fn awaits_after(plan: &Plan, session: &SessionSnapshot) -> bool {
    has_last_steps(plan.test()) && session.load_start().is_some() && session.after.is_none()
}

/// Whether a test has steps that one runner does after the load.
pub fn has_last_steps(test: &LoadTestSpec) -> bool {
    !(test.verify.is_empty() && test.after.is_empty())
}

/// Whether the test's own Prometheus server is to be asked, and it is not known yet what it said.
pub fn awaits_answers(plan: &Plan, session: &SessionSnapshot) -> bool {
    let asks = plan.test().prometheus.as_ref().is_some_and(|prometheus| prometheus.url.is_some());
    asks && session.t0.is_some() && session.checks.is_none()
}

/// What comes next for a run whose Job was created.
pub fn next(facts: &Facts<'_>, now: Timestamp) -> Transition {
    match facts.phase {
        Phase::Pending | Phase::Preparing | Phase::Starting | Phase::Running => under_way(facts, now),
        Phase::Stopping => stopping(facts, now),
        Phase::Collecting => collecting(facts, now),
        // Until all is put back, what comes is decided elsewhere: it needs neither plan nor session.
        Phase::Restoring => Transition::Conclude,
        Phase::Finished => Transition::Stay { message: String::new(), wake: LOOK },
    }
}

fn under_way(facts: &Facts<'_>, now: Timestamp) -> Transition {
    if facts.session.all_done && facts.session.t0.is_some() {
        return match breakdown::told(facts).or_else(|| early(facts)) {
            Some(cause) => Transition::Stop(cause),
            None if facts.phase != Phase::Running => running(facts),
            None => match &facts.session.epochs {
                // It is judged; the collector tells once that is durable.
                Some(epochs) if epochs.awaits_epoch => stay(running_message(facts)),
                Some(epochs) if !epochs.is_over => Transition::FinishEpoch,
                _ => collect(facts),
            },
        };
    }
    if facts.abort {
        return Transition::Stop(Cause::aborted());
    }
    if let Some(cause) = breakdown::find(facts, now).or_else(|| early(facts)) {
        return Transition::Stop(cause);
    }
    match facts.phase {
        Phase::Running => while_running(facts, now),
        _ if facts.session.t0.is_some() => running(facts),
        Phase::Starting => while_starting(facts, now),
        _ => while_preparing(facts, now),
    }
}

fn while_preparing(facts: &Facts<'_>, now: Timestamp) -> Transition {
    let runners = facts.runners();
    let up = (0..runners).filter(|index| is_up(facts, *index)).count();
    if up == runners as usize {
        let message = format!("{} up; waiting until all are ready to start", counted(runners));
        return Transition::Enter { phase: Phase::Starting, message };
    }
    let limit = facts.plan.test().deadlines.prepare;
    let state = format!("{up} of {} up{}", counted(runners), breakdown::obstacle(facts));
    if facts.for_longer_than(limit.0, now) {
        return Transition::Stop(breakdown::overdue(facts, "spec.deadlines.prepare", limit, &state));
    }
    stay(state)
}

fn while_starting(facts: &Facts<'_>, now: Timestamp) -> Transition {
    let runners = facts.runners();
    let readiness = |index: u32| facts.view(index).and_then(|view| view.readiness.as_ref());
    let waited_for: Vec<u32> =
        (0..runners).filter(|index| readiness(*index) != Some(&Readiness::Ready)).collect();
    let ready = runners as usize - waited_for.len();
    let mut state = format!("{ready} of {} ready to start", counted(runners));
    // One that was never heard of tells more than one that only takes long.
    let unheard = waited_for.iter().find(|index| readiness(**index).is_none());
    if let Some(first) = unheard.or(waited_for.first()) {
        state.push_str(&format!("; waiting for {}", breakdown::runner(facts, *first)));
        if unheard.is_some() && facts.for_longer_than(UNHEARD_PATIENCE, now) {
            state.push_str(UNHEARD);
        }
    } else if !facts.plan.test().before.is_empty() {
        state.push_str("; doing the steps of spec.before");
    }
    let limit = facts.plan.test().deadlines.start;
    if facts.for_longer_than(limit.0, now) {
        return Transition::Stop(breakdown::overdue(facts, "spec.deadlines.start", limit, &state));
    }
    stay(state)
}

/// The collector has told the runners to stop: their load is not the one that was planned, and is not judged as if it were.
fn early(facts: &Facts<'_>) -> Option<Cause> {
    breach(facts).or_else(|| breakdown::forgotten(facts))
}

/// A threshold that stops the run is breached. The collector has told the runners already, and they may even be done.
fn breach(facts: &Facts<'_>) -> Option<Cause> {
    let breach = facts.session.abort_breach.as_ref()?;
    Some(Cause::breach(format!(
        "{} {}: observed {}; abortOnFail stopped the run",
        breach.metric, breach.condition, breach.observed
    )))
}

fn while_running(facts: &Facts<'_>, now: Timestamp) -> Transition {
    let limit = facts.plan.run_deadline();
    let start = facts.session.load_start().unwrap_or(facts.since);
    if passed(start, now) >= limit {
        let ended = facts.session.runners.iter().filter(|runner| runner.end.is_some()).count();
        let state = format!("{ended} of {} have sent all their results", counted(facts.runners()));
        let limit = (limit - facts.plan.output_delay()).into_span();
        return Transition::Stop(breakdown::overdue(facts, "spec.deadlines.run", limit, &state));
    }
    let limit = facts.plan.test().deadlines.start;
    let patience = limit.0 + facts.plan.rest();
    if facts.session.t0.is_none() && passed(facts.session.opened_at, now) >= patience {
        let state = format!("runners did not get ready for epoch {}", facts.plan.content.epoch);
        return Transition::Stop(breakdown::overdue(facts, "spec.deadlines.start", limit, &state));
    }
    stay(running_message(facts))
}

fn stopping(facts: &Facts<'_>, now: Timestamp) -> Transition {
    let is_done = |index: u32| {
        let ended = facts.view(index).is_some_and(|view| view.end.is_some());
        ended || facts.is_quiet(index)
    };
    let quiet = facts.session.all_done || (0..facts.runners()).all(is_done);
    if !quiet && !facts.for_longer_than(DRAIN_LIMIT + facts.plan.output_delay(), now) {
        return Transition::Stay { message: String::new(), wake: Duration::from_millis(500) };
    }
    match facts.session.load_start() {
        Some(_) => collect(facts),
        None => Transition::Conclude,
    }
}

fn collecting(facts: &Facts<'_>, now: Timestamp) -> Transition {
    if facts.abort && facts.cause.is_none() {
        return Transition::Stop(Cause::aborted_after_load());
    }
    // Runners leave once they know that their last figures are safe; only then may the session be closed.
    let settled = facts.session.durable && (0..facts.runners()).all(|index| facts.is_quiet(index));
    let test = facts.plan.test();
    let after = if has_last_steps(test) { AFTER_LIMIT } else { Duration::ZERO };
    let asks = test.prometheus.as_ref().is_some_and(|prometheus| prometheus.url.is_some());
    let limit = SETTLE_LIMIT + after + if asks { upsurge_prometheus::DEADLINE } else { Duration::ZERO };
    if !settled && !facts.for_longer_than(limit, now) {
        let message = if awaits_after(facts.plan, facts.session) {
            if test.verify.is_empty() {
                "load has ended; doing the steps of spec.after"
            } else {
                "load has ended; doing the steps of spec.verify and spec.after"
            }
        } else if facts.cause.is_none() && awaits_answers(facts.plan, facts.session) {
            "load has ended; asking the server at spec.prometheus.url"
        } else {
            ""
        };
        return Transition::Stay { message: message.into(), wake: Duration::from_millis(500) };
    }
    match facts.watch_until {
        Some(until) if facts.cause.is_none() && until > now => {
            let left = passed(now, until);
            // The instant, not the time that is left: a status that counts down would be written each second.
            let message = format!("load has ended; watching the autoscaler until {until:.0} at the latest");
            Transition::Stay { message, wake: left.min(LOOK).max(Duration::from_millis(100)) }
        }
        _ => Transition::Conclude,
    }
}

fn collect(facts: &Facts<'_>) -> Transition {
    let message = match facts.cause {
        Some(cause) => cause.message().to_owned(),
        None => "load has ended; collecting results".into(),
    };
    Transition::Enter { phase: Phase::Collecting, message }
}

fn running(facts: &Facts<'_>) -> Transition {
    Transition::Enter { phase: Phase::Running, message: running_message(facts) }
}

fn running_message(facts: &Facts<'_>) -> String {
    let duration = facts.plan.timeline().duration().into_span();
    if let Some(what) = &facts.session.waits_for {
        return format!("probe {}: {what}", facts.plan.content.epoch);
    }
    if facts.plan.whole.is_some() {
        let level = facts.plan.timeline().in_words(Timeline::peak, 3);
        return format!(
            "probe {}: {} generating {level} for {duration}",
            facts.plan.content.epoch,
            counted(facts.runners())
        );
    }
    format!("{} generating load for {duration}", counted(facts.runners()))
}

fn stay(message: String) -> Transition {
    Transition::Stay { message, wake: LOOK }
}

/// Whether a runner's pod runs, or the runner was heard.
fn is_up(facts: &Facts<'_>, index: u32) -> bool {
    facts.view(index).is_some_and(|view| view.readiness.is_some())
        || facts.pod(index).is_some_and(|pod| pod.running)
}

fn counted(runners: u32) -> String {
    if runners == 1 { "1 runner".into() } else { format!("{runners} runners") }
}

fn passed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// A duration in the form in which specs have it.
trait IntoSpan {
    fn into_span(self) -> upsurge_crds::v1alpha1::TimeSpan;
}

impl IntoSpan for Duration {
    fn into_span(self) -> upsurge_crds::v1alpha1::TimeSpan {
        upsurge_crds::v1alpha1::TimeSpan(self)
    }
}

#[cfg(test)]
mod tests;
