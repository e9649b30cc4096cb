// SPDX-License-Identifier: Apache-2.0
//! What must be known by the second, kept apart from what need not: deltas are merged for as long as nobody is there to take
//! them, and thresholds with windows and the figures over time lose nothing by that.
//!
//! A slice holds the little that these are made of. A delta that was merged of several has one for each of them; any
//! other is its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::LoadTestSpec;

use crate::{
    metrics::{Metrics, Selector, Sink, Trend, names},
    protocol::Delta,
    results::Unanswered,
    thresholds::Windowed,
};

/// Most slices of a delta; of more, each two that follow each other become one.
pub const MOST_SLICES: usize = 120;

/// A short time within a delta.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slice {
    /// Its begin, milliseconds from T0.
    pub from_ms: u64,
    /// Its end, milliseconds from T0.
    pub to_ms: u64,
    /// Requests that were finished in it.
    pub requests: f64,
    /// Those that failed.
    pub failed: u64,
    /// How long they took.
    pub durations: Trend,
    /// What else is counted. Runners of releases that did not tell have zeros here.
    #[serde(default, skip_serializing_if = "Counts::is_zero")]
    pub counts: Counts,
    /// What thresholds with windows select of it, by their index.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub windows: BTreeMap<usize, Sink>,
}

/// What is counted beside requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Iterations started.
    pub started: u64,
    /// Iterations finished.
    pub iterations: u64,
    /// Planned iterations that could not be started.
    pub dropped: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

impl Counts {
    /// Those of what was recorded.
    pub fn of(metrics: &Metrics) -> Self {
        let all = Selector::default();
        let count = |metric| metrics.count(metric, &all) as u64;
        Self {
            started: count(names::STARTED_ITERATIONS),
            iterations: count(names::ITERATIONS),
            dropped: count(names::DROPPED_ITERATIONS),
            sent: count(names::DATA_SENT),
            received: count(names::DATA_RECEIVED),
        }
    }

    /// Adds others. Whoever sent them may have made them up.
    pub fn add(&mut self, other: &Self) {
        self.started = self.started.saturating_add(other.started);
        self.iterations = self.iterations.saturating_add(other.iterations);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
    }

    /// Whether nothing was counted.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl Slice {
    /// Adds the one that follows.
    fn merge(&mut self, next: &Self) {
        self.to_ms = self.to_ms.max(next.to_ms);
        self.requests += next.requests;
        self.failed = self.failed.saturating_add(next.failed);
        self.durations.merge(&next.durations);
        self.counts.add(&next.counts);
        for (index, sink) in &next.windows {
            match self.windows.get_mut(index) {
                Some(mine) => mine.merge(sink),
                None => drop(self.windows.insert(*index, sink.clone())),
            }
        }
    }
}

/// How the deltas of a test are sliced and merged.
#[derive(Clone, Debug)]
pub struct Slicing {
    windowed: Windowed,
    unanswered: Unanswered,
}

impl Slicing {
    /// For a test.
    pub fn of(test: &LoadTestSpec) -> Self {
        Self { windowed: Windowed::of(test), unanswered: Unanswered::of(test) }
    }

    /// Adds a delta to the one before it.
    pub fn merge(&self, delta: &mut Delta, next: Delta) {
        let mut slices = self.slices(delta);
        slices.extend(self.slices(&next));
        delta.slices = bounded(slices);
        delta.first = Some(delta.first_number().min(next.first_number()));
        delta.number = delta.number.max(next.number);
        delta.to_ms = delta.to_ms.max(next.to_ms);
        delta.metrics.merge(&next.metrics);
        delta.generator.merge(&next.generator);
        delta.losses.merge(&next.losses);
        delta.done = next.done.or(delta.done.take());
        delta.after = next.after.or(delta.after.take());
        if next.checks.is_some() {
            delta.series = next.series;
        }
        delta.checks = next.checks.or(delta.checks.take());
        delta.turned_ms = next.turned_ms.or(delta.turned_ms);
        if !next.outputs.is_empty() {
            delta.outputs = next.outputs;
        }
    }

    /// The slices of a delta.
    fn slices(&self, delta: &Delta) -> Vec<Slice> {
        if !delta.slices.is_empty() {
            return delta.slices.clone();
        }
        // What only tells how something ended is of no time.
        if delta.from_ms == delta.to_ms && delta.metrics.is_empty() {
            return Vec::new();
        }
        let counted = self.unanswered.counted(&delta.metrics);
        vec![of(delta.from_ms, delta.to_ms, counted.as_ref().unwrap_or(&delta.metrics), &self.windowed)]
    }
}

/// What a time has that was recorded by itself.
pub fn of(from_ms: u64, to_ms: u64, metrics: &Metrics, windowed: &Windowed) -> Slice {
    let all = Selector::default();
    Slice {
        from_ms,
        to_ms,
        requests: metrics.count(names::HTTP_REQS, &all),
        failed: metrics.rate(names::HTTP_REQ_FAILED, &all).0,
        durations: metrics.trend(names::HTTP_REQ_DURATION, &all).compact(),
        counts: Counts::of(metrics),
        windows: windowed.selected(metrics).map(|(index, sink)| (index, sink.compact())).collect(),
    }
}

