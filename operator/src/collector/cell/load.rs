// SPDX-License-Identifier: Apache-2.0
//! What the session and the record of the target tell each other of the load: when it starts, turns back and ends, and whether the target has
//! come to rest before the next one.

use std::{sync::PoisonError, time::Duration};

use jiff::Timestamp;
use upsurge_core::{
    autoscaling,
    plan::{self, Turned},
};

use super::Cell;
use crate::collector::view::TurnedView;

impl Cell {
    /// Tells the record of the target when the load starts, in nanoseconds, where it turns back once a runner has said that it does, and
    /// when it is over after so long.
    pub(super) fn tell_load(&self, start: i64, turned: Option<&TurnedView>, over: Option<Duration>) {
        let Ok(start) = Timestamp::from_nanosecond(start.into()) else { return };
        // Figures of an autoscaler are of one load; of several, only how the target stood is of interest.
        if self.config.plan.test.target.workloads.is_empty() || self.config.whole.is_some() {
            return;
        }
        let valid = &self.config.valid;
        self.record.begin(&valid.timeline, start);
        if let Some(turned) = turned {
            self.record.turn(&turned.valid.timeline, start, turned.skip.from);
        }
        let valid = turned.map_or(valid, |turned| &turned.valid);
        if let Some(elapsed) = over {
            let carried_out = plan::carried_out(&valid.timeline, &valid.loads, elapsed).duration();
            self.record.end_load(start.saturating_add(carried_out).unwrap_or(Timestamp::MAX));
        }
    }

    /// The load that has turned back like this, made once.
    pub(super) fn turned(&self, turned: Option<Turned>) -> Option<TurnedView> {
        let turned = turned?;
        let mut known = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|known| known.turned.turn != turned.turn) {
            *known = TurnedView::of(turned, &self.config.valid);
        }
        known.as_ref().map(|known| TurnedView { turned, ..known.clone() })
    }

    /// Whether the target has come to rest, if the next load waits for nothing but that. Each runner asks many times; one is told.
    pub async fn rested(&self, runner: u32) -> Option<Result<(), String>> {
        let workload = self.config.plan.test.target.workload().filter(|_| runner == 0)?;
        let began = self.lock().await.awaits_rest()?;
        Some(autoscaling::rested(workload, self.record.workload().log(), began, Timestamp::now()))
    }
}
