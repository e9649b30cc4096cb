// SPDX-License-Identifier: Apache-2.0
//! What the workload was asked for: changes of direction, and how long a scale-down waits after the demand fell.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Figure, ScaleDownDelay};

/// Changes of `spec.replicas`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changes {
    asked: Option<u32>,
    /// Whether the last change was upwards.
    rising: Option<bool>,
    turns: u64,
    /// Turns that no change of demand in the same direction came before.
    unprompted: u64,
    /// Whether demand went up since what is asked for last did, and the same for down.
    prompts: (bool, bool),
    demand: Option<u32>,
    unknown: f64,
    fell: Option<Timestamp>,
    /// Whether somebody saw all of the time since then.
    seen: bool,
    delays: u64,
    longest: Option<f64>,
    shortest: Option<f64>,
    window: Option<f64>,
    blind_delays: u64,
}

impl Changes {
    /// Demand and what is asked for are so from an instant on, with the autoscaler's window for scaling down.
    pub(super) fn change(
        &mut self,
        at: Timestamp,
        demand: Option<u32>,
        asked: Option<u32>,
        window: Option<u32>,
    ) {
        self.window = window.map(f64::from).or(self.window);
        if let Some(demand) = demand {
            match self.demand.replace(demand) {
                Some(before) if demand > before => (self.prompts.0, self.fell) = (true, None),
                Some(before) if demand < before => {
                    self.prompts.1 = true;
                    if self.fell.is_none() {
                        (self.fell, self.seen) = (Some(at), true);
                    }
                }
                _ => {}
            }
        }
        let Some(asked) = asked else {
            // What happens now shows too late, if at all.
            self.seen = false;
            return;
        };
        match self.asked.replace(asked) {
            Some(before) if asked > before => self.turn(true),
            Some(before) if asked < before => {
                self.turn(false);
                self.scaled_down(at);
            }
            _ => {}
        }
    }

    /// Nobody knew what was asked for, for so many seconds.
    pub(super) fn blind(&mut self, seconds: f64) {
        self.unknown += seconds;
    }

    fn turn(&mut self, rising: bool) {
        let prompt = if rising { &mut self.prompts.0 } else { &mut self.prompts.1 };
        let prompted = std::mem::take(prompt);
        if self.rising.replace(rising).is_some_and(|before| before != rising) {
            self.turns += 1;
            self.unprompted += u64::from(!prompted);
        }
    }

    fn scaled_down(&mut self, at: Timestamp) {
        let Some(fell) = self.fell.take() else { return };
        if !self.seen {
            self.blind_delays += 1;
            return;
        }
        let delay = at.duration_since(fell).as_secs_f64();
        self.delays += 1;
        self.longest = Some(self.longest.map_or(delay, |longest| longest.max(delay)));
        self.shortest = Some(self.shortest.map_or(delay, |shortest| shortest.min(delay)));
    }

    /// All changes of direction, and those that nothing asked for.
    pub(super) fn directions(&self, demand_known: bool) -> (Figure, Figure) {
        let figure = |count: u64, known: bool| Figure {
            value: (known && self.asked.is_some()).then_some(count as f64),
            unknown: self.unknown,
        };
        (figure(self.turns, true), figure(self.unprompted, demand_known))
    }

    pub(super) fn scale_down_delay(&self) -> ScaleDownDelay {
        ScaleDownDelay {
            count: self.delays,
            unknown: self.blind_delays,
            longest: self.longest,
            shortest: self.shortest,
            window: self.window,
            waiting_since: self.fell,
        }
    }
}
