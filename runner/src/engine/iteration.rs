//! One iteration: a user goes through the operations of a scenario.

use std::time::{Duration, Instant};

use upsurge_core::{scenario::LOOP_COUNT_SLOT, template::Scope};

use super::{context::Context, response::Seen, user::User, work::StageOf};
use crate::{
    http::message::Incoming,
    program::{Operation, Request},
};

/// An iteration under way.
pub(crate) struct Iteration<'a> {
    pub(super) context: &'a Context,
    pub(super) user: &'a mut User,
    scenario: usize,
    /// Stage of all that is recorded.
    stage: StageOf,
    /// When the next request should start: the schedule's instant, the planned end of a pause, or the
    /// end of the request before.
    pub(super) intended: Instant,
    /// Ends at the first thing that goes wrong, with words for it.
    strict: bool,
    /// Whether time passed: a response came, or a pause was made.
    rested: bool,
    loops: Vec<Repetition>,
    groups: Vec<Instant>,
}

struct Repetition {
    done: u64,
    outer: Option<serde_json::Value>,
}

/// Why an iteration ends before its last operation.
pub(crate) struct Ended {
    /// What went wrong, if anybody wants to know.
    pub(crate) message: String,
}

impl<'a> Iteration<'a> {
    /// An iteration that is intended to start at `intended`.
    pub(crate) fn new(
        context: &'a Context,
        user: &'a mut User,
        scenario: usize,
        stage: StageOf,
        intended: Instant,
    ) -> Self {
        let (loops, groups) = (Vec::new(), Vec::new());
        Self { context, user, scenario, stage, intended, strict: false, rested: false, loops, groups }
    }

    /// Ends at the first request, check or capture that fails.
    pub(crate) fn strictly(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Whether the iteration did anything that takes time; one that does not, repeated, would keep
    /// the core from everything else.
    pub(crate) fn rested(&self) -> bool {
        self.rested
    }

    /// Goes through all operations.
    pub(crate) async fn run(&mut self) -> Result<(), Ended> {
        let context = self.context;
        let Some(journey) = context.program.scenarios.get(self.scenario) else { return Ok(()) };
        let mut at = 0;
        while let Some(operation) = journey.operations.get(at) {
            at += 1;
            match operation {
                Operation::Request(request) => self.request(*request).await?,
                Operation::Think { min, max } => self.think(*min, *max).await,
                Operation::Jump(to) => at = *to,
                Operation::JumpUnless { condition, to } => {
                    if !self.holds(*condition)? {
                        at = *to;
                    }
                }
                Operation::EnterLoop => {
                    let outer = self.user.variables.variable(LOOP_COUNT_SLOT).cloned();
                    self.loops.push(Repetition { done: 0, outer });
                }
                Operation::NextRepetition { count, condition, exit } => {
                    if !self.repeat(*count, *condition)? {
                        at = *exit;
                    }
                    // Long loops without requests let the others have their turn.
                    tokio::task::consume_budget().await;
                }
                Operation::EnterGroup => self.groups.push(Instant::now()),
                Operation::LeaveGroup(group) => {
                    if let Some(begun) = self.groups.pop() {
                        let stage = self.stage();
                        context.recorder.borrow_mut().group(stage, *group, begun.elapsed());
                    }
                }
            }
        }
        Ok(())
    }

    fn stage(&self) -> usize {
        self.stage.at(self.context, Instant::now())
    }

    async fn think(&mut self, min: Duration, max: Duration) {
        let pause = min + (max - min).mul_f64(self.user.variables.fraction());
        self.rested |= !pause.is_zero();
        self.intended = Instant::now() + pause;
        self.context.timer.wait_until(self.intended).await;
    }

    fn holds(&mut self, condition: usize) -> Result<bool, Ended> {
        let Some(known) = self.context.program.conditions.get(condition) else { return Ok(false) };
        let variables = &self.user.variables;
        known.expression.evaluate(|slot| variables.variable(slot)).map_err(|error| {
            let stage = self.stage();
            self.context.recorder.borrow_mut().condition_failed(stage, condition);
            Ended { message: error.to_string() }
        })
    }

    /// Begins the next repetition of the innermost loop, or leaves the loop.
    fn repeat(&mut self, count: Option<u64>, condition: Option<usize>) -> Result<bool, Ended> {
        let Some(repetition) = self.loops.last_mut() else { return Ok(false) };
        let mut again = count.is_none_or(|count| repetition.done < count);
        if again {
            repetition.done += 1;
            let number = repetition.done;
            self.user.variables.set(LOOP_COUNT_SLOT, number.into());
            if let Some(condition) = condition {
                again = self.holds(condition)?;
            }
        }
        if !again && let Some(repetition) = self.loops.pop() {
            self.user.variables.set(LOOP_COUNT_SLOT, repetition.outer.unwrap_or_default());
        }
        Ok(again)
    }

    async fn request(&mut self, index: usize) -> Result<(), Ended> {
        let context = self.context;
        let Some(request) = context.program.requests.get(index) else { return Ok(()) };
        let stage = self.stage();
        let (response, duration) = self.exchange(stage, index, request).await?;
        if response.is_some() {
            self.rested = true;
        } else {
            // A connection that is refused at once takes no time: without this, a user who tries again
            // and again would never let go of the core.
            tokio::task::yield_now().await;
        }
        self.intended = Instant::now();
        self.judge(stage, index, request, response.as_ref(), duration)
    }

    /// Checks the response and takes values from it.
    fn judge(
        &mut self,
        stage: usize,
        index: usize,
        request: &Request,
        response: Option<&Incoming>,
        duration: Duration,
    ) -> Result<(), Ended> {
        let seen = Seen::new(response, request.needs_json(), duration);
        let mut failed_check = None;
        for (check, expectation) in request.expectations.iter().enumerate() {
            let passed = seen.meets(&expectation.matcher, &mut self.user.variables);
            self.context.recorder.borrow_mut().check(stage, index, check, passed);
            if !passed && failed_check.is_none() {
                failed_check = Some(&expectation.name);
            }
        }
        if self.strict {
            let status = response.map(|response| response.status.as_u16());
            if let Some(status) = status.filter(|status| request.is_failure(*status)) {
                self.complain(request, format!("status {status}"))?;
            }
            if let Some(name) = failed_check {
                self.complain(request, format!("expected that {name}"))?;
            }
        }
        for (number, capture) in request.captures.iter().enumerate() {
            let check = request.expectations.len() + number;
            match seen.capture(capture) {
                Some(value) => self.user.variables.set(capture.slot, value),
                None => {
                    self.context.recorder.borrow_mut().check(stage, index, check, false);
                    let message = format!("nothing found to capture as {:?}", capture.name);
                    self.complain(request, message.clone())?;
                    return Err(Ended { message });
                }
            }
        }
        Ok(())
    }

    /// Ends the iteration if it is strict.
    pub(super) fn complain(&self, request: &Request, message: String) -> Result<(), Ended> {
        if self.strict {
            return Err(Ended { message: format!("request {:?}: {message}", request.name) });
        }
        Ok(())
    }
}
