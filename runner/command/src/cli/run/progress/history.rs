//! The last seconds of the load, for what changes from one look to the next.

use std::collections::VecDeque;

use upsurge_core::metrics::{Selector, Trend, names};
use upsurge_engine::Interval;

/// Intervals that are kept, and shown as sparklines.
const LONGEST: usize = 30;
/// Intervals that current figures are made of: long enough that they don't jump about.
const CURRENT: usize = 5;

/// The last intervals, the latest one last.
#[derive(Debug, Default)]
pub(super) struct History {
    moments: VecDeque<Moment>,
}

/// One interval.
#[derive(Debug)]
struct Moment {
    seconds: f64,
    requests: f64,
    started: f64,
    /// 95th percentile, in milliseconds.
    high: f64,
    /// The whole distribution, as long as current figures are made of it.
    latency: Trend,
}

impl History {
    /// Adds an interval.
    pub(super) fn add(&mut self, interval: &Interval) {
        let seconds = interval.to.saturating_sub(interval.from).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let everything = Selector::default();
        let count = |metric| interval.metrics.count(metric, &everything);
        let latency = interval.metrics.trend(names::HTTP_REQ_DURATION, &everything);
        let moment = Moment {
            seconds,
            requests: count(names::HTTP_REQS),
            started: count(names::STARTED_ITERATIONS),
            high: latency.percentile(95.0),
            latency,
        };
        if self.moments.len() == LONGEST {
            self.moments.pop_front();
        }
        self.moments.push_back(moment);
        if let Some(past) = self.moments.iter_mut().nth_back(CURRENT) {
            past.latency = Trend::default();
        }
    }

    /// Requests per second now.
    pub(super) fn requests(&self) -> f64 {
        self.per_second(|moment| moment.requests)
    }

    /// Iterations started per second now.
    pub(super) fn started(&self) -> f64 {
        self.per_second(|moment| moment.started)
    }

    /// Latencies now.
    pub(super) fn latency(&self) -> Trend {
        self.current().fold(Trend::default(), |mut sum, moment| {
            sum.merge(&moment.latency);
            sum
        })
    }

    /// Requests per second of each interval, the oldest one first.
    pub(super) fn rates(&self) -> Vec<f64> {
        self.moments.iter().map(|moment| moment.requests / moment.seconds).collect()
    }

    /// 95th percentile of each interval, in milliseconds.
    pub(super) fn latencies(&self) -> Vec<f64> {
        self.moments.iter().map(|moment| moment.high).collect()
    }

    fn current(&self) -> impl Iterator<Item = &Moment> {
        self.moments.iter().rev().take(CURRENT)
    }

    fn per_second(&self, of: impl Fn(&Moment) -> f64) -> f64 {
        let (count, seconds) = self
            .current()
            .fold((0.0, 0.0), |(count, seconds), moment| (count + of(moment), seconds + moment.seconds));
        if seconds > 0.0 { count / seconds } else { 0.0 }
    }
}
