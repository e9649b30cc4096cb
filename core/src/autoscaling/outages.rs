// SPDX-License-Identifier: Apache-2.0
//! Stretches of time in which a condition of the autoscaler was out of order.

use jiff::{SignedDuration, Timestamp};
use upsurge_figures::observation::{Clock, Condition, Log, What};

/// A condition that was out of order from one instant to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) condition: Condition,
}

impl Outage {
    pub(super) fn length(&self) -> SignedDuration {
        self.to.duration_since(self.from)
    }

    /// Whether something is broken. At 0 replicas an autoscaler is switched off on purpose.
    pub(super) fn is_broken(&self) -> bool {
        self.condition.reason != "ScalingDisabled"
    }
}

/// The outages of a condition (`False` or `Unknown`) between two instants. One that was found by listing began when its stamp says.
pub(super) fn outages(log: &Log, type_: &str, start: Timestamp, end: Timestamp) -> Vec<Outage> {
    let clock = Clock::of(log.events());
    let mut told: Vec<(Timestamp, Option<&Condition>)> = Vec::new();
    for event in log.events() {
        let said = match &event.what {
            What::Condition(said) if said.condition == type_ => Some(said),
            What::AutoscalerGone => None,
            _ => continue,
        };
        let at = clock.happened(event).unwrap_or(event.seen);
        // In the order in which it was told: a stamp may be a second off.
        let at = told.last().map_or(at, |(before, _)| at.max(*before));
        told.push((at, said));
    }
    let until = |index: usize| told.get(index + 1).map_or(end, |(next, _)| *next).min(end);
    told.iter()
        .enumerate()
        .filter_map(|(index, (at, said))| {
            let condition = (*said)?.clone();
            Some(Outage { from: (*at).max(start), to: until(index), condition })
        })
        .filter(|outage| outage.condition.status != "True" && outage.to > outage.from)
        .collect()
}
