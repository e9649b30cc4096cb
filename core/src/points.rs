// SPDX-License-Identifier: Apache-2.0
//! The figures of a load over time, thinned to a bounded number of points.
//!
//! Seconds stay open for a while, because the deltas of several runners make up one; then they become points. When
//! there are too many points, each two become one that is twice as wide.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    metrics::Trend,
    protocol::{Counts, Slice},
};

/// Most points that are kept.
pub const MOST_POINTS: usize = 600;
/// Seconds that wait for the deltas of slower runners, which may take turns within ten seconds.
const MOST_OPEN: usize = 25;

/// The figures of a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Begin, in seconds from T0.
    pub t: u32,
    /// Requests finished.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Median service time in milliseconds. Of points that were made one, the larger figure stays, so
    /// that peaks remain visible; the same goes for the percentiles and users.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Mean of the 95th percentiles, weighted with requests: of points that were made one it does not grow, as `p95` does. 0 if
    /// there is none, as of points that were written down before it was kept.
    #[serde(default)]
    pub mean_p95: f64,
    /// Users at work.
    pub users: f64,
    /// Shortest and longest service time in milliseconds. Points that were written down before they were kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(f64, f64)>,
    /// What else is counted.
    #[serde(default, skip_serializing_if = "Counts::is_zero")]
    pub counts: Counts,
}

impl Point {
    fn merge(&mut self, other: &Self) {
        let weight = |point: &Self| if point.mean_p95 > 0.0 { point.requests as f64 } else { 0.0 };
        let (mine, theirs) = (weight(self), weight(other));
        if mine + theirs > 0.0 {
            self.mean_p95 += (other.mean_p95 - self.mean_p95) * theirs / (mine + theirs);
        }
        // Who sent them may have made them up.
        self.requests = self.requests.saturating_add(other.requests);
        self.failed = self.failed.saturating_add(other.failed);
        self.p50 = self.p50.max(other.p50);
        self.p95 = self.p95.max(other.p95);
        self.p99 = self.p99.max(other.p99);
        self.users = self.users.max(other.users);
        self.range = match (self.range, other.range) {
            (Some((min, max)), Some((lower, upper))) => Some((min.min(lower), max.max(upper))),
            (mine, theirs) => mine.or(theirs),
        };
        self.counts.add(&other.counts);
    }
}

/// A second that is still being filled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Open {
    requests: u64,
    failed: u64,
    users: f64,
    durations: Trend,
    #[serde(default, skip_serializing_if = "Counts::is_zero")]
    counts: Counts,
}

impl Open {
    fn merge(&mut self, other: &Self) {
        // Who sent them may have made them up.
        self.requests = self.requests.saturating_add(other.requests);
        self.failed = self.failed.saturating_add(other.failed);
        self.users = self.users.max(other.users);
        self.durations.merge(&other.durations);
        self.counts.add(&other.counts);
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.durations.bytes()
    }

    fn close(&self, t: u32) -> Point {
        Point {
            t,
            requests: self.requests,
            failed: self.failed,
            p50: self.durations.percentile(50.0),
            p95: self.durations.percentile(95.0),
            mean_p95: self.durations.percentile(95.0),
            p99: self.durations.percentile(99.0),
            users: self.users,
            range: (!self.durations.is_empty()).then(|| (self.durations.min(), self.durations.max())),
            counts: self.counts,
        }
    }
}

/// All points of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// Seconds that a point covers.
    width: u32,
    closed: BTreeMap<u32, Point>,
    /// By their seconds, however wide a point is: the percentile of all durations of a stretch is not the mean of its seconds'.
    open: BTreeMap<u32, Open>,
}

impl Default for Points {
    fn default() -> Self {
        Self { width: 1, closed: BTreeMap::new(), open: BTreeMap::new() }
    }
}

impl Points {
    /// Adds a slice of a delta, at which `users` were at work over all runners.
    pub fn add(&mut self, slice: &Slice, users: f64) {
        let t = Self::at(slice);
        let new = Open {
            requests: slice.requests as u64,
            failed: slice.failed,
            users,
            durations: slice.durations.clone(),
            counts: slice.counts,
        };
        self.open.entry(t).or_default().merge(&new);
        while self.open.len() > MOST_OPEN
            && let Some((t, open)) = self.open.pop_first()
        {
            self.keep(&open.close(t));
        }
        while self.closed.len() + self.open.len() > MOST_POINTS {
            self.widen();
        }
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        let open = self.open.values().map(Open::bytes).sum::<usize>();
        self.closed.len() * (size_of::<u32>() + size_of::<Point>()) + open
    }

    /// By how much memory they grow at most with these.
    pub fn growth(&self, slices: &[Slice]) -> usize {
        let of_slice = |slice: &Slice| match self.open.get(&Self::at(slice)) {
            Some(open) => open.durations.growth(&slice.durations),
            None => size_of::<u32>() + size_of::<Open>() + Trend::default().growth(&slice.durations),
        };
        slices.iter().map(of_slice).sum()
    }

    /// Makes points of all seconds, also of those for which more may come; false if there were none.
    pub fn close(&mut self) -> bool {
        let open = std::mem::take(&mut self.open);
        let was_open = !open.is_empty();
        open.into_iter().for_each(|(t, open)| self.keep(&open.close(t)));
        was_open
    }

