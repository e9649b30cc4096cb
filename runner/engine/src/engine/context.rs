// SPDX-License-Identifier: Apache-2.0
//! What the users of one core have in common: the program, the client, the clock and the recorder.

use std::{
    cell::{Cell, RefCell},
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
    time::Instant,
};

use tokio::sync::Notify;
use upsurge_core::{
    plan::{LoadPlan, Skip},
    report::printable,
    validate::Valid,
};
use upsurge_crds::v1alpha1::EndOfData;
use upsurge_http::{client::Client, error::TransportError};

use super::{
    feeders::{Exhausted, Feeders},
    halt::Halt,
    timer::Timer,
    trace::{Trace, Traced},
    user::User,
};
use crate::{program::Program, recorder::Recorder};

/// Most lines that the log steps of a core write.
const MOST_LINES: u32 = 100;

/// The surroundings of a core's users. Lives on the core's thread.
pub(crate) struct Context {
    /// What they do.
    pub(crate) program: Arc<Program>,
    /// The compiled test.
    valid: Arc<Valid>,
    /// Start of the load.
    pub(crate) start: Instant,
    /// How they speak.
    pub(crate) client: Client,
    /// How they wait.
    pub(crate) timer: Timer,
    /// What happened to them.
    pub(crate) recorder: RefCell<Box<Recorder>>,
    /// Figures for [`super::Progress`].
    pub(crate) counts: Arc<Counts>,
    /// Users at work.
    pub(crate) users: Level,
    /// Users that exist.
    pub(crate) users_max: Level,
    /// Since when no iteration may start any more.
    stopped: Cell<Option<Instant>>,
    stop: Notify,
    /// Whether the load may turn back.
    pub(super) may_turn: bool,
    /// What is left out of the plan, once that is known.
    pub(super) skip: Cell<Option<Skip>>,
    pub(super) turned: Notify,
    /// Kinds of errors that were logged already.
    logged: Cell<u32>,
    /// Lines that steps wrote to the log.
    lines: Cell<u32>,
    /// Ends the run on all cores.
    pub(crate) halt: Arc<Halt>,
    /// Rows of data.
    pub(crate) feeders: Arc<Feeders>,
    /// Who is told of each request.
    pub(super) trace: Option<Trace>,
}

/// Figures that other threads may read. Each core writes its own, so no two cores share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counts {
    pub(crate) users: AtomicU64,
    pub(crate) started: AtomicU64,
    pub(crate) finished: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// How late the load started, in nanoseconds, plus one; 0 before it has.
    pub(crate) start_lag: AtomicU64,
}

