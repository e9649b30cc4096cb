//! From an observation to the result in the status.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{AutoscalingDigest, AutoscalingResult, AutoscalingSpec};

use super::Observation;
use crate::plan::Timeline;

/// What the autoscaler did between the start of the load and `end`, the end of the observation.
pub fn analyse(
    _: &Observation,
    _: &Timeline,
    _: Timestamp,
    _: Timestamp,
    _: &AutoscalingSpec,
) -> AutoscalingResult {
    AutoscalingResult::default()
}

/// Until when the observation must go on for the expectations to be decided; `None` when they are.
pub fn watch_until(
    _: &Observation,
    _: &Timeline,
    _: Timestamp,
    _: &AutoscalingSpec,
    _: Timestamp,
) -> Option<Timestamp> {
    None
}

/// The result in short, for the status of the test.
pub fn digest(result: &AutoscalingResult) -> AutoscalingDigest {
    AutoscalingDigest { replicas: result.replicas.clone(), limited_by: result.limited_by.clone() }
}
