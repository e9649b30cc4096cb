// SPDX-License-Identifier: Apache-2.0
//! The course of a load over time: a point for each second, or for several where that many would be too many.
//!
//! In memory a list of points; in the document columns of whole numbers, as these take a tenth of the room
//! ([`columns`]). How points are joined is decided elsewhere ([`crate::thin`]).

mod columns;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::columns::ColumnError;
pub(crate) use self::columns::MOST_POINTS;

/// The course of a load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "columns::Columns", into = "columns::Columns")]
pub struct Series {
    /// Seconds of a point, away from what happened: 1, 5, 30 or 60. Within two minutes of the border of a stage and of a scaling event it
    /// is one second in any case.
    pub step_seconds: u32,
    /// What went wrong with failed requests, in order of the alphabet: `status 503`, or a kind of error such as `timeout`.
    pub kinds: Vec<String>,
    /// The points, in order of time. A time of which nothing is known has none.
    pub points: Vec<Point>,
}

/// What happened in a stretch of time. Counts are of what ended in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Its start, in milliseconds from the start of the load.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
    /// Iterations per second that the plan asks for, on average, to a thousandth; `None` if it asks for none at all in that unit.
    pub asked_rate: Option<f64>,
    /// Users that the plan asks for, on average, to a thousandth; `None` if it asks for none at all in that unit.
    pub asked_users: Option<f64>,
    /// Iterations started.
    pub started: u64,
    /// Iterations finished.
    pub iterations: u64,
    /// Planned iterations that could not be started.
    pub dropped: u64,
    /// Requests finished.
    pub requests: u64,
    /// Requests that failed, those without an answer included.
    pub failed: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Users at work; `None` if that is not known.
    pub users: Option<Users>,
    /// Service time of requests; `None` without any.
    pub latency: Option<Latency>,
    /// Failed requests by what went wrong, in the order of [`Series::kinds`]; zeros at the end are left out.
    pub errors: Vec<u64>,
}

/// Users at work in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// At its end.
    pub last: u64,
    /// Fewest.
    pub min: u64,
    /// Most.
    pub max: u64,
}

/// How long requests took that ended in a stretch of time, in microseconds. Percentiles are those of all of its requests together, also
/// where several seconds were joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Shortest.
    pub min: u64,
    /// Median.
    pub p50: u64,
    /// 95th percentile.
    pub p95: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Longest.
    pub max: u64,
    /// Highest 99th percentile of one of its seconds: what the joined one may hide.
    pub peak_p99: u64,
}

impl Series {
    /// Failed requests of a point by what went wrong.
    pub fn errors<'a>(&'a self, point: &'a Point) -> impl Iterator<Item = (&'a str, u64)> {
        let kinds = self.kinds.iter().map(String::as_str);
        kinds.zip(point.errors.iter().copied()).filter(|(_, count)| *count > 0)
    }
}

impl Point {
    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.to_ms.saturating_sub(self.from_ms) as f64 / 1e3
    }

    /// A count of it per second.
    pub fn per_second(&self, count: u64) -> f64 {
        if self.to_ms > self.from_ms { count as f64 / self.seconds() } else { 0.0 }
    }
}
