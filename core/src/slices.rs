// SPDX-License-Identifier: Apache-2.0
//! What must be known by the second, kept apart from what need not: deltas are merged for as long as nobody is there to take
//! them, and thresholds with windows and the figures over time lose nothing by that.
//!
//! A slice holds the little that these are made of. A delta that was merged of several has one for each of them; any
//! other is its own.

use upsurge_crds::v1alpha1::LoadTestSpec;

use crate::{
    protocol::{Delta, MOST_SLICES, Slice},
    results::Unanswered,
    thresholds::Windowed,
};

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
        vec![self.windowed.slice(delta.from_ms, delta.to_ms, counted.as_ref().unwrap_or(&delta.metrics))]
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
        metrics::{Metrics, Selector, SeriesKey, Sink, Tags, Trend, names},
        outputs::OutputReport,
        protocol::Counts,
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
