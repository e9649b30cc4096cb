// SPDX-License-Identifier: Apache-2.0
//! The fold that all elasticity figures come from.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Demand, Elasticity, Figure, changes::Changes, provision::Provision, settling::Settling};
use crate::observation::{Event, Levels, Tracker};

/// The usual grid of υ: as often as a HorizontalPodAutoscaler looks.
pub const GRID: SignedDuration = SignedDuration::from_secs(15);

/// Takes events in the order in which they are seen. It grows with the pods that are there, not with time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meter {
    demand: Demand,
    from: Timestamp,
    grid: SignedDuration,
    tracker: Tracker,
    /// Up to here everything is counted.
    at: Timestamp,
    next_sample: Timestamp,
    unclamped: Provision,
    clamped: Provision,
    settling: Settling,
    changes: Changes,
    /// Seconds in which a threshold was missed, in which all were met, and of which nobody knows.
    violations: (f64, f64, f64),
}

/// What the figures depend on, at one instant.
struct Now {
    /// Demand and supply.
    unclamped: Option<(u32, u32)>,
    clamped: Option<(u32, u32)>,
    levels: Levels,
}

impl Meter {
    /// For a period from an instant on; what comes before tells how things stood then. `grid` is how far apart υ looks.
    pub fn new(demand: Demand, from: Timestamp, grid: SignedDuration) -> Self {
        Self {
            demand,
            from,
            grid: grid.max(SignedDuration::from_secs(1)),
            tracker: Tracker::default(),
            at: from,
            next_sample: from,
            unclamped: Provision::default(),
            clamped: Provision::default(),
            settling: Settling::default(),
            changes: Changes::default(),
            violations: (0.0, 0.0, 0.0),
        }
    }

    /// With what is known at its begin.
    #[must_use]
    pub fn knowing(mut self, known: Tracker) -> Self {
        self.tracker = known;
        self
    }

    /// What is known after the last event.
    pub fn known(&self) -> &Tracker {
        &self.tracker
    }

    /// Takes an event. Those of one instant are one change. An event that is a little older than the one before counts from now on.
    pub fn see(&mut self, event: &Event) {
        self.advance(event.seen);
        self.tracker.see(event);
    }

    /// The figures of the period up to an instant, which isn't before the last event.
    pub fn figures(&self, to: Timestamp) -> Elasticity {
        let mut whole = self.clone();
        whole.advance(to);
        let (settling, unsettled) = whole.settling.figure();
        let demand_source = whole.demand.source();
        let (direction_changes, flapping) = whole.changes.directions(!matches!(whole.demand, Demand::None));
        let (missed, met, unknown) = whole.violations;
        let grid = whole.grid.as_secs_f64();
        Elasticity {
            from: whole.from,
            to: whole.at,
            demand_source,
            grid,
            unclamped: whole.unclamped.figures(grid),
            clamped: whole.clamped.figures(grid),
            settling,
            unsettled,
            direction_changes,
            flapping,
            scale_down_delay: whole.changes.scale_down_delay(),
            violations: Figure {
                value: (missed + met > 0.0).then(|| 100.0 * missed / (missed + met)),
                unknown,
            },
        }
    }

    fn now(&self) -> Now {
        let levels = self.tracker.levels();
        let pair = |demand: Option<u32>| demand.zip(levels.serving);
        let demand = levels.load.and_then(|load| self.demand.replicas(load));
        let bounded = demand.zip(levels.bounds).map(|(demand, (min, max))| demand.max(min).min(max).max(1));
        Now { unclamped: pair(demand), clamped: pair(bounded), levels }
    }

    /// Counts the time up to an instant, over which nothing changed.
    fn advance(&mut self, to: Timestamp) {
        if to <= self.at {
            return;
        }
        // Only now: what several events at one instant lead to is one change.
        self.change();
        let Now { unclamped, clamped, levels } = self.now();
        let seconds = to.duration_since(self.at).as_secs_f64();
        self.unclamped.last(unclamped, seconds);
        self.clamped.last(clamped, seconds);
        if clamped.is_none() {
            self.settling.blind(seconds);
        }
        if levels.asked.is_none() {
            self.changes.blind(seconds);
        }
        match levels.thresholds_met {
            Some(false) => self.violations.0 += seconds,
            Some(true) => self.violations.1 += seconds,
            None => self.violations.2 += seconds,
        }
        while self.next_sample < to {
            let first = self.next_sample == self.from;
            self.unclamped.sample(unclamped, first);
            self.clamped.sample(clamped, first);
            self.next_sample = self.next_sample.saturating_add(self.grid).unwrap_or(Timestamp::MAX);
        }
        self.at = to;
    }

    fn change(&mut self) {
        let Now { unclamped, clamped, levels } = self.now();
        let at = self.at;
        self.unclamped.change(unclamped);
        self.clamped.change(clamped);
        self.settling.change(at, clamped);
        let window = self.tracker.autoscaler().map(|autoscaler| autoscaler.down_window);
        let demand = levels.load.and_then(|load| self.demand.replicas(load));
        self.changes.change(at, demand, levels.asked, window);
    }
}
