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

    /// Longest time from the fall of the load until the replicas are back to what they were at the start. The load falls where
    /// it begins to drop without rising again, at its end at the latest. The run goes on watching after the load has ended
    /// until then. Example: `6m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_within: Option<TimeSpan>,

    /// Most changes of direction of `spec.replicas`; up once and down once is one. Default: any number. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_direction_changes: Option<i32>,

    /// By how many percent the most replicas that served may exceed the most that the load asked for. What the
    /// autoscaler's own minimum asks for counts as asked for. Needs `capacityPerReplica`. Default: any number. Example: `25`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_overshoot_percent: Option<i32>,

    /// Most percent of the replicas that the load asked for that may be missing, averaged over the run, from its start
    /// until the observation ends. What the autoscaler's upper bound cuts off counts as missing. Needs `capacityPerReplica`.
    /// Default: any number. Example: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_under_provisioned_percent: Option<i32>,

    /// Most replicas that may be there beyond what the load asks for, in percent of that, averaged over the run. What
    /// the autoscaler's own minimum asks for counts as asked for. Needs `capacityPerReplica`. Default: any number. Example: `50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_over_provisioned_percent: Option<i32>,

    /// Longest time from a change of the load until the replicas that serve stay within one of what it asks for, within
    /// the autoscaler's bounds. The fall of the load counts, too, so the time that the autoscaler waits before it scales down is
    /// in it. The run goes on watching until then. Needs `capacityPerReplica`. Default: any time. Example: `8m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_settling_time: Option<TimeSpan>,

    /// Longest time for which the test's own thresholds may be missed without a break, looked at second by second: from the first
    /// second in which one is missed until all are met for 5 s in a row. Thresholds on `http_req_duration` and `http_req_failed`
    /// that select nothing, or only a stage, count; at least one is needed. Default: any time. Example: `60s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_within: Option<TimeSpan>,

    /// Most failed requests that may have been in flight while pods of the target were ending: those that
    /// `status.autoscaling.requestsWhileScalingDown` counts. Default: any number. Example: `0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_failed_requests_while_scaling_down: Option<i64>,
}
