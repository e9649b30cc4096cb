// SPDX-License-Identifier: Apache-2.0
//! Stamps of Kubernetes on the observer's clock.
//!
//! A stamp is rounded down to a second and made by another clock. Of what a watch brings as it happens, `seen − stamped` is
//! the difference of the clocks, plus the part of a second that was cut off, plus the watch's delay; the smallest of many
//! comes close to the difference alone. Control plane and nodes are told apart; nodes are taken to agree with each other.

use jiff::{SignedDuration, Timestamp};

use super::{Event, Life, What};

/// What a stamp leaves open.
const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// Clocks that seem to be less than this apart may be one: what was cut off of the one that seems behind is up to a second, and nodes
/// tell of what they did up to a second late.
const AS_ONE: SignedDuration = SignedDuration::from_secs(2);

/// Who stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stamper {
    /// API server, controllers and scheduler.
    ControlPlane,
    /// Nodes.
    Node,
}

impl Stamper {
    /// Who stamps such an event.
    pub fn of(what: &What) -> Self {
        match what {
            What::Pod {
                life:
                    Life::Started
                    | Life::Ready
                    | Life::NotReady
                    | Life::Ended { .. }
                    | Life::Stopped
                    | Life::ImagePullFailed { .. },
                ..
            } => Self::Node,
            _ => Self::ControlPlane,
        }
    }
}

/// How far the observer's clock is ahead of those that stamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    control_plane: Option<SignedDuration>,
    node: Option<SignedDuration>,
}

impl Clock {
    /// As the events show it.
    pub fn of(events: &[Event]) -> Self {
        let ahead = |stamper| {
            // What was lost has a stamp of the observer's own.
            let stamped = events.iter().filter(|event| !matches!(event.what, What::Lost { .. }));
            let live = stamped.filter(|event| !event.found && Stamper::of(&event.what) == stamper);
            live.filter_map(|event| Some(event.seen.duration_since(event.stamped?))).min()
        };
        Self { control_plane: ahead(Stamper::ControlPlane), node: ahead(Stamper::Node) }
    }

    /// When an event happened, on the observer's clock: when it was seen, if its stamp agrees; else the middle of the
    /// second that its stamp names, and never after it was seen. `None` if it was found and has no stamp.
    pub fn happened(&self, event: &Event) -> Option<Timestamp> {
        let Some(stamped) = event.stamped else { return (!event.found).then_some(event.seen) };
        let begin = self.read(stamped, Stamper::of(&event.what));
        let end = begin.saturating_add(SECOND).unwrap_or(Timestamp::MAX);
        if event.seen < end {
            return Some(event.seen);
        }
        begin.saturating_add(SECOND / 2).ok()
    }

    /// Whether nothing shows that nodes and control plane go by different clocks. Then the time between two stamps is that of the
    /// stamps, whoever made them.
    pub fn agree(&self) -> bool {
        self.control_plane.zip(self.node).is_none_or(|(one, other)| (one - other).abs() < AS_ONE)
    }

    /// The begin of the second that a stamp names.
    pub fn read(&self, stamped: Timestamp, stamper: Stamper) -> Timestamp {
        let ahead = match stamper {
            Stamper::ControlPlane => self.control_plane.or(self.node),
            Stamper::Node => self.node.or(self.control_plane),
        };
        stamped.saturating_add(ahead.unwrap_or_default()).unwrap_or(stamped)
    }
}