/// Adds to a figure that only this thread writes: no locked instruction is needed.
pub(crate) fn count(figure: &AtomicU64, by: u64) {
    figure.store(figure.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}

/// A level that goes up and down, with its extremes since the last look.
#[derive(Debug, Default)]
pub(crate) struct Level {
    value: Cell<u64>,
    min: Cell<u64>,
    max: Cell<u64>,
}

impl Level {
    /// Moves the level.
    pub(crate) fn set(&self, value: u64) {
        self.value.set(value);
        self.min.set(self.min.get().min(value));
        self.max.set(self.max.get().max(value));
    }

    /// The level.
    pub(crate) fn get(&self) -> u64 {
        self.value.get()
    }

    /// Level, minimum and maximum; the extremes begin anew.
    pub(crate) fn take(&self) -> [u64; 3] {
        let value = self.value.get();
        [value, self.min.replace(value), self.max.replace(value)]
    }
}

impl Context {
    pub(crate) fn new(
        program: Arc<Program>,
        valid: Arc<Valid>,
        start: Instant,
        client: Client,
        counts: Arc<Counts>,
        halt: Arc<Halt>,
        feeders: Arc<Feeders>,
    ) -> io::Result<Self> {
        Ok(Self {
            recorder: RefCell::new(Box::new(Recorder::new(&program))),
            program,
            valid,
            start,
            client,
            timer: Timer::new()?,
            counts,
            users: Level::default(),
            users_max: Level::default(),
            stopped: Cell::new(None),
            stop: Notify::new(),
            may_turn: false,
            skip: Cell::new(None),
            turned: Notify::new(),
            logged: Cell::new(0),
            lines: Cell::new(0),
            halt,
            feeders,
            trace: None,
        })
    }

    /// Tells of each request.
    pub(super) fn traced(mut self, sender: Option<Sender<Traced>>) -> Self {
        self.trace = sender.map(Trace::new);
        self
    }

    /// Looks out for a turn of the load.
    pub(super) fn turning(mut self, may_turn: bool) -> Self {
        self.may_turn = may_turn;
        self
    }

    /// The loads to carry out, as they are planned.
    pub(crate) fn loads(&self) -> &[LoadPlan] {
        &self.valid.loads
    }

    /// Stage of a load at an instant.
    pub(crate) fn stage_at(&self, load: usize, at: Instant) -> usize {
        let at = self.planned(at);
        self.loads().get(load).map_or(0, |plan| plan.stage_at(at))
    }

    /// The number of an iteration over all loads, and the scenario it does.
    pub(crate) fn choose(&self, load: usize, index: u64) -> Option<(u64, usize)> {
        let plan = self.loads().get(load)?;
        let scenario = plan.scenario.or_else(|| self.program.choice.pick(index))?;
        Some((plan.iteration_number(index, load, self.loads().len()), scenario))
    }

    /// Counts a check of a request: its expectations are counted first, then its captures.
    pub(crate) fn check(&self, stage: usize, request: usize, check: usize, passed: bool) {
        self.recorder.borrow_mut().check(stage, request, check, passed);
        if let Some(trace) = &self.trace {
            trace.check(check, passed);
        }
    }

    /// Counts iterations as dropped.
    pub(crate) fn drop_iterations(&self, stage: usize, scenario: usize, number: u64) {
        self.recorder.borrow_mut().dropped(stage, scenario, number);
        count(&self.counts.dropped, number);
    }

    /// Lets no iteration start any more.
    pub(crate) fn stop(&self) {
        if !self.stopping() {
            self.stopped.set(Some(Instant::now()));
            self.stop.notify_waiters();
        }
    }

    /// Whether no iteration may start any more.
    pub(crate) fn stopping(&self) -> bool {
        self.stopped.get().is_some()
    }

    /// Gives a user the rows of data for an iteration. If there are none left, the load ends as the test wants,
    /// and the iteration does not start.
    pub(crate) fn supply(&self, user: &mut User, scenario: usize) -> bool {
        let Err(Exhausted { data }) = user.variables.supply(&self.feeders, scenario) else { return true };
        let reason = format!("data {:?} has no more rows", data.name);
        if data.on_end == EndOfData::Fail {
            self.halt.ask(&reason);
        } else if !self.stopping() {
            tracing::info!(reason, "no iteration starts any more");
            self.halt.ask_to_stop();
        }
        // Here and now, in any case: a user who tried again and again would leave nobody the time to hear of the end.
        self.stop();
        false
    }

    /// Since when no iteration may start any more.
    pub(super) fn stopped(&self) -> Option<Instant> {
        self.stopped.get()
    }

    /// Waits until an instant, or less long when the load is stopped.
    pub(super) async fn wait_to_start(&self, at: Instant) {
        if self.stopping() {
            return;
        }
        tokio::select! {
            biased;
            () = self.timer.wait_until(at) => {}
            () = self.stop.notified() => {}
        }
    }

    /// Notes that a user began or ended to work.
    pub(crate) fn set_users(&self, users: u64) {
        self.users.set(users);
        self.counts.users.store(users, Ordering::Relaxed);
    }

    /// Whether a step may write one more line to the log.
    pub(crate) fn may_log_line(&self) -> bool {
        let lines = self.lines.get();
        self.lines.set(lines.saturating_add(1));
        if lines == MOST_LINES {
            tracing::warn!("log steps wrote {MOST_LINES} lines on this thread; further ones are left out");
        }
        lines < MOST_LINES
    }

    /// Logs the first error of each kind: a server that is down would fill the log else.
    pub(crate) fn log(&self, request: &str, error: &TransportError) {
        let bit = 1 << error.kind() as u32;
        if self.logged.get() & bit == 0 {
            self.logged.set(self.logged.get() | bit);
            let (kind, code) = (error.kind().as_str(), error.code());
            let error = printable(self.program.secrets.masked(error.to_string()));
            tracing::warn!(
                request,
                kind,
                code,
                error,
                "request failed; further errors of this kind are only counted"
            );
        }
    }
}
