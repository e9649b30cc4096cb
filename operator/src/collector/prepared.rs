// SPDX-License-Identifier: Apache-2.0
//! What a delta brings, made ready before the session is held for it: what thresholds select of it is summed up, so that only
//! sums are left to be merged.

use upsurge_core::{
    intake::Objection,
    metrics::Sink,
    protocol::{Delta, Slice},
    results::Unanswered,
    thresholds::{Sums, Windowed},
};
use upsurge_crds::v1alpha1::LoadTestSpec;

/// Makes the deltas of a test ready.
#[derive(Clone, Debug, Default)]
pub struct Preparing {
    windowed: Windowed,
    unanswered: Unanswered,
}

/// A delta that is ready to be merged.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The delta, with its requests without an answer counted, and a slice at least if it is of any time.
    pub delta: Delta,
    /// What thresholds select of it.
    pub sums: Sums,
}

impl Preparing {
    /// For a test.
    pub fn of(test: &LoadTestSpec) -> Self {
        Self { windowed: Windowed::of(test), unanswered: Unanswered::of(test) }
    }

    /// Makes a delta ready.
    ///
    /// # Errors
    /// When thresholds select more of it than can be summed up.
    pub fn prepare(&self, mut delta: Delta) -> Result<Prepared, Objection> {
        if let Some(added) = self.unanswered.added(&delta.metrics) {
            delta.metrics.merge(&added);
        }
        let number = delta.number;
        let sums =
            self.windowed.sums(&delta.metrics).map_err(|source| Objection::Selected { number, source })?;
        // What only tells how something ended is of no time.
        let is_of_no_time = delta.from_ms == delta.to_ms && delta.metrics.is_empty();
        if delta.slices.is_empty() && !is_of_no_time {
            delta.slices = vec![self.windowed.slice(delta.from_ms, delta.to_ms, &delta.metrics)];
        }
        Ok(Prepared { delta, sums })
    }
}

impl Prepared {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let of_slice = |slice: &Slice| {
            let windows = slice.windows.values().map(Sink::bytes).sum::<usize>();
            size_of::<Slice>() + slice.durations.bytes() + windows
        };
        let slices = self.delta.slices.iter().map(of_slice).sum::<usize>();
        self.delta.metrics.bytes() + self.sums.bytes() + slices
    }
}
