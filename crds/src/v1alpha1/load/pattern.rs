// SPDX-License-Identifier: Apache-2.0
//! Patterns of load, each with the fields that say what matters about it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TimeSpan;
use crate::v1alpha1::{
    http::status_range::StatusRange,
    quantity::{Quantity, level},
};

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

/// A baseline, a sudden peak, and a return to the baseline; or several such spikes one after the other. The stages of one
/// spike are named `warm-up`, `ramp-up`, `hold`, `ramp-down` and `recovery`; those of `spikes` after `warm-up` each begin with
/// the name of the spike, as `lunch-hold`. Stages without duration are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = ("has(self.peak) != has(self.spikes)", "spike needs exactly one of peak and spikes"),
    validation = ("!has(self.peak) || has(self.hold)", "peak needs hold: how long it lasts"),
    validation = (
        "!has(self.spikes) || !(has(self.rampUp) || has(self.hold) || has(self.rampDown) || has(self.recovery))",
        "rampUp, hold, rampDown and recovery stand in each of spikes"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct SpikeLoad {
    /// Level before and after each spike.
    #[schemars(schema_with = "level")]
    pub baseline: Quantity,

    /// Time at the baseline before the first spike. Default: 0s.
    #[serde(default)]
    pub warm_up: TimeSpan,

    /// Level of the spike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "level")]
    pub peak: Option<Quantity>,

    /// Time in which the level rises from baseline to peak. Default: 0s, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp_up: Option<TimeSpan>,

    /// Time at the peak. Required with `peak`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<TimeSpan>,

    /// Time in which the level falls from peak to baseline. Default: 0s, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp_down: Option<TimeSpan>,

    /// Time at the baseline after the spike. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<TimeSpan>,

    /// Several spikes, one after the other, each with a result of its own in `status.spikes`. Instead of `peak` and what
    /// belongs to it. Example: `[{name: lunch, peak: 200, hold: 5m, recovery: 10m}, {name: evening, peak: 400, hold: 5m,
    /// recovery: 10m}]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub spikes: Option<Vec<NamedSpike>>,
}

/// One of several spikes over one baseline. Its stages are `NAME-ramp-up`, `NAME-hold`, `NAME-ramp-down` and
/// `NAME-recovery`; those without duration are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedSpike {
    /// Name, which its stages begin with. Example: `lunch`.
    #[schemars(length(min = 1, max = 50), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: String,

    /// Level of the spike, in users or iterations per second. Example: `200`.
    #[schemars(schema_with = "level")]
    pub peak: Quantity,

    /// Time in which the level rises from baseline to peak. Default: 0s, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp_up: Option<TimeSpan>,

    /// Time at the peak. Example: `5m`.
    pub hold: TimeSpan,

    /// Time in which the level falls from peak to baseline. Default: 0s, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp_down: Option<TimeSpan>,

    /// Time at the baseline after the spike. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<TimeSpan>,
}

/// A staircase. Its stages are named `step-1`, `step-2`, …, each at one level: `start`, `start` plus
/// `increment`, and so on; the last step is at `max`. With `recoverWithin` a stage `recovery` follows at the level `start`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "!(has(self.stopAt) && has(self.brokenAt))",
        "stopAt ends the run where the target breaks, and brokenAt goes on: give one of them"
    ),
    validation = (
        "!(has(self.degradation) || has(self.recoverWithin)) || has(self.brokenAt)",
        "degradation and recoverWithin need brokenAt: from where on the target counts as broken"
    )
)]
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

    /// Level of the last step. With `brokenAt` the load turns back before that, if it can.
    #[schemars(schema_with = "level")]
    pub max: Quantity,

    /// Stops the run, as failed, in the step in which the target breaks. `status.stress` says which that was. Does not go with
    /// `brokenAt`. Default: all steps are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<StopAt>,

    /// From where on the target counts as broken. The load goes on to the first step at `degradation.overloadPercent` of that level (150 by
    /// default), or to `max`, and then turns back: it falls to the stage `recovery` if there is one, and else ends. That the target breaks fails no
    /// run by itself: `status.stress` says in which step it did. Default: that is not looked for. Example: `{errorRate: 5%}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<StopAt>,

    /// What the target must be like beyond its breaking point, else the run is Failed (`NotGraceful`). Needs `brokenAt`. Default:
    /// that is not judged. Example: `{}`, with all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degradation: Option<Degradation>,

    /// Longest time from when the load falls, after the last step that is done, until all thresholds in force are met for 30 seconds on end,
    /// else the run is Failed (`NotRecovered`). In force are those on `http_req_duration` and `http_req_failed` that select
    /// nothing, or the stage `recovery`, and the error rate of `brokenAt`. It adds the stage `recovery`, at the level `start`, which
    /// is 31 seconds longer than this time. Needs `brokenAt`. Default: there is no such stage. Example: `2m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_within: Option<TimeSpan>,
}

/// What a target must be like from its breaking point up to an overload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Degradation {
    /// How far up it is judged, and the load climbs, in percent of the level of the breaking point. A staircase whose `max` is below that is
    /// Inconclusive (`OverloadNotReached`), unless what was seen has failed. Default: 150.
    #[serde(default = "overload")]
    #[schemars(range(min = 100, max = 1_000))]
    pub overload_percent: i32,

    /// Least number of requests per second that succeed in each step, in percent of the best step. Default: 80.
    #[serde(default = "good")]
    #[schemars(range(min = 0, max = 100))]
    pub min_good_percent: i32,

    /// Least share of the failed requests that were answered with one of `answers`, in percent: the others timed out, were reset
    /// or refused, or had another status. Default: 95.
    #[serde(default = "answered")]
    #[schemars(range(min = 0, max = 100))]
    pub min_answered_percent: i32,

    /// Statuses by which the target may turn requests away, single ones or ranges. Default: `[429, 503]`.
    #[serde(default = "answers")]
    #[schemars(length(min = 1, max = 50))]
    pub answers: Vec<StatusRange>,

    /// How often containers of the target's pods may be started again. That is seen by the operator and by `upsurge run --observe`, of what
    /// `spec.target.workloads` names. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub max_restarts: i32,
}

impl Default for Degradation {
    fn default() -> Self {
        Self {
            overload_percent: overload(),
            min_good_percent: good(),
            min_answered_percent: answered(),
            answers: answers(),
            max_restarts: 0,
        }
    }
}

const fn overload() -> i32 {
    150
}

const fn good() -> i32 {
    80
}

const fn answered() -> i32 {
    95
}

fn answers() -> Vec<StatusRange> {
    [429, 503].map(|status| StatusRange { first: status, last: status }).to_vec()
}

/// Where a target counts as broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopAt {
    /// Share of the requests of a step that have failed there at least. Example: `5%`.
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
