// SPDX-License-Identifier: Apache-2.0
//! What the autoscaler did, from what was observed of it.
//!
//! The observer's events are recorded in a `upsurge_figures::workload::Workload`. [`Observed`] turns such a record into the result in the
//! status: numbers of replicas, figures, what came of each expectation, and why it can't carry a verdict. Nothing else is looked at, so
//! no two of these can contradict each other. Nothing is concluded about demand from `desiredReplicas`: it is clamped to the
//! autoscaler's own bounds.

mod analyse;
mod anew;
mod budget;
mod course;
mod demand;
mod doubts;
mod endings;
mod expectations;
mod judged;
mod limiting;
mod observed;
mod outages;
mod quiet;
mod replicas;
mod rest;
mod sentence;
mod several;
mod standing;
mod stops;
#[cfg(test)]
mod tests;
mod unseen;
mod workload;

pub use analyse::{digest, watch_until};
pub use course::{fall, rise};
pub use demand::{advice, declared, mixes_units};
pub use doubts::Doubt;
pub use endings::{while_each_ended, while_ending};
pub use observed::{Observed, begin, turn};
pub use quiet::{Restless, quiet, reads};
pub use replicas::ready_replicas;
pub use rest::{Before, rested};
pub use sentence::{explained, limited};
pub use several::{Part, lost, together};
pub use standing::{FALLBACK, ONLY_AUTOSCALER, PAUSED};
pub use stops::how_to_stop;
pub(crate) use unseen::hides_replicas;

use std::time::Duration;

/// Longest that `Auto` waits for an autoscaler. A policy lets every run wait so long before and after its load, each time, however
/// short its load must be.
pub(crate) const USUAL_WAIT: Duration = Duration::from_secs(15 * 60);
