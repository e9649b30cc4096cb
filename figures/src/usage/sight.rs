// SPDX-License-Identifier: Apache-2.0
//! Whether a pod was measured while it was ready: a metrics API leaves out pods of nodes that it can't ask, and says nothing of that.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Load;
use crate::observation::Life;

/// Longest time without a measurement of a ready pod that hides nothing.
const LONGEST: SignedDuration = SignedDuration::from_secs(90);
/// The same before the first one: a metrics API tells of a new pod after two looks of its own, a minute apart at most.
const LONGEST_FIRST: SignedDuration = SignedDuration::from_secs(150);

/// How far a pod was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Sight {
    /// Since when it is ready, while it is.
    ready: Option<Timestamp>,
    /// When it was measured last.
    measured: Option<Timestamp>,
    /// Whether it was ready for too long without a measurement.
    was_blind: bool,
    /// Whether a container of it ended under the load before it was ever measured.
    pub(super) ended_unmeasured: bool,
}

impl Sight {
    /// It was measured, under a load that began then.
    pub(super) fn measure(&mut self, at: Timestamp, from: Timestamp) {
        self.ended_unmeasured = false;
        let longest = if self.measured < self.ready { LONGEST_FIRST } else { LONGEST };
        self.was_blind |= self.since().is_some_and(|since| at.duration_since(since.max(from)) > longest);
        self.measured = self.measured.max(Some(at));
    }

    /// Takes a step of its life, under a load that began and ended then, if it did.
    pub(super) fn live(&mut self, life: &Life, at: Timestamp, (from, to): Load) {
        match life {
            Life::Ready => self.ready = self.ready.max(Some(at)),
            Life::NotReady | Life::Terminating | Life::Gone => {
                self.was_blind = from.is_some_and(|from| self.is_blind(from, to.map_or(at, |to| to.min(at))));
                self.ready = None;
            }
            _ => {}
        }
    }

    /// Whether it was ready for too long without a measurement under a load that began and ended then.
    pub(super) fn is_blind(&self, from: Timestamp, to: Timestamp) -> bool {
        self.was_blind || self.since().is_some_and(|since| to.duration_since(since.max(from)) > LONGEST)
    }

    /// Whether there is nothing to know of it.
    pub(super) fn is_void(&self) -> bool {
        self.ready.is_none() && !self.was_blind && !self.ended_unmeasured
    }

    /// Since when it is ready and was not measured, while it is ready.
    fn since(&self) -> Option<Timestamp> {
        self.ready.map(|ready| self.measured.map_or(ready, |measured| measured.max(ready)))
    }
}