fn bounded(mut slices: Vec<Slice>) -> Vec<Slice> {
    while slices.len() > MOST_SLICES {
        let pairs = slices.chunks(2).map(|pair| {
            let mut slice = pair[0].clone();
            pair[1..].iter().for_each(|next| slice.merge(next));
            slice
        });
        slices = pairs.collect();
    }
    slices
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{
        metrics::{SeriesKey, Tags},
        outputs::OutputReport,
        thresholds::Windows,
    };

    fn test() -> LoadTestSpec {
        serde_json::from_value(json!({
            "target": {"baseURL": "http://checkout"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"name": "home", "url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1h"}},
            "thresholds": [
                {"metric": "http_req_failed", "condition": "rate < 50%"},
                {"metric": "http_reqs", "condition": "count < 30", "window": "2s"},
                {"metric": "http_req_duration", "condition": "max < 1s", "window": "5s"},
            ],
        }))
        .unwrap()
    }

    /// What was recorded in a second.
    fn delta(second: u64) -> Delta {
        let key = |metric: &str| SeriesKey { metric: metric.into(), tags: Tags::default() };
        let (mut metrics, mut durations) = (Metrics::default(), Trend::default());
        (0..=second % 30)
            .for_each(|request| durations.record(Duration::from_millis(second % 7 * 100 + request)));
        metrics.add(key(names::HTTP_REQS), &Sink::Counter((second % 30 + 1) as f64));
        metrics.add(key(names::HTTP_REQ_FAILED), &Sink::Rate { passes: second % 2, total: second % 30 + 1 });
        metrics.add(key(names::HTTP_REQ_DURATION), &Sink::Trend(durations));
        metrics.add(key(names::STARTED_ITERATIONS), &Sink::Counter(2.0));
        let (from_ms, to_ms) = (second * 1_000, second * 1_000 + 1_000);
        Delta { number: second + 1, from_ms, to_ms, metrics, ..Delta::default() }
    }

    /// The windows of thresholds, once these deltas were added.
    fn windows(deltas: &[Delta]) -> (Windows, Metrics) {
        let windowed = Windowed::of(&test());
        let (mut windows, mut metrics) = (Windows::default(), Metrics::default());
        for delta in deltas {
            metrics.merge(&delta.metrics);
            windowed.add_sums(&mut windows, &windowed.sums(&delta.metrics).unwrap());
            for slice in Slicing::of(&test()).slices(delta) {
                windowed.add_slice(&mut windows, &slice);
                windowed.close(&mut windows, Duration::from_millis(slice.to_ms), &metrics);
            }
        }
        (windows, metrics)
    }

    #[test]
    fn windows_see_of_a_merged_delta_what_they_see_of_each() {
        let (slicing, each) = (Slicing::of(&test()), (0..60).map(delta).collect::<Vec<_>>());
        let mut merged = each[0].clone();
        each[1..].iter().for_each(|next| slicing.merge(&mut merged, next.clone()));
        assert_eq!((merged.first, merged.number, merged.slices.len()), (Some(1), 60, 60));
        let read: Delta = serde_json::from_str(&serde_json::to_string(&merged).unwrap()).unwrap();
        assert_eq!(read, merged);
        let results = |deltas: &[Delta]| {
            let (windows, metrics) = windows(deltas);
            let timeline = crate::plan::Plan::compile(&test().load, &[]).unwrap().timeline;
            crate::thresholds::Recorded {
                test: &test(),
                timeline: &timeline,
                metrics: &metrics,
                windows: &windows,
                elapsed: Duration::from_secs(60),
            }
            .evaluate(true)
        };
        assert_eq!(results(&[read]), results(&each));
        let of_windows = results(&each);
        assert!(!of_windows[1].passed && of_windows[1].observed == "59", "{of_windows:?}");
    }

    #[test]
    fn however_long_nobody_takes_them_there_are_few_slices_and_all_is_counted() {
        let slicing = Slicing::of(&test());
        let mut merged = delta(0);
        (1..3_000).for_each(|second| slicing.merge(&mut merged, delta(second)));
        assert!(merged.slices.len() <= MOST_SLICES && merged.slices.len() > MOST_SLICES / 3);
        let requests: f64 = merged.slices.iter().map(|slice| slice.requests).sum();
        assert_eq!(requests, merged.metrics.count(names::HTTP_REQS, &Selector::default()));
        let mut counts = Counts::default();
        merged.slices.iter().for_each(|slice| counts.add(&slice.counts));
        assert_eq!(counts, Counts::of(&merged.metrics));
        assert_eq!((counts.started, counts.sent), (6_000, 0));
        assert!(merged.slices.is_sorted_by_key(|slice| slice.from_ms));
        assert_eq!(merged.slices.last().unwrap().to_ms, 3_000_000);
    }

    #[test]
    fn the_end_of_a_load_makes_no_slice_of_no_time() {
        let slicing = Slicing::of(&test());
        let mut merged = delta(0);
        let after = Some(crate::protocol::AfterOutcome { result: Ok(()), verified: None });
        slicing
            .merge(&mut merged, Delta { number: 2, from_ms: 1_000, to_ms: 1_000, after, ..Delta::default() });
        assert_eq!((merged.slices.len(), merged.number, merged.to_ms), (1, 2, 1_000));
        assert!(merged.after.is_some());
    }

    #[test]
    fn of_the_outputs_the_last_word_holds() {
        let slicing = Slicing::of(&test());
        let told = |delivered| vec![OutputReport { delivered, ..OutputReport::default() }];
        let mut merged = Delta { outputs: told(1), ..delta(0) };
        slicing.merge(&mut merged, Delta { outputs: told(5), ..delta(1) });
        slicing.merge(&mut merged, delta(2));
        assert_eq!(merged.outputs, told(5));
    }
}
