// SPDX-License-Identifier: Apache-2.0
//! What is expected of the autoscaler.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::TimeSpan;

/// How the run treats the autoscalers of `spec.target.workloads`. What is expected of each stands there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingSpec {
    /// Before the load starts, waits until each workload is at its autoscaler's minimum and the
    /// autoscaler reads its metrics. Default: no wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_for_idle: Option<WaitForIdle>,
}

/// Waiting for a quiet target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitForIdle {
    /// Longest wait; after it the run ends as Inconclusive. Example: `10m`.
    pub timeout: TimeSpan,
}

/// Expectations on the autoscaler. Each that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingExpectations {
    /// Longest time from the rise of the load until enough replicas are ready: `minPeakReplicas` if
    /// given, else what `capacityPerReplica` asks for, else one more than at the start. Example: `90s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up_within: Option<TimeSpan>,

    /// Fewest replicas that must be ready at the peak. Default: any number. Example: `4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_peak_replicas: Option<i32>,

    /// Most replicas that may be reached. Default: any number. Example: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_peak_replicas: Option<i32>,

    /// Longest time from the fall of the load until the replicas are back to what they were at the
    /// start. The run goes on watching after the load has ended until then. Example: `6m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_within: Option<TimeSpan>,
}
