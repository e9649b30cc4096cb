// SPDX-License-Identifier: Apache-2.0
//! The session of a run: a pure state machine of what runners say and what is durable.
//!
//! No I/O and no clock in here. What must survive an operator is in [`Durable`]; a session made from it behaves
//! as the old one did when the checkpoint was taken, which is what makes deltas count exactly once: the sender keeps
//! each delta until it is acknowledged, and only what a durable checkpoint holds is acknowledged.

mod after;
mod before;
mod durable;
mod early_end;
mod epochs;
mod figures;
mod look;
mod marks;
mod outline;
mod presence;
mod questions;
mod refusal;
mod rest;
mod turning;

use std::sync::Arc;

use upsurge_core::{
    intake::Intake,
    protocol::{DeltaBatch, DeltaCommand, DeltaReply, Hello, HelloCommand, Readiness, RunPlan, RunnerEnd},
    thresholds::Windowed,
};

use self::{after::After, epochs::Place, look::Look, questions::Questions, rest::Rest, turning::TurnBack};
pub use self::{
    durable::{Durable, DurableRunner, Pod},
    early_end::Problem,
    epochs::{EpochFigures, Finished},
    marks::Mark,
    presence::Presence,
    refusal::Refusal,
};
use super::{
    folding::Folding,
    memory::MOST_OF_ONE,
    prepared::{Prepared, Preparing},
    start::Start,
};

/// Furthest that a T0 may be from now: a run lasts at most so long, and starts soon.
const FURTHEST_START: i64 = 30 * 24 * 3_600 * 1_000_000_000;

/// The session of a run.
#[derive(Clone, Debug)]
pub struct Session {
    state: Durable,
    place: Place,
    presence: Vec<Presence>,
    start: Start,
    before: bool,
    look: Look,
    rest: Rest,
    after: After,
    questions: Questions,
    turning: TurnBack,
    folding: Folding,
    windowed: Windowed,
    preparing: Arc<Preparing>,
    /// Most bytes of memory that the figures may take, as things are now.
    most_figures: usize,
    revision: u64,
    durable: u64,
}

impl Session {
    /// A session of a plan, from what a checkpoint held.
    pub fn new(plan: &RunPlan, restored: Option<Durable>) -> Self {
        Self::restored(plan, restored, MOST_OF_ONE)
    }

    /// The same, with so many bytes of memory for figures.
    fn restored(plan: &RunPlan, restored: Option<Durable>, most_figures: usize) -> Self {
        let mut state = restored.unwrap_or_default();
        state.session += 1;
        state.runners.resize_with(plan.runners as usize, DurableRunner::default);
        let windowed = Windowed::of(&plan.test);
        windowed.adopt(&mut state.totals.windows, &state.totals.metrics);
        let turning = TurnBack::of(plan, state.turn);
        let presence = state
            .runners
            .iter()
            .map(|runner| Presence {
                acknowledged: runner.received,
                cut: runner.received,
                end_durable: runner.end.is_some(),
                ..Presence::default()
            })
            .collect();
        let started = state.runners.iter().any(|runner| runner.started_at.is_some());
        let start = match state.start {
            Some(at) if started => Start::Given { at },
            _ => Start::Gathering,
        };
        let mut session = Self {
            place: Place::of(plan.epoch, state.history.len()),
            presence,
            start,
            before: !plan.test.before.is_empty(),
            look: Look::of(plan),
            rest: Rest::of(plan, &state),
            after: After::of(plan, state.after.is_some()),
            questions: Questions::of(plan, state.checks.is_some()),
            turning,
            folding: Folding,
            windowed,
            preparing: Arc::new(Preparing::of(&plan.test)),
            most_figures,
            revision: 0,
            durable: 0,
            state,
        };
        session.put_thresholds();
        session.fit();
        session
    }

    /// How deltas are made ready for it.
    pub fn preparing(&self) -> Arc<Preparing> {
        self.preparing.clone()
    }

    /// What survives the operator.
    pub fn state(&self) -> &Durable {
        &self.state
    }

    /// What is known of the runners' presence, by index.
    pub fn presence(&self) -> &[Presence] {
        &self.presence
    }

    /// T0, once it is settled.
    pub fn t0(&self) -> Option<i64> {
        self.start.given()
    }

    /// Whether the next checkpoint should not wait: T0 or the end of the run depends on it.
    pub fn is_urgent(&self) -> bool {
        let ending = self.all_ended() && !self.all_done();
        let tidied = self.state.after.is_some() && !self.after.durable;
        let answered = self.state.checks.is_some() && !self.questions.durable;
        let turns = self.state.turn.is_some() && !self.turning.is_durable;
        let waited_for = ending || tidied || answered || turns || self.awaits_epoch();
        self.is_dirty() && (matches!(self.start, Start::Chosen { .. }) || waited_for)
    }

