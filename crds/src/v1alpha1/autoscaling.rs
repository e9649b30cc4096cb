// SPDX-License-Identifier: Apache-2.0
//! What is expected of the autoscaler.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    duration::TimeSpan,
    quantity::{Quantity, level},
    time_limit::TimeLimit,
};

/// How the run treats the autoscalers of `spec.target.workloads`. What is expected of each stands there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingSpec {
    /// Before the load starts, waits until each workload is at its autoscaler's minimum and the
    /// autoscaler reads its metrics. A search for a capacity also waits before each further probe, until as many replicas are ready as
    /// there were before the first one, and no others are wanted. Default: no wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_for_idle: Option<WaitForIdle>,
}

/// Waiting for a quiet target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitForIdle {
    /// Longest wait; after it the run ends as Inconclusive, or the probe that waits is done and says nothing. Example: `10m`.
    pub timeout: TimeSpan,
}

/// Expectations on the autoscaler. Each that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingExpectations {
    /// Longest time from the rise of the load until enough replicas are ready: `minPeakReplicas` if
    /// given, else what `capacityPerReplica` asks for, else one more than at the start. `Auto` takes what the autoscaler's own
    /// settings allow: its window and policies, 100 s until it has seen the load and acted, the load's own ramp, and the time
    /// that pods were seen to take. Default: any time. Example: `90s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up_within: Option<TimeLimit>,

    /// Fewest replicas that must be ready at the peak. Default: any number. Example: `4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_peak_replicas: Option<i32>,

    /// Most replicas that may be reached. Default: any number. Example: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_peak_replicas: Option<i32>,

    /// Longest time from the fall of the load until the replicas are back to what they were at the start. The load falls where
    /// it begins to drop without rising again, at its end at the latest. The run goes on watching after the load has ended until
    /// then. `Auto` is what the autoscaler's own settings allow, watched for 15 minutes after the load at most. Default: any time.
    /// Example: `6m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_within: Option<TimeLimit>,

    /// Most changes of direction of `spec.replicas`; up once and down once is one. Default: any number. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_direction_changes: Option<i32>,

    /// Most changes of direction of `spec.replicas` that no change of the load in the same direction came before. Needs
    /// `capacityPerReplica`. Default: any number. Example: `0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_flapping: Option<i32>,

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

    /// Most percent of the run's time in which fewer replicas than the load asks for may serve. What the autoscaler's upper
    /// bound cuts off counts as asked for. Needs `capacityPerReplica`. Default: any time. Example: `20`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_time_under_provisioned_percent: Option<i32>,

    /// Most percent of the run's time in which more replicas may serve than the load asks for. What the autoscaler's own minimum
    /// asks for counts as asked for. Needs `capacityPerReplica`. Default: any time. Example: `60`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_time_over_provisioned_percent: Option<i32>,

    /// Most replicas that may be missing, averaged over the run: what the load asks for less those that serve. A quantity from 0 on.
    /// What the autoscaler's upper bound cuts off counts as missing. Needs `capacityPerReplica`. Default: any number. Example: `"0.5"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "level")]
    pub max_missing_replicas: Option<Quantity>,

    /// Most replicas that may be there beyond what the load asks for, averaged over the run. A quantity from 0 on. What the autoscaler's own
    /// minimum asks for counts as asked for. Needs `capacityPerReplica`. Default: any number. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "level")]
    pub max_spare_replicas: Option<Quantity>,

    /// Most replica-seconds that may be used, in percent of those that an ideal autoscaler would use; 100 is ideal, and less
    /// means that replicas were missing. What the autoscaler's own minimum asks for counts as ideal. Needs `capacityPerReplica`.
    /// Default: any number. Example: `130`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_cost_percent: Option<i32>,

    /// Most percent of the run's time in which replicas and what the load asks for, within the autoscaler's bounds, may not move in the same
    /// direction; looked at each 15 s. Needs `capacityPerReplica`. Default: any time. Example: `40`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_instability_percent: Option<i32>,

    /// Most replicas per minute by which those that came and went may differ from those that the load asked for and gave back, within
    /// the autoscaler's bounds: more are restless, fewer sluggish. A quantity from 0 on. Needs `capacityPerReplica`. Default: any
    /// number. Example: `"0.5"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "level")]
    pub max_jitter_per_minute: Option<Quantity>,

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

    /// Most percent of the load's seconds in which one of the test's own thresholds may be missed: of those that `recoverWithin` looks at, and
    /// at least one is needed. Default: any time. Example: `5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_violations_percent: Option<i32>,

    /// Most failed requests that may have been in flight while pods of the target were ending: those that
    /// `status.autoscaling.requestsWhileScalingDown` counts. Default: any number. Example: `0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_failed_requests_while_scaling_down: Option<i64>,
}
