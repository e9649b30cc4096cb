// SPDX-License-Identifier: Apache-2.0
//! One load as the engine carries it out: when, how much, of what, and by whom.

use std::{collections::BTreeMap, time::Duration};

use upsurge_crds::v1alpha1::{Spread, WhenBusy};

use super::{
    Stage,
    schedule::{Arrivals, Crossing, First, Users},
};

/// One load. Several may be under way at the same time; each has its own users and its own iterations.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadPlan {
    /// Name of the executor, or of the pattern.
    pub name: String,
    /// Scenario that it does; `None` chooses by weight.
    pub scenario: Option<usize>,
    /// Tags of all that is measured.
    pub tags: BTreeMap<String, String>,
    /// Its stages, without gaps; never empty.
    pub stages: Vec<Stage>,
    /// Index of its first stage in the timeline.
    pub first_stage: usize,
    /// Users of the loads before it: its own are numbered from there on.
    pub first_user: u64,
    /// Time for iterations under way at the end.
    pub graceful_stop: Duration,
    /// What is done.
    pub work: Work,
}

/// What a load does.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Users repeat iterations for as long as the level asks for them.
    Users {
        /// When the level asks for one more.
        crossing: Crossing,
        /// Time that users who leave before the end get to finish.
        graceful_ramp_down: Duration,
    },
    /// Iterations start when the rate says so, and need a free user.
    Arrivals {
        /// When the first one starts.
        first: First,
        /// Whether one that is due at the very end still starts, as in k6.
        at_end: bool,
        /// How they are spread.
        process: Spread,
        /// Chooses among random courses.
        seed: u64,
        /// Who does them.
        pool: Pool,
    },
    /// A number of iterations that users share.
    SharedIterations {
        /// Users, over all runners.
        users: u64,
        /// Iterations, over all runners.
        iterations: u64,
    },
    /// A number of iterations of each user.
    IterationsPerUser {
        /// Users, over all runners.
        users: u64,
        /// Iterations of each.
        iterations: u64,
    },
}

/// The users of a load whose iterations start by the clock. All numbers are over all runners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Users from the start.
    pub ready: u64,
    /// Most users.
    pub most: u64,
    /// Users who take turns even when fewer would do, each with its own connections.
    pub in_turn: u64,
    /// What becomes of an iteration that finds no free user.
    pub when_busy: WhenBusy,
    /// Most iterations that may wait for a user.
    pub queue: u64,
}

impl LoadPlan {
    /// Start, from the start of the run's load.
    pub fn start(&self) -> Duration {
        self.stages.first().map_or(Duration::ZERO, |stage| stage.start)
    }

    /// Time from which no iteration starts any more.
    pub fn end(&self) -> Duration {
        self.stages.last().map_or(Duration::ZERO, Stage::end)
    }

    /// Whether it ends early, when its iterations are done.
    pub fn ends_with_its_iterations(&self) -> bool {
        matches!(self.work, Work::SharedIterations { .. } | Work::IterationsPerUser { .. })
    }

    /// Index in the timeline of its stage at a time; the last one after the end.
    pub fn stage_at(&self, at: Duration) -> usize {
        let last = self.stages.len().saturating_sub(1);
        self.first_stage + self.stages.partition_point(|stage| stage.end() <= at).min(last)
    }

    /// Most users, over all runners.
    pub fn most_users(&self) -> u64 {
        match &self.work {
            Work::Users { .. } => u64::from(Users::new(self).total()),
            Work::Arrivals { pool, .. } => pool.most,
            Work::SharedIterations { users, .. } | Work::IterationsPerUser { users, .. } => *users,
        }
    }

    /// Users that exist from the start, over all runners.
    pub fn ready_users(&self) -> u64 {
        match &self.work {
            Work::Arrivals { pool, .. } => pool.ready,
            _ => self.most_users(),
        }
    }

    /// The number that results and data know an iteration by: unique over all loads.
    pub fn iteration_number(&self, index: u64, load: usize, loads: usize) -> u64 {
        index.saturating_mul(loads.max(1) as u64).saturating_add(load as u64)
    }

    /// When iterations start, if that is known beforehand.
    pub fn arrivals(&self) -> Option<Arrivals> {
        matches!(self.work, Work::Arrivals { .. }).then(|| Arrivals::new(self))
    }
}
