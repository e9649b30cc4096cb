// SPDX-License-Identifier: Apache-2.0
//! Second by second of the load, whether the thresholds were met that a second can tell of.
//!
//! These are the thresholds on how long requests take and how many fail that select nothing, or a stage only, whatever
//! their windows. A second that all runners have passed is judged, and only what came of it stays. What comes in after that
//! says nothing any more. Of too many changes the shortest are joined, and are then not known.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{LoadTestSpec, Threshold, ThresholdSelector};

use super::{
    condition::Aggregation,
    rule::{Rule, value},
};
use crate::{
    metrics::{Catalog, Sink, Trend, names},
    plan::{RECOVERY, Timeline},
    protocol::Slice,
};

/// Most seconds that wait for slower runners: after a restart of the operator they send up to two minutes at once.
const MOST_OPEN: usize = 130;
/// Most stretches that are kept.
const MOST_STRETCHES: usize = 1_000;
/// Most seconds of a slice.
const MOST_OF_SLICE: u64 = 600;

/// What a second takes that is being filled, beside its distribution.
const OPENING: usize = size_of::<u32>() + size_of::<Open>();

/// What is known of the seconds of a load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Seconds {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    open: BTreeMap<u32, Open>,
    /// First second that was not judged yet.
    next: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stretches: Vec<Stretch>,
}

/// A second that is still being filled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Open {
    requests: u64,
    failed: u64,
    durations: Trend,
}

/// Seconds that follow each other, of which the same is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The first one, from T0.
    pub from: u32,
    /// The one after the last.
    pub to: u32,
    /// Whether all thresholds were met; absent if nothing was measured that they speak of.
    pub met: Option<bool>,
}

impl Seconds {
    /// What is known, in order of time.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        let open = self.open.values().map(|open| OPENING + open.durations.bytes()).sum::<usize>();
        open + self.stretches.len() * size_of::<Stretch>()
    }

    /// By how much of that they grow at most with a slice.
    pub(super) fn growth(&self, slice: &Slice) -> usize {
        let grown = seconds_of(slice).filter(|second| *second >= self.next).map(|second| {
            match self.open.get(&second) {
                Some(open) => open.durations.growth(&slice.durations),
                None => OPENING + Trend::default().growth(&slice.durations),
            }
        });
        // No more of them are open at the same time.
        grown.take(MOST_OPEN + 1).sum()
    }

    fn note(&mut self, second: u32, met: Option<bool>) {
        self.next = second.saturating_add(1);
        match self.stretches.last_mut() {
            Some(last) if last.to == second && last.met == met => last.to = self.next,
            _ => self.stretches.push(Stretch { from: second, to: self.next, met }),
        }
        while self.stretches.len() > MOST_STRETCHES {
            self.join();
        }
    }

    /// Makes one of the two that follow each other and are shortest together.
    fn join(&mut self) {
        let pairs = self.stretches.windows(2).enumerate();
        let shortest = pairs.min_by_key(|(_, pair)| pair[1].to.saturating_sub(pair[0].from));
        let Some((index, pair)) = shortest else { return };
        let met = pair[0].met.filter(|_| pair[0].met == pair[1].met);
        let joined = Stretch { from: pair[0].from, to: pair[1].to, met };
        self.stretches.splice(index..index + 2, [joined]);
    }
}

/// The thresholds of a test that a second can tell of.
#[derive(Clone, Debug, Default)]
pub(super) struct PerSecond {
    rules: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    rule: Rule,
    /// When its stage begins and ends, if it selects one.
    stage: Option<(Duration, Duration)>,
}

/// The seconds that a slice is of. What is told a little early or late belongs to the second that most of it is of.
pub(super) fn seconds_of(slice: &Slice) -> impl Iterator<Item = u32> + use<> {
    let first = slice.from_ms / 1_000;
    let last = (slice.to_ms.saturating_sub(1) / 1_000).clamp(first, first.saturating_add(MOST_OF_SLICE));
    let middle = (slice.from_ms / 2 + slice.to_ms / 2) / 1_000;
    let range =
        if slice.to_ms.saturating_sub(slice.from_ms) <= 1_500 { middle..=middle } else { first..=last };
    range.filter_map(|second| u32::try_from(second).ok())
}

/// Whether a threshold is one of these.
pub fn is_told_by_seconds(threshold: &Threshold, catalog: Catalog<'_>) -> bool {
    Rule::compile(threshold, catalog).is_ok_and(|rule| tells(&rule))
}

pub(super) fn tells(rule: &Rule) -> bool {
    let only_a_stage =
        ThresholdSelector { stage: None, ..rule.target.selector.clone() } == ThresholdSelector::default();
    let aggregation = rule.condition.aggregation;
    let known = match rule.target.metric.as_str() {
        names::HTTP_REQ_DURATION => aggregation != Aggregation::Count,
        names::HTTP_REQ_FAILED => aggregation == Aggregation::Rate,
        _ => false,
    };
    known && only_a_stage && !rule.has_reference()
}

