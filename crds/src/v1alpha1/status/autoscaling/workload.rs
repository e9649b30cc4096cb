// SPDX-License-Identifier: Apache-2.0
//! Figures of one workload: where the time of its scale-ups went, how well it followed the load, what limited it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ReplicaPoint, RequestsWhileScalingDown};

/// Figures of a workload. Times are in seconds with their unit (`15.2s`), shares are percentages (`12.5%`). What is not
/// known is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadResult {
    /// Name of the workload.
    pub name: String,
    /// Kind of the workload.
    pub kind: String,
    /// Its autoscaler when the load started, as `HorizontalPodAutoscaler/NAME`. This and what follows, down to
    /// `requestsWhileScalingDown`, is given of several workloads; of one it stands beside this list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<String>,
    /// Ready replicas at start, peak and end; `?` where nobody saw them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<String>,
    /// Ready replicas when the load started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_replicas: Option<i32>,
    /// Most ready replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_replicas: Option<i32>,
    /// Ready replicas at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_replicas: Option<i32>,
    /// The autoscaler's lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// The autoscaler's upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<i32>,
    /// Each change of desired, current or ready replicas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub timeline: Vec<ReplicaPoint>,
    /// Seconds from the rise of the load until enough replicas were ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up_seconds: Option<f64>,
    /// Seconds from the fall of the load until the replicas were back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_seconds: Option<f64>,
    /// Failed requests that were in flight while its pods were ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_while_scaling_down: Option<RequestsWhileScalingDown>,
    /// Each increase of `spec.replicas`; increases within a second are one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub scale_ups: Vec<ScaleUpResult>,
    /// Each decrease of `spec.replicas`; decreases within a second are one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub scale_downs: Vec<ScaleDownResult>,
    /// Each part of all scale-ups together; absent without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7), extend("x-kubernetes-list-type" = "atomic"))]
    pub latency: Vec<LatencyPart>,
    /// The part that took the most time of all scale-ups together. Example: `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_part: Option<String>,
    /// How well replicas followed the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elasticity: Option<Box<ElasticityResult>>,
    /// What was in force longest while there were too few replicas, as in `limits`; `None` is the time that an
    /// autoscaler and pods take. Absent if there always were enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
    /// What limited the workload, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub limits: Vec<LimitResult>,
    /// What to change, by what held scaling back; absent if there always were enough replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<RecommendationResult>,
    /// What could not be observed, and for how long. Example: `pods were not seen for 12 s`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub gaps: Vec<String>,
}

/// A scale-up, and where its time went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleUpResult {
    /// When `spec.replicas` was raised.
    pub at: Time,
    /// Seconds from the start of the load until then.
    pub seconds: f64,
    /// Replicas that were asked for before.
    pub from: i32,
    /// Replicas that were asked for.
    pub to: i32,
    /// The parts of its time, of the pod that was last to serve.
    pub split: LatencySplit,
    /// The largest part of `split`. Example: `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest: Option<String>,
    /// What was in force longest until its pods served. Example: `Nodes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
    /// Pods that it asked for and that nobody saw being created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_pods: Option<i32>,
}

/// The parts of the time that a scale-up takes, one after the other. Parts between two times that Kubernetes writes are
/// right to one second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatencySplit {
    /// From the rise of the load until the workload was asked for more replicas: the autoscaler's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
    /// From the decision until the pod was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// From its creation until the pod had a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<String>,
    /// From the node until its containers ran: images, volumes, init containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// From the start of its containers until it was ready: the program's own start and its readiness probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
    /// From ready until an EndpointSlice had it as ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_endpoints: Option<String>,
    /// From the EndpointSlice until all thresholds were met again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<String>,
}

/// A part of the time of all scale-ups together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatencyPart {
    /// The part, named as in `scaleUps[].split`.
    pub part: String,
    /// Half of all pods took at most this; of `decided` and `recovered`, half of all scale-ups.
    pub p50: String,
    /// 95 % took at most this.
    pub p95: String,
    /// The longest.
    pub max: String,
    /// How many are not known; absent if all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<i32>,
}

