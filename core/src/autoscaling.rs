//! What the autoscaler did, from what was observed of it.
//!
//! The samplers write an [`Observation`]; [`analyse`] turns it into the result in the status. Nothing is
//! concluded from `desiredReplicas` about demand: it is clamped to the autoscaler's own bounds.

mod analyse;
mod doubts;
mod expectations;
mod observation;
mod replicas;

pub use analyse::{analyse, digest, watch_until};
pub use doubts::{Doubt, doubts};
pub use observation::{Autoscaler, ConditionSample, Observation, PodTimes, ReplicaSample};
