// SPDX-License-Identifier: Apache-2.0
//! How much load, and when: exactly one pattern, or several executors side by side.

mod capacity;
mod executor;
mod pattern;
mod scalability;
mod single;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    capacity::{CapacityLoad, Find},
    executor::{ArrivalRate, ConstantVus, CountedIterations, Executor, RampingRate, RampingVus},
    pattern::{
        BreakpointLoad, ConstantLoad, Degradation, NamedSpike, PatternLoad, PatternName, SoakLoad, SpikeLoad,
        StageSpec, StopAt, StressLoad, VolumeLoad,
    },
    scalability::{ReplicaCounts, ScalabilityLoad, Size, SizesLoad},
    single::{BenchmarkLimit, BenchmarkLoad, SmokeLoad},
};
use super::duration::TimeSpan;

/// The load over time. Exactly one pattern is given: `constant`, `stages`, `spike`, `stress`, `soak`,
/// `breakpoint`, `volume`, `pattern`, `benchmark`, `smoke`, `executors`,
/// `capacity` or `scalability`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = ("(has(self.constant) ? 1 : 0) + (has(self.stages) ? 1 : 0) + (has(self.spike) ? 1 : 0) + (has(self.stress) ? 1 : 0) + (has(self.soak) ? 1 : 0) + (has(self.breakpoint) ? 1 : 0) + (has(self.volume) ? 1 : 0) + (has(self.pattern) ? 1 : 0) + (has(self.benchmark) ? 1 : 0) + (has(self.smoke) ? 1 : 0) + (has(self.executors) ? 1 : 0) + (has(self.capacity) ? 1 : 0) + (has(self.scalability) ? 1 : 0) == 1",
        "spec.load needs exactly one of constant, stages, spike, stress, soak, breakpoint, volume, pattern, benchmark, smoke, executors, capacity and scalability"),
    validation = (
        "!(has(self.volume) || has(self.benchmark) || has(self.smoke) || has(self.executors)) || (!has(self.unit) && !has(self.arrivals))",
        "unit and arrivals belong to patterns with levels; volume, benchmark, smoke and executors say for themselves what they do"
    ),
    validation = (
        "!has(self.capacity) || !has(self.unit)",
        "unit does not go with capacity, whose levels are iterations per second"
    ),
    validation = (
        "!has(self.scalability) || (!has(self.unit) && !has(self.arrivals))",
        "unit and arrivals do not go with scalability, whose levels are users"
    ),
    validation = (
        "!has(self.capacity) || has(self.capacity.rate) == (self.capacity.find == 'MinReplicas')",
        "capacity.rate goes with find: MinReplicas, which needs it"
    ),
    validation = (
        "!has(self.executors) || !has(self.gracefulStop)",
        "gracefulStop does not go with executors: each of them says it for itself"
    ),
    validation = (
        "!has(self.arrivals) || has(self.capacity) || (has(self.unit) && self.unit == 'IterationsPerSecond')",
        "arrivals need unit: IterationsPerSecond; users start their next iteration when the last one ended"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// What the levels of the pattern count. `Users` (closed model): users at work at the same time,
    /// each starting its next iteration when the last one ended. `IterationsPerSecond` (open model):
    /// iterations started per second, however long they take. Does not go with `volume`, `benchmark`, `smoke`,
    /// `executors`, `capacity` and `scalability`. Default: Users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<LoadUnit>,

    /// How iterations arrive with `unit: IterationsPerSecond` and with `capacity`. Default: evenly spread, with as many users as it takes.
    /// Example: `{spread: Poisson, maxUsers: 500}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,

    /// The same level all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<ConstantLoad>,

    /// A list of stages; the level moves in a straight line to each stage's target, or jumps to it. It begins at 0, or
    /// where a first stage of `0s` sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub stages: Option<Vec<StageSpec>>,

    /// A baseline, a sudden peak, and a return to the baseline; or several such spikes over one baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spike: Option<SpikeLoad>,

    /// A staircase: each step is higher than the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress: Option<StressLoad>,

    /// The same level for a long time, with a slow start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<SoakLoad>,

    /// A straight ramp to a level that the target is not expected to stand; meant together with a
    /// threshold that has `abortOnFail`, which ends the run where the target breaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakpoint: Option<BreakpointLoad>,

    /// A fixed number of iterations, done by some users as fast as they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeLoad>,

    /// A course of load that is known from practice, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<PatternLoad>,

    /// How long single operations take: each request and group of the scenarios many times in a row by one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<BenchmarkLoad>,

    /// Every scenario once by one user, to see that the test works before a large load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smoke: Option<SmokeLoad>,

    /// Loads side by side, each with one of k6's executors, as in k6's option `scenarios`: same fields, same behaviour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub executors: Option<Vec<Executor>>,

    /// A search for the highest rate at which all thresholds hold, or for the fewest replicas: several loads one after the other, each at one level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacityLoad>,

    /// What more replicas, or larger ones, bring: several loads one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalability: Option<ScalabilityLoad>,

    /// Time that iterations under way at the end get to finish before they are cut off. Does not go with `executors`.
    /// Default: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graceful_stop: Option<TimeSpan>,
}

/// What a level of load counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LoadUnit {
    /// Users at work at the same time (closed model).
    #[default]
    Users,
    /// Iterations started per second (open model).
    IterationsPerSecond,
}

impl Load {
    /// What the levels count.
    pub fn unit(&self) -> LoadUnit {
        self.unit.unwrap_or_default()
    }
}

/// How the iterations of an open model arrive, and who does them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "!has(self.queueLimit) || (has(self.whenBusy) && self.whenBusy == 'Queue')",
        "queueLimit belongs to whenBusy: Queue"
    ),
    validation = (
        "!has(self.seed) || (has(self.spread) && self.spread == 'Poisson')",
        "seed belongs to spread: Poisson"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Arrivals {
    /// How iterations are spread: `Uniform`, evenly, or `Poisson`, at random, as independent people come. Default:
    /// Uniform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,

    /// Chooses among the random courses of `spread: Poisson`: the same seed gives the same instants
    /// in every run. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub seed: Option<i64>,

    /// Most iterations that may be under way at the same time, over all runners. An iteration that finds no free user is
    /// dropped and counted as such, unless `whenBusy` says otherwise; a test with dropped iterations fails. Executors have
    /// `maxVUs` for it. Default: 10 times the highest level, at least 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_users: Option<i32>,

    /// What becomes of an iteration that is due while no user is free. Default: Grow; of executors Drop, as in k6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_busy: Option<WhenBusy>,

    /// Most iterations that may wait with `whenBusy: Queue`, over all runners; more are dropped.
    /// Default: 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue_limit: Option<i32>,
}

/// How iterations are spread over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Spread {
    /// Evenly: at a constant rate all pauses are the same.
    #[default]
    Uniform,
    /// At random and independent of each other; the rate is that of the load on average, and bursts
    /// come as they do with many people who know nothing of each other.
    Poisson,
}

/// What becomes of an iteration of an open model that is due while no user is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenBusy {
    /// It is dropped, as in k6; where users may still be added, one is added for later iterations.
    Drop,
    /// A user is added if there may be more, else it waits for the next free one. The wait counts in
    /// the response time, and is recorded as `iteration_queue_wait`.
    Queue,
    /// A user is added for it; it is dropped if there may be no more users.
    Grow,
}
