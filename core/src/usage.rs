// SPDX-License-Identifier: Apache-2.0
//! What the target's pods used, from what was observed of them: figures for the status, and the limits of `spec.usage`.
//!
//! The figures themselves are `upsurge_figures::usage`'s; here they get names, units and words. What nobody can know (no metrics
//! API, no limit set, too few measurements, too short a run) is neither held nor missed, and says what to do.

#[cfg(test)]
pub(crate) mod fixtures;
mod growth;
mod judge;
#[cfg(test)]
mod tests;
mod told;

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{LoadTestSpec, Workload};
use upsurge_figures::{usage::Usage, workload::Workload as Recorded};

use crate::plan::{SOAK, Timeline};

pub use judge::judge;
pub(crate) use told::growth_result;
pub use told::told;

/// What is known of a workload's pods.
#[derive(Clone, Copy, Debug)]
pub struct Used<'a> {
    /// What was asked for.
    pub test: &'a LoadTestSpec,
    /// The workload.
    pub workload: &'a Workload,
    /// What was recorded of it.
    pub recorded: &'a Recorded,
    /// The load as it was planned.
    pub timeline: &'a Timeline,
    /// The start of the load.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
}

impl Used<'_> {
    fn usage(&self) -> &Usage {
        self.recorded.usage()
    }

    /// The time in which growth is looked at: that of a soak at its level, else the whole load.
    fn steady(&self) -> (Timestamp, Timestamp) {
        steady(self.test, self.timeline, self.start, self.end)
    }
}

/// The time of a soak at its level, else that of the whole load.
pub(crate) fn steady(
    test: &LoadTestSpec,
    timeline: &Timeline,
    start: Timestamp,
    end: Timestamp,
) -> (Timestamp, Timestamp) {
    let after = |span| start.saturating_add(span).unwrap_or(end).min(end);
    match timeline.stage(SOAK).filter(|_| test.load.soak.is_some()) {
        Some(stage) => (after(stage.start), after(stage.end())),
        None => (start, end),
    }
}
