// SPDX-License-Identifier: Apache-2.0
//! Where the time of each scale-up went: load step → decision → created → scheduled → started → ready → in an EndpointSlice
//! → thresholds met again.
//!
//! Computed from a log when a run has ended. `scaleUps[].split` of the run's status is made of [`scale_ups()`], and the
//! sentence of the verdict has the largest part of [`summary()`]. Parts between two stamps of Kubernetes are right to one
//! second, the others to the delay of a watch. A part whose begin or end nobody saw is `None`.

mod decisions;
mod quantiles;
mod scale_down;
mod scale_up;
mod summary;
#[cfg(test)]
mod tests;

pub use quantiles::{Quantiles, quantiles};
pub use scale_down::{ScaleDown, scale_downs, scale_downs_with_pods};
pub use scale_up::{PodSplit, ScaleUp, scale_ups};
pub use summary::{PartSummary, Summary, summary};

use serde::{Deserialize, Serialize};

/// A part of the time that a scale-up takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// From the rise of the load until the workload was asked for more replicas.
    Decision,
    /// From there until the pod was created.
    Creation,
    /// From there until the pod had a node.
    Scheduling,
    /// From there until its containers ran: images, volumes, init containers.
    Starting,
    /// From there until it was ready: the program's own start and its readiness probe.
    Readiness,
    /// From there until an EndpointSlice had it as ready.
    Endpoints,
    /// From there until all thresholds were met again.
    Recovery,
}

impl Part {
    /// All of them, in the order of time.
    pub const ALL: [Self; 7] = [
        Self::Decision,
        Self::Creation,
        Self::Scheduling,
        Self::Starting,
        Self::Readiness,
        Self::Endpoints,
        Self::Recovery,
    ];

    /// The part in words, as the subject of a sentence.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Decision => "the autoscaler's decision",
            Self::Creation => "the creation of pods",
            Self::Scheduling => "the wait for a node",
            Self::Starting => "the start of containers, with the pull of images",
            Self::Readiness => "the wait until pods were ready",
            Self::Endpoints => "the way into EndpointSlices",
            Self::Recovery => "the recovery after the pods served",
        }
    }
}
