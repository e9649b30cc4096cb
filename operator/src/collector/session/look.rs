// SPDX-License-Identifier: Apache-2.0
//! The first look at the target, which the load waits for: what the autoscaler does from the first second on is to be seen.

use upsurge_core::protocol::RunPlan;

/// Longest wait, in nanoseconds from when all else is ready. If there was no look by then, the verdict says so.
const LONGEST: i64 = 10 * 1_000_000_000;

/// Whether the load still waits for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    is_awaited: bool,
    /// When all else was ready.
    since: Option<i64>,
}

impl Look {
    /// It is awaited where there is a workload to look at.
    pub fn of(plan: &RunPlan) -> Self {
        Self { is_awaited: plan.test.target.workload().is_some(), since: None }
    }

    /// The target was looked at, or it is known why it can't be.
    pub fn done(&mut self) {
        self.is_awaited = false;
    }

    /// Whether the load, for which all else is ready, has to wait longer.
    pub fn is_awaited(&mut self, now: i64) -> bool {
        let since = *self.since.get_or_insert(now);
        self.is_awaited && now - since < LONGEST
    }
}
