//! Limits on metrics, in k6's grammar and with k6's semantics.

use std::time::Duration;

use upsurge_crds::v1alpha1::{Threshold, ThresholdResult};

use crate::{metrics::Metrics, plan::Timeline};

mod condition;

pub use condition::{Aggregation, Condition, ConditionError};

/// Evaluates thresholds on all that was recorded. While the load runs (`finished` false), those
/// without any samples yet are left out, as in k6.
pub fn evaluate(
    _: &[Threshold],
    _: &Metrics,
    _: &Timeline,
    _elapsed: Duration,
    _finished: bool,
) -> Vec<ThresholdResult> {
    Vec::new()
}

/// The first breached threshold that stops the run.
pub fn breached_abort(
    _: &[Threshold],
    _: &Metrics,
    _: &Timeline,
    _elapsed: Duration,
) -> Option<ThresholdResult> {
    None
}
