// SPDX-License-Identifier: Apache-2.0
//! A test of scalability over sizes of pods: what a target serves with one size after the other, each under the same users.
//!
//! As with counts of replicas, each epoch is a measurement, and what comes next is a function of what is finished. The replicas are
//! those that were there when the run began, so how many these are is told by the measurements themselves. Who sets sizes, and how,
//! is not known here ([`crate::pinning`] does that).

#[cfg(test)]
mod tests;

use std::time::Duration;

use upsurge_crds::v1alpha1::{
    EpochOutcome, EpochResult, LoadTestSpec, MOST_EPOCHS, Quantity, SizesLoad, TimeSpan,
};
use upsurge_figures::search::TRIES;

use super::{BySize, Epoch, MOST_USERS, Tally, tally, with_users};

/// Most sizes.
const MOST_SIZES: usize = 8;

/// Which measurements a test of sizes is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    sizes: Vec<Known>,
    users: u32,
    repeats: u32,
    warm_up: TimeSpan,
    measure: TimeSpan,
}

/// What has to be known of a size to compare it.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    name: String,
    /// CPU cores that one replica requests.
    cores: Option<f64>,
}

/// Why there is nothing to measure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizesError {
    /// Nothing can be compared, or more than there is room for.
    #[error("needs from 2 to {MOST_SIZES} sizes")]
    Sizes,
    /// Two of one name.
    #[error("has two sizes of the name {0}: each needs one of its own")]
    Name(String),
    /// A load that can't be.
    #[error("needs at least one user, and at most {MOST_USERS}")]
    Users,
    /// A history that would not fit into a status.
    #[error("{sizes} sizes, each measured {repeats} times, are not from 1 to {MOST_EPOCHS} measurements")]
    Measurements {
        /// Sizes.
        sizes: usize,
        /// Measurements of each.
        repeats: u32,
    },
    /// A measurement without a length.
    #[error("lasts no time at all: there is nothing to measure")]
    NoTime,
}

impl Sizes {
    /// The test that a load asks for.
    ///
    /// # Errors
    /// When it would measure nothing, or more than a run may.
    pub fn of(asked: &SizesLoad) -> Result<Self, SizesError> {
        let sizes = &asked.sizes;
        if sizes.len() < 2 || sizes.len() > MOST_SIZES {
            return Err(SizesError::Sizes);
        }
        let is_twice = |index: usize| sizes[..index].iter().any(|before| before.name == sizes[index].name);
        if let Some(twice) = (0..sizes.len()).find(|index| is_twice(*index)) {
            return Err(SizesError::Name(sizes[twice].name.clone()));
        }
        // What is below 0 is refused as 0 is.
        let users = u32::try_from(asked.level).unwrap_or_default();
        if users == 0 || users > MOST_USERS {
            return Err(SizesError::Users);
        }
        let repeats = asked.repeats();
        if repeats == 0 || sizes.len().saturating_mul(repeats as usize) > MOST_EPOCHS {
            return Err(SizesError::Measurements { sizes: sizes.len(), repeats });
        }
        if asked.measure.0.is_zero() {
            return Err(SizesError::NoTime);
        }
        let known = sizes.iter().map(|size| Known {
            name: size.name.clone(),
            cores: size.cpu().and_then(|cpu| cpu.parse::<Quantity>().ok()).map(Quantity::as_f64),
        });
        let (warm_up, measure) = (asked.warm_up, asked.measure);
        Ok(Self { sizes: known.collect(), users, repeats, warm_up, measure })
    }

    /// How long it lasts in all, of which each measurement takes so long; somewhat longer if many of them say nothing.
    pub fn longest(&self, one: Duration) -> Duration {
        let sizes = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX);
        one.saturating_mul(sizes.saturating_mul(self.repeats).saturating_add(TRIES))
    }

    /// What comes after these measurements, which are finished; `None` if nothing does.
    pub fn due(&self, history: &[EpochResult]) -> Option<Epoch> {
        if history.len() >= MOST_EPOCHS {
            return None;
        }
        let number = u32::try_from(history.len()).unwrap_or(u32::MAX).saturating_add(1);
        let due = tally::due(&self.tallies(history), self.repeats)?;
        let size = self.sizes.get(due)?.name.clone();
        Some(Epoch { number, level: Some(f64::from(self.users)), replicas: None, size: Some(size) })
    }

    /// The test of a measurement: they are all alike.
    pub fn test(&self, whole: &LoadTestSpec) -> LoadTestSpec {
        with_users(whole, self.users, self.warm_up, self.measure)
    }

    /// What these measurements say together.
    pub fn found(&self, history: &[EpochResult]) -> BySize {
        let replicas = replicas(history);
        let sizes = self.sizes.iter().zip(self.tallies(history));
        let sizes = sizes.map(|(size, tally)| {
            let cores = size.cores.filter(|cores| *cores > 0.0).zip(replicas);
            (size.name.clone(), cores.map(|(cores, replicas)| cores * f64::from(replicas)), tally)
        });
        BySize::of(sizes.collect())
    }

    /// The same of a test that was stopped: of the sizes that were measured.
    pub(in crate::epochs) fn so_far(&self, history: &[EpochResult]) -> BySize {
        self.found(history).measured()
    }

    /// What is known of each size.
    fn tallies(&self, history: &[EpochResult]) -> Vec<Tally> {
        // Without any that served, no measurement says how many did.
        let replicas = replicas(history).unwrap_or_default();
        let tally = |size: &Known| {
            let mut tally = Tally::default();
            let own = history.iter().filter(|epoch| epoch.size.as_deref() == Some(size.name.as_str()));
            own.for_each(|epoch| tally.add(epoch, replicas));
            tally
        };
        self.sizes.iter().map(tally).collect()
    }
}

/// The replicas of the first measurement that says something: all others have to be of as many.
fn replicas(history: &[EpochResult]) -> Option<u32> {
    let says =
        |epoch: &&EpochResult| matches!(epoch.outcome, Some(EpochOutcome::Passed | EpochOutcome::Failed));
    history.iter().filter(says).find_map(|epoch| epoch.replicas.and_then(|count| u32::try_from(count).ok()))
}
