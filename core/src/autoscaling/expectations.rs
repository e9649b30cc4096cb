// SPDX-License-Identifier: Apache-2.0
//! Expectations on the autoscaler, each with what was observed.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{AutoscalingExpectations, ExpectationResult, TimeSpan};

use super::replicas::{Replicas, seconds_between};

/// What expectations are judged by.
pub(super) struct Course<'a> {
    /// Replicas over the observation.
    pub(super) replicas: &'a Replicas,
    /// Replicas that the load asked for.
    pub(super) needed: i32,
    /// When the load rose.
    pub(super) rise: Timestamp,
    /// When the load fell.
    pub(super) fall: Timestamp,
    /// Seconds until the needed replicas were ready.
    pub(super) scale_up: Option<f64>,
    /// Seconds until the replicas were back.
    pub(super) scale_down: Option<f64>,
    /// What kept the workload from growing further, for messages.
    pub(super) limit: Option<String>,
}

impl Course<'_> {
    /// Judges each expectation that is given.
    pub(super) fn judge(&self, expected: &AutoscalingExpectations) -> Vec<ExpectationResult> {
        [
            expected.scale_up_within.map(|within| self.scale_up_within(within)),
            expected.min_peak_replicas.map(|fewest| self.min_peak(fewest)),
            expected.max_peak_replicas.map(|most| self.max_peak(most)),
            expected.scale_down_within.map(|within| self.scale_down_within(within)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn scale_up_within(&self, within: TimeSpan) -> ExpectationResult {
        let passed = self.scale_up.is_some_and(|seconds| seconds <= within.as_secs_f64());
        let observed = match self.scale_up {
            Some(seconds) => format!("{seconds}s"),
            None => format!("{} of {} replicas", self.replicas.peak(), self.needed),
        };
        let late = match self.scale_up {
            Some(seconds) => format!("{} replicas were ready only after {seconds}s", self.needed),
            None => format!(
                "{} replicas were never ready: peak was {} in {}s from the rise of the load",
                self.needed,
                self.replicas.peak(),
                seconds_between(self.rise, self.replicas.end())
            ),
        };
        result("scaleUpWithin", within, observed, passed, || self.with_limit(late))
    }

    fn min_peak(&self, fewest: i32) -> ExpectationResult {
        let peak = self.replicas.peak();
        result("minPeakReplicas", fewest, peak.to_string(), peak >= fewest, || {
            self.with_limit(format!("peak was {peak}"))
        })
    }

    fn max_peak(&self, most: i32) -> ExpectationResult {
        let peak = self.replicas.peak();
        result("maxPeakReplicas", most, peak.to_string(), peak <= most, || format!("peak was {peak}"))
    }

    fn scale_down_within(&self, within: TimeSpan) -> ExpectationResult {
        let start = self.replicas.at_start();
        let passed = self.scale_down.is_some_and(|seconds| seconds <= within.as_secs_f64());
        let left = self.replicas.last().map_or(0, |sample| sample.ready);
        let observed = match self.scale_down {
            Some(seconds) => format!("{seconds}s"),
            None => format!("{left} replicas"),
        };
        result("scaleDownWithin", within, observed, passed, || match self.scale_down {
            Some(seconds) => format!("back at {start} only {seconds}s after the fall of the load"),
            None => format!(
                "still {left} replicas {}s after the fall of the load, {start} at the start",
                seconds_between(self.fall, self.replicas.end())
            ),
        })
    }

    fn with_limit(&self, text: String) -> String {
        match &self.limit {
            Some(limit) => format!("{text}, {limit}"),
            None => text,
        }
    }
}

fn result(
    name: &str,
    expected: impl ToString,
    observed: String,
    passed: bool,
    message: impl FnOnce() -> String,
) -> ExpectationResult {
    let message = (!passed).then(message);
    let undecided = false;
    ExpectationResult {
        name: name.into(),
        expected: expected.to_string(),
        observed,
        passed,
        undecided,
        message,
    }
}
