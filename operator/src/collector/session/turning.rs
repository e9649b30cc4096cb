// SPDX-License-Identifier: Apache-2.0
//! Where a staircase turns back: decided here once, from what all runners have told, and told to them once it is durable. They have to hear
//! of it before they come to it, so it is told ahead; and each tells when it turned, as a message may be late.

use std::time::Duration;

use upsurge_core::{
    findings::{Notice, Turning},
    plan::{Plan, Timeline, Turn, Turned},
    protocol::{DELTA_INTERVAL, RunPlan},
    thresholds::Windowed,
};
use upsurge_crds::LoadTestSpec;

use super::Session;

/// Time in which a decision becomes durable, unless the API server is slow.
const TO_WRITE: Duration = Duration::from_secs(2);
/// By how much a runner may be later than the others: figures are of whole seconds.
const TOGETHER: Duration = Duration::from_secs(1);

/// What only this operator knows of it.
#[derive(Clone, Debug)]
pub(super) struct TurnBack {
    /// Absent of a load that never turns back.
    stairs: Option<Box<Stairs>>,
    /// Whether a durable checkpoint holds the decision.
    pub(super) is_durable: bool,
    /// Time from one message of a runner to the next.
    interval: Duration,
}

#[derive(Clone, Debug)]
struct Stairs {
    test: LoadTestSpec,
    planned: Timeline,
    turning: Turning,
}

impl TurnBack {
    /// That of a plan, of which a checkpoint may hold a decision.
    pub(super) fn of(plan: &RunPlan, decided: Option<Turn>) -> Self {
        let is_any = plan.test.load.stress.as_ref().is_some_and(|stress| stress.broken_at.is_some());
        let planned = is_any.then(|| Plan::compile(&plan.test.load, &[]).ok()).flatten();
        let stairs = planned.and_then(|planned| {
            let turning = Turning::of(&plan.test, &planned.timeline)?;
            Some(Box::new(Stairs { test: (*plan.test).clone(), planned: planned.timeline, turning }))
        });
        Self { stairs, is_durable: decided.is_some(), interval: DELTA_INTERVAL }
    }

    /// Thresholds, put to the load as it is once it turns back.
    fn windowed(&self, windowed: &Windowed, turn: Turn) -> Option<Windowed> {
        let Stairs { test, planned, .. } = self.stairs.as_deref()?;
        Some(windowed.turned(test, &planned.without(turn.skip(planned)?)))
    }

    fn notice(&self) -> Notice {
        let least = self.interval + TO_WRITE;
        Notice { least, most: least + 2 * self.interval + TO_WRITE }
    }
}

impl Session {
    /// How often its runners are told to report.
    pub fn pace(&mut self, interval: Duration) {
        self.turning.interval = interval;
    }

    /// Decides where the load turns back, if it is time: all runners at work have told of all up to an instant of it.
    pub(super) fn turn_back(&mut self, known_ms: u64, now: i64) {
        let (Some(stairs), Some(t0)) = (&self.turning.stairs, self.t0()) else { return };
        if self.state.turn.is_some() || self.state.stop.is_some() {
            return;
        }
        let now = Duration::from_nanos(u64::try_from(now.saturating_sub(t0)).unwrap_or_default());
        let (counts, known) = (self.state.totals.windows.steps(), Duration::from_millis(known_ms));
        let Some(turn) = stairs.turning.decide(counts, known, now, self.turning.notice()) else { return };
        self.state.turn = Some(turn);
        self.revision += 1;
        self.put_thresholds();
    }

    /// A runner tells when it turned back, if it does.
    pub(super) fn tells_turn(&mut self, index: usize, turned_ms: Option<u64>) {
        if turned_ms.is_none() || self.state.runners[index].turned_ms.is_some() {
            return;
        }
        let is_first = !self.is_turning();
        self.state.runners[index].turned_ms = turned_ms;
        if is_first {
            self.put_thresholds();
        }
    }

    /// Puts thresholds to the load as it is once it turns back, if a runner does: were nobody to hear of it, windows would be cut
    /// for a load that there never was.
    pub(super) fn put_thresholds(&mut self) {
        let turn = self.state.turn.filter(|_| self.is_turning());
        if let Some(windowed) = turn.and_then(|turn| self.turning.windowed(&self.windowed, turn)) {
            self.windowed = windowed;
        }
    }

    /// Where the load turns back, once that is durable: only then is anybody told.
    pub fn turn(&self) -> Option<Turn> {
        self.state.turn.filter(|_| self.turning.is_durable)
    }

    /// Whether a runner has said that it turns back. Until one has, the load may go on as it was planned: nobody may have heard of it.
    pub fn is_turning(&self) -> bool {
        self.state.runners.iter().any(|runner| runner.turned_ms.is_some())
    }

    /// Where it turns back, with what runners tell of it.
    pub fn turned(&self) -> Option<Turned> {
        let (turn, stairs) = (self.turn()?, self.turning.stairs.as_deref()?);
        let latest = turn.skip(&stairs.planned)?.from + TOGETHER;
        let is_late = |told: Option<u64>| told.is_none_or(|told| Duration::from_millis(told) > latest);
        let runners = &self.state.runners;
        let late = runners.iter().filter(|runner| is_late(runner.turned_ms)).count();
        let never = runners.iter().all(|runner| runner.end.is_some() && runner.turned_ms.is_none());
        Some(Turned { turn, late, never })
    }
}
