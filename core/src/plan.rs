// SPDX-License-Identifier: Apache-2.0
//! From the load in a spec to a timeline and to what the engine carries out.
//!
//! Everything that acts over time (thresholds per stage, results, the scaler's verdict) reads the
//! [`Timeline`]: the named stages of all loads with a start, a length and a level at both ends. The
//! engine carries out the [`LoadPlan`]s. Nobody else reads the pattern that they came from.

mod course;
mod executors;
mod levels;
mod load_plan;
mod names;
mod patterns;
pub mod schedule;
mod shapes;
mod staircase;
mod turn;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{Load, LoadUnit};

pub use self::{
    course::Piece,
    load_plan::{LoadPlan, Pool, Work},
    names::{FINISH, MEASURE, PARTS_OF_SPIKE, RECOVERY, SOAK, WARM_UP},
    staircase::{HELD, failure_share, is_step},
    turn::{Skip, Turn, Turned},
};
use crate::{
    field_error::{Errors, FieldError},
    format::decimal,
};

/// Time for iterations under way at the end, unless the spec says otherwise.
const DEFAULT_GRACEFUL_STOP: Duration = Duration::from_secs(30);

/// Stages have some length, so that levels within are defined.
const SHORTEST_STAGE: Duration = Duration::from_millis(1);

/// A load, compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The course of all loads together.
    pub timeline: Timeline,
    /// Each load as the engine carries it out.
    pub loads: Vec<LoadPlan>,
}

impl Plan {
    /// Compiles the load of a spec; `scenarios` are the names that `exec` may refer to.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(load: &Load, scenarios: &[&str]) -> Result<Self, Vec<FieldError>> {
        let mut errors = Errors::default();
        let mut loads = match &load.executors {
            Some(executors) => executors::compile(load, executors, scenarios, &mut errors),
            None => patterns::compile(load, scenarios.len(), &mut errors).into_iter().collect(),
        };
        let mut stages: Vec<Stage> = Vec::new();
        let mut users = 0;
        for plan in &mut loads {
            plan.first_stage = stages.len();
            plan.first_user = users;
            users += plan.most_users();
            stages.extend(plan.stages.iter().cloned());
        }
        for (index, stage) in stages.iter().enumerate() {
            if stages[..index].iter().any(|other| other.name == stage.name) {
                let message =
                    format_args!("two stages are named {:?}: results could not tell them apart", stage.name);
                errors.add(
                    if load.executors.is_some() { "spec.load.executors" } else { "spec.load.stages" },
                    message,
                );
            }
        }
        let end = loads.iter().map(|load| load.end() + load.graceful_stop).max().unwrap_or_default();
        let mut timeline = Timeline { stages, graceful_stop: Duration::ZERO };
        timeline.graceful_stop = end.saturating_sub(timeline.duration());
        errors.finish(Self { timeline, loads })
    }
}

/// The course of a load that is over after so long: a load that ends with its iterations is asked for
/// until then, and not for the longest time that it might have taken.
pub fn carried_out(timeline: &Timeline, loads: &[LoadPlan], elapsed: Duration) -> Timeline {
    let mut timeline = timeline.clone();
    for load in loads.iter().filter(|load| load.ends_with_its_iterations()) {
        for stage in timeline.stages.iter_mut().skip(load.first_stage).take(load.stages.len()) {
            let lasted = elapsed.saturating_sub(stage.start);
            stage.duration = stage.duration.min(lasted).max(SHORTEST_STAGE);
        }
    }
    timeline
}

/// Loads that are under way, or may still finish iterations, at the instant at which most users are
/// needed from the start: k6 makes as many before the load begins.
pub fn busiest(loads: &[LoadPlan]) -> Vec<usize> {
    let at = |instant: Duration| {
        let present = |load: &&(usize, &LoadPlan)| {
            load.1.start() <= instant && instant < load.1.end() + load.1.graceful_stop
        };
        let loads: Vec<(usize, &LoadPlan)> = loads.iter().enumerate().filter(|load| present(&load)).collect();
        let users: u64 = loads.iter().map(|(_, load)| load.ready_users()).sum();
        (users, loads.iter().map(|(index, _)| *index).collect::<Vec<_>>())
    };
    loads
        .iter()
        .map(|load| at(load.start()))
        .max_by_key(|(users, _)| *users)
        .map(|found| found.1)
        .unwrap_or_default()
}

/// The load over time. The stages of one load follow each other without gaps; those of several loads
/// may overlap and leave gaps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Stages of all loads, load by load; stages of no length are folded into the next one's start.
    pub stages: Vec<Stage>,
    /// Time after the end in which iterations under way may still finish.
    pub graceful_stop: Duration,
}

/// A stretch of time over which the level of a load moves in a straight line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Name, unique within the timeline.
    pub name: String,
    /// What the level counts.
    pub unit: LoadUnit,
    /// Start, from the start of the run's load.
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

/// The unit of levels in words.
pub const fn unit_name(unit: LoadUnit) -> &'static str {
    match unit {
        LoadUnit::Users => "users",
        LoadUnit::IterationsPerSecond => "iterations/s",
    }
}

impl Timeline {
    /// Length of the whole load, without the graceful stop.
    pub fn duration(&self) -> Duration {
        self.stages.iter().map(Stage::end).max().unwrap_or_default()
    }

    /// What the levels count; `None` if some loads count users and others iterations per second.
    /// Levels of several loads add up all the same, each in its own unit.
    pub fn unit(&self) -> Option<LoadUnit> {
        let first = self.stages.first()?.unit;
        self.stages.iter().all(|stage| stage.unit == first).then_some(first)
    }

    /// A level in words, such as `20 users and 1.5 iterations/s`: what is counted in different units is not added
    /// up. `level` gives that of the stages of one unit.
    pub fn in_words(&self, level: impl Fn(&Self) -> f64, digits: usize) -> String {
        let units = [LoadUnit::Users, LoadUnit::IterationsPerSecond].into_iter().filter_map(|unit| {
            let stages: Vec<Stage> = self.stages.iter().filter(|stage| stage.unit == unit).cloned().collect();
            let part = Self { stages, graceful_stop: self.graceful_stop };
            (!part.stages.is_empty())
                .then(|| format!("{} {}", decimal(level(&part), digits), unit_name(unit)))
        });
        units.collect::<Vec<_>>().join(" and ")
    }

    /// Index of the stage under way that began last; between two loads and after the end, the one that
    /// ended last.
    pub fn stage_at(&self, at: Duration) -> usize {
        let indices = 0..self.stages.len();
        let key = |index: &usize| {
            let stage = &self.stages[*index];
            let begun = stage.start <= at;
            let under_way = begun && at < stage.end();
            (under_way, begun, if under_way { stage.start } else { stage.end() })
        };
        indices.max_by_key(key).unwrap_or_default()
    }

    /// Stages under way at a time, one of each load that is.
    pub fn stages_at(&self, at: Duration) -> impl Iterator<Item = &Stage> {
        self.stages.iter().filter(move |stage| stage.start <= at && at < stage.end())
    }

    /// Level of all loads together at a time; 0 after the end.
    pub fn level_at(&self, at: Duration) -> f64 {
        self.stages_at(at).map(|stage| stage.level_at(at)).sum()
    }

    /// Highest level of all loads together.
    pub fn peak(&self) -> f64 {
        self.course().iter().map(|piece| piece.from.max(piece.to)).fold(0.0, f64::max)
    }

    /// The stage of that name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}
