// SPDX-License-Identifier: Apache-2.0
//! One iteration: a user goes through the operations of a scenario.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use upsurge_core::scenario::{Matcher, Pause};
use upsurge_http::message::Incoming;

use super::{
    context::Context, exchange::Exchanged, loops::Repetition, response::Seen, user::User, work::StageOf,
};
use crate::program::{Operation, Request};

/// An iteration under way.
pub(crate) struct Iteration<'a> {
    pub(super) context: &'a Context,
    pub(super) user: &'a mut User,
    pub(super) scenario: usize,
    /// Stage of all that is recorded.
    pub(super) stage: StageOf,
    /// When the next request should start: the schedule's instant, the planned end of a pause, or the
    /// end of the request before.
    pub(super) intended: Instant,
    /// Ends at the first thing that goes wrong, with words for it.
    pub(super) strict: bool,
    /// Whether time passed: a response came, or a pause was made.
    pub(super) rested: bool,
    /// Planned end of the last span of a pace.
    pub(super) paced: Instant,
    /// The present, if nothing was done since that takes time.
    now: Option<Instant>,
    pub(super) loops: Vec<Repetition>,
    groups: Vec<Group>,
}

/// A group under way.
struct Group {
    begun: Instant,
    pauses: Duration,
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
        let (strict, rested, paced, now) = (false, false, intended, None);
        Self { context, user, scenario, stage, intended, strict, rested, paced, now, loops, groups }
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

    /// The present.
    pub(crate) fn now(&self) -> Instant {
        self.now.unwrap_or_else(Instant::now)
    }

    /// Goes through all operations.
    pub(crate) async fn run(&mut self) -> Result<(), Ended> {
        let journey = self.context.program.scenarios.get(self.scenario);
        self.go(0..journey.map_or(0, |journey| journey.length)).await
    }

    /// Goes through a part of the operations.
    pub(super) async fn go(&mut self, range: Range<usize>) -> Result<(), Ended> {
        let context = self.context;
        let Some(journey) = context.program.scenarios.get(self.scenario) else { return Ok(()) };
        let mut at = range.start;
        while at < range.end
            && let Some(operation) = journey.operations.get(at)
        {
            at += 1;
            self.now = None;
            match operation {
                Operation::Request(request) => self.request(*request).await?,
                Operation::Think(pause) => self.think(pause).await,
                Operation::Pace(every) => self.pace(*every).await,
                Operation::Jump(to) => at = *to,
                Operation::JumpUnless { condition, to } => {
                    if !self.holds(*condition)? {
                        at = *to;
                    }
                }
                Operation::EnterLoop(limits) => self.enter_loop(limits)?,
                Operation::NextRepetition { condition, exit } => {
                    if !self.repeat(*condition)? {
                        at = *exit;
                    }
                    // Long loops without requests let the others have their turn.
                    tokio::task::consume_budget().await;
                }
                Operation::EnterGroup => {
                    self.groups.push(Group { begun: Instant::now(), pauses: Duration::ZERO });
                }
                Operation::LeaveGroup { group, exclude_think_time } => {
                    self.leave_group(*group, *exclude_think_time);
                }
                Operation::Parallel(branches) => {
                    // On the heap: few scenarios have any, and each user would keep the place.
                    Box::pin(self.parallel(branches)).await?;
                    at = branches.exit;
                }
                Operation::Set { slot, source } => self.assign(*slot, source)?,
                Operation::Record { point, value } => self.record(*point, *value)?,
                Operation::Log(message) => self.log(message),
                Operation::Fail { check, condition } => self.fail(*check, *condition)?,
                Operation::Abort { reason, condition } => self.abort(reason, *condition)?,
            }
        }
        Ok(())
    }

    pub(super) fn stage(&self) -> usize {
        self.stage.at(self.context, Instant::now())
    }

    async fn think(&mut self, pause: &Pause) {
        let pause = pause.draw(|| self.user.variables.fraction());
        self.rested |= !pause.is_zero();
        self.intended = Instant::now() + pause;
        self.pause().await;
    }

    /// Waits until the span is over that began with the last pace. Who is late goes on at once, with the
    /// instant at which it should have gone on as the intended one.
    async fn pace(&mut self, every: Duration) {
        self.paced += every;
        self.intended = self.paced;
        if self.paced > Instant::now() {
            self.rested = true;
            self.pause().await;
        }
    }

    /// Waits for the intended instant.
    async fn pause(&mut self) {
        let begun = Instant::now();
        self.context.timer.wait_until(self.intended).await;
        let pause = begun.elapsed();
        self.groups.iter_mut().for_each(|group| group.pauses += pause);
    }

    fn leave_group(&mut self, group: usize, exclude_think_time: bool) {
        let Some(Group { begun, pauses }) = self.groups.pop() else { return };
        let mut duration = begun.elapsed();
        if exclude_think_time {
            duration = duration.saturating_sub(pauses);
        }
        self.context.recorder.borrow_mut().group(self.stage(), group, duration);
    }

    async fn request(&mut self, index: usize) -> Result<(), Ended> {
        let context = self.context;
        let Some(request) = context.program.requests.get(index) else { return Ok(()) };
        let exchanged = self.exchange(index, request).await?;
        let Exchanged { response, duration, stage, ended, .. } = &exchanged;
        let (duration, stage, ended) = (*duration, *stage, *ended);
        self.intended = ended;
        if response.is_some() {
            self.rested = true;
            let looks = request.expectations.len() + request.captures.len() > 0;
            self.now = (!looks).then_some(ended);
        } else {
            // A connection that is refused at once takes no time: without this, a user who tries again
            // and again would never let go of the core.
            tokio::task::yield_now().await;
            self.intended = Instant::now();
        }
        let judged = self.judge(stage, index, request, response.as_ref(), duration);
        if let Some(trace) = &context.trace {
            trace.request(&context.program, request, &exchanged);
        }
        judged
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
        let seen = Seen::new(request, response, duration);
        let has_failed = request.has_failed(response);
        let mut failed_check = None;
        for (check, expectation) in request.expectations.iter().enumerate() {
            // Conditions once the captures are made.
            if matches!(expectation.matcher, Matcher::Condition(_)) || !expectation.is_about(has_failed) {
                continue;
            }
            let passed = seen.meets(expectation, self.user);
            self.context.check(stage, index, check, passed);
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
            let value = seen.capture(capture, self.user);
            if let Some(trace) = &self.context.trace {
                trace.capture(&capture.name, value.as_ref(), &self.context.program);
            }
            match value {
                Some(value) => {
                    self.context.check(stage, index, check, true);
                    self.user.variables.set(capture.slot, value);
                }
                None => {
                    self.context.check(stage, index, check, false);
                    self.check_variables(stage, index, request, false, has_failed);
                    let message = format!("nothing found to capture as {:?}", capture.name);
                    self.complain(request, message.clone())?;
                    return Err(Ended { message });
                }
            }
        }
        match self.check_variables(stage, index, request, response.is_some(), has_failed) {
            Some(name) => self.complain(request, format!("expected that {name}")),
            None => Ok(()),
        }
    }

    /// Ends the iteration if it is strict.
    pub(super) fn complain(&self, request: &Request, message: String) -> Result<(), Ended> {
        if self.strict {
            let message = self.context.program.secrets.masked(message);
            return Err(Ended { message: format!("request {:?}: {message}", request.name) });
        }
        Ok(())
    }
}
