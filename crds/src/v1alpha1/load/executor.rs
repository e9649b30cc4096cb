// SPDX-License-Identifier: Apache-2.0
//! k6's executors, under k6's names.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ArrivalProcess, StageSpec, TimeSpan, WhenBusy};

/// One load beside others. Which fields an executor has is said at [`ExecutorKind`]; any other is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Executor {
    /// How iterations are started.
    pub executor: ExecutorKind,

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

    /// Users, over all runners. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub vus: Option<i32>,

    /// How long iterations are started. Example: `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<TimeSpan>,

    /// Users at the beginning. Default: 1.
    #[serde(default, rename = "startVUs", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub start_vus: Option<i32>,

    /// Stages, one after the other; the level moves in a straight line to each stage's target. A stage
    /// of `0s` is a jump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub stages: Option<Vec<StageSpec>>,

    /// Time that a user who is asked to leave before the end gets to finish its iteration. Default: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graceful_ramp_down: Option<TimeSpan>,

    /// Iterations: of all users together with `shared-iterations`, of each user with
    /// `per-vu-iterations`. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub iterations: Option<i64>,

    /// Longest time for all iterations; what was not begun by then is dropped. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<TimeSpan>,

    /// Iterations started per `timeUnit`; fractions are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub rate: Option<f64>,

    /// Iterations per `timeUnit` at the beginning. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub start_rate: Option<f64>,

    /// The time that rates refer to. Default: 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<TimeSpan>,

    /// Users that exist from the start, over all runners.
    #[serde(default, rename = "preAllocatedVUs", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub pre_allocated_vus: Option<i32>,

    /// Most users, over all runners. Default: `preAllocatedVUs`.
    #[serde(default, rename = "maxVUs", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_vus: Option<i32>,

    /// How iterations are spread: `Uniform`, as in k6, or `Poisson`, at random. Default: Uniform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<ArrivalProcess>,

    /// Chooses among the random courses of `arrivals: Poisson`. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub seed: Option<i64>,

    /// What becomes of an iteration that is due while no user is free. Default: Drop, as in k6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_busy: Option<WhenBusy>,

    /// Most iterations that may wait with `whenBusy: Queue`, over all runners; more are dropped.
    /// Default: 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue_limit: Option<i32>,
}

/// The executors. All have `startTime`, `gracefulStop`, `exec` and `tags`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExecutorKind {
    /// Users repeat iterations for a time: `vus`, `duration`.
    ConstantVus,
    /// A number of users that changes over time: `startVUs`, `stages`, `gracefulRampDown`.
    RampingVus,
    /// A number of iterations shared between users: `vus`, `iterations`, `maxDuration`.
    SharedIterations,
    /// A number of iterations of each user: `vus`, `iterations`, `maxDuration`.
    PerVuIterations,
    /// Iterations started at a rate: `rate`, `timeUnit`, `duration`, `preAllocatedVUs`, `maxVUs`,
    /// `arrivals`, `seed`, `whenBusy`, `queueLimit`.
    ConstantArrivalRate,
    /// Iterations started at a rate that changes over time: `startRate`, `timeUnit`, `stages`,
    /// `preAllocatedVUs`, `maxVUs`, `arrivals`, `seed`, `whenBusy`, `queueLimit`.
    RampingArrivalRate,
    /// Was removed from k6; refused with a hint.
    ExternallyControlled,
}
