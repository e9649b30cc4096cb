// SPDX-License-Identifier: Apache-2.0
//! Points of one length, joined as they come.

use upsurge_core::metrics::Trend;

use crate::model::{Latency, Point, Users};

/// Points of a length of so many seconds.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    step_ms: u64,
    closed: Vec<Point>,
    open: Option<Open>,
}

/// A block that may still get more.
#[derive(Clone, Debug)]
struct Open {
    place: u64,
    point: Point,
    trend: Trend,
}

impl Blocks {
    pub(super) fn of(seconds: u32) -> Self {
        Self { step_ms: u64::from(seconds) * 1_000, closed: Vec::new(), open: None }
    }

    /// The blocks that are over.
    pub(super) fn closed(&self) -> &[Point] {
        &self.closed
    }

    /// Adds a second. Which block it belongs to is decided by its middle.
    pub(super) fn add(&mut self, second: &Point, trend: &Trend) {
        let place = (second.from_ms / 2 + second.to_ms / 2) / self.step_ms;
        if let Some(open) = &mut self.open
            // What is of no time is of the second before it.
            && (open.place == place || second.from_ms >= second.to_ms)
        {
            join(&mut open.point, second);
            open.trend.merge(trend);
            return;
        }
        self.close();
        self.open = Some(Open { place, point: second.clone(), trend: trend.clone() });
    }

    fn close(&mut self) {
        if let Some(Open { mut point, trend, .. }) = self.open.take() {
            let peak_p99 = point.latency.map(|latency| latency.peak_p99);
            point.latency = latency(&trend)
                .map(|latency| Latency { peak_p99: peak_p99.unwrap_or(latency.p99), ..latency });
            self.closed.push(point);
        }
    }

    /// All of them, in order of time.
    pub(super) fn finish(mut self) -> Vec<Point> {
        self.close();
        self.closed
    }
}

/// Adds the second that follows, but for its percentiles: only of those of seconds the worst is kept.
pub(crate) fn join(mine: &mut Point, next: &Point) {
    let (before, after) = (mine.seconds(), next.seconds());
    mine.asked_rate = mean(mine.asked_rate, before, next.asked_rate, after);
    mine.asked_users = mean(mine.asked_users, before, next.asked_users, after);
    mine.to_ms = mine.to_ms.max(next.to_ms);
    let counts = [
        (&mut mine.started, next.started),
        (&mut mine.iterations, next.iterations),
        (&mut mine.dropped, next.dropped),
        (&mut mine.requests, next.requests),
        (&mut mine.failed, next.failed),
        (&mut mine.sent_bytes, next.sent_bytes),
        (&mut mine.received_bytes, next.received_bytes),
    ];
    for (sum, count) in counts {
        *sum = sum.saturating_add(count);
    }
    mine.users = match (mine.users, next.users) {
        (Some(one), Some(other)) => {
            Some(Users { last: other.last, min: one.min.min(other.min), max: one.max.max(other.max) })
        }
        (one, other) => other.or(one),
    };
    mine.latency = match (mine.latency, next.latency) {
        (Some(one), Some(other)) => Some(Latency { peak_p99: one.peak_p99.max(other.peak_p99), ..one }),
        (one, other) => one.or(other),
    };
    if mine.errors.len() < next.errors.len() {
        mine.errors.resize(next.errors.len(), 0);
    }
    for (sum, count) in mine.errors.iter_mut().zip(&next.errors) {
        *sum = sum.saturating_add(*count);
    }
}

/// The mean of what was asked in two stretches of time, to a thousandth.
fn mean(one: Option<f64>, before: f64, other: Option<f64>, after: f64) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) if before + after > 0.0 => {
            Some(thousandths((one * before + other * after) / (before + after)))
        }
        (one, other) => one.or(other),
    }
}

pub(super) fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// How long requests took, in microseconds; `None` without any.
pub(super) fn latency(trend: &Trend) -> Option<Latency> {
    let microseconds = |milliseconds: f64| (milliseconds * 1e3).round() as u64;
    let percentile = |percent| microseconds(trend.percentile(percent));
    (!trend.is_empty()).then(|| Latency {
        min: microseconds(trend.min()),
        p50: percentile(50.0),
        p95: percentile(95.0),
        p99: percentile(99.0),
        max: microseconds(trend.max()),
        peak_p99: percentile(99.0),
    })
}
