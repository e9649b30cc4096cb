// SPDX-License-Identifier: Apache-2.0
//! A test of scalability: what a target serves with one count of replicas after the other.
//!
//! Each of its epochs is a measurement, which holds the workload at a count and loads it with the same number of users per
//! replica, who keep it busy and never ask for more than it answers (closed model). What was answered well while all
//! thresholds held is what so many replicas serve. Counts go up in the first round, down in the second, and so on: a target that
//! gets slower by and by then does so at all counts alike. As with all epochs, what comes next is a function of what is
//! finished. Who holds the replicas, and how, is not known here ([`crate::pinning`] does that).

mod answer;
mod by_size;
mod result;
mod sizes;
mod tally;
#[cfg(test)]
mod tests;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use upsurge_crds::v1alpha1::{
    EpochResult, Load, LoadTestSpec, LoadUnit, MOST_EPOCHS, ReplicaCounts, StageSpec, TimeSpan,
};
use upsurge_figures::search::TRIES;

use self::tally::Tally;
pub use self::{
    answer::{Scaling, last_passed, scaling},
    by_size::{BySize, sizing},
    result::{Counted, Scaled},
    sizes::{Sizes, SizesError},
};
use super::{Epoch, measure, quantity, whole_number, written};
use crate::{
    metrics::Catalog,
    plan::{FINISH, MEASURE, WARM_UP},
};

/// Most users that a load may have.
const MOST_USERS: u32 = 1_000_000;
/// Length of the stage in which nobody begins an iteration. The last stage of a load is also what comes after its end, so any does.
const LENGTH_OF_FINISH: TimeSpan = TimeSpan::from_secs(1);

/// Which measurements a test of scalability is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalability {
    /// Ascending, each one once.
    counts: Vec<u32>,
    users_per_replica: u32,
    repeats: u32,
    warm_up: TimeSpan,
    measure: TimeSpan,
}

/// A measurement: an epoch that holds its target at a number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Its number among the epochs of the run, from 1.
    pub number: u32,
    /// Replicas that the target's workload is held at, from before its load until after it.
    pub pinned_replicas: u32,
    /// Users at work: its level.
    pub users: u32,
}

impl Measurement {
    /// That of an epoch, if it is one.
    pub(super) fn of(epoch: &Epoch) -> Option<Self> {
        let users = whole_number(epoch.level?);
        Some(Self { number: epoch.number, pinned_replicas: epoch.replicas?, users })
    }

    /// As an epoch.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch {
            number: self.number,
            level: Some(f64::from(self.users)),
            replicas: Some(self.pinned_replicas),
            size: None,
        }
    }

    /// How it is told while it is under way.
    pub fn under_way(&self, start_time: Option<MicroTime>) -> EpochResult {
        self.epoch().under_way(start_time).unwrap_or_default()
    }

    /// Its level as it is written down, by which it is known again: each count has another one.
    fn level(&self) -> String {
        written(f64::from(self.users))
    }
}

/// Why there is nothing to measure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScalabilityError {
    /// Nothing can be compared.
    #[error("needs at least two different counts of replicas, none of them 0")]
    Counts,
    /// A load that can't be.
    #[error("needs at least one user per replica, and at most {MOST_USERS} users with the most replicas")]
    Users,
    /// A history that would not fit into a status.
    #[error("{counts} counts, each measured {repeats} times, are not from 1 to {MOST_EPOCHS} measurements")]
    Measurements {
        /// Different counts.
        counts: usize,
        /// Measurements of each.
        repeats: u32,
    },
    /// A measurement without a length.
    #[error("lasts no time at all: there is nothing to measure")]
    NoTime,
}

impl Scalability {
    /// The test that a load asks for.
    ///
    /// # Errors
    /// When it would measure nothing, or more than a run may.
    pub fn of(asked: &ReplicaCounts) -> Result<Self, ScalabilityError> {
        // What is below 0 is refused as 0 is.
        let count = |value: i32| u32::try_from(value).unwrap_or_default();
        let counts: Vec<u32> = asked.counts.iter().copied().map(count).collect();
        let users = count(asked.level_per_replica);
        Self::new(&counts, users, asked.repeats(), asked.warm_up, asked.measure)
    }

