// SPDX-License-Identifier: Apache-2.0
//! What was seen of the test's workloads while the command made the load.

use upsurge_core::autoscaling::Doubt;
use upsurge_crds::v1alpha1::AutoscalingResult;
use upsurge_figures::workload::Workload;
use upsurge_record::model::{KubernetesEnvironment, WorkloadEnvironment};

/// What was seen, and what came of it.
#[derive(Debug)]
pub(super) struct Watched {
    /// What the autoscalers did.
    pub(super) autoscaling: AutoscalingResult,
    /// Doubts about that.
    pub(super) doubts: Vec<Doubt>,
    /// All that was recorded of each, with what its pods used, in the order of the spec.
    pub(super) records: Vec<Workload>,
}

/// What is around the load, for the record.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// The cluster.
    pub(super) kubernetes: Option<KubernetesEnvironment>,
    /// How each workload was set up when the load started, in the order of the spec.
    pub(super) workloads: Vec<WorkloadEnvironment>,
}
