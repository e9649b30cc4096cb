// SPDX-License-Identifier: Apache-2.0
//! What a scenario is made of: a flat list of operations with jumps.

use std::{ops::Range, time::Duration};

use upsurge_core::{
    scenario::Pause,
    template::{JsonTemplate, Template},
};

/// One operation of a program. Numbers are indices into the program's lists; jumps are places in the
/// scenario's operations.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Sends a request.
    Request(usize),
    /// Pauses.
    Think(Box<Pause>),
    /// Waits until a span of time is over.
    Pace(Duration),
    /// Goes on elsewhere.
    Jump(usize),
    /// Goes on elsewhere unless a condition is true.
    JumpUnless {
        /// The condition.
        condition: usize,
        /// Where.
        to: usize,
    },
    /// Begins a loop.
    EnterLoop(Box<Limits>),
    /// Begins the next repetition, or ends the loop and goes on after it.
    NextRepetition {
        /// What must be true for one more.
        condition: Option<usize>,
        /// Where to go on after the loop.
        exit: usize,
    },
    /// Begins to time a group.
    EnterGroup,
    /// Ends the innermost group.
    LeaveGroup {
        /// The group.
        group: usize,
        /// Whether pauses are no part of its time.
        exclude_think_time: bool,
    },
    /// Does parts of the operations that follow side by side.
    Parallel(Box<Branches>),
    /// Gives a variable a new value.
    Set {
        /// Its slot.
        slot: usize,
        /// Where the value comes from.
        source: Source,
    },
    /// Records a value of a custom metric.
    Record {
        /// Where it is recorded.
        point: usize,
        /// The expression of the value; 1 without it.
        value: Option<usize>,
    },
    /// Writes a line to the log.
    Log(Template),
    /// Ends the iteration as failed, if the condition is true.
    Fail {
        /// The check that fails, among the conditions.
        check: usize,
        /// The condition.
        condition: Option<usize>,
    },
    /// Ends the run, if the condition is true.
    Abort {
        /// Why.
        reason: Template,
        /// The condition.
        condition: Option<usize>,
    },
}

/// What ends a loop.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Most repetitions.
    pub(crate) count: Option<Repetitions>,
    /// Elements to go through, and the slot that holds the one of a repetition.
    pub(crate) elements: Option<(usize, Elements)>,
}

/// How often a loop repeats its steps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Repetitions {
    /// Always as often.
    Fixed(u64),
    /// A random number, both ends included.
    Between(u64, u64),
    /// The value of an expression.
    Computed(usize),
}

/// What a loop goes through.
#[derive(Debug)]
pub(crate) enum Elements {
    /// A list that was written down.
    Literal(JsonTemplate),
    /// The value of an expression.
    Computed(usize),
}

/// Operations that are done side by side.
#[derive(Debug)]
pub(crate) struct Branches {
    /// Most branches under way at the same time.
    pub(crate) limit: usize,
    /// The operations of each branch.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Where to go on afterwards.
    pub(crate) exit: usize,
}

/// Where a value comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A value with templates.
    Template(JsonTemplate),
    /// The value of an expression.
    Expression(usize),
}
