//! The figures over time, thinned to a bounded number of points.

use serde::{Deserialize, Serialize};

/// The figures of some seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Begin, in seconds from T0.
    pub t: u32,
    /// Requests finished.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Median service time in milliseconds.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Users at work.
    pub users: f64,
}
