// SPDX-License-Identifier: Apache-2.0
//! A point of what was recorded in an interval.

use std::time::Duration;

use upsurge_core::{
    metrics::{Metrics, Selector, Sink, Trend, names},
    plan::{Stage, Timeline},
};
use upsurge_crds::v1alpha1::LoadUnit;

use super::{
    blocks::{latency, thousandths},
    milliseconds,
};
use crate::model::{Point, Users};

/// The point of an interval, without its errors, and how long its requests took. `users` are those at its begin, and then those at its
/// end.
pub(super) fn of(
    from: Duration,
    to: Duration,
    metrics: &Metrics,
    timeline: &Timeline,
    users: &mut f64,
) -> (Point, Trend) {
    let all = Selector::default();
    let count = |metric| metrics.count(metric, &all) as u64;
    let trend = metrics.trend(names::HTTP_REQ_DURATION, &all);
    let at_work = match metrics.sum(names::VUS, &all) {
        Some(Sink::Gauge { value, min, max }) => {
            *users += value;
            let [last, min, max] = [*users, min, max].map(|level| level.max(0.0).round() as u64);
            Some(Users { last, min: min.min(last), max: max.max(last) })
        }
        _ => None,
    };
    let point = Point {
        from_ms: milliseconds(from),
        to_ms: milliseconds(to),
        asked_rate: asked(timeline, LoadUnit::IterationsPerSecond, from, to),
        asked_users: asked(timeline, LoadUnit::Users, from, to),
        started: count(names::STARTED_ITERATIONS),
        iterations: count(names::ITERATIONS),
        dropped: count(names::DROPPED_ITERATIONS),
        requests: count(names::HTTP_REQS),
        failed: metrics.rate(names::HTTP_REQ_FAILED, &all).0,
        sent_bytes: count(names::DATA_SENT),
        received_bytes: count(names::DATA_RECEIVED),
        users: at_work,
        latency: latency(&trend),
        errors: Vec::new(),
    };
    (point, trend)
}

/// The level that is asked for on average between two instants, in a unit; `None` if no load has that unit.
pub fn asked(timeline: &Timeline, unit: LoadUnit, from: Duration, to: Duration) -> Option<f64> {
    let mut stages = timeline.stages.iter().filter(|stage| stage.unit == unit).peekable();
    stages.peek()?;
    let length = to.saturating_sub(from).as_secs_f64();
    let level = if length > 0.0 {
        stages.map(|stage| area(stage, from, to)).sum::<f64>() / length
    } else {
        stages
            .filter(|stage| stage.start <= from && from < stage.end())
            .map(|stage| stage.level_at(from))
            .sum()
    };
    Some(thousandths(level))
}

/// Level times time of a stage, between two instants.
fn area(stage: &Stage, from: Duration, to: Duration) -> f64 {
    let (begin, end) = (stage.start.max(from), stage.end().min(to));
    let length = end.saturating_sub(begin).as_secs_f64();
    (stage.level_at(begin) + stage.level_at(end)) / 2.0 * length
}