/// What counts as broken must be over for a target to have recovered, whatever other thresholds there are.
fn recovery(test: &LoadTestSpec, timeline: &Timeline) -> Option<Entry> {
    let stress = test.load.stress.as_ref().filter(|stress| stress.recover_within.is_some())?;
    let threshold = Threshold {
        metric: names::HTTP_REQ_FAILED.to_owned(),
        condition: format!("rate < {}", stress.broken_at.as_ref()?.error_rate),
        ..Threshold::default()
    };
    let rule = Rule::compile(&threshold, Catalog::new(&test.metrics)).ok()?;
    let stage = timeline.stage(RECOVERY)?;
    Some(Entry { rule, stage: Some((stage.start, stage.end())) })
}

impl PerSecond {
    /// Those of a test; `timeline` knows its stages.
    pub(super) fn new(test: &LoadTestSpec, timeline: &Timeline) -> Self {
        let catalog = Catalog::new(&test.metrics);
        let rules = test.thresholds.iter().filter_map(|threshold| {
            let rule = Rule::compile(threshold, catalog).ok().filter(tells)?;
            let stage = match &rule.target.selector.stage {
                None => None,
                Some(name) => timeline.stage(name).map(|stage| Some((stage.start, stage.end())))?,
            };
            Some(Entry { rule, stage })
        });
        let mut rules: Vec<Entry> = rules.collect();
        rules.extend(recovery(test, timeline));
        Self { rules }
    }

    /// Whether the test has none.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a test has any.
    pub(super) fn is_any(test: &LoadTestSpec) -> bool {
        let catalog = Catalog::new(&test.metrics);
        let recovers = test.load.stress.as_ref().is_some_and(|stress| stress.recover_within.is_some());
        recovers || test.thresholds.iter().any(|threshold| is_told_by_seconds(threshold, catalog))
    }

    /// Adds what was recorded in a slice. One that is longer than a second says the same of each of its seconds.
    pub(super) fn add(&self, seconds: &mut Seconds, slice: &Slice) {
        if self.is_empty() {
            return;
        }
        for second in seconds_of(slice) {
            if second < seconds.next {
                continue;
            }
            let open = seconds.open.entry(second).or_default();
            open.requests = open.requests.saturating_add(slice.requests as u64);
            open.failed = open.failed.saturating_add(slice.failed);
            open.durations.merge(&slice.durations);
            // At once, or a slice of many seconds would fill the memory with them. What other runners did in it is not known.
            if seconds.open.len() > MOST_OPEN
                && let Some((oldest, _)) = seconds.open.pop_first()
            {
                seconds.note(oldest, None);
            }
        }
    }

    /// Forgets what the seconds that are not over were made of: nothing is known of them. False if there were none.
    pub(super) fn give_up(&self, seconds: &mut Seconds) -> bool {
        let open = std::mem::take(&mut seconds.open);
        open.keys().for_each(|second| seconds.note(*second, None));
        !open.is_empty()
    }

    /// Judges the seconds that end by `until`, which all runners have passed.
    pub(super) fn close(&self, seconds: &mut Seconds, until: Duration) {
        while let Some((second, open)) = seconds.open.first_key_value() {
            let (second, end) = (*second, Duration::from_secs(u64::from(*second) + 1));
            if end > until {
                break;
            }
            let met = self.met(second, open);
            seconds.open.pop_first();
            seconds.note(second, met);
        }
    }

