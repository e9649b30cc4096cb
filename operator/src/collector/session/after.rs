// SPDX-License-Identifier: Apache-2.0
//! The steps of `verify` and `after`, which one runner does once the load of all has ended.

use serde_json::{Map, Value};
use upsurge_core::{findings::counters, protocol::RunPlan};
use upsurge_crds::LoadTestSpec;

use super::Session;

/// What only this operator knows of them.
#[derive(Clone, Debug, Default)]
pub(super) struct After {
    /// The test, if the runner that does them must know the counters of the run.
    counted: Option<Box<LoadTestSpec>>,
    /// Whether it is to be done: the load of all runners has ended.
    due: bool,
    /// Whether a durable checkpoint holds what became of it.
    pub(super) durable: bool,
}

impl After {
    /// Those of a plan, of which a checkpoint may hold what became of them.
    pub(super) fn of(plan: &RunPlan, durable: bool) -> Self {
        let counted = (!plan.test.verify.is_empty()).then(|| Box::new((*plan.test).clone()));
        Self { counted, due: false, durable }
    }
}

impl Session {
    /// The load of all runners has ended, as far as it ever will: the steps of `verify` and `after` are to be done.
    pub fn run_after(&mut self) {
        self.after.due = true;
    }

    /// Whether a runner is to do the steps of `verify` and `after` now.
    pub(super) fn does_after(&self, index: usize) -> bool {
        index == 0 && self.after.due && self.state.after.is_none()
    }

    /// The counters of the run, for the runner that does them now and has to know them.
    pub(super) fn counters(&self, index: usize) -> Option<Map<String, Value>> {
        let counted = self.after.counted.as_ref().filter(|_| self.does_after(index))?;
        Some(counters(counted, &self.state.totals.metrics))
    }
}
