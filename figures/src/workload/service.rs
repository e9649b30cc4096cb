// SPDX-License-Identifier: Apache-2.0
//! How the service fared by its own thresholds, second by second of the load.
//!
//! Only the time of the load counts, which the bins are of: afterwards nothing is measured that could miss a threshold. A load
//! of few requests leaves seconds in which nothing is measured; that a target hangs looks the same, so only short times are bridged.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Bin, SILENCE};
use crate::elasticity::Figure;

/// How long thresholds must be met on end before the service has recovered: single seconds of few requests say little.
const RECOVERED: SignedDuration = SignedDuration::from_secs(5);

/// Seconds of the load in which thresholds were met and missed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    missed: f64,
    met: f64,
    unknown: f64,
    /// Up to here it is known, or known to be unknown: from the start of the load on.
    last: Option<Timestamp>,
    /// When thresholds began to be missed, if they have not recovered since.
    since: Option<Timestamp>,
    /// Since when they are met again.
    again: Option<Timestamp>,
    longest: f64,
}

impl Service {
    /// Of a load that starts at an instant.
    pub(super) fn new(from: Timestamp) -> Self {
        Self { last: Some(from), ..Self::default() }
    }

    /// The same once the load has ended: what nobody told of at its end is unknown.
    pub(super) fn ended(mut self, at: Timestamp) -> Self {
        if let Some(last) = self.last.filter(|last| at.duration_since(*last) > SILENCE) {
            self.unknown += seconds(last, at);
        }
        self
    }

    /// Takes a bin. What lies between two seconds that say something is like the later one, unless it is too long for that.
    pub(super) fn bin(&mut self, bin: &Bin) {
        let Some(met) = bin.met else { return };
        let last = self.last.replace(bin.to).unwrap_or(bin.from);
        let between = bin.from.duration_since(last);
        let begin = if between > SILENCE { bin.from } else { last };
        self.unknown += seconds(last, begin);
        let length = seconds(begin, bin.to);
        if met {
            self.met += length;
            let again = *self.again.get_or_insert(begin);
            if let Some(since) = self.since.filter(|_| bin.to.duration_since(again) >= RECOVERED) {
                self.longest = self.longest.max(seconds(since, again));
                self.since = None;
            }
        } else {
            self.missed += length;
            self.again = None;
            self.since.get_or_insert(begin);
        }
    }

    /// Percent of the load's time in which a threshold was missed.
    pub fn violations(&self) -> Figure {
        let known = self.missed + self.met;
        Figure { value: (known > 0.0).then(|| 100.0 * self.missed / known), unknown: self.unknown }
    }

    /// Longest time, in seconds, from the first second in which a threshold was missed until all were met for 5 s on end.
    /// One that the load ended before counts up to the last second of it.
    pub fn recovery(&self) -> Figure {
        let open = self.since.map_or(0.0, |since| seconds(since, self.again.or(self.last).unwrap_or(since)));
        let known = self.missed + self.met > 0.0;
        Figure { value: known.then(|| self.longest.max(open)), unknown: self.unknown }
    }

    /// Whether a threshold was still missed at the end of the load.
    pub fn is_unrecovered(&self) -> bool {
        self.since.is_some() && self.again.is_none()
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}