    fn met(&self, second: u32, open: &Open) -> Option<bool> {
        let middle = Duration::from_secs(u64::from(second)) + Duration::from_millis(500);
        let in_force = self
            .rules
            .iter()
            .filter(|entry| entry.stage.is_none_or(|(begin, end)| middle >= begin && middle < end));
        let held = in_force.filter_map(|Entry { rule, .. }| {
            let sink = match rule.target.metric.as_str() {
                names::HTTP_REQ_DURATION => Sink::Trend(open.durations.clone()),
                _ => Sink::Rate { passes: open.failed, total: open.requests },
            };
            let value = value(rule.condition.aggregation, &sink, Duration::from_secs(1))?;
            Some(rule.condition.holds(value))
        });
        held.reduce(|all, one| all && one)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Plan;

    fn test(thresholds: serde_json::Value) -> LoadTestSpec {
        serde_json::from_value(json!({
            "target": {"baseURL": "http://shop"},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": {"stages": [{"name": "up", "duration": "5s", "target": 5}, {"name": "hold", "duration": "5s", "target": 5}]},
            "thresholds": thresholds
        }))
        .unwrap()
    }

    fn per_second(thresholds: serde_json::Value) -> PerSecond {
        let test = test(thresholds);
        let timeline = Plan::compile(&test.load, &["a"]).unwrap().timeline;
        PerSecond::new(&test, &timeline)
    }

    /// A slice of ten requests that took so long, of which so many failed.
    fn slice(from_ms: u64, to_ms: u64, milliseconds: u64, failed: u64) -> Slice {
        let mut durations = Trend::default();
        durations.record_many(Duration::from_millis(milliseconds), 10);
        Slice { from_ms, to_ms, requests: 10.0, failed, durations, ..Slice::default() }
    }

    fn told(seconds: &Seconds) -> Vec<(u32, u32, Option<bool>)> {
        seconds.stretches().iter().map(|stretch| (stretch.from, stretch.to, stretch.met)).collect()
    }

    #[test]
    fn each_second_is_judged_once_all_runners_have_passed_it() {
        let rules = per_second(json!([
            {"metric": "http_req_duration", "condition": "p(95) < 200ms"},
            {"metric": "http_req_failed", "condition": "rate < 5%", "selector": {"stage": "hold"}}
        ]));
        let mut seconds = Seconds::default();
        // The second runner is slower, and fails.
        for (second, slow, failed) in [(0, 10, 9), (1, 300, 0), (4, 10, 0), (5, 10, 1), (6, 10, 0)] {
            rules.add(&mut seconds, &slice(second * 1_000, second * 1_000 + 1_000, 10, 0));
            rules.add(&mut seconds, &slice(second * 1_000 + 40, second * 1_000 + 1_040, slow, failed));
        }
        rules.close(&mut seconds, Duration::from_millis(5_900));
        assert_eq!(told(&seconds), [(0, 1, Some(true)), (1, 2, Some(false)), (4, 5, Some(true))]);
        seconds = serde_json::from_str(&serde_json::to_string(&seconds).unwrap()).unwrap();
        rules.add(&mut seconds, &slice(1_000, 2_000, 10, 0));
        rules.close(&mut seconds, Duration::from_secs(60));
        // One of 20 is not below 5 %, and only now the stage is one in which that counts.
        let rest = [(4, 5, Some(true)), (5, 6, Some(false)), (6, 7, Some(true))];
        assert_eq!(told(&seconds)[2..], rest);
    }

    #[test]
    fn what_selects_requests_or_counts_says_nothing_of_a_second() {
        for other in [
            json!({"metric": "http_req_duration", "condition": "p(95) < 1ms", "selector": {"request": "a"}}),
            json!({"metric": "http_reqs", "condition": "count > 1000"}),
            json!({"metric": "checks", "condition": "rate > 0.99"}),
        ] {
            let rules = per_second(json!([other]));
            let mut seconds = Seconds::default();
            rules.add(&mut seconds, &slice(0, 1_000, 10, 0));
            rules.close(&mut seconds, Duration::from_secs(60));
            assert_eq!((told(&seconds), PerSecond::is_any(&test(json!([other])))), (vec![], false));
        }
    }

    #[test]
    fn a_slice_of_several_seconds_speaks_for_each_of_them() {
        let rules = per_second(json!([{"metric": "http_req_duration", "condition": "max < 200ms"}]));
        let mut seconds = Seconds::default();
        rules.add(&mut seconds, &slice(0, 4_000, 300, 0));
        rules.close(&mut seconds, Duration::from_secs(4));
        assert_eq!(told(&seconds), [(0, 4, Some(false))]);
    }

    #[test]
    fn seconds_that_wait_are_counted_and_no_slice_opens_more_than_there_is_room_for() {
        let rules = per_second(json!([{"metric": "http_req_duration", "condition": "max < 200ms"}]));
        let mut seconds = Seconds::default();
        for slice in [slice(0, 1_000, 10, 0), slice(0, 2_600, 90, 0), slice(3_000, 600_000, 10, 0)] {
            let (before, most) = (seconds.bytes(), seconds.growth(&slice));
            rules.add(&mut seconds, &slice);
            assert!(seconds.bytes() > before && seconds.bytes() <= before + most + size_of::<Stretch>());
        }
        assert_eq!(seconds.open.len(), MOST_OPEN);
        // Whether others were slower in those that went is not known.
        assert_eq!(told(&seconds), [(0, 600 - MOST_OPEN as u32, None)]);
        assert!(rules.give_up(&mut seconds) && !rules.give_up(&mut seconds));
        assert_eq!((told(&seconds), seconds.bytes()), (vec![(0, 600, None)], size_of::<Stretch>()));
    }

    #[test]
    fn of_too_many_changes_the_shortest_are_not_known_any_more() {
        let mut seconds = Seconds::default();
        (0..5_000).for_each(|second| seconds.note(second, Some(second < 100 || second % 2 == 0)));
        assert_eq!(seconds.stretches.len(), MOST_STRETCHES);
        assert_eq!(seconds.stretches.first().map(|first| (first.to, first.met)), Some((101, Some(true))));
        assert!(seconds.stretches.is_sorted_by(|one, next| one.to == next.from));
    }
}
