// SPDX-License-Identifier: Apache-2.0
//! What the autoscaler did, from what was observed of it.
//!
//! The samplers write an [`Observation`]; [`analyse()`] turns it into the result in the status, and
//! [`doubts()`] says why it can't carry a verdict. Nothing is concluded about demand from
//! `desiredReplicas`: it is clamped to the autoscaler's own bounds.

mod analyse;
mod course;
mod doubts;
mod endings;
mod expectations;
mod limits;
mod observation;
mod outages;
mod replicas;
#[cfg(test)]
mod tests;

pub use analyse::{analyse, digest, watch_until};
pub use course::{fall, rise};
pub use doubts::{Doubt, doubts};
pub use endings::while_ending;
pub use observation::{Autoscaler, ConditionSample, Observation, PodTimes, ReplicaSample, UsageSample};
