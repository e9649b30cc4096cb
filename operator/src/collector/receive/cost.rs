// SPDX-License-Identifier: Apache-2.0
//! What it costs to take what many runners report. Prints, and is left out of the usual tests: run it optimised.
//!
//! `cargo test --release -p upsurge-operator --lib -- --ignored --nocapture cost_of`

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;
use upsurge_core::{
    intake::Batch,
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend, names},
    protocol::{Delta, DeltaBatch, Form, PROTOCOL_VERSION},
};

use super::{now, tests::cell};
use crate::collector::session::tests::{plan, pod};

const RUNNERS: u32 = 500;
const REQUESTS: usize = 20;
/// Requests of a runner in an interval, each of a kind.
const RECORDS: u64 = 100;

/// What a runner records in an interval: 200 series.
fn recorded(stage: &str, seed: &mut u64) -> Metrics {
    let mut metrics = Metrics::default();
    for request in 0..REQUESTS {
        let tags = Tags {
            stage: Some(stage.into()),
            scenario: Some("browse".into()),
            request: Some(format!("request {request}")),
            status: Some(200),
            method: Some("GET".into()),
            expected_response: Some(true),
            ..Tags::default()
        };
        let key = |metric: &str| SeriesKey { metric: metric.into(), tags: tags.clone() };
        for metric in names::PHASES.into_iter().chain([names::HTTP_REQ_DURATION]) {
            let mut trend = Trend::default();
            for _ in 0..RECORDS {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let share = (*seed >> 40) as f64 / f64::from(1_u32 << 24);
                trend.record(Duration::from_secs_f64(0.004 * (1.5 * share).exp()));
            }
            metrics.add(key(metric), &Sink::Trend(trend));
        }
        metrics.add(key(names::HTTP_REQS), &Sink::Counter(RECORDS as f64));
        metrics.add(key(names::HTTP_REQ_FAILED), &Sink::Rate { passes: 0, total: RECORDS });
    }
    metrics
}

#[rstest]
#[ignore = "prints what it costs, and says something only of an optimised build"]
fn cost_of_deltas_of_500_runners_with_200_series_each(#[values(Form::Json, Form::Binary)] form: Form) {
    let mut plan = plan(RUNNERS, false);
    let steps: Vec<_> = (0..REQUESTS)
        .map(|request| json!({"request": {"name": format!("request {request}"), "url": "/"}}))
        .collect();
    plan.test.scenarios = serde_json::from_value(json!([{"name": "browse", "steps": steps}])).unwrap();
    let cell = cell(plan);
    let stage = cell.config.valid.timeline.stages[0].name.clone();
    let (mut seed, mut bytes, start) = (7, 0, now());
    // What runners do is not counted.
    let messages: Vec<Vec<u8>> = (0..RUNNERS)
        .map(|runner| {
            let delta =
                Delta { number: 1, to_ms: 1_000, metrics: recorded(&stage, &mut seed), ..Delta::default() };
            let batch = DeltaBatch {
                version: PROTOCOL_VERSION,
                runner,
                pod: pod(runner).name,
                epoch: 1,
                start,
                started_at: start,
                session: None,
                deltas: vec![delta],
            };
            batch.write(form).unwrap()
        })
        .collect();
    let begun = Instant::now();
    for (runner, message) in messages.iter().enumerate() {
        bytes += message.len();
        let batch = Batch::read(form, message).unwrap();
        futures::executor::block_on(super::receive(&cell, &pod(runner as u32), &batch)).unwrap();
    }
    let took = begun.elapsed();
    let interval = cell.pace.interval();
    println!(
        "{form:?}: {RUNNERS} runners with {} series each: interval {} s, {:.2} ms and {} KiB per message, {:.2} of a core, \
         figures of {} KiB",
        REQUESTS * (names::PHASES.len() + 3),
        interval.as_secs(),
        took.as_secs_f64() * 1e3 / f64::from(RUNNERS),
        bytes / RUNNERS as usize / 1024,
        took.as_secs_f64() / interval.as_secs_f64(),
        cell.lock_blocking().state().totals.metrics.bytes() / 1024,
    );
    assert_eq!(
        (interval, futures::executor::block_on(cell.snapshot()).foreign),
        (Duration::from_secs(10), None)
    );
}
