//! How much load, and when.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::TimeSpan;

/// The load over time. Exactly one pattern is given: `constant`, `stages` or `spike`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = ("(has(self.constant) ? 1 : 0) + (has(self.stages) ? 1 : 0) + (has(self.spike) ? 1 : 0) == 1",
        "spec.load needs exactly one pattern: constant, stages or spike")
)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// What the levels of the pattern count. `Users` (closed model): users at work at the same time,
    /// each starting its next iteration when the last one ended. `IterationsPerSecond` (open model):
    /// iterations started per second, however long they take. Default: Users.
    #[serde(default)]
    pub unit: LoadUnit,

    /// The same level all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<ConstantLoad>,

    /// A list of stages; the level moves in a straight line to each stage's target, or jumps to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub stages: Option<Vec<StageSpec>>,

    /// A baseline, a sudden peak, and a return to the baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spike: Option<SpikeLoad>,

    /// Level from which the first of `stages` starts. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub start_level: f64,

    /// Most iterations that may be under way at the same time with `unit: IterationsPerSecond`, over
    /// all runners. An iteration that finds no free user is dropped and counted as such; a test with
    /// dropped iterations fails. Default: 10 times the highest level, at least 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_users: Option<i32>,

    /// Time that iterations under way at the end get to finish before they are cut off. Default: 30s.
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

/// The same level for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConstantLoad {
    /// Users or iterations per second.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub level: f64,

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

    /// Level at the end of the stage, in users or iterations per second.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub target: f64,

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
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub baseline: f64,

    /// Level of the spike.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub peak: f64,

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
