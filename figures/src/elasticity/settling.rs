// SPDX-License-Identifier: Apache-2.0
//! How long supply takes to come to stay within one replica of the demand.
//!
//! Counted from each change of demand until the last instant, before the next one, at which |s − d| > 1. A change that
//! comes while supply is still on its way belongs to the one before: a ramp is one change. The begin of the period is
//! a change, too.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Figure;

/// Settling, one change of demand after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settling {
    demand: Option<u32>,
    /// When the demand changed that supply is to settle on.
    since: Option<Timestamp>,
    /// When supply was last away from it; while it is, nothing.
    arrived: Option<Timestamp>,
    away: bool,
    longest: Option<f64>,
    unknown: f64,
}

impl Settling {
    /// Demand and supply are so from an instant on.
    pub(super) fn change(&mut self, at: Timestamp, pair: Option<(u32, u32)>) {
        let Some((demand, supply)) = pair else { return };
        let changed = self.demand.replace(demand) != Some(demand);
        let away = demand.abs_diff(supply) > 1;
        if changed && !self.away {
            self.close();
            (self.since, self.arrived) = (Some(at), None);
        }
        if self.away && !away {
            self.arrived = Some(at);
        }
        self.away = away;
    }

    /// Nobody knew for so many seconds.
    pub(super) fn blind(&mut self, seconds: f64) {
        self.unknown += seconds;
    }

    /// The longest that is over. A supply that is still away has settled after none of them.
    pub(super) fn figure(&self) -> (Figure, bool) {
        let mut so_far = self.clone();
        if !self.away {
            so_far.close();
        }
        (Figure { value: so_far.longest, unknown: self.unknown }, self.away && self.since.is_some())
    }

    fn close(&mut self) {
        let Some(since) = self.since.take() else { return };
        let took = self.arrived.map_or(0.0, |arrived| arrived.duration_since(since).as_secs_f64());
        self.longest = Some(self.longest.unwrap_or_default().max(took));
    }
}
