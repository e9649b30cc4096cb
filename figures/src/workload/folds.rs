// SPDX-License-Identifier: Apache-2.0
//! What is computed as events come, so that no figure depends on what a bounded log has left out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Service;
use crate::{
    elasticity::{Demand, GRID, Meter},
    limits::Watch,
    observation::{Event, Tracker},
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Folds {
    pub(super) from: Timestamp,
    pub(super) meter: Meter,
    pub(super) watch: Watch,
    pub(super) service: Service,
}

impl Folds {
    /// From an instant on, with what is known then.
    pub(super) fn new(demand: &Demand, from: Timestamp, known: Tracker) -> Self {
        Self {
            from,
            meter: Meter::new(demand.clone(), from, GRID).knowing(known.clone()),
            watch: Watch::new(demand.clone(), from).knowing(known),
            service: Service::new(from),
        }
    }

    pub(super) fn see(&mut self, event: &Event) {
        self.meter.see(event);
        self.watch.see(event);
    }
}
