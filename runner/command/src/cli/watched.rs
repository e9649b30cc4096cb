// SPDX-License-Identifier: Apache-2.0
//! What was seen of a workload while the command made the load.

use upsurge_core::autoscaling::Doubt;
use upsurge_crds::v1alpha1::AutoscalingResult;
use upsurge_figures::workload::Workload;

/// What was seen, and what came of it.
#[derive(Debug)]
pub(super) struct Watched {
    /// What the autoscaler did.
    pub(super) autoscaling: AutoscalingResult,
    /// Doubts about that.
    pub(super) doubts: Vec<Doubt>,
    /// All that was recorded, with what its pods used.
    pub(super) record: Workload,
}
