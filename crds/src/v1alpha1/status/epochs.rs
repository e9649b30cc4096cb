// SPDX-License-Identifier: Apache-2.0
//! The parts of a run, each with a load of its own, and what they say together.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most parts of a run.
pub const MOST_EPOCHS: usize = 60;

/// A part of a run with a load of its own: a probe of a search, or a measurement of a test of scalability.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EpochResult {
    /// Its number, from 1.
    pub number: i32,

    /// Its level, in iterations per second; of `spec.load.scalability` in users.
    pub level: String,

    /// When its load started; absent as long as runners get ready for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<MicroTime>,

    /// What came out; absent until it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<EpochOutcome>,

    /// What kept it from passing, in a few words: the first threshold that did not hold, for example
    /// `http_req_duration{stage:measure} p(95) < 200ms`, or why nothing can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,

    /// `limit` as a sentence, with numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,

    /// Requests per second in its measured part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<String>,

    /// Share of requests that failed in its measured part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<String>,

    /// 95th percentile of the time of requests in its measured part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<String>,

    /// Planned iterations that could not be started in its measured part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_iterations: Option<i64>,

    /// Replicas of the target's workload that traffic went to in its measured part; absent if they did not stand still, or
    /// were not seen all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// Replicas that the target was held at; absent where the run sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_replicas: Option<i32>,

    /// Name of the size that the pods of the target had; absent where the run sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
}

/// What came out of a part of a run; absent until it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EpochOutcome {
    /// All thresholds held.
    Passed,
    /// One did not.
    Failed,
    /// It says nothing about the target: the generator could not keep up, for example. It is tried again, up to three times.
    Inconclusive,
}

/// What a search for a capacity has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapacityResult {
    /// The highest rate at which all thresholds held, in iterations per second; absent if they never did. In a search for replicas
    /// it is the rate that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,

    /// Lowest rate above `level` at which a threshold did not hold: the truth lies between the two. Absent if none failed, so that
    /// the capacity may be higher than `level`, and if the verdict has the reason CapacityUnknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_level: Option<String>,

    /// The fewest replicas with which all thresholds held at `level`, of a search for them; absent if they never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// Most replicas below `replicas` with which a threshold did not hold. Absent if none failed, so that fewer than `replicas` may do,
    /// and if the verdict has the reason CapacityUnknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_replicas: Option<i32>,

    /// What did not hold most often at `failedLevel` or with `failedReplicas`, or why nothing could be said, if that is what ended the search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,

    /// How many probes it took.
    pub probes: i32,

    /// What speaks against one clear limit, for example that a level passed once and failed twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub contradictions: Vec<String>,

    /// What each replica of the target's workloads carried, where their number stood still while `level` passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub workloads: Vec<WorkloadCapacity>,
}

/// What each replica of a workload carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadCapacity {
    /// Name of the workload.
    pub name: String,

    /// Replicas that traffic went to.
    pub replicas: i32,

    /// Iterations per second and replica: the value for `spec.target.workloads[].capacityPerReplica`.
    pub per_replica: String,
}
