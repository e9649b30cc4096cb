// SPDX-License-Identifier: Apache-2.0
//! Series that merge: whatever way samples are split over recorders and merged again, the figures are those
//! of one recorder that saw everything.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use proptest::prelude::*;
use upsurge_core::metrics::{Metrics, Selector, SeriesKey, Sink, Tags, Trend};

const PERCENTS: [f64; 7] = [0.0, 50.0, 90.0, 95.0, 99.0, 99.9, 100.0];

fn recorded(microseconds: &[u64]) -> Trend {
    let mut trend = Trend::default();
    microseconds.iter().for_each(|time| trend.record(Duration::from_micros(*time)));
    trend
}

/// Times from 1 µs to an hour, as many short as long ones.
fn times(most: usize) -> impl Strategy<Value = Vec<u64>> {
    let time = (0.0_f64..21.9).prop_map(|power| power.exp2() as u64);
    prop::collection::vec(prop_oneof![time, 1_u64..3_600_000_000], 0..most)
}

fn sinks() -> impl Strategy<Value = (SeriesKey, Sink)> {
    let name = prop::sample::select(vec!["a", "b"]);
    (0..6_usize, name.clone(), prop::option::of(name), times(20)).prop_map(|(kind, request, stage, times)| {
        let total = times.len() as u64;
        let (metric, sink) = match kind {
            0 => ("http_req_duration", Sink::Trend(recorded(&times))),
            1 => ("http_reqs", Sink::Counter(total as f64)),
            2 => ("http_req_failed", Sink::Rate { passes: total / 3, total }),
            3 => ("stock", Sink::Latest { at: total, value: total as f64, min: -1.5, max: total as f64 }),
            4 => {
                let mut values = Trend::default();
                times.iter().for_each(|time| values.record_value(*time as f64 - 1e3));
                ("order_value", Sink::Trend(values))
            }
            _ => ("vus", Sink::Gauge { value: total as f64, min: 0.0, max: total as f64 }),
        };
        let tags = Tags {
            request: Some(request.into()),
            stage: stage.map(Into::into),
            status: (!total.is_multiple_of(3)).then_some(200 + total as u16),
            expected_response: total.is_multiple_of(2).then_some(total > 5),
            error_code: (total % 4 == 1).then_some(1000 + total as u16),
            custom: [("team".to_owned(), request.to_owned())]
                .into_iter()
                .take((total % 2) as usize)
                .collect(),
            ..Tags::default()
        };
        (SeriesKey { metric: metric.into(), tags }, sink)
    })
}

fn metrics() -> impl Strategy<Value = Metrics> {
    prop::collection::vec(sinks(), 0..12).prop_map(|sinks| {
        let mut metrics = Metrics::default();
        sinks.iter().for_each(|(key, sink)| metrics.add(key.clone(), sink));
        metrics
    })
}