    /// Whether there is anything that no durable checkpoint holds.
    pub fn is_dirty(&self) -> bool {
        self.durable < self.revision
    }

    /// Whether all runners have ended, durably.
    pub fn all_done(&self) -> bool {
        self.all_ended() && self.presence.iter().all(|presence| presence.end_durable)
    }

    /// A runner says hello.
    ///
    /// # Errors
    /// When it can't be one of this run's runners.
    pub fn hello(&mut self, hello: &Hello, pod: &Pod, now: i64) -> Result<HelloCommand, Refusal> {
        let index = self.hear(hello.runner, pod, now)?;
        Intake::check_hello(&hello.readiness, hello.before.as_ref())
            .map_err(|objection| Refusal::Content { runner: hello.runner, objection })?;
        if hello.epoch > self.epoch() {
            return Ok(self.beyond());
        }
        self.presence[index].readiness = Some(hello.readiness.clone());
        if let Some(at) = hello.accepted_start {
            self.accepted(hello.runner, at, now)?;
        }
        if let Some(before) = &hello.before {
            self.before_done(index, &before.result);
        }
        if let Some(reason) = self.state.stop.clone() {
            let runner = &mut self.state.runners[index];
            if runner.started_at.is_none() && runner.end.is_none() {
                runner.end = Some(RunnerEnd::Stopped { reason: reason.clone() });
                self.revision += 1;
            }
            return Ok(HelloCommand::Stop { reason });
        }
        self.settle(now);
        Ok(match self.start {
            Start::Given { at } => {
                HelloCommand::Start { at, variables: self.state.variables.clone().unwrap_or_default() }
            }
            Start::Gathering if index == 0 && self.waits_for_before() && self.all_ready() => {
                HelloCommand::RunBefore
            }
            Start::Gathering | Start::Chosen { .. } => HelloCommand::Wait,
        })
    }

    /// A runner reports deltas.
    ///
    /// # Errors
    /// When it can't be one of this run's runners, or a delta is missing; those before it are merged.
    pub fn deltas(&mut self, batch: &DeltaBatch, pod: &Pod, now: i64) -> Result<DeltaReply, Refusal> {
        let (preparing, runner) = (self.preparing.clone(), batch.runner);
        let refused = |objection| Refusal::Content { runner, objection };
        let prepared = batch.deltas.iter().map(|delta| preparing.prepare(delta.clone()).map_err(refused));
        self.merge(batch, prepared, pod, now)
    }

    /// A runner reports deltas that were made ready; those of the message itself are not looked at.
    ///
    /// # Errors
    /// When it can't be one of this run's runners, or a delta is missing; those before it are merged.
    pub fn merge(
        &mut self,
        batch: &DeltaBatch,
        deltas: impl Iterator<Item = Result<Prepared, Refusal>>,
        pod: &Pod,
        now: i64,
    ) -> Result<DeltaReply, Refusal> {
        let index = self.hear(batch.runner, pod, now)?;
        if batch.epoch != self.epoch() {
            return self.of_another(index, batch, deltas);
        }
        self.accepted(batch.runner, batch.start, now)?;
        if self.state.runners[index].started_at.is_none() {
            self.state.runners[index].started_at = Some(batch.started_at);
            self.revision += 1;
        }
        if batch.session.is_some_and(|meant| meant != self.state.session) {
            // Sent to an operator before this one, and perhaps merged with what came after it since.
            return Ok(self.reply(index));
        }
        for prepared in deltas {
            let prepared = prepared?;
            let delta = &prepared.delta;
            let runner = &mut self.state.runners[index];
            let (first, received) = (delta.first_number(), runner.received);
            if delta.number <= received {
                continue;
            }
            if first > received + 1 {
                return Err(Refusal::Gap(self.reply(index)));
            }
            if first <= received {
                return Err(Refusal::Overlap { runner: batch.runner, first, number: delta.number, received });
            }
            if delta.to_ms < runner.elapsed_ms {
                let (runner, reported, to_ms) = (batch.runner, runner.elapsed_ms, delta.to_ms);
                return Err(Refusal::Backwards { runner, reported, to_ms });
            }
            self.make_room(batch.runner, &prepared)?;
            let runner = &mut self.state.runners[index];
            (runner.received, runner.elapsed_ms) = (delta.number, delta.to_ms);
            if !delta.outputs.is_empty() {
                runner.outputs.clone_from(&delta.outputs);
            }
            // The first end stays: a runner that was refused does not get better.
            if delta.done.is_some() && runner.end.is_none() {
                runner.end.clone_from(&delta.done);
                self.presence[index].end_durable = false;
            }
            self.tells_turn(index, delta.turned_ms);
            if delta.after.is_some() {
                self.state.after.clone_from(&delta.after);
            }
            if let Some(answers) = &delta.checks
                && index == 0
                && self.state.checks.is_none()
            {
                self.state.checks = Some(self.questions.bounded(answers));
                self.state.series = self.questions.bounded_series(&delta.series);
            }
            self.state.totals.add(batch.runner, &prepared, &self.folding, &self.windowed);
            self.revision += 1;
        }
        // Windows that all runners have passed are over.
        let at_work = self.state.runners.iter().filter(|runner| runner.end.is_none());
        let until = at_work.map(|runner| runner.elapsed_ms).min().unwrap_or(self.state.totals.elapsed_ms);
        self.state.totals.close_windows(until, &self.windowed);
        self.turn_back(until, now);
        Ok(self.reply(index))
    }