    /// The 95th percentile of latency over time, in milliseconds, at seconds from T0 of which it is known.
    pub fn latencies(&self) -> Vec<(f64, f64)> {
        let points = self.list().into_iter().filter(|point| point.mean_p95 > 0.0);
        points.map(|point| (f64::from(point.t) + f64::from(self.width) / 2.0, point.mean_p95)).collect()
    }

    /// Seconds that a point covers.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// All points in order of time.
    pub fn list(&self) -> Vec<Point> {
        let mut points = self.closed.clone();
        for (t, open) in &self.open {
            let t = self.begin(*t);
            points.entry(t).or_insert_with(|| Point { t, ..Point::default() }).merge(&open.close(t));
        }
        points.into_values().collect()
    }

    fn at(slice: &Slice) -> u32 {
        let middle = slice.from_ms / 2 + slice.to_ms / 2;
        u32::try_from(middle / 1_000).unwrap_or(u32::MAX)
    }

    fn begin(&self, t: u32) -> u32 {
        t / self.width * self.width
    }

    /// Adds a second, or a stretch, to the point of its time, which others may have made before.
    fn keep(&mut self, point: &Point) {
        let t = self.begin(point.t);
        self.closed.entry(t).or_insert_with(|| Point { t, ..Point::default() }).merge(point);
    }

    fn widen(&mut self) {
        self.width = self.width.saturating_mul(2);
        for point in std::mem::take(&mut self.closed).into_values() {
            self.keep(&point);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn slice(second: u64, requests: u32) -> Slice {
        let mut durations = Trend::default();
        (0..requests).for_each(|_| durations.record(Duration::from_millis(10 + second)));
        let (from_ms, to_ms, requests) = (second * 1_000, second * 1_000 + 1_000, f64::from(requests));
        let counts = Counts { iterations: 1, received: 100, ..Counts::default() };
        Slice { from_ms, to_ms, requests, durations, counts, ..Slice::default() }
    }

    #[test]
    fn deltas_of_one_second_make_one_point() {
        let mut points = Points::default();
        points.add(&slice(3, 5), 1.0);
        points.add(&slice(3, 7), 2.0);
        let list = points.list();
        assert_eq!((list.len(), list[0].t, list[0].requests, list[0].users), (1, 3, 12, 2.0));
        assert!((list[0].p95 - 13.0).abs() < 0.1);
    }

    #[test]
    fn however_long_the_run_points_stay_bounded_and_count_all() {
        let mut points = Points::default();
        for second in 0..5_000 {
            points.add(&slice(second, 2), 1.0);
        }
        points.add(&slice(7, 3), 1.0);
        let list = points.list();
        assert!(list.len() <= MOST_POINTS && list.len() > MOST_POINTS / 4, "{} points", list.len());
        assert_eq!(list.iter().map(|point| point.requests).sum::<u64>(), 10_003);
        assert_eq!(list.iter().map(|point| point.counts.received).sum::<u64>(), 500_100);
        assert!(list.iter().all(|point| point.range.is_some_and(|(min, max)| 10.0 <= min && min <= max)));
        assert!(list.is_sorted_by(|one, next| one.t < next.t));
    }

    #[test]
    fn latency_over_time_is_not_made_larger_by_thinning() {
        let mut points = Points::default();
        // Every other second is slower, and has three times as many requests.
        for second in 0..5_000 {
            let mut durations = Trend::default();
            let (requests, milliseconds) = if second % 2 == 0 { (10, 20) } else { (30, 40) };
            (0..requests).for_each(|_| durations.record(Duration::from_millis(milliseconds)));
            let (from_ms, to_ms, requests) = (second * 1_000, second * 1_000 + 1_000, f64::from(requests));
            points.add(&Slice { from_ms, to_ms, requests, durations, ..Slice::default() }, 1.0);
        }
        let latencies = points.latencies();
        assert!(latencies.len() > MOST_POINTS / 4 && latencies.is_sorted_by(|one, next| one.0 < next.0));
        assert!(latencies.iter().all(|(_, latency)| (latency - 35.0).abs() < 0.1), "{latencies:?}");
        assert!(points.list().iter().all(|point| (point.p95 - 40.0).abs() < 0.1), "peaks stay");
    }

    #[test]
    fn points_from_before_latency_was_kept_over_time_are_not_taken_for_zero() {
        let mut points = Points::default();
        for second in 0..500 {
            points.add(&slice(second % 2, 2), 1.0);
            points.add(&slice(second, 2), 1.0);
        }
        points.close();
        let mut written = serde_json::to_value(&points).unwrap();
        for point in written["closed"].as_object_mut().unwrap().values_mut() {
            point.as_object_mut().unwrap().remove("mean_p95").unwrap();
        }
        let mut read: Points = serde_json::from_value(written).unwrap();
        assert!(read.latencies().is_empty(), "nobody knows them");
        // Goes on for so long that old and new points become one.
        for second in 501..2_500 {
            let mut late = slice(second, 2);
            late.durations = slice(40, 2).durations;
            read.add(&late, 1.0);
        }
        assert!(read.width > 2);
        let latencies = read.latencies();
        assert!(latencies.iter().all(|(_, latency)| (latency - 50.0).abs() < 0.2), "{latencies:?}");
        assert_eq!(read.list().iter().map(|point| point.requests).sum::<u64>(), 2_000 + 1_999 * 2);
    }

    #[test]
    fn an_absurd_instant_does_no_harm() {
        let mut points = Points::default();
        points.add(&Slice { from_ms: u64::MAX, to_ms: u64::MAX, ..Slice::default() }, 0.0);
        assert_eq!(points.list().len(), 1);
    }
}
