// SPDX-License-Identifier: Apache-2.0
//! The figures of runs under way as the operator's `/metrics` shows them: by test, few, and gone with the session.

use std::collections::BTreeMap;

use upsurge_core::metrics::{Metrics, Selector, Sink, Trend, names};
use upsurge_crds::names::labels;

use super::{cell::Cell, sessions::Sessions};

/// Names a test: its namespace and its name.
pub type TestKey = (String, String);

/// The figures of a test's runs under way, from the start of their load to now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Seconds since the start of the load that the figures cover; the longest of several runs.
    pub elapsed_seconds: f64,
    /// Users at work.
    pub users: f64,
    /// Requests finished.
    pub requests: f64,
    /// Requests that failed.
    pub failed: u64,
    /// Iterations finished.
    pub iterations: f64,
    /// Planned iterations that found no free user.
    pub dropped: f64,
    /// Service time of requests.
    pub durations: Trend,
}

impl Figures {
    /// Adds those of a run.
    fn add(&mut self, metrics: &Metrics, elapsed_seconds: f64) {
        let all = Selector::default();
        self.elapsed_seconds = self.elapsed_seconds.max(elapsed_seconds);
        let users = metrics.select(names::VUS, &all).map(|(_, sink)| match sink {
            Sink::Gauge { value, .. } => *value,
            _ => 0.0,
        });
        self.users += users.sum::<f64>();
        self.requests += metrics.count(names::HTTP_REQS, &all);
        self.failed = self.failed.saturating_add(metrics.rate(names::HTTP_REQ_FAILED, &all).0);
        self.iterations += metrics.count(names::ITERATIONS, &all);
        self.dropped += metrics.count(names::DROPPED_ITERATIONS, &all);
        self.durations.merge(&metrics.trend(names::HTTP_REQ_DURATION, &all));
    }
}

impl Sessions {
    /// The figures of all tests whose load has begun, of so many at most, and how many tests are left out. Waits for the sessions,
    /// so on a thread that may wait.
    pub fn figures(&self, most: usize) -> (BTreeMap<TestKey, Figures>, usize) {
        let mut found = BTreeMap::<TestKey, Vec<_>>::new();
        for cell in self.cells() {
            let (is_begun, metrics, elapsed) = {
                let session = cell.lock_blocking();
                let totals = &session.state().totals;
                (session.t0().is_some(), totals.metrics.clone(), totals.elapsed())
            };
            if is_begun {
                found.entry(test_of(&cell)).or_default().push((metrics, elapsed));
            }
        }
        let left_out = found.len().saturating_sub(most);
        let shown = found.into_iter().take(most).map(|(test, runs)| {
            let mut figures = Figures::default();
            runs.iter().for_each(|(metrics, elapsed)| figures.add(metrics, elapsed.as_secs_f64()));
            (test, figures)
        });
        (shown.collect(), left_out)
    }
}

/// The test of a run, by its label, which is the name unless that is longer than a label may be.
fn test_of(cell: &Cell) -> TestKey {
    let test = cell.config.labels.get(labels::TEST).cloned().unwrap_or_default();
    (cell.key.namespace.clone(), test)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use upsurge_core::metrics::{SeriesKey, Tags};

    use super::*;

    #[test]
    fn runs_of_one_test_add_up() {
        let mut figures = Figures::default();
        for (milliseconds, users) in [(10, 2.0), (30, 3.0)] {
            let (mut metrics, mut trend) = (Metrics::default(), Trend::default());
            trend.record_many(Duration::from_millis(milliseconds), 50);
            let mut add = |metric: &str, sink: Sink| {
                metrics.add(SeriesKey { metric: metric.into(), tags: Tags::default() }, &sink);
            };
            add(names::VUS, Sink::Gauge { value: users, min: 0.0, max: users });
            add(names::HTTP_REQS, Sink::Counter(50.0));
            add(names::HTTP_REQ_FAILED, Sink::Rate { passes: 5, total: 50 });
            add(names::ITERATIONS, Sink::Counter(25.0));
            add(names::HTTP_REQ_DURATION, Sink::Trend(trend));
            figures.add(&metrics, milliseconds as f64);
        }
        let Figures { elapsed_seconds, users, requests, failed, iterations, dropped, durations } = figures;
        assert_eq!((elapsed_seconds, users, requests, failed), (30.0, 5.0, 100.0, 10));
        assert_eq!((iterations, dropped, durations.count()), (50.0, 0.0, 100));
        assert!((durations.percentile(99.0) - 30.0).abs() < 0.1 && durations.percentile(50.0) < 10.1);
    }
}
