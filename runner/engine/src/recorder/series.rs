// SPDX-License-Identifier: Apache-2.0
//! The series of the iterations of one scenario within one stage.

use upsurge_core::metrics::{Metrics, Sink, Tags, Trend, names};

use super::key;

/// The series of a scenario's iterations.
#[derive(Debug, Default)]
pub(super) struct IterationSeries {
    pub(super) started: u64,
    pub(super) finished: u64,
    pub(super) dropped: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) duration: Trend,
    pub(super) lag: Trend,
    pub(super) queued: Trend,
}

impl IterationSeries {
    pub(super) fn is_empty(&self) -> bool {
        self.started + self.finished + self.dropped + self.sent + self.received == 0
    }

    pub(super) fn clear(&mut self) {
        (self.started, self.finished, self.dropped) = (0, 0, 0);
        (self.sent, self.received) = (0, 0);
        self.duration.clear();
        self.lag.clear();
        self.queued.clear();
    }

    pub(super) fn fill(&self, tags: &Tags, metrics: &mut Metrics) {
        let counters = [
            (names::STARTED_ITERATIONS, self.started),
            (names::ITERATIONS, self.finished),
            (names::DROPPED_ITERATIONS, self.dropped),
            (names::DATA_SENT, self.sent),
            (names::DATA_RECEIVED, self.received),
        ];
        for (name, count) in counters.into_iter().filter(|(_, count)| *count > 0) {
            metrics.add(key(name, tags), &Sink::Counter(count as f64));
        }
        let trends = [
            (names::ITERATION_DURATION, &self.duration),
            (names::SCHEDULE_LAG, &self.lag),
            (names::ITERATION_QUEUE_WAIT, &self.queued),
        ];
        for (name, trend) in trends {
            if !trend.is_empty() {
                metrics.add(key(name, tags), &Sink::Trend(trend.clone()));
            }
        }
    }
}
