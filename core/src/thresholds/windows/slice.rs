// SPDX-License-Identifier: Apache-2.0
//! What a time has of what thresholds with windows ask for.

use super::Windowed;
use crate::{
    metrics::{Metrics, Selector, names},
    protocol::{Counts, Slice},
};

impl Windowed {
    /// What a time has that was recorded by itself.
    pub fn slice(&self, from_ms: u64, to_ms: u64, metrics: &Metrics) -> Slice {
        let all = Selector::default();
        Slice {
            from_ms,
            to_ms,
            requests: metrics.count(names::HTTP_REQS, &all),
            failed: metrics.rate(names::HTTP_REQ_FAILED, &all).0,
            durations: metrics.trend(names::HTTP_REQ_DURATION, &all).compact(),
            counts: Counts::of(metrics),
            windows: self.selected(metrics).map(|(index, sink)| (index, sink.compact())).collect(),
        }
    }
}
