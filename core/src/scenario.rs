// SPDX-License-Identifier: Apache-2.0
//! What users do, ready to run: the typed step tree.
//!
//! Templates are parsed, expressions, JSONPaths and regular expressions compiled, names bound to slots
//! ([`ScenarioSet::names`]), defaults of `spec.http` filled in. Whatever is wrong is a [`FieldError`] with the
//! path of the field; a tree that exists can be run.

mod auth;
mod blocks;
mod body;
mod capture;
mod compile;
mod content;
mod data;
mod exchange;
mod expectation;
mod names;
mod pause;
mod request;
mod response;
mod step;
mod steps;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use upsurge_crds::v1alpha1::LoadTestSpec;

pub(crate) use self::compile::DEEPEST_NESTING;
pub use self::{
    body::BOUNDARY,
    content::{Content, LARGEST_BLOCK, Layout, Ring},
    data::{DataSet, RowCount, Rows},
    exchange::{Auth, AuthScheme, Body, DEFAULT_STATUSES, Part, PartContent, Request},
    pause::{Pause, Shape},
    response::{Capture, Comparison, Expectation, Matcher, Subject, Wanted, subjects},
    step::{Assignment, Count, Elements, List, Loop, Repeated, Step, ValueSource},
};
use crate::field_error::FieldError;

/// Slot of `iteration`: the global index of the iteration, from 0.
pub const ITERATION_SLOT: usize = 0;
/// Slot of `user`: the number of the user, from 1.
pub const USER_SLOT: usize = 1;
/// Slot of `scenario`: the name of the scenario.
pub const SCENARIO_SLOT: usize = 2;
/// Slot of `loopCount`: the repetition of the innermost loop, from 1; 0 outside of loops.
pub const LOOP_COUNT_SLOT: usize = 3;
/// Variables that are always there, by slot.
pub const BUILT_INS: [&str; 4] = ["iteration", "user", "scenario", "loopCount"];
/// Slot of the first data set; the others follow, in the order of the spec.
pub const FIRST_DATA_SLOT: usize = BUILT_INS.len();

/// All that users do.
#[derive(Clone, Debug, Default)]
pub struct ScenarioSet {
    /// Names of all variables by slot: the built-in ones, the data sets, `spec.variables`, then what is
    /// captured or set anywhere.
    pub names: Vec<String>,
    /// Variables of the spec.
    pub variables: Vec<Variable>,
    /// Secrets that are declared.
    pub secrets: Vec<String>,
    /// How many sequences of numbers there are.
    pub sequences: usize,
    /// Rows of data.
    pub data: Vec<DataSet>,
    /// Steps done once per run before the load.
    pub before: Vec<Step>,
    /// Steps done once per run after the load, whose expectations decide the verdict.
    pub verify: Vec<Step>,
    /// Steps done once per run after the load.
    pub after: Vec<Step>,
    /// Kinds of user journeys.
    pub scenarios: Vec<Scenario>,
}

/// A variable of the spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its slot.
    pub slot: usize,
    /// Possible values, of which each user takes a random one; exactly one for a variable that is no list.
    pub values: Vec<Value>,
}

/// A kind of user journey.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, unique within the test.
    pub name: String,
    /// Its share of the iterations.
    pub weight: u32,
    /// How far apart the iterations of a user start.
    pub pacing: Option<Duration>,
    /// Tags of all that it records, besides those of the test and the load.
    pub tags: BTreeMap<String, String>,
    /// Data sets of which an iteration takes a row, by index.
    pub data: Vec<usize>,
    /// What a user does before its first iteration.
    pub on_start: Vec<Step>,
    /// What an iteration does.
    pub steps: Vec<Step>,
    /// What a user does when it ends.
    pub on_stop: Vec<Step>,
}

impl Scenario {
    /// All that a user does, in this order.
    pub fn phases(&self) -> [&[Step]; 3] {
        [&self.on_start, &self.steps, &self.on_stop]
    }

    /// All requests, nested ones included.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.phases().into_iter().flat_map(requests)
    }

    /// Calls a function with each step, nested ones included.
    pub fn visit<'a>(&'a self, act: &mut dyn FnMut(&'a Step)) {
        self.phases().into_iter().for_each(|steps| visit(steps, act));
    }
}

/// Check that counts users who could not begin a scenario.
pub const ON_START_CHECK: &str = "onStart";
/// Check that counts users who could not end a scenario.
pub const ON_STOP_CHECK: &str = "onStop";

impl ScenarioSet {
    /// Compiles the steps of a spec. The spec's `script` is not looked at.
    ///
    /// # Errors
    /// Everything that is wrong in `before`, `scenarios`, `variables` and `http`.
    pub fn compile(spec: &LoadTestSpec) -> Result<Self, Vec<FieldError>> {
        compile::scenario_set(spec)
    }

    /// Slot of a variable.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// All requests of all scenarios, with the scenario they belong to and its groups, innermost last.
    pub fn requests(&self) -> impl Iterator<Item = (&Scenario, &Request)> {
        self.scenarios.iter().flat_map(|scenario| scenario.requests().map(move |request| (scenario, request)))
    }

    /// Names of all groups of all scenarios.
    pub fn groups(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.scenarios.iter().for_each(|scenario| {
            scenario.visit(&mut |step| {
                if let Step::Group { name, .. } = step {
                    names.push(name.as_str());
                }
            })
        });
        names
    }
}

/// All requests in a sequence of steps, nested ones included.
pub fn requests(steps: &[Step]) -> Vec<&Request> {
    let mut requests = Vec::new();
    visit(steps, &mut |step| {
        if let Step::Request(request) = step {
            requests.push(request.as_ref());
        }
    });
    requests
}

/// Calls a function with each step, nested ones included, in the order they are written.
pub fn visit<'a>(steps: &'a [Step], act: &mut dyn FnMut(&'a Step)) {
    for step in steps {
        act(step);
        match step {
            Step::If { then, otherwise, .. } => {
                visit(then, act);
                visit(otherwise, act);
            }
            Step::Loop(repeated) => visit(&repeated.steps, act),
            Step::Repeated(repeated) => visit(std::slice::from_ref(&repeated.operation), act),
            Step::Group { steps, .. } | Step::Block(steps) | Step::Parallel { branches: steps, .. } => {
                visit(steps, act);
            }
            Step::Request(_)
            | Step::Think(_)
            | Step::Pace(_)
            | Step::Set(_)
            | Step::Record { .. }
            | Step::Log(_)
            | Step::Fail { .. }
            | Step::Abort { .. } => {}
        }
    }
}
