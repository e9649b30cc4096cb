//! Why what was observed of the autoscaler can't carry a verdict.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::AutoscalingSpec;

use super::Observation;

/// A reason for which data can't carry a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: &'static str,
    /// What, where, and what to do.
    pub message: String,
}

/// All doubts about a run that lasted from `start` to `end`.
pub fn doubts(_: &Observation, _: Timestamp, _: Timestamp, _: Option<&AutoscalingSpec>) -> Vec<Doubt> {
    Vec::new()
}
