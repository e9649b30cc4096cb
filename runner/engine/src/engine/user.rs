// SPDX-License-Identifier: Apache-2.0
//! A user: variables, connections, cookies, and a source of random numbers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use upsurge_core::{
    scenario::{FIRST_DATA_SLOT, ITERATION_SLOT, LOOP_COUNT_SLOT, SCENARIO_SLOT, USER_SLOT},
    template::Scope,
};
use upsurge_http::client::Connections;

use super::{
    context::Context,
    cookies::Cookies,
    feeders::{Exhausted, Feeders, Rows},
    once::Stays,
    work::After,
};
use crate::program::Program;

/// A user of one core.
#[derive(Debug)]
pub(crate) struct User {
    /// Its variables.
    pub(crate) variables: Variables,
    /// Its connections, which it shares with nobody.
    pub(crate) connections: Connections,
    /// Its cookies, which last for one iteration unless the test keeps them.
    pub(crate) cookies: Cookies,
    /// When its next iteration is intended to start, if its scenario has a pace.
    pub(crate) paced: Option<Instant>,
    /// What stays with it of the steps that it did once.
    pub(super) stays: Stays,
    /// Connections for steps side by side.
    #[allow(clippy::box_collection, reason = "most users have none, and each byte counts")]
    lanes: Option<Box<Vec<Connections>>>,
}

/// The variables of a user by slot.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    slots: Vec<Option<Value>>,
    random: fastrand::Rng,
    /// In a branch: slots that it wrote to.
    #[allow(clippy::box_collection, reason = "most users have none, and each byte counts")]
    written: Option<Box<Vec<usize>>>,
    /// Rows of data.
    rows: Option<Box<Rows>>,
}

impl Scope for Variables {
    fn variable(&self, slot: usize) -> Option<&Value> {
        match (&self.rows, self.slots.get(slot)?) {
            // Data sets have slots of their own, in which nothing is kept.
            (Some(rows), None) => rows.get(slot.checked_sub(FIRST_DATA_SLOT)?),
            (_, value) => value.as_ref(),
        }
    }

    fn cell(&self, slot: usize, column: usize) -> Option<Option<&Value>> {
        match (&self.rows, self.slots.get(slot)?) {
            (Some(rows), None) => rows.cell(slot.checked_sub(FIRST_DATA_SLOT)?, column),
            (_, _) => None,
        }
    }

    fn secret(&self, _: &str) -> Option<&str> {
        // Secrets became text when the program was compiled.
        None
    }

    fn random(&mut self) -> u64 {
        self.random.u64(..)
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn sequence(&mut self, index: usize) -> u64 {
        self.rows.as_ref().map_or(0, |rows| rows.count(index))
    }
}

impl Variables {
    /// Sets a variable.
    pub(crate) fn set(&mut self, slot: usize, value: Value) {
        self.restore(slot, Some(value));
    }

    /// Gives a variable back what it had, which may be nothing.
    pub(crate) fn restore(&mut self, slot: usize, value: Option<Value>) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = value;
        }
        if let Some(written) = &mut self.written {
            written.push(slot);
        }
    }

    /// The variables as a branch of the user begins with them, and random numbers of its own.
    pub(crate) fn fork(&self, seed: u64) -> Self {
        Self {
            slots: self.slots.clone(),
            random: fastrand::Rng::with_seed(seed),
            written: Some(Box::default()),
            rows: self.rows.clone(),
        }
    }

    /// Takes over what a branch wrote.
    pub(crate) fn merge(&mut self, mut branch: Self) {
        for slot in branch.written.take().into_iter().flat_map(|written| *written) {
            if let Some(value) = branch.slots.get(slot) {
                let value = value.clone();
                self.restore(slot, value);
            }
        }
    }

    /// Takes the rows of data for an iteration.
    pub(crate) fn supply<'a>(
        &mut self,
        feeders: &'a Arc<Feeders>,
        scenario: usize,
    ) -> Result<(), Exhausted<'a>> {
        let random = &mut self.random;
        feeders.supply(&mut self.rows, scenario, |count| random.usize(..count))
    }

    /// A random number below a limit; `None` if there is none.
    pub(crate) fn below(&mut self, limit: usize) -> Option<usize> {
        (limit > 0).then(|| self.random.usize(..limit))
    }

    /// A random number from 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.random.f64()
    }

    /// Takes a random value for each variable that is a list.
    fn choose(&mut self, program: &Program) {
        for variable in &program.choices {
            if let Some(value) = self.random.choice(&variable.values) {
                let value = value.clone();
                self.set(variable.slot, value);
            }
        }
    }
}

