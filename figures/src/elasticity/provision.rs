// SPDX-License-Identifier: Apache-2.0
//! Integrals over supply and demand, and whether they move together.

use serde::{Deserialize, Serialize};

use super::{Figure, Provisioning};

/// Sums over time for one demand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Provision {
    /// Seconds for which both are known, and for which one isn't.
    known: f64,
    unknown: f64,
    /// ∫(d−s)⁺ and ∫(s−d)⁺, in replica-seconds.
    under: f64,
    over: f64,
    /// The same as shares of the demand, in seconds.
    under_share: f64,
    over_share: f64,
    /// Seconds with s < d and s > d.
    under_time: f64,
    over_time: f64,
    /// ∫s and ∫d.
    supplied: f64,
    demanded: f64,
    /// Units by which each went up or down.
    supply_moves: u64,
    demand_moves: u64,
    last: Option<(u32, u32)>,
    most: Option<(u32, u32)>,
    /// Steps of the grid: seen, seen to go different ways, not known.
    steps: u64,
    unlike: u64,
    blind: u64,
    sample: Option<(u32, u32)>,
}

impl Provision {
    /// Demand and supply stayed what they are for so many seconds.
    pub(super) fn last(&mut self, pair: Option<(u32, u32)>, seconds: f64) {
        let Some((demand, supply)) = pair else {
            self.unknown += seconds;
            return;
        };
        let (d, s) = (f64::from(demand), f64::from(supply));
        self.known += seconds;
        self.under += (d - s).max(0.0) * seconds;
        self.over += (s - d).max(0.0) * seconds;
        self.under_share += (d - s).max(0.0) / d * seconds;
        self.over_share += (s - d).max(0.0) / d * seconds;
        self.under_time += if s < d { seconds } else { 0.0 };
        self.over_time += if s > d { seconds } else { 0.0 };
        self.supplied += s * seconds;
        self.demanded += d * seconds;
    }

    /// They are so from now on. Over a time in which they weren't known they went at least as far as shows after it.
    pub(super) fn change(&mut self, pair: Option<(u32, u32)>) {
        let Some((demand, supply)) = pair else { return };
        if let Some((before_demand, before_supply)) = self.last.replace((demand, supply)) {
            self.demand_moves += u64::from(demand.abs_diff(before_demand));
            self.supply_moves += u64::from(supply.abs_diff(before_supply));
        }
        let (most_demand, most_supply) = self.most.unwrap_or_default();
        self.most = Some((demand.max(most_demand), supply.max(most_supply)));
    }

    /// They are so at a point of the grid, the first one or not.
    pub(super) fn sample(&mut self, pair: Option<(u32, u32)>, first: bool) {
        let before = std::mem::replace(&mut self.sample, pair);
        if first {
            return;
        }
        match before.zip(pair) {
            None => self.blind += 1,
            Some(((d0, s0), (d1, s1))) => {
                self.steps += 1;
                self.unlike += u64::from(d1.cmp(&d0) != s1.cmp(&s0));
            }
        }
    }

    pub(super) fn figures(&self, grid: f64) -> Provisioning {
        let of =
            |sum: f64| Figure { value: (self.known > 0.0).then(|| sum / self.known), unknown: self.unknown };
        let percent = |sum: f64| of(100.0 * sum);
        let sum = |sum: f64| Figure { value: (self.known > 0.0).then_some(sum), unknown: self.unknown };
        let moves = self.supply_moves as f64 - self.demand_moves as f64;
        let overshoot = self.most.map(|(demand, supply)| f64::from(supply) - f64::from(demand));
        Provisioning {
            accuracy_under: of(self.under),
            accuracy_over: of(self.over),
            theta_under: percent(self.under_share),
            theta_over: percent(self.over_share),
            tau_under: percent(self.under_time),
            tau_over: percent(self.over_time),
            upsilon: Figure {
                value: (self.steps > 0).then(|| 100.0 * self.unlike as f64 / self.steps as f64),
                unknown: self.blind as f64 * grid,
            },
            jitter: of(moves * 60.0),
            overshoot: Figure { value: overshoot, unknown: self.unknown },
            overshoot_percent: Figure {
                value: self.most.and_then(|(demand, _)| Some(100.0 * overshoot? / f64::from(demand))),
                unknown: self.unknown,
            },
            replica_seconds: sum(self.supplied),
            ideal_replica_seconds: sum(self.demanded),
            cost: Figure {
                value: (self.demanded > 0.0).then(|| self.supplied / self.demanded),
                unknown: self.unknown,
            },
        }
    }
}