fn merged(parts: &[&Metrics]) -> Metrics {
    let mut whole = Metrics::default();
    parts.iter().for_each(|part| whole.merge(part));
    whole
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merged_parts_equal_the_whole_bucket_for_bucket(times in times(400), parts in 1_usize..7) {
        let whole = recorded(&times);
        let mut sum = Trend::default();
        for part in 0..parts {
            let share: Vec<u64> = times.iter().copied().skip(part).step_by(parts).collect();
            sum.merge(&recorded(&share));
        }
        prop_assert!(sum.buckets().eq(whole.buckets()));
        prop_assert_eq!(&sum, &whole);
        for percent in PERCENTS {
            prop_assert_eq!(sum.percentile(percent), whole.percentile(percent));
        }
        prop_assert_eq!((sum.count(), sum.min(), sum.max()), (whole.count(), whole.min(), whole.max()));
        prop_assert!((sum.sum() - whole.sum()).abs() <= whole.sum() * 1e-12);
    }

    #[test]
    fn what_runners_sent_has_the_percentiles_of_one_that_saw_everything(times in times(400), runners in 1_usize..9) {
        let key = SeriesKey { metric: "http_req_duration".into(), tags: Tags::default() };
        let mut whole = Metrics::default();
        whole.add(key.clone(), &Sink::Trend(recorded(&times)));
        let mut collected = Metrics::default();
        for runner in 0..runners {
            let share: Vec<u64> = times.iter().copied().skip(runner).step_by(runners).collect();
            let mut sent = Metrics::default();
            sent.add(key.clone(), &Sink::Trend(recorded(&share)));
            collected.merge(&serde_json::from_str(&serde_json::to_string(&sent).unwrap()).unwrap());
            // A checkpoint, from which another operator goes on.
            collected = serde_json::from_str(&serde_json::to_string(&collected).unwrap()).unwrap();
        }
        prop_assert_eq!(&collected, &whole);
        let [mine, theirs] = [&collected, &whole].map(|metrics| metrics.trend("http_req_duration", &Selector::default()));
        for percent in PERCENTS {
            prop_assert_eq!(mine.percentile(percent), theirs.percentile(percent));
        }
    }

    #[test]
    fn percentiles_are_true_to_a_thousandth(mut times in times(300), percent in 0.0_f64..100.0) {
        prop_assume!(!times.is_empty());
        let trend = recorded(&times);
        times.sort_unstable();
        for percent in PERCENTS.into_iter().chain([percent]) {
            // The smallest value that so many percent of the values do not exceed.
            let rank = ((percent / 100.0 * times.len() as f64).ceil() as usize).clamp(1, times.len());
            let exact = times[rank - 1] as f64 / 1e3;
            let observed = trend.percentile(percent);
            let error = (observed - exact).abs() / exact;
            prop_assert!(error <= 0.001, "p({percent}) is {observed}, exactly {exact}");
        }
    }

    #[test]
    fn the_order_of_merging_does_not_matter(a in metrics(), b in metrics(), c in metrics()) {
        let (ab, bc) = (merged(&[&a, &b]), merged(&[&b, &c]));
        prop_assert_eq!(merged(&[&ab, &c]), merged(&[&a, &bc]));
        prop_assert_eq!(&ab, &merged(&[&b, &a]));
        prop_assert_eq!(&merged(&[&a, &Metrics::default()]), &a);
    }

    #[test]
    fn what_is_written_is_read_again(metrics in metrics()) {
        let text = serde_json::to_string(&metrics).unwrap();
        let read: Metrics = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &metrics);
        // What was read goes on merging like what was written.
        prop_assert_eq!(merged(&[&read, &metrics]), merged(&[&metrics, &metrics]));
    }

    #[test]
    fn a_selection_adds_up_to_its_parts(metrics in metrics()) {
        let everything = Selector::default();
        let of = |request: &str| Selector { request: Some(request.into()), ..Selector::default() };
        let (a, b) = (of("a"), of("b"));
        let count = |selector| metrics.count("http_reqs", selector);
        prop_assert_eq!(count(&everything), count(&a) + count(&b));
        let trends = metrics.trend("http_req_duration", &everything);
        let mut sum = metrics.trend("http_req_duration", &a);
        sum.merge(&metrics.trend("http_req_duration", &b));
        prop_assert_eq!(sum, trends);
        prop_assert_eq!(metrics.count("http_reqs", &of("c")), 0.0);
    }
}

#[test]
fn an_empty_trend_is_all_zeros() {
    let trend = Trend::default();
    assert_eq!((trend.min(), trend.max(), trend.mean(), trend.percentile(95.0)), (0.0, 0.0, 0.0, 0.0));
    assert!(trend.is_empty());
}

#[test]
fn times_beyond_an_hour_are_kept_in_the_maximum() {
    let mut trend = Trend::default();
    trend.record(Duration::from_secs(7_200));
    trend.record(Duration::ZERO);
    assert_eq!((trend.max(), trend.min(), trend.count()), (7_200_000.0, 0.0, 2));
    assert!((trend.percentile(100.0) - 3_600_000.0).abs() < 3_600.0);
}