    /// A test of these counts, in any order, each measured `repeats` times: `measure` long, after a `warm_up` at the same level.
    ///
    /// # Errors
    /// When it would measure nothing, or more than a run may.
    pub fn new(
        counts: &[u32],
        users_per_replica: u32,
        repeats: u32,
        warm_up: TimeSpan,
        measure: TimeSpan,
    ) -> Result<Self, ScalabilityError> {
        let mut counts = counts.to_vec();
        counts.sort_unstable();
        counts.dedup();
        if counts.len() < 2 || counts.contains(&0) {
            return Err(ScalabilityError::Counts);
        }
        let most = counts.last().copied().unwrap_or_default().saturating_mul(users_per_replica);
        if users_per_replica == 0 || most > MOST_USERS {
            return Err(ScalabilityError::Users);
        }
        if repeats == 0 || counts.len().saturating_mul(repeats as usize) > MOST_EPOCHS {
            return Err(ScalabilityError::Measurements { counts: counts.len(), repeats });
        }
        if measure.0.is_zero() {
            return Err(ScalabilityError::NoTime);
        }
        Ok(Self { counts, users_per_replica, repeats, warm_up, measure })
    }

    /// How long it lasts in all, of which each measurement takes so long; somewhat longer if many of them say nothing.
    pub fn longest(&self, one: Duration) -> Duration {
        let counts = u32::try_from(self.counts.len()).unwrap_or(u32::MAX);
        one.saturating_mul(counts.saturating_mul(self.repeats).saturating_add(TRIES))
    }

    /// What comes after these measurements, which are finished; `None` if nothing does.
    pub fn due(&self, history: &[EpochResult]) -> Option<Measurement> {
        if history.len() >= MOST_EPOCHS {
            return None;
        }
        let number = u32::try_from(history.len()).unwrap_or(u32::MAX).saturating_add(1);
        let due = tally::due(&self.tallies(history), self.repeats)?;
        self.counts.get(due).map(|replicas| self.measurement(number, *replicas))
    }

    /// The test of a measurement.
    pub fn test(&self, whole: &LoadTestSpec, measurement: &Measurement) -> LoadTestSpec {
        with_users(whole, measurement.users, self.warm_up, self.measure)
    }

    /// What these measurements say together.
    pub fn found(&self, history: &[EpochResult]) -> Scaled {
        let tallies = self.tallies(history);
        let counts = self.counts.iter().zip(tallies);
        let counts = counts.map(|(replicas, tally)| (*replicas, self.measurement(0, *replicas).users, tally));
        Scaled::of(counts.collect())
    }

    /// The same of a test that was stopped: of the counts that were measured.
    pub(super) fn so_far(&self, history: &[EpochResult]) -> Scaled {
        let mut found = self.found(history);
        found.counts.retain(Counted::is_measured);
        found
    }

    fn measurement(&self, number: u32, pinned_replicas: u32) -> Measurement {
        let users = pinned_replicas.saturating_mul(self.users_per_replica);
        Measurement { number, pinned_replicas, users }
    }

    /// What is known of each count. Measurements at other levels are of another test.
    fn tallies(&self, history: &[EpochResult]) -> Vec<Tally> {
        let tally = |replicas: &u32| {
            let level = self.measurement(0, *replicas).level();
            let mut tally = Tally::default();
            for epoch in history.iter().filter(|epoch| epoch.level == level) {
                tally.add(epoch, *replicas);
            }
            tally
        };
        self.counts.iter().map(tally).collect()
    }
}

/// The test of a measurement with so many users: that of the run, with its load, and with thresholds on what is measured of it.
///
/// Users finish their iterations after the measured time. A request belongs to the stage in which it begins, so without a stage
/// for these they would count as if they had been made within that time: the longer iterations take, the more.
fn with_users(whole: &LoadTestSpec, users: u32, warm_up: TimeSpan, measured: TimeSpan) -> LoadTestSpec {
    let stage = |name: &str, duration, users: u32| StageSpec {
        name: Some(name.into()),
        duration,
        target: quantity(f64::from(users)),
        jump: true,
    };
    let stages = vec![
        stage(WARM_UP, warm_up, users),
        stage(MEASURE, measured, users),
        stage(FINISH, LENGTH_OF_FINISH, 0),
    ];
    let mut test = whole.clone();
    test.load = Load {
        unit: Some(LoadUnit::Users),
        stages: Some(stages),
        graceful_stop: whole.load.graceful_stop,
        ..Load::default()
    };
    // A target that is held at a number of replicas is not at its minimum, and has nothing to come to rest from.
    test.autoscaling = None;
    let catalog = Catalog::new(&whole.metrics);
    test.thresholds.iter_mut().for_each(|threshold| measure(threshold, catalog));
    test
}