    /// Notes that something beside the session, which the checkpoint also holds, has changed.
    pub fn touch(&mut self) {
        self.revision += 1;
    }

    fn reply(&self, index: usize) -> DeltaReply {
        DeltaReply {
            counters: self.counters(index),
            acknowledged: self.presence[index].acknowledged,
            received: self.state.runners[index].received,
            session: Some(self.state.session),
            cut: self.presence[index].cut,
            interval_ms: None,
            turn: self.turn(),
            command: match &self.state.stop {
                _ if self.does_after(index) => DeltaCommand::RunAfter,
                Some(reason) => DeltaCommand::Stop { reason: reason.clone() },
                None => match self.questions.due {
                    Some((start, end)) if index == 0 && self.state.checks.is_none() => {
                        DeltaCommand::AskPrometheus { start, end }
                    }
                    _ => DeltaCommand::Continue,
                },
            },
        }
    }

    /// Binds the runner to its pod. A pod that came in the place of another may speak for a share that
    /// nobody has begun; a share that has been begun is never done again.
    fn hear(&mut self, runner: u32, pod: &Pod, now: i64) -> Result<usize, Refusal> {
        let (index, runners) = (runner as usize, self.state.runners.len());
        let known = self.state.runners.get_mut(index).ok_or(Refusal::Index { runner, runners })?;
        match &known.pod {
            Some(bound) if bound == pod => {}
            Some(bound) if known.started_at.is_some() => {
                return Err(Refusal::Taken { runner, pod: bound.name.clone() });
            }
            _ => {
                known.pod = Some(pod.clone());
                self.presence[index] = Presence::default();
                self.revision += 1;
            }
        }
        self.presence[index].last_seen = Some(now);
        Ok(index)
    }

    /// A runner has accepted a T0, from this operator or an earlier one: it is the run's.
    fn accepted(&mut self, runner: u32, theirs: i64, now: i64) -> Result<(), Refusal> {
        match self.start {
            Start::Given { at } if at == theirs => Ok(()),
            Start::Given { at } => Err(Refusal::OtherStart { runner, theirs, ours: at }),
            _ if now.saturating_sub(theirs).saturating_abs() > FURTHEST_START => {
                Err(Refusal::NoStart { runner, theirs })
            }
            Start::Gathering | Start::Chosen { .. } => {
                self.set_start(Start::Given { at: theirs });
                self.revision += 1;
                Ok(())
            }
        }
    }

    /// The target was looked at, or it is known why it can't be.
    pub fn looked(&mut self) {
        self.look.done();
    }

    /// Chooses T0 if all are ready. What the autoscaler does from the first second on is to be seen, so the target has to be, too.
    fn settle(&mut self, now: i64) {
        let is_ready = self.start == Start::Gathering && self.all_ready() && !self.waits_for_before();
        if is_ready && !self.rest.is_awaited() && !self.look.is_awaited(now) {
            self.set_start(Start::choose(now));
            self.revision += 1;
        }
    }

    fn set_start(&mut self, start: Start) {
        self.start = start;
        self.state.start = start.chosen();
    }

    fn all_ready(&self) -> bool {
        self.presence.iter().all(|presence| presence.readiness == Some(Readiness::Ready))
    }

    fn all_ended(&self) -> bool {
        self.state.runners.iter().all(|runner| runner.end.is_some())
    }
}

#[cfg(test)]
mod exactly_once;
#[cfg(test)]
pub(super) mod tests;
