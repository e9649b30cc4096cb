// SPDX-License-Identifier: Apache-2.0
//! The last seconds of the load, for what changes from one look to the next.

use std::collections::VecDeque;

use upsurge_core::metrics::{Selector, Trend, names};
use upsurge_engine::Interval;

/// Intervals that are kept, and shown as sparklines.
const LONGEST: usize = 30;
/// Intervals that current figures are made of: long enough that they don't jump about, and short enough that a change
/// is seen at once.
const CURRENT: usize = 3;

/// The last intervals, the latest one last.
#[derive(Debug, Default)]
pub(super) struct History {
    moments: VecDeque<Moment>,
    /// Latencies since the start.
    whole: Trend,
}

/// One interval.
#[derive(Debug)]
struct Moment {
    seconds: f64,
    requests: f64,
    started: f64,
    /// 95th percentile, in milliseconds; `None` without any request.
    high: Option<f64>,
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
        self.whole.merge(&latency);
        let moment = Moment {
            seconds,
            requests: count(names::HTTP_REQS),
            started: count(names::STARTED_ITERATIONS),
            high: (!latency.is_empty()).then(|| latency.percentile(95.0)),
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

    /// Requests per second now; `None` before the first interval.
    pub(super) fn requests(&self) -> Option<f64> {
        self.per_second(|moment| moment.requests)
    }

    /// Iterations started per second now.
    pub(super) fn started(&self) -> Option<f64> {
        self.per_second(|moment| moment.started)
    }

    /// Latencies now.
    pub(super) fn latency(&self) -> Trend {
        self.current().fold(Trend::default(), |mut sum, moment| {
            sum.merge(&moment.latency);
            sum
        })
    }

    /// Latencies since the start.
    pub(super) fn whole(&self) -> &Trend {
        &self.whole
    }

    /// Requests per second of each interval, the oldest one first.
    pub(super) fn rates(&self) -> Vec<f64> {
        self.moments.iter().map(|moment| moment.requests / moment.seconds).collect()
    }

    /// 95th percentile of each interval, in milliseconds.
    pub(super) fn latencies(&self) -> Vec<f64> {
        self.moments.iter().map(|moment| moment.high.unwrap_or_default()).collect()
    }

    fn current(&self) -> impl Iterator<Item = &Moment> {
        self.moments.iter().rev().take(CURRENT)
    }

    fn per_second(&self, of: impl Fn(&Moment) -> f64) -> Option<f64> {
        let (count, seconds) = self
            .current()
            .fold((0.0, 0.0), |(count, seconds), moment| (count + of(moment), seconds + moment.seconds));
        (seconds > 0.0).then(|| count / seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use upsurge_core::metrics::{Metrics, SeriesKey, Sink, Tags};

    use super::*;

    fn second(number: u64, requests: u64) -> Interval {
        let mut metrics = Metrics::default();
        let mut latency = Trend::default();
        latency.record_many(Duration::from_millis(number), requests);
        let mut add = |metric: &str, sink: Sink| {
            metrics.add(SeriesKey { metric: metric.into(), tags: Tags::default() }, &sink);
        };
        add(names::HTTP_REQS, Sink::Counter(requests as f64));
        add(names::HTTP_REQ_DURATION, Sink::Trend(latency));
        let (from, to) = (Duration::from_secs(number - 1), Duration::from_secs(number));
        Interval { from, to, metrics, ..Interval::default() }
    }

    #[test]
    fn rates_are_those_of_now_and_percentiles_those_since_the_start() {
        let mut history = History::default();
        assert_eq!((history.requests(), history.whole().is_empty()), (None, true), "nothing is known yet");
        (1..=40).for_each(|number| history.add(&second(number, 100)));
        (41..=43).for_each(|number| history.add(&second(number, 4)));
        assert_eq!(history.requests(), Some(4.0), "whatever was before");
        assert_eq!(history.whole().count(), 4_012);
        assert_eq!(history.latency().count(), 12);
        assert_eq!(history.rates().len(), LONGEST);
    }
}
