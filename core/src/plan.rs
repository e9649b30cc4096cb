//! From the load in a spec to a timeline: stages with a start, a length and a level at both ends.
//!
//! Everything that acts over time (pacing, thresholds per stage, the scaler's verdict) reads the
//! timeline, never the pattern it came from.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{Load, LoadUnit, SpikeLoad, StageSpec};

/// Time for iterations under way at the end, unless the spec says otherwise.
const DEFAULT_GRACEFUL_STOP: Duration = Duration::from_secs(30);
/// Fewest users that an open model may use, unless the spec says otherwise.
const FEWEST_MAX_USERS: u32 = 100;

/// The load over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// What the levels count.
    pub unit: LoadUnit,
    /// Stages without gaps, in order; stages of no length are folded into the next one's start.
    pub stages: Vec<Stage>,
    /// Time for iterations under way at the end.
    pub graceful_stop: Duration,
    /// Most iterations under way at the same time, over all runners.
    pub max_users: u32,
}

/// A stretch of time over which the level moves in a straight line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Name, unique within the timeline.
    pub name: String,
    /// Start, from the start of the load.
    pub start: Duration,
    /// Length; never zero.
    pub duration: Duration,
    /// Level at the start, in users or iterations per second.
    pub from: f64,
    /// Level at the end.
    pub to: f64,
}

impl Stage {
    /// End of the stage, from the start of the load.
    pub fn end(&self) -> Duration {
        self.start + self.duration
    }

    /// Level at a time within the stage.
    pub fn level_at(&self, at: Duration) -> f64 {
        let share = at.saturating_sub(self.start).as_secs_f64() / self.duration.as_secs_f64();
        self.from + (self.to - self.from) * share.min(1.0)
    }
}

/// Why a load makes no timeline.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// Not exactly one pattern is given.
    #[error("spec.load needs exactly one pattern: constant, stages or spike")]
    NotOnePattern,
    /// All stages have no length.
    #[error("{field} lasts no time at all: give at least one stage a duration")]
    NoDuration {
        /// Field to mend.
        field: &'static str,
    },
    /// Two stages share a name.
    #[error("spec.load.stages has two stages named {name:?}: results could not tell them apart")]
    DuplicateStage {
        /// The name.
        name: String,
    },
    /// The load never rises above zero.
    #[error("{field} never rises above 0: there is no load to generate")]
    NoLoad {
        /// Field to mend.
        field: &'static str,
    },
}

impl Timeline {
    /// Compiles the load of a spec.
    ///
    /// # Errors
    /// When the pattern is not exactly one, has no length, no load, or two stages of one name.
    pub fn compile(load: &Load) -> Result<Self, PlanError> {
        let (field, stages) = match (&load.constant, &load.stages, &load.spike) {
            (Some(constant), None, None) => (
                "spec.load.constant",
                vec![piece("constant", constant.duration.0, constant.level, constant.level)],
            ),
            (None, Some(stages), None) => ("spec.load.stages", staged(load.start_level, stages)?),
            (None, None, Some(spike)) => ("spec.load.spike", spiked(spike)),
            _ => return Err(PlanError::NotOnePattern),
        };
        let stages = placed(stages);
        if stages.is_empty() {
            return Err(PlanError::NoDuration { field });
        }
        let peak = stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max);
        if peak <= 0.0 {
            return Err(PlanError::NoLoad { field });
        }
        let max_users = match load.unit {
            LoadUnit::Users => peak.ceil() as u32,
            LoadUnit::IterationsPerSecond => load
                .max_users
                .map_or(((peak * 10.0).ceil() as u32).max(FEWEST_MAX_USERS), |users| users.max(1) as u32),
        };
        Ok(Self {
            unit: load.unit,
            stages,
            graceful_stop: load.graceful_stop.map_or(DEFAULT_GRACEFUL_STOP, |span| span.0),
            max_users,
        })
    }

    /// Length of the whole load, without the graceful stop.
    pub fn duration(&self) -> Duration {
        self.stages.last().map_or(Duration::ZERO, Stage::end)
    }

    /// Index of the stage at a time from the start of the load; the last one after the end.
    pub fn stage_at(&self, at: Duration) -> usize {
        self.stages.partition_point(|stage| stage.end() <= at).min(self.stages.len().saturating_sub(1))
    }

    /// Level at a time; 0 after the end.
    pub fn level_at(&self, at: Duration) -> f64 {
        if at >= self.duration() {
            return 0.0;
        }
        self.stages.get(self.stage_at(at)).map_or(0.0, |stage| stage.level_at(at))
    }

    /// Highest level.
    pub fn peak(&self) -> f64 {
        self.stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max)
    }

    /// The stage of that name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

fn piece(name: &str, duration: Duration, from: f64, to: f64) -> Stage {
    Stage { name: name.into(), start: Duration::ZERO, duration, from, to }
}

fn staged(start_level: f64, specs: &[StageSpec]) -> Result<Vec<Stage>, PlanError> {
    let mut stages: Vec<Stage> = Vec::with_capacity(specs.len());
    let mut level = start_level;
    for (index, spec) in specs.iter().enumerate() {
        let name = spec.name.clone().unwrap_or_else(|| format!("stage-{}", index + 1));
        if stages.iter().any(|stage| stage.name == name) {
            return Err(PlanError::DuplicateStage { name });
        }
        let from = if spec.jump { spec.target } else { level };
        stages.push(piece(&name, spec.duration.0, from, spec.target));
        level = spec.target;
    }
    Ok(stages)
}

fn spiked(spike: &SpikeLoad) -> Vec<Stage> {
    let (low, high) = (spike.baseline, spike.peak);
    vec![
        piece("warm-up", spike.warm_up.0, low, low),
        piece("ramp-up", spike.ramp_up.0, low, high),
        piece("hold", spike.hold.0, high, high),
        piece("ramp-down", spike.ramp_down.0, high, low),
        piece("recovery", spike.recovery.0, low, low),
    ]
}

/// Leaves out what has no length (a jump) and lines the rest up.
fn placed(stages: Vec<Stage>) -> Vec<Stage> {
    let mut start = Duration::ZERO;
    let mut placed = Vec::with_capacity(stages.len());
    for mut stage in stages.into_iter().filter(|stage| !stage.duration.is_zero()) {
        stage.start = start;
        start += stage.duration;
        placed.push(stage);
    }
    placed
}
