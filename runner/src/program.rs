//! A test as the engine carries it out: compiled once, immutable, shared by all cores.
//!
//! Steps become a flat list of operations with jumps, names become slots and indices, secrets and all
//! that never changes become bytes. While the load runs nothing is looked up by name and no template
//! is parsed.

mod address;
mod auth;
mod body;
mod compile;
mod fold;
mod request;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use upsurge_core::{
    expression::Expression, metrics::names::Kind, scenario::Variable, schedule::WeightedChoice,
};

pub(crate) use self::{
    address::{Destination, join},
    compile::Sources,
    request::Request,
};

/// A compiled test.
#[derive(Debug)]
pub(crate) struct Program {
    /// Names of the stages.
    pub(crate) stages: Vec<String>,
    /// Tags of the load that a stage belongs to, by stage; stages without any may be left out at the end.
    pub(crate) stage_tags: Vec<BTreeMap<String, String>>,
    /// What users do.
    pub(crate) scenarios: Vec<Journey>,
    /// Which scenario an iteration does.
    pub(crate) choice: WeightedChoice,
    /// All requests of all scenarios.
    pub(crate) requests: Vec<Request>,
    /// All groups of all scenarios.
    pub(crate) groups: Vec<Group>,
    /// All conditions of all scenarios.
    pub(crate) conditions: Vec<Condition>,
    /// All places that record a custom metric.
    pub(crate) points: Vec<Point>,
    /// Names of the variables by slot.
    pub(crate) names: Vec<String>,
    /// Values that every user has from the beginning, by slot.
    pub(crate) constants: Vec<Option<Value>>,
    /// Variables of which each user takes a random value.
    pub(crate) choices: Vec<Variable>,
    /// Slots that captures write to.
    pub(crate) captured: Vec<usize>,
    /// Whether users keep their cookies from iteration to iteration.
    pub(crate) keep_cookies: bool,
    /// Whether users close their connections after each iteration.
    pub(crate) close_after_iteration: bool,
}

/// What an iteration of a scenario does.
#[derive(Debug)]
pub(crate) struct Journey {
    /// Name of the scenario.
    pub(crate) name: String,
    /// Tags of all that it records: the test's and its own.
    pub(crate) tags: BTreeMap<String, String>,
    /// Its operations.
    pub(crate) operations: Vec<Operation>,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: String,
    /// The scenario it belongs to.
    pub(crate) scenario: usize,
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
}

/// A condition of `if` or `while`.
#[derive(Debug)]
pub(crate) struct Condition {
    /// The expression.
    pub(crate) expression: Expression,
    /// The scenario it belongs to.
    pub(crate) scenario: usize,
    /// The innermost group it belongs to.
    pub(crate) group: Option<usize>,
}

impl Condition {
    /// Name of the check that counts evaluations that failed.
    pub(crate) fn check_name(&self) -> String {
        format!("condition {}", self.expression.source())
    }
}

/// One operation of a program. Numbers are indices into the program's lists; jumps are places in the
/// scenario's operations.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Sends a request.
    Request(usize),
    /// Pauses.
    Think {
        /// Shortest pause.
        min: Duration,
        /// Longest pause.
        max: Duration,
    },
    /// Goes on elsewhere.
    Jump(usize),
    /// Goes on elsewhere unless a condition is true.
    JumpUnless {
        /// The condition.
        condition: usize,
        /// Where.
        to: usize,
    },
    /// Begins to count the repetitions of a loop.
    EnterLoop,
    /// Begins the next repetition, or ends the loop and goes on after it.
    NextRepetition {
        /// Most repetitions.
        count: Option<u64>,
        /// What must be true for one more.
        condition: Option<usize>,
        /// Where to go on after the loop.
        exit: usize,
    },
    /// Begins to time a group.
    EnterGroup,
    /// Ends the innermost group.
    LeaveGroup(usize),
}
