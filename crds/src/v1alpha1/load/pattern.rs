// SPDX-License-Identifier: Apache-2.0
//! Patterns of load, each with the fields that say what matters about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TimeSpan;
use crate::v1alpha1::quantity::{Quantity, level};

/// The same level for a while. Its only stage is named `constant`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConstantLoad {
    /// Users or iterations per second: a quantity from 0 to 1,000,000. Example: `50`.
    #[schemars(schema_with = "level")]
    pub level: Quantity,

    /// How long. Example: `5m`.
    pub duration: TimeSpan,
}

/// One stage of a staged load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageSpec {
    /// Name that thresholds and results use. Default: `stage-1`, `stage-2`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: Option<String>,

    /// How long the stage lasts. `0s` is a jump to the target.
    pub duration: TimeSpan,

    /// Level at the end of the stage, in users or iterations per second; with `rampingArrivalRate`
    /// in iterations per `timeUnit`. A quantity from 0 to 1,000,000. Example: `100`.
    #[schemars(schema_with = "level")]
    pub target: Quantity,

    /// Goes to the target at once and stays there for the duration, instead of moving to it in a
    /// straight line. Default: false.
    #[serde(default)]
    pub jump: bool,
}

/// A baseline, a sudden peak, and a return to the baseline. Its stages are named `warm-up`,
/// `ramp-up`, `hold`, `ramp-down` and `recovery`; those without duration are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpikeLoad {
    /// Level before and after the spike.
    #[schemars(schema_with = "level")]
    pub baseline: Quantity,

    /// Level of the spike.
    #[schemars(schema_with = "level")]
    pub peak: Quantity,

    /// Time at the baseline before the spike. Default: 0s.
    #[serde(default)]
    pub warm_up: TimeSpan,

    /// Time in which the level rises from baseline to peak. Default: 0s, at once.
    #[serde(default)]
    pub ramp_up: TimeSpan,

    /// Time at the peak.
    pub hold: TimeSpan,

    /// Time in which the level falls from peak to baseline. Default: 0s, at once.
    #[serde(default)]
    pub ramp_down: TimeSpan,

    /// Time at the baseline after the spike. Default: 0s.
    #[serde(default)]
    pub recovery: TimeSpan,
}

/// A staircase. Its stages are named `step-1`, `step-2`, …, each at one level: `start`, `start` plus
/// `increment`, and so on; the last step is at `max`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StressLoad {
    /// Level of the first step.
    #[schemars(schema_with = "level")]
    pub start: Quantity,

    /// How much higher each step is than the last one; more than 0.
    #[schemars(schema_with = "level")]
    pub increment: Quantity,

    /// How long each step lasts. Example: `1m`.
    pub every: TimeSpan,

    /// Level of the last step.
    #[schemars(schema_with = "level")]
    pub max: Quantity,

    /// Stops the run, as failed, in the step in which the target breaks. Default: all steps are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<StopAt>,
}

/// When a staircase ends early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopAt {
    /// Share of the requests of a step that must have failed. Example: `5%`.
    #[schemars(length(max = 16), regex(pattern = r"^[0-9]+(\.[0-9]+)?%$"))]
    pub error_rate: String,
}

/// The same level for a long time, to find what grows. Its stages are named `ramp-up`, `soak` and
/// `ramp-down`; those without duration are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SoakLoad {
    /// Users or iterations per second: a quantity from 0 to 1,000,000. Example: `50`.
    #[schemars(schema_with = "level")]
    pub level: Quantity,

    /// Time at the level. Example: `4h`.
    pub duration: TimeSpan,

    /// Time in which the level rises from 0 before. Default: 0s, at once.
    #[serde(default)]
    pub ramp_up: TimeSpan,

    /// Time in which the level falls to 0 after. Default: 0s, at once.
    #[serde(default)]
    pub ramp_down: TimeSpan,

    /// Most that latency may grow over the stage `soak`, in percent per hour of what it was at first: the 95th percentile of
    /// `http_req_duration` in each second. It is missed if it surely grew more, and held if it surely grew less, each with 95 %
    /// confidence; a soak too short to tell makes the run Inconclusive, and says how long it must be. Default: any growth, which is only
    /// reported. Example: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_latency_growth_percent_per_hour: Option<i32>,
}

/// A straight ramp. Its only stage is named `breakpoint`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakpointLoad {
    /// Level at the beginning. Default: 0.
    #[serde(default)]
    #[schemars(schema_with = "level")]
    pub start: Quantity,

    /// Level at the end, higher than what the target is expected to stand.
    #[schemars(schema_with = "level")]
    pub max: Quantity,

    /// Time from the one to the other.
    pub duration: TimeSpan,
}

/// A fixed number of iterations, shared between users: who is fast does more. The load ends when all
/// are done. Its only stage is named `volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeLoad {
    /// Iterations in all, over all runners.
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub iterations: i64,

    /// Users who do them, over all runners. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub users: i32,

    /// Longest time that it may take; what is left then is dropped, and fails the run. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<TimeSpan>,
}

const fn one() -> i32 {
    1
}

/// A known course of load, scaled to a peak and a duration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatternLoad {
    /// Which course.
    pub name: PatternName,

    /// Highest level, in users or iterations per second.
    #[schemars(schema_with = "level")]
    pub peak: Quantity,

    /// Length of the whole course. Example: `30m`.
    pub duration: TimeSpan,
}

/// Courses of load that are known from practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PatternName {
    /// A working day: `night`, `morning` (rises), `mid-morning` (the peak), `lunch` (a dip), `afternoon`,
    /// `evening` (falls), `late-evening`.
    BusinessHours,
    /// A sale that opens at midnight: `waiting`, `opening` (jumps to the peak), `rush`, `settling`,
    /// `day`, `evening` (rises again), `closing`.
    BlackFriday,
    /// A target that was cut off and comes back: `steady`, `outage` (nearly nothing arrives), `return`
    /// (everybody at once: the peak), `backlog` (falls), `recovered`.
    FailureRecovery,
}
