// SPDX-License-Identifier: Apache-2.0
//! The steps of the tree.

use std::{collections::BTreeMap, time::Duration};

use super::{Pause, Request};
use crate::{
    expression::Expression,
    template::{JsonTemplate, Template},
};

/// A step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a request.
    Request(Box<Request>),
    /// Pauses.
    Think(Pause),
    /// Waits for the rest of a span of time.
    Pace(Duration),
    /// Goes one of two ways.
    If {
        /// Which way.
        condition: Expression,
        /// Steps when it is true.
        then: Vec<Step>,
        /// Steps when it is not.
        otherwise: Vec<Step>,
    },
    /// Repeats steps.
    Loop(Box<Loop>),
    /// A named sequence.
    Group {
        /// Its name.
        name: String,
        /// Whether pauses are no part of its time.
        exclude_think_time: bool,
        /// Its steps.
        steps: Vec<Step>,
    },
    /// The steps of a block, which stand here by its name.
    Block(Vec<Step>),
    /// An operation of a benchmark, many times in a row.
    Repeated(Box<Repeated>),
    /// Steps side by side, each a branch of its own.
    Parallel {
        /// Most branches under way at the same time.
        limit: usize,
        /// The branches.
        branches: Vec<Step>,
    },
    /// Gives variables new values, in order.
    Set(Vec<Assignment>),
    /// Records a value of a custom metric.
    Record {
        /// Name of the metric.
        metric: String,
        /// The value; 1 without it.
        value: Option<Expression>,
        /// Tags.
        tags: BTreeMap<String, String>,
    },
    /// Writes a line to the log.
    Log(Template),
    /// Ends the iteration as failed.
    Fail {
        /// What went wrong.
        message: String,
        /// Only if this is true.
        condition: Option<Expression>,
    },
    /// Ends the run.
    Abort {
        /// Why.
        reason: Template,
        /// Only if this is true.
        condition: Option<Expression>,
    },
}

/// An operation of a benchmark.
#[derive(Clone, Debug)]
pub struct Repeated {
    /// How often it is done before it counts: nothing of that is recorded.
    pub warm_up: u64,
    /// How often it is measured.
    pub repeats: u64,
    /// A request or a group.
    pub operation: Step,
}

/// Repeated steps; the first limit that is reached ends them.
#[derive(Clone, Debug)]
pub struct Loop {
    /// Most repetitions.
    pub count: Option<Count>,
    /// Elements to go through.
    pub elements: Option<Elements>,
    /// Evaluated before each repetition; false ends the loop.
    pub condition: Option<Expression>,
    /// What is repeated.
    pub steps: Vec<Step>,
}

/// How often a loop repeats its steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Count {
    /// Always as often.
    Fixed(u64),
    /// A random number, both ends included.
    Between(u64, u64),
    /// As an expression says when the loop begins.
    Computed(Expression),
}

/// What a loop goes through.
#[derive(Clone, Debug)]
pub struct Elements {
    /// Slot that holds the element of a repetition.
    pub slot: usize,
    /// The list.
    pub list: List,
}

/// A list of a loop.
#[derive(Clone, Debug, PartialEq)]
pub enum List {
    /// Written down.
    Literal(JsonTemplate),
    /// The value of an expression when the loop begins.
    Computed(Expression),
}

/// A new value for a variable.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Slot of the variable.
    pub slot: usize,
    /// Where the value comes from.
    pub source: ValueSource,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSource {
    /// A value with templates.
    Template(JsonTemplate),
    /// An expression.
    Expression(Expression),
}
