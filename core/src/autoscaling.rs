// SPDX-License-Identifier: Apache-2.0
//! What the autoscaler did, from what was observed of it.
//!
//! The samplers write an [`Observation`]; [`analyse()`] turns it into the result in the status, and
//! [`doubts()`] says why it can't carry a verdict. [`Observed`] makes the figures of a workload from it, by
//! `upsurge_figures`, puts them into the result and judges what is expected of them. Nothing is concluded about demand from
//! `desiredReplicas`: it is clamped to the autoscaler's own bounds.

mod analyse;
mod anew;
mod budget;
mod by_record;
mod certain;
mod course;
mod demand;
mod doubts;
mod endings;
mod expectations;
mod judged;
mod limits;
mod observation;
mod observed;
mod outages;
mod replay;
mod replicas;
mod sentence;
mod standing;
#[cfg(test)]
mod tests;
mod unseen;
mod workload;

pub use analyse::{analyse, digest, watch_until};
pub use by_record::{ByRecord, watched_until};
pub use course::{fall, rise};
pub use demand::{advice, declared, mixes_units};
pub use doubts::{Doubt, doubts};
pub use endings::while_ending;
pub use observation::{Autoscaler, ConditionSample, Observation, PodTimes, ReplicaSample, UsageSample};
pub use observed::{Observed, begin};
pub use sentence::{explained, limited};
pub use standing::{ONLY_AUTOSCALER, PAUSED};
