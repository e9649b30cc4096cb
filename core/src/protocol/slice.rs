// SPDX-License-Identifier: Apache-2.0
//! The little of a delta that must be known by the second: what thresholds with windows and the figures over time are made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::{Metrics, Selector, Sink, Trend, names};

/// Most slices of a delta; of more, each two that follow each other become one.
pub const MOST_SLICES: usize = 120;

/// A short time within a delta.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slice {
    /// Its begin, milliseconds from T0.
    pub from_ms: u64,
    /// Its end, milliseconds from T0.
    pub to_ms: u64,
    /// Requests that were finished in it.
    pub requests: f64,
    /// Those that failed.
    pub failed: u64,
    /// How long they took.
    pub durations: Trend,
    /// What else is counted. Runners of releases that did not tell have zeros here.
    #[serde(default, skip_serializing_if = "Counts::is_zero")]
    pub counts: Counts,
    /// What thresholds with windows select of it, by their index.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub windows: BTreeMap<usize, Sink>,
}

/// What is counted beside requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Iterations started.
    pub started: u64,
    /// Iterations finished.
    pub iterations: u64,
    /// Planned iterations that could not be started.
    pub dropped: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

impl Counts {
    /// Those of what was recorded.
    pub fn of(metrics: &Metrics) -> Self {
        let all = Selector::default();
        let count = |metric| metrics.count(metric, &all) as u64;
        Self {
            started: count(names::STARTED_ITERATIONS),
            iterations: count(names::ITERATIONS),
            dropped: count(names::DROPPED_ITERATIONS),
            sent: count(names::DATA_SENT),
            received: count(names::DATA_RECEIVED),
        }
    }

    /// Adds others. Whoever sent them may have made them up.
    pub fn add(&mut self, other: &Self) {
        self.started = self.started.saturating_add(other.started);
        self.iterations = self.iterations.saturating_add(other.iterations);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
    }

    /// Whether nothing was counted.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl Slice {
    /// Adds the one that follows.
    pub fn merge(&mut self, next: &Self) {
        self.to_ms = self.to_ms.max(next.to_ms);
        self.requests += next.requests;
        self.failed = self.failed.saturating_add(next.failed);
        self.durations.merge(&next.durations);
        self.counts.add(&next.counts);
        for (index, sink) in &next.windows {
            match self.windows.get_mut(index) {
                Some(mine) => mine.merge(sink),
                None => drop(self.windows.insert(*index, sink.clone())),
            }
        }
    }
}
