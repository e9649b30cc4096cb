// SPDX-License-Identifier: Apache-2.0
//! A test as the engine carries it out: compiled once, immutable, shared by all cores.
//!
//! Steps become a flat list of operations with jumps, names become slots and indices, secrets and all
//! that never changes become bytes. While the load runs nothing is looked up by name and no template
//! is parsed.

mod address;
mod auth;
mod body;
mod compile;
mod data;
mod fold;
mod operation;
mod places;
mod redirect;
mod request;
mod secrets;
mod steps;

use std::{collections::BTreeMap, ops::Range, time::Duration};

use serde_json::Value;
use upsurge_core::{
    expression::Expression, metrics::names::Kind, plan::schedule::WeightedChoice, scenario::Variable,
};

pub(crate) use self::{
    address::Destination,
    compile::Sources,
    data::Data,
    operation::{Branches, Elements, Limits, Operation, Repetitions, Source},
    redirect::join,
    request::Request,
    secrets::Secrets,
};

/// A compiled test.
#[derive(Debug)]
pub(crate) struct Program {
    /// Names of the stages.
    pub(crate) stages: Vec<String>,
    /// Tags of the test and of the load that a stage belongs to, by stage; stages without any may be left out at the end.
    pub(crate) stage_tags: Vec<BTreeMap<String, String>>,
    /// What users do.
    pub(crate) scenarios: Vec<Journey>,
    /// Which scenario an iteration does.
    pub(crate) choice: WeightedChoice,
    /// All requests of all scenarios.
    pub(crate) requests: Vec<Request>,
    /// All groups of all scenarios.
    pub(crate) groups: Vec<Group>,
    /// All conditions and other expressions of all scenarios.
    pub(crate) conditions: Vec<Condition>,
    /// All places that record a custom metric.
    pub(crate) points: Vec<Point>,
    /// Rows of data.
    pub(crate) data: Vec<Data>,
    /// How many sequences of numbers users take from.
    pub(crate) sequences: usize,
    /// Where the random numbers of users begin; another place each time without it.
    pub(crate) seed: Option<u64>,
    /// Names of the variables by slot.
    pub(crate) names: Vec<String>,
    /// Values that every user has from the beginning, by slot.
    pub(crate) constants: Vec<Option<Value>>,
    /// Variables of which each user takes a random value.
    pub(crate) choices: Vec<Variable>,
    /// Slots that steps write to.
    pub(crate) captured: Vec<usize>,
    /// Whether users keep their cookies from iteration to iteration.
    pub(crate) keep_cookies: bool,
    /// Whether users close their connections after each iteration.
    pub(crate) close_after_iteration: bool,
    /// Values of secrets, which no message may show.
    pub(crate) secrets: Secrets,
}

/// What an iteration of a scenario does.
#[derive(Debug)]
pub(crate) struct Journey {
    /// Name of the scenario.
    pub(crate) name: String,
    /// Tags of all that it records, besides those of the stage.
    pub(crate) tags: BTreeMap<String, String>,
    /// Data of which an iteration takes a row.
    pub(crate) data: Vec<usize>,
    /// How far apart the iterations of a user start.
    pub(crate) pacing: Option<Duration>,
    /// Its operations: those of an iteration, then those that users do once.
    pub(crate) operations: Vec<Operation>,
    /// Number of the operations of an iteration.
    pub(crate) length: usize,
    /// What a user does once.
    pub(crate) once: Option<Box<Once>>,
}

/// What a user does once in a scenario. Without operations it is done at once.
#[derive(Debug)]
pub(crate) struct Once {
    /// Before its first iteration.
    pub(crate) start: Phase,
    /// When it ends.
    pub(crate) stop: Phase,
    /// Variables that the start writes to: they stay with the user.
    pub(crate) kept: Vec<usize>,
}

/// A part of a scenario's operations.
#[derive(Debug)]
pub(crate) struct Phase {
    /// Which.
    pub(crate) range: Range<usize>,
    /// The check that fails with it, among the conditions.
    pub(crate) check: usize,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: String,
    /// The scenario it belongs to.
    pub(crate) scenario: usize,
    /// Whether it counts in figures: the warm-up of a benchmark does not.
    pub(crate) is_counted: bool,
}

/// A place that records a custom metric.
#[derive(Debug)]
pub(crate) struct Point {
    /// Name of the metric.
    pub(crate) metric: String,
    /// What is made of the values.
    pub(crate) kind: Kind,
    /// The scenario it belongs to.
    pub(crate) scenario: usize,
    /// The innermost group it belongs to.
    pub(crate) group: Option<usize>,
    /// Its own tags, besides those of its scenario.
    pub(crate) tags: BTreeMap<String, String>,
    /// Whether it counts in figures: the warm-up of a benchmark does not.
    pub(crate) is_counted: bool,
}

/// An expression, or anything else that fails a check of its own name.
#[derive(Debug)]
pub(crate) struct Condition {
    /// The expression; `None` for a step that fails.
    pub(crate) expression: Option<Expression>,
    /// Name of the check that counts failures.
    pub(crate) check: String,
    /// The scenario it belongs to.
    pub(crate) scenario: usize,
    /// The innermost group it belongs to.
    pub(crate) group: Option<usize>,
    /// Whether it counts in figures: the warm-up of a benchmark does not.
    pub(crate) is_counted: bool,
}
