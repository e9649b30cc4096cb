// SPDX-License-Identifier: Apache-2.0
//! When a staircase has climbed high enough: the target broke, and the overload that is judged lies below.
//!
//! Decided once and kept by whoever carries out the run, from what all runners have told so far. It is put off for as long as the
//! load can still be told in time: answers come late, above all those of a target that breaks, and each may show that it
//! broke in another step.

use std::time::Duration;

use upsurge_crds::v1alpha1::LoadTestSpec;

use super::{SAME_LEVEL, Staircase};
use crate::{
    plan::{Timeline, Turn, failure_share},
    thresholds::Steps,
};

/// How long before the turn it has to be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Shortest time in which all who generate load hear of it.
    pub least: Duration,
    /// A decision that leaves them more than this can wait.
    pub most: Duration,
}

/// A staircase that turns back.
#[derive(Clone, Debug, PartialEq)]
pub struct Turning {
    planned: Timeline,
    share: f64,
    /// How far up the target is judged, as a multiple of the level in which it broke.
    overload: f64,
}

impl Turning {
    /// That of a test whose load goes on where the target breaks.
    pub fn of(test: &LoadTestSpec, planned: &Timeline) -> Option<Self> {
        let stress = test.load.stress.as_ref().filter(|stress| stress.broken_at.is_some())?;
        let degradation = stress.degradation.clone().unwrap_or_default();
        Some(Self {
            planned: planned.clone(),
            share: failure_share(stress)?,
            overload: f64::from(degradation.overload_percent) / 100.0,
        })
    }

    /// Where the load is to turn back, if that is to be decided now: all runners have told of all up to `known`. Nothing if it is to go
    /// on to its highest step, as far as can be told.
    pub fn decide(&self, counts: &Steps, known: Duration, now: Duration, notice: Notice) -> Option<Turn> {
        let mut staircase = Staircase::of(&self.planned, counts, known);
        staircase.steps.retain(|step| step.is_complete);
        let broken = staircase.broken(self.share).ok()??;
        let wanted = staircase.steps.get(broken)?.stage.from * self.overload;
        let steps = Staircase::of(&self.planned, counts, Duration::MAX).steps;
        let is_enough = |level: f64| level >= wanted - SAME_LEVEL;
        let in_time = |end: Duration| end >= now + notice.least;
        let last = steps.iter().position(|step| is_enough(step.stage.from) && in_time(step.stage.end()))?;
        let end = steps.get(last)?.stage.end();
        let turn = Turn { last_step: u32::try_from(last + 1).ok()? };
        (end <= now + notice.most && turn.skip(&self.planned).is_some()).then_some(turn)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{
        metrics::{Metrics, SeriesKey, Sink, Tags, names},
        plan::Plan,
        thresholds::{Windowed, Windows},
    };

    const NOTICE: Notice = Notice { least: Duration::from_secs(3), most: Duration::from_secs(7) };

    /// Ten steps of ten seconds, 100 to 1000.
    fn test(degradation: &serde_json::Value) -> LoadTestSpec {
        serde_json::from_value(json!({
            "target": {"baseURL": "http://shop"},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": {"unit": "IterationsPerSecond", "stress": {
                "start": 100, "increment": 100, "max": 1000, "every": "10s", "brokenAt": {"errorRate": "5%"},
                "degradation": degradation
            }}
        }))
        .unwrap()
    }

    /// What is decided at a second of the load if so many percent fail from a step on.
    fn decided(test: &LoadTestSpec, broken: usize, second: u64) -> Option<u32> {
        decided_of(test, |step| if step >= broken { 10 } else { 0 }, second, second)
    }

    fn decided_of(test: &LoadTestSpec, failed: impl Fn(usize) -> u64, known: u64, now: u64) -> Option<u32> {
        let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
        let (windowed, mut windows) = (Windowed::new(test, &timeline), Windows::default());
        for second in 0..known {
            let mut metrics = Metrics::default();
            let step = second as usize / 10 + 1;
            let tags = Tags { stage: Some(format!("step-{step}")), ..Tags::default() };
            let key = SeriesKey { metric: names::HTTP_REQ_FAILED.into(), tags };
            metrics.add(key, &Sink::Rate { passes: failed(step), total: 100 });
            let at = Duration::from_secs(second);
            windowed.add(&mut windows, at, at + Duration::from_secs(1), &metrics);
        }
        let turning = Turning::of(test, &timeline).unwrap();
        let [known, now] = [known, now].map(Duration::from_secs);
        turning.decide(windows.steps(), known, now, NOTICE).map(|turn| turn.last_step)
    }

    #[test]
    fn the_load_turns_back_after_the_first_step_at_the_overload_and_not_before_it_has_to_be_told() {
        let test = test(&json!({}));
        // It breaks at 400, and 600 are half as much again.
        let told: Vec<u64> = (0..100).filter(|second| decided(&test, 4, *second).is_some()).collect();
        assert_eq!(told.first(), Some(&53), "{told:?}");
        assert_eq!(decided(&test, 4, 53), Some(6));
        assert_eq!(decided(&test, 4, 57), Some(6), "there is time still");
    }

    #[rstest]
    #[case::between_two_steps(3, 43, Some(5))]
    #[case::as_soon_as_it_is_known(1, 13, Some(2))]
    #[case::too_early(1, 12, None)]
    #[case::in_a_step_that_goes_on(1, 9, None)]
    #[case::with_one_step_to_spare(6, 83, Some(9))]
    #[case::with_nothing_above_to_leave_out(7, 97, None)]
    #[case::that_did_not_break(11, 97, None)]
    fn where_it_turns_depends_on_where_the_target_broke(
        #[case] broken: usize,
        #[case] second: u64,
        #[case] expected: Option<u32>,
    ) {
        assert_eq!(decided(&test(&json!({})), broken, second), expected);
    }

    #[test]
    fn how_far_up_it_is_judged_can_be_set() {
        assert_eq!(decided(&test(&json!({"overloadPercent": 200})), 3, 53), Some(6));
        assert_eq!(decided(&test(&json!({"overloadPercent": 100})), 3, 30), None, "it has just ended");
        assert_eq!(decided(&test(&json!({"overloadPercent": 100})), 3, 33), Some(4));
    }

    #[test]
    fn who_decides_late_turns_the_load_in_a_step_that_all_can_still_be_told_of() {
        let test = test(&json!({}));
        assert_eq!(decided_of(&test, |step| if step >= 4 { 10 } else { 0 }, 70, 74), Some(8));
        assert_eq!(
            decided_of(&test, |step| if step >= 4 { 10 } else { 0 }, 70, 99),
            None,
            "it is nearly over"
        );
    }

    #[test]
    fn a_step_that_looked_broken_and_is_not_turns_nothing() {
        let test = test(&json!({}));
        let failed = |step: usize| if step == 2 { 4 } else { 0 };
        assert!((0..100).all(|second| decided_of(&test, failed, second, second).is_none()));
    }

    #[test]
    fn only_a_load_that_goes_on_where_the_target_breaks_turns_back() {
        let mut test = test(&json!({}));
        let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
        let stress = test.load.stress.as_mut().unwrap();
        stress.stop_at = stress.broken_at.take();
        assert_eq!(Turning::of(&test, &timeline), None);
    }
}
