// SPDX-License-Identifier: Apache-2.0
//! How the windows of one threshold stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::Sink;

/// How the windows of a threshold stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Course {
    /// Samples of windows that are not over.
    pub(super) open: BTreeMap<u32, Sink>,
    /// First window that was not judged yet.
    pub(super) next: u32,
    pub(super) judged: u32,
    pub(super) breached: u32,
    /// Whether a window was breached after the time in which that does not stop the run.
    pub(super) stops: bool,
    pub(super) worst: Option<Worst>,
    /// The first window that is not judged, if those from there on were given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) given_up: Option<u32>,
}

impl Course {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.open.values().map(|sink| size_of::<u32>() + sink.bytes()).sum::<usize>()
    }
}

/// The worst window of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Worst {
    pub(super) window: u32,
    pub(super) value: f64,
    pub(super) parts: Option<(f64, f64)>,
}
