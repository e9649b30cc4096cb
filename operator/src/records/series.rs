// SPDX-License-Identifier: Apache-2.0
//! The course of a load as the collector holds it, in the form of a record. Pure.

use std::time::Duration;

use upsurge_core::{
    metrics::{Metrics, Selector, names},
    plan::Timeline,
    points::Points,
    protocol::Counts,
};
use upsurge_crds::v1alpha1::LoadUnit;
use upsurge_record::{
    model::{Latency, Point, Series, Users},
    thin::asked,
};

/// The course; `None` if it does not add up to what was measured, as where runners of an earlier release did not tell all of it.
pub(super) fn of(
    points: &Points,
    timeline: &Timeline,
    metrics: &Metrics,
    elapsed: Duration,
) -> Option<Series> {
    let width_ms = u64::from(points.width()) * 1_000;
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let mut list = Vec::new();
    for point in points.list() {
        let from_ms = u64::from(point.t) * 1_000;
        let to_ms = from_ms.saturating_add(width_ms).min(elapsed_ms).max(from_ms + 1);
        let [from, to] = [from_ms, to_ms].map(Duration::from_millis);
        let microseconds = |milliseconds: f64| (milliseconds * 1e3).round() as u64;
        let users = point.users.max(0.0).round() as u64;
        list.push(Point {
            from_ms,
            to_ms,
            asked_rate: asked(timeline, LoadUnit::IterationsPerSecond, from, to),
            asked_users: asked(timeline, LoadUnit::Users, from, to),
            started: point.counts.started,
            iterations: point.counts.iterations,
            dropped: point.counts.dropped,
            requests: point.requests,
            failed: point.failed,
            sent_bytes: point.counts.sent,
            received_bytes: point.counts.received,
            users: Some(Users { last: users, min: users, max: users }),
            latency: point.range.map(|(min, max)| Latency {
                min: microseconds(min),
                p50: microseconds(point.p50),
                p95: microseconds(point.p95),
                p99: microseconds(point.p99),
                max: microseconds(max),
                peak_p99: microseconds(point.p99),
            }),
            errors: Vec::new(),
        });
    }
    let series = Series { step_seconds: points.width(), kinds: Vec::new(), points: list };
    adds_up(&series, metrics).then_some(series)
}

fn adds_up(series: &Series, metrics: &Metrics) -> bool {
    let all = Selector::default();
    let sum = |of: fn(&Point) -> u64| series.points.iter().map(of).fold(0, u64::saturating_add);
    let counts = Counts {
        started: sum(|point| point.started),
        iterations: sum(|point| point.iterations),
        dropped: sum(|point| point.dropped),
        sent: sum(|point| point.sent_bytes),
        received: sum(|point| point.received_bytes),
    };
    counts == Counts::of(metrics)
        && sum(|point| point.requests) == metrics.count(names::HTTP_REQS, &all) as u64
        && sum(|point| point.failed) == metrics.rate(names::HTTP_REQ_FAILED, &all).0
}
