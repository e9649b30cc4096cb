// SPDX-License-Identifier: Apache-2.0
//! Stretches of time in which a condition of the autoscaler was out of order.

use jiff::{SignedDuration, Timestamp};

use super::Observation;

/// A condition that was out of order from one instant to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) type_: String,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Outage {
    pub(super) fn length(&self) -> SignedDuration {
        self.to.duration_since(self.from)
    }
}

/// The outages of a condition (`False` or `Unknown`) between two instants.
pub(super) fn outages(
    observation: &Observation,
    type_: &str,
    start: Timestamp,
    end: Timestamp,
) -> Vec<Outage> {
    let samples: Vec<_> = observation.conditions.iter().filter(|sample| sample.type_ == type_).collect();
    let until = |index: usize| samples.get(index + 1).map_or(end, |next| next.at).min(end);
    samples
        .iter()
        .enumerate()
        .filter(|(_, sample)| sample.status != "True")
        .map(|(index, sample)| Outage {
            from: sample.at.max(start),
            to: until(index),
            type_: sample.type_.clone(),
            reason: sample.reason.clone(),
            message: sample.message.clone(),
        })
        .filter(|outage| outage.to > outage.from)
        .collect()
}

/// Whether a condition was `True` with that reason at any time between two instants.
pub(super) fn seen(
    observation: &Observation,
    type_: &str,
    reason: &str,
    start: Timestamp,
    end: Timestamp,
) -> bool {
    let samples: Vec<_> = observation.conditions.iter().filter(|sample| sample.type_ == type_).collect();
    samples.iter().enumerate().any(|(index, sample)| {
        let until = samples.get(index + 1).map_or(end, |next| next.at);
        sample.status == "True" && sample.reason == reason && sample.at <= end && until > start
    })
}
