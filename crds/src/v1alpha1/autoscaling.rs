// SPDX-License-Identifier: Apache-2.0
//! What is expected of the autoscaler.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::TimeSpan;

/// How the target's autoscaler is judged. Its HorizontalPodAutoscaler is found by `scaleTargetRef`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingSpec {
    /// Iterations per second (or users, with `unit: Users`) that one replica serves while it meets its thresholds. It
    /// turns the load into the number of replicas that were needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.001, max = 1_000_000.0))]
    pub capacity_per_replica: Option<f64>,

    /// Expectations that decide over the verdict. Default: none, replicas are only reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<AutoscalingExpectations>,

    /// Before the load starts, waits until the workload is at the autoscaler's minimum and the
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

    /// Fewest replicas that must be ready at the peak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_peak_replicas: Option<i32>,

    /// Most replicas that may be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_peak_replicas: Option<i32>,

    /// Longest time from the fall of the load until the replicas are back to what they were at the
    /// start. The run goes on watching after the load has ended until then. Example: `6m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_within: Option<TimeSpan>,
}
