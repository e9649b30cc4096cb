// SPDX-License-Identifier: Apache-2.0
//! What comes out of a probe.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_crds::v1alpha1::GeneratorResult;

use super::*;
use crate::{
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend, names},
    plan::Plan,
    thresholds::{Recorded, Windows},
};

/// A hundred requests in each part of a probe, of which so many failed.
fn recorded(warm_up: u64, measure: u64) -> Metrics {
    let mut metrics = Metrics::default();
    for (stage, failed) in [(WARM_UP, warm_up), (MEASURE, measure)] {
        let tags = Tags { stage: Some(stage.into()), request: Some("pay".into()), ..Tags::default() };
        let mut add =
            |metric: &str, sink| metrics.add(SeriesKey { metric: metric.into(), tags: tags.clone() }, &sink);
        let mut trend = Trend::default();
        trend.record_many(Duration::from_millis(if stage == MEASURE { 20 } else { 900 }), 100);
        add(names::HTTP_REQ_DURATION, Sink::Trend(trend));
        add(names::HTTP_REQS, Sink::Counter(100.0));
        add(names::HTTP_REQ_FAILED, Sink::Rate { passes: failed, total: 100 });
        add(names::ITERATIONS, Sink::Counter(100.0));
    }
    metrics
}

fn probed(metrics: &Metrics, healthy: bool) -> EpochResult {
    let whole = spec(&json!({}));
    let epoch = Epoch { number: 4, level: Some(12.5), replicas: None, size: None };
    let test = epochs(&whole).test(&whole, &epoch);
    let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
    let windows = Windows::default();
    let recorded = Recorded {
        test: &test,
        timeline: &timeline,
        metrics,
        windows: &windows,
        elapsed: Duration::from_secs(30),
    };
    let generator =
        GeneratorResult { healthy, problems: vec!["too slow".into()], ..GeneratorResult::default() };
    judged(
        &epoch,
        &Seen {
            test: &test,
            timeline: &timeline,
            metrics,
            unlimited: 0,
            start: Timestamp::UNIX_EPOCH,
            generator: &generator,
            thresholds: &recorded.evaluate(true),
            doubts: &[],
            replicas: Some(2),
        },
    )
}

#[test]
fn a_probe_is_judged_by_what_is_measured_and_not_by_its_warm_up() {
    let passed = probed(&recorded(50, 0), true);
    assert_eq!((passed.outcome, passed.limit.clone()), (Some(EpochOutcome::Passed), None));
    let figures =
        (passed.requests_per_second.as_deref(), passed.error_rate.as_deref(), passed.p95.as_deref());
    assert_eq!(figures, (Some("5"), Some("0%"), Some("20ms")), "a hundred in twenty seconds");
    assert_eq!((passed.level.as_str(), passed.number, passed.replicas), ("12.5", 4, Some(2)));
    assert_eq!(line(&passed), "probe 4: 12.5 iterations/s passed (p95 20ms, 0% failed)");

    let failed = probed(&recorded(0, 2), true);
    assert_eq!(failed.outcome, Some(EpochOutcome::Failed));
    assert_eq!(failed.limit.as_deref(), Some("http_req_failed{stage:measure} rate < 1%"));
    assert!(failed.message.unwrap().contains("observed 2%"));
}

#[test]
fn a_probe_says_nothing_where_the_generator_or_the_data_fail() {
    let slow = probed(&recorded(0, 2), false);
    assert_eq!(
        (slow.outcome, slow.limit.as_deref()),
        (Some(EpochOutcome::Inconclusive), Some("the generator could not keep up"))
    );
    let nothing = probed(&Metrics::default(), true);
    assert_eq!(
        (nothing.outcome, nothing.limit.as_deref()),
        (Some(EpochOutcome::Inconclusive), Some("there was nothing to judge"))
    );
}