/// A scale-down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleDownResult {
    /// When `spec.replicas` was lowered.
    pub at: Time,
    /// Seconds from the start of the load until then.
    pub seconds: f64,
    /// Replicas that were asked for before.
    pub from: i32,
    /// Replicas that were asked for.
    pub to: i32,
    /// From the last time that the load fell before that until then. The end of the load is such a time, so this may count from
    /// later than `scaleDownWithin`, which counts from where the load begins to drop without rising again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
    /// From that decision until the last of its pods was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Requests of `requestsWhileScalingDown` that surely were in flight while one of its pods was ending. One that was in flight during
    /// two scale-downs counts for both. Absent if it is not known when its pods ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_requests: Option<i64>,
}

/// How well replicas followed the load, from its start until the observation ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElasticityResult {
    /// Where it is known from how many replicas the load asked for: `Declared` (`capacityPerReplica`), or `None`, and
    /// then the figures that need it are absent.
    pub demand_source: String,
    /// With `demandSource: None`, how to find out what a replica serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Most replicas that the load asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_demand: Option<i32>,
    /// By what the load asked for, whatever the reason that it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclamped: Option<ProvisioningResult>,
    /// By what the load asked for, within the autoscaler's bounds: what the autoscaler could have done better. Absent without
    /// an autoscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clamped: Option<ProvisioningResult>,
    /// Longest time from a change of the load until replicas stayed within one of what it asked for, within the
    /// autoscaler's bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settling_time: Option<String>,
    /// Whether replicas were still on their way at the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// Changes of direction of `spec.replicas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction_changes: Option<i32>,
    /// Those of them that no change of the load in the same direction came before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<i32>,
    /// Shortest and longest time from a fall of what the load asked for until replicas followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_delay: Option<ScaleDownDelayResult>,
    /// Share of the load's seconds in which a threshold was missed, of those on `http_req_duration` and `http_req_failed` that
    /// select no part of the requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violations: Option<String>,
    /// Longest time for which a threshold was missed without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<String>,
    /// Longest time of the run that is in none of the figures of `unclamped` and `clamped`, because something was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// Missing and spare replicas. d is what the load asked for, s the replicas that served, T the time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProvisioningResult {
    /// θ_U: share of the demand that was missing, averaged over the time: (1/T)·∫(d−s)⁺/d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_provisioned: Option<String>,
    /// θ_O: what was too much, as a share of the demand: (1/T)·∫(s−d)⁺/d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_provisioned: Option<String>,
    /// τ_U: share of the time with too few replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_under: Option<String>,
    /// τ_O: share of the time with too many replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_over: Option<String>,
    /// Replicas that were missing on average: (1/T)·∫(d−s)⁺.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_replicas: Option<String>,
    /// Replicas that were too many on average: (1/T)·∫(s−d)⁺.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spare_replicas: Option<String>,
    /// υ: share of the steps of a grid of 15 s over which supply and demand did not move in the same direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instability: Option<String>,
    /// Replicas that came and went, less those that the load asked for and gave back, per minute: below 0 too sluggish,
    /// above 0 restless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<String>,
    /// By how much the most replicas exceeded the most that the load asked for, in percent of that; below 0 if they never
    /// got there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overshoot: Option<String>,
    /// Replica-seconds that were used: ∫s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_seconds: Option<String>,
    /// Replica-seconds that an ideal autoscaler would have used: ∫d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ideal_replica_seconds: Option<String>,
    /// `replicaSeconds` ÷ `idealReplicaSeconds`; 1 is ideal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
}

/// How long scaling down waited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleDownDelayResult {
    /// How often the demand fell and replicas followed.
    pub count: i32,
    /// Shortest wait. Below `window`, something else than the autoscaler took replicas away.
    pub shortest: String,
    /// Longest wait.
    pub longest: String,
    /// The autoscaler's own stabilization window for scaling down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

/// Something that limited a workload for a time in which there were too few replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitResult {
    /// What: `MaxReplicas`, `ScaleUpPolicy`, `Stabilization`, `CPULimit`, `Nodes`, `Quota`, `MetricsBroken`, `ImagePull`,
    /// `Readiness`, or `None` for the time that an autoscaler and pods take.
    pub limit: String,
    /// Its start.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// How long that was.
    pub seconds: f64,
    /// What it was seen by.
    pub evidence: String,
}

/// What to change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecommendationResult {
    /// What to do, in a sentence.
    pub text: String,
    /// Why, with what was seen.
    pub reason: String,
    /// The same as a JSON merge patch of the autoscaler, for `kubectl patch --type=merge --patch`; absent where it isn't
    /// the autoscaler's to change, or not known by how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
}
