// SPDX-License-Identifier: Apache-2.0
//! What a run saw of the target's autoscaler, replicas and pods, and what came of the expectations on them.

mod workload;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::workload::*;

/// What the autoscaler did, in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingDigest {
    /// Ready replicas at start, peak and end; of several workloads each with its name. Example: `1→4→1`.
    pub replicas: String,
    /// What kept the workload from growing further, if anything did; of several, the name of the workload before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
}

/// What the autoscaler did. Where the test names several workloads, the numbers of each are in `workloads` and not here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingResult {
    /// The autoscaler as it was when the load started, as `HorizontalPodAutoscaler/NAME`; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<String>,
    /// Ready replicas at start, peak and end; `?` where nobody saw them. With several workloads, each has its name. Example: `1→4→1`.
    pub replicas: String,
    /// Ready replicas when the load started, or those that were seen first after that; absent if none were ever seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_replicas: Option<i32>,
    /// Most ready replicas that were seen; absent if nobody saw any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_replicas: Option<i32>,
    /// Ready replicas at the end of the observation, or those that were seen last; absent if none were ever seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_replicas: Option<i32>,
    /// The autoscaler's lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// The autoscaler's upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<i32>,
    /// Each change of desired, current or ready replicas; of more than 100 those are kept
    /// that show the course: both ends, the highest and lowest, and the others evenly. There is none for a time for which not all
    /// of them were seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub timeline: Vec<ReplicaPoint>,
    /// Seconds from the rise of the load until enough replicas were ready; absent if they never were, or nobody saw when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up_seconds: Option<f64>,
    /// Seconds from the fall of the load until the replicas were back; absent if they never were, or nobody saw when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_seconds: Option<f64>,
    /// What kept the workload from growing further, longest of all: `MaxReplicas`, `ScaleUpPolicy`, `Stabilization`, `CPULimit`,
    /// `Nodes`, `Quota`, `MetricsBroken`, `ImagePull` or `Readiness`. With several workloads, that of the first to miss what is
    /// expected of it, or that which lasted longest, with the workload's name before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
    /// With several workloads, which was the first to miss what is expected of it, and which others changed only after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Failed requests that were in flight while pods of the target were ending; absent if no pod ended during the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_while_scaling_down: Option<RequestsWhileScalingDown>,
    /// Conditions of the autoscaler that were out of order during the run, and what was not seen, from when to when and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub problems: Vec<String>,
    /// Each expectation with what was observed. With several workloads, each name begins with that of its workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub expectations: Vec<ExpectationResult>,
    /// Where the time of each scale-up went, how well replicas followed the load, what limited them and what to change: of
    /// each workload of `spec.target.workloads`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub workloads: Vec<WorkloadResult>,
}

/// Failed requests that were in flight while pods of the target were ending: between one second before a pod was asked
/// to end and one second after its last container had ended. That they coincide does not show that one caused
/// the other. Only failures that an ending pod can cause count: connections that were reset, closed or refused,
/// and requests without an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestsWhileScalingDown {
    /// Requests that surely were in flight while at least one pod was ending.
    pub requests: i64,
    /// The same by what went wrong: `reset` (closed by the server, too), `refused`, `no answer` (timeouts, too).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub kinds: BTreeMap<String, i64>,
    /// Failed requests of the whole run, of any kind.
    pub failed: i64,
    /// Pods of the target that ended during the load.
    pub pods: i32,
    /// Requests that may have been in flight then, besides those in `requests`: the times that are known don't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertain: Option<i64>,
    /// What is not known, and why, when something is not. Example: `when 2 of 5 pods ended is not known`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub gaps: Vec<String>,
}

/// Replicas at an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaPoint {
    /// The instant.
    pub at: Time,
    /// Seconds from the start of the load; negative before it.
    pub seconds: f64,
    /// What the autoscaler wants (`status.desiredReplicas`), or the workload's spec without one.
    pub desired: i32,
    /// Replicas that exist.
    pub current: i32,
    /// Replicas that are ready to serve.
    pub ready: i32,
}

/// An expectation and what was observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpectationResult {
    /// Name of the field, for example `scaleUpWithin`.
    pub name: String,
    /// The value asked for.
    pub expected: String,
    /// The value observed.
    pub observed: String,
    /// Whether the expectation held.
    pub passed: bool,
    /// Whether what was observed can't tell if it held; the message says what is not known. It is then neither passed nor
    /// failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undecided: bool,
    /// Why it did not, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The limit and how it was made up, where `expected` is `Auto`. Example: `2m (1m40s to see a change of the load and act on it +
    /// 20s until new pods serve)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
}