impl User {
    /// A new user; numbers begin with 1.
    pub(crate) fn new(program: &Program, number: u64) -> Self {
        // Every user has numbers of its own; with a seed, the same ones in each run.
        let random = program.seed.map(|seed| fastrand::Rng::with_seed(seed.wrapping_add(number)));
        let random = random.unwrap_or_default();
        let mut variables = Variables { slots: program.constants.clone(), random, written: None, rows: None };
        variables.choose(program);
        variables.set(USER_SLOT, number.into());
        let (connections, cookies) = (Connections::default(), Cookies::default());
        Self { variables, connections, cookies, paced: None, stays: Stays::default(), lanes: None }
    }

    /// The same user with other connections, for steps side by side: its cookies are shared.
    pub(crate) fn fork(&self, connections: Connections) -> Self {
        let (variables, cookies) = (Variables::default(), self.cookies.clone());
        Self { variables, connections, cookies, paced: None, stays: Stays::default(), lanes: None }
    }

    /// Connections for so many lanes: the user's own, then those it had before.
    pub(crate) fn lend_connections(&mut self, lanes: usize) -> Vec<Connections> {
        self.cookies.share();
        let mut lent = vec![std::mem::take(&mut self.connections)];
        lent.extend(self.lanes.take().into_iter().flat_map(|kept| *kept));
        lent.resize_with(lanes, Connections::default);
        lent
    }

    /// Keeps connections of lanes for the next time.
    pub(crate) fn keep_lanes(&mut self, lanes: Vec<Connections>) {
        if !lanes.is_empty() {
            self.lanes = Some(Box::new(lanes));
        }
    }

    /// Closes all connections.
    pub(crate) fn hang_up(&mut self) {
        self.connections.close();
        self.lanes = None;
    }

    /// Waits for the instant at which the next iteration is intended to start, at most until `end` of the planned load; tells
    /// what that one begins after.
    pub(crate) async fn keep_pace(&self, context: &Context, now: Instant, end: Duration) -> (After, Instant) {
        match self.paced {
            Some(paced) if now < paced => {
                context.wait_as_planned(|| paced.min(context.instant(end))).await;
                (After::Pause, Instant::now())
            }
            _ => (After::Iteration, now),
        }
    }

    /// Takes values anew, as a user who comes for the first time; one who has begun a scenario for good keeps
    /// those that it began with.
    pub(crate) fn choose_values(&mut self, program: &Program) {
        if self.stays.is_empty() {
            self.variables.choose(program);
        }
    }

    /// Forgets what the last iteration left behind and sets what a new one begins with.
    pub(crate) fn begin(&mut self, program: &Program, iteration: u64, scenario: usize) {
        self.variables.set(ITERATION_SLOT, iteration.into());
        self.restore(program, scenario);
    }

    /// Gives variables and cookies back what they had at the start of the scenario.
    pub(super) fn restore(&mut self, program: &Program, scenario: usize) {
        for slot in &program.captured {
            if let Some(place) = self.variables.slots.get_mut(*slot) {
                *place = program.constants.get(*slot).cloned().flatten();
            }
        }
        self.variables.set(LOOP_COUNT_SLOT, 0.into());
        if let Some(scenario) = program.scenarios.get(scenario)
            // Mostly it is the same one again, and its name need not be copied.
            && self.variables.variable(SCENARIO_SLOT).and_then(Value::as_str) != Some(&scenario.name)
        {
            self.variables.set(SCENARIO_SLOT, scenario.name.as_str().into());
        }
        if !program.keep_cookies {
            self.cookies = Cookies::default();
        }
        self.stays.restore(
            scenario,
            &mut self.variables,
            (!program.keep_cookies).then_some(&mut self.cookies),
        );
    }
}
