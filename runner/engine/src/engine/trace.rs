// SPDX-License-Identifier: Apache-2.0
//! What each step did, for whoever wants to see it: one user is told of in full, where many are only counted.

use std::{cell::RefCell, sync::mpsc::Sender, time::Duration};

use serde_json::Value;

use super::exchange::Exchanged;
use crate::program::{Program, Request};

/// Longest text of a capture that is shown as it is. Longer ones may be tokens, which no log should have.
const LONGEST_SHOWN: usize = 8;

/// Something that a user did.
#[derive(Clone, Debug, PartialEq)]
pub enum Traced {
    /// A request, with what was made of its response.
    Request(Box<TracedRequest>),
    /// The end of an iteration, or of the steps that a user does once.
    Iteration {
        /// Name of the scenario.
        scenario: String,
        /// Why it ended before its last step, if it did.
        ended: Option<String>,
        /// How long it took.
        duration: Duration,
    },
}

/// A request, with what was made of its response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TracedRequest {
    /// Name of its scenario.
    pub scenario: String,
    /// Its name.
    pub name: String,
    /// Status of the response; absent without one.
    pub status: Option<u16>,
    /// Why there was none.
    pub problem: Option<String>,
    /// Whether it counts as failed.
    pub failed: bool,
    /// Its service time.
    pub duration: Duration,
    /// Its checks by name, and whether each held.
    pub checks: Vec<(String, bool)>,
    /// What was captured by name, shortened; absent where nothing was found.
    pub captures: Vec<(String, Option<String>)>,
}

/// A core's end of it. What is judged of one response is gathered and told at once.
#[derive(Debug)]
pub(crate) struct Trace {
    sender: Sender<Traced>,
    checks: RefCell<Vec<(usize, bool)>>,
    captures: RefCell<Vec<(String, Option<String>)>>,
}

impl Trace {
    pub(super) fn new(sender: Sender<Traced>) -> Self {
        Self { sender, checks: RefCell::default(), captures: RefCell::default() }
    }

    /// A check of the response that is being judged.
    pub(super) fn check(&self, check: usize, passed: bool) {
        self.checks.borrow_mut().push((check, passed));
    }

    /// A capture from it.
    pub(super) fn capture(&self, name: &str, value: Option<&Value>, program: &Program) {
        let shown = value.map(|value| program.secrets.masked(shown(value)));
        self.captures.borrow_mut().push((name.to_owned(), shown));
    }

    /// The response was judged.
    pub(super) fn request(&self, program: &Program, request: &Request, exchanged: &Exchanged) {
        let status = exchanged.response.as_ref().map(|response| response.status.as_u16());
        let checks = self
            .checks
            .take()
            .into_iter()
            .filter_map(|(check, passed)| Some((request.expectations.get(check)?.name.clone(), passed)));
        self.tell(Traced::Request(Box::new(TracedRequest {
            scenario: name(program, request.scenario),
            name: request.name.clone(),
            status,
            problem: exchanged.problem.clone().map(|problem| program.secrets.masked(problem)),
            failed: status.is_none_or(|status| request.is_failure(status)),
            duration: exchanged.duration,
            checks: checks.collect(),
            captures: self.captures.take(),
        })));
    }

    /// An iteration ended.
    pub(super) fn iteration(
        &self,
        program: &Program,
        scenario: usize,
        ended: Option<&str>,
        duration: Duration,
    ) {
        let ended = ended.map(|message| program.secrets.masked(message.to_owned()));
        self.tell(Traced::Iteration { scenario: name(program, scenario), ended, duration });
    }

    fn tell(&self, traced: Traced) {
        // Whoever wanted to know may be gone; the load goes on.
        let _ = self.sender.send(traced);
    }
}

fn name(program: &Program, scenario: usize) -> String {
    program.scenarios.get(scenario).map(|journey| journey.name.clone()).unwrap_or_default()
}

/// A value in short.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text,
        Value::Array(list) => return format!("a list of {}", list.len()),
        Value::Object(fields) => return format!("an object of {} fields", fields.len()),
        plain => return plain.to_string(),
    };
    let length = text.chars().count();
    if length <= LONGEST_SHOWN {
        return format!("{text:?}");
    }
    let begin: String = text.chars().take(3).collect();
    format!("{:?} and {} more characters", begin, length - 3)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_may_be_a_token_is_shown_in_part() {
        assert_eq!(shown(&json!("o-17")), "\"o-17\"");
        assert_eq!(shown(&json!("eyJhbGciOiJIUzI1NiJ9")), "\"eyJ\" and 17 more characters");
        assert_eq!((shown(&json!(12.5)), shown(&json!([1, 2]))), ("12.5".into(), "a list of 2".into()));
    }
}
