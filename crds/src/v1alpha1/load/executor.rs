// SPDX-License-Identifier: Apache-2.0
//! k6's executors, each with its own fields under k6's names.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arrivals, StageSpec, TimeSpan};
use crate::v1alpha1::quantity::{Quantity, level};

/// One load beside others. Exactly one of `constantVUs`, `rampingVUs`, `sharedIterations`, `perVUIterations`,
/// `constantArrivalRate` and `rampingArrivalRate` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "(has(self.constantVUs) ? 1 : 0) + (has(self.rampingVUs) ? 1 : 0) + (has(self.sharedIterations) ? 1 : 0) + (has(self.perVUIterations) ? 1 : 0) + (has(self.constantArrivalRate) ? 1 : 0) + (has(self.rampingArrivalRate) ? 1 : 0) == 1",
        "an executor is exactly one of constantVUs, rampingVUs, sharedIterations, perVUIterations, constantArrivalRate and rampingArrivalRate"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Executor {
    /// Name that results use: letters, digits, `_` and `-`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: String,

    /// Time from the start of the run at which this load starts. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<TimeSpan>,

    /// Time that iterations under way at the end of this load get to finish before they are cut off.
    /// Default: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graceful_stop: Option<TimeSpan>,

    /// Name of the scenario that this load does. Default: all scenarios by their weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub exec: Option<String>,

    /// Tags of all that this load measures. Example: `{journey: checkout}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub tags: BTreeMap<String, String>,

    /// Users repeat iterations for a time. Example: `{vus: 10, duration: 5m}`.
    #[serde(default, rename = "constantVUs", skip_serializing_if = "Option::is_none")]
    pub constant_vus: Option<ConstantVus>,

    /// A number of users that changes over time.
    #[serde(default, rename = "rampingVUs", skip_serializing_if = "Option::is_none")]
    pub ramping_vus: Option<RampingVus>,

    /// A number of iterations shared between users. Example: `{vus: 10, iterations: 500}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_iterations: Option<CountedIterations>,

    /// A number of iterations of each user. Example: `{vus: 10, iterations: 50}`.
    #[serde(default, rename = "perVUIterations", skip_serializing_if = "Option::is_none")]
    pub per_vu_iterations: Option<CountedIterations>,

    /// Iterations started at a rate. Example: `{rate: 30, timeUnit: 1m, duration: 5m, preAllocatedVUs: 5}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant_arrival_rate: Option<ArrivalRate>,

    /// Iterations started at a rate that changes over time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramping_arrival_rate: Option<RampingRate>,
}

/// Users repeat iterations for a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConstantVus {
    /// Users, over all runners. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub vus: i32,

    /// How long iterations are started. Example: `5m`.
    pub duration: TimeSpan,
}

/// A number of users that changes over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RampingVus {
    /// Users at the beginning. Default: 1.
    #[serde(default = "one", rename = "startVUs")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub start_vus: i32,

    /// Stages, one after the other; the number of users moves in a straight line to each stage's target. A stage
    /// of `0s` is a jump. Example: `[{duration: 1m, target: 50}, {duration: 5m, target: 50}]`.
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub stages: Vec<StageSpec>,

    /// Time that a user who is asked to leave before the end gets to finish its iteration. Default: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graceful_ramp_down: Option<TimeSpan>,
}

/// A number of iterations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CountedIterations {
    /// Users, over all runners. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub vus: i32,

    /// Iterations: of all users together with `sharedIterations`, of each user with `perVUIterations`. Default: 1.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub iterations: i64,

    /// Longest time for all iterations; what was not begun by then is dropped. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<TimeSpan>,
}

/// Iterations started at a rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(cel, validation = ("!has(self.arrivals) || !has(self.arrivals.maxUsers)", "maxUsers belongs to patterns; an executor has maxVUs"))]
#[serde(rename_all = "camelCase")]
pub struct ArrivalRate {
    /// Iterations started per `timeUnit`: a quantity from 0 to 1,000,000. Example: `30`.
    #[schemars(schema_with = "level")]
    pub rate: Quantity,

    /// The time that the rate refers to. Default: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<TimeSpan>,

    /// How long iterations are started. Example: `5m`.
    pub duration: TimeSpan,

    /// Users that exist from the start, over all runners.
    #[serde(rename = "preAllocatedVUs")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub pre_allocated_vus: i32,

    /// Most users, over all runners. Default: `preAllocatedVUs`.
    #[serde(default, rename = "maxVUs", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_vus: Option<i32>,

    /// How iterations arrive. Default: evenly spread, and dropped while no user is free, as in k6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
}

/// Iterations started at a rate that changes over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(cel, validation = ("!has(self.arrivals) || !has(self.arrivals.maxUsers)", "maxUsers belongs to patterns; an executor has maxVUs"))]
#[serde(rename_all = "camelCase")]
pub struct RampingRate {
    /// Iterations per `timeUnit` at the beginning: a quantity from 0 to 1,000,000. Default: 0.
    #[serde(default)]
    #[schemars(schema_with = "level")]
    pub start_rate: Quantity,

    /// The time that rates refer to. Default: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<TimeSpan>,

    /// Stages, one after the other; the rate moves in a straight line to each stage's target, in iterations per
    /// `timeUnit`. A stage of `0s` is a jump. Example: `[{duration: 1m, target: 50}]`.
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub stages: Vec<StageSpec>,

    /// Users that exist from the start, over all runners.
    #[serde(rename = "preAllocatedVUs")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub pre_allocated_vus: i32,

    /// Most users, over all runners. Default: `preAllocatedVUs`.
    #[serde(default, rename = "maxVUs", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_vus: Option<i32>,

    /// How iterations arrive. Default: evenly spread, and dropped while no user is free, as in k6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
}

const fn one() -> i32 {
    1
}

const fn once() -> i64 {
    1
}
