// SPDX-License-Identifier: Apache-2.0
//! An open session: the state machine behind its lock, with what wakes those who wait on it.

mod load;
mod snapshot;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{MutexGuard, Notify, Semaphore, broadcast},
    task::AbortHandle,
};
use upsurge_core::{intake::Intake, thresholds::Recorded};

use super::{
    admission::{self, RUN_BODIES},
    binding::Bindings,
    heard::Heard,
    lines::Lines,
    memory::Memory,
    pace::Pace,
    prepared::Preparing,
    session::{Mark, Pod, Session},
    view::{RunKey, SessionConfig, TurnedView},
};
use crate::recording::SharedRecord;

/// An open session.
pub struct Cell {
    /// What it was opened with.
    pub config: SessionConfig,
    /// The run's key.
    pub key: RunKey,
    /// What was observed of the target.
    pub record: SharedRecord,
    /// Which pods are its runners.
    pub bindings: Bindings,
    /// Connections of its runners.
    pub lines: Lines,
    /// What its runners may report.
    pub intake: Arc<Intake>,
    /// Makes ready what they report.
    pub preparing: Arc<Preparing>,
    /// Room for what its runners send at the same time, in KiB.
    pub bodies: Arc<Semaphore>,
    /// Room for their requests.
    pub requests: Arc<Semaphore>,
    /// One of their bodies is understood at the same time: more would wait for each other in the places of others.
    pub turn: Arc<Semaphore>,
    /// How often its runners report, which depends on all of them.
    pub pace: Arc<Pace>,
    /// How much memory its figures may take, which depends on all of them, too.
    pub memory: Arc<Memory>,
    /// Told when there is something to write.
    pub dirty: Notify,
    /// Who waits for it gives its thread to others meanwhile: it is held for as long as what a tenant sent takes.
    session: tokio::sync::Mutex<Session>,
    heard: Heard,
    saved: Notify,
    opened_at: Mutex<Timestamp>,
    changes: broadcast::Sender<RunKey>,
    tasks: Mutex<Vec<AbortHandle>>,
    /// The load as it is once it has turned back.
    turned: Mutex<Option<TurnedView>>,
    /// What observes the target, which a following epoch takes over.
    observer: Mutex<Option<AbortHandle>>,
}

impl Cell {
    /// A session that was just opened.
    pub fn new(
        config: SessionConfig,
        session: Session,
        record: SharedRecord,
        pace: Arc<Pace>,
        memory: Arc<Memory>,
        changes: broadcast::Sender<RunKey>,
    ) -> Self {
        let key = config.key();
        pace.enter(&key);
        memory.enter(&key);
        memory.note(&key, session.figures() + record.bytes());
        // Of one that goes on: until its runners have all been heard again, each counts with all series there are. Were they
        // told to report each second, hundreds would do so just when all come back at once.
        let series = session.state().totals.metrics.len();
        (0_u32..)
            .zip(&session.state().runners)
            .filter(|(_, runner)| runner.end.is_none())
            .for_each(|(index, _)| pace.note(&key, index, series));
        let runners = config.plan.runners as usize;
        let (t0, turned) = (session.t0(), session.turned().filter(|_| session.is_turning()));
        let cell = Self {
            key,
            bindings: Bindings::default(),
            lines: Lines::default(),
            intake: Arc::new(Intake::of(&config.plan.test, &config.valid)),
            bodies: Arc::new(Semaphore::new(RUN_BODIES)),
            preparing: session.preparing(),
            requests: Arc::new(Semaphore::new(admission::requests(runners))),
            turn: Arc::new(Semaphore::new(1)),
            heard: Heard::nobody(runners),
            config,
            record,
            pace,
            memory,
            dirty: Notify::new(),
            session: tokio::sync::Mutex::new(session),
            saved: Notify::new(),
            opened_at: Mutex::new(Timestamp::now()),
            changes,
            tasks: Mutex::default(),
            turned: Mutex::default(),
            observer: Mutex::default(),
        };
        // Of one that goes on: before the target is looked at again, and time that nobody saw is counted.
        if let Some(start) = t0 {
            cell.tell_load(start, cell.turned(turned).as_ref(), None);
        }
        cell
    }

    /// The state machine. Never held over an await, and for nothing long on a thread that serves others.
    pub async fn lock(&self) -> MutexGuard<'_, Session> {
        self.session.lock().await
    }

    /// The same, on a thread that may wait.
    pub fn lock_blocking(&self) -> MutexGuard<'_, Session> {
        self.session.blocking_lock()
    }

    /// Goes on with another session, as an operator does that begins: nobody has been heard by it yet, and so nobody has been
    /// silent.
    pub async fn begin_anew(&self, session: Session) {
        *self.opened_at.lock().unwrap_or_else(PoisonError::into_inner) = Timestamp::now();
        self.heard.forget();
        *self.lock().await = session;
        self.dirty.notify_one();
    }

    /// Lets a runner speak to the state machine, and tells who should know what came of it.
    pub async fn speak<T>(&self, runner: u32, words: impl FnOnce(&mut Session) -> T) -> T {
        self.spoken(self.lock().await, runner, words)
    }

    fn spoken<T>(
        &self,
        mut session: MutexGuard<'_, Session>,
        runner: u32,
        words: impl FnOnce(&mut Session) -> T,
    ) -> T {
        let before = session.outline(runner);
        self.limit(&mut session);
        let answer = words(&mut session);
        self.note_taken(&session);
        let (changed, dirty) = (session.outline(runner) != before, session.is_dirty());
        let is_over = session.state().runners.iter().all(|runner| runner.end.is_some());
        let over = is_over.then(|| session.state().totals.elapsed());
        let course = session.t0().map(|start| (start, over));
        let turned = session.turned().filter(|_| session.is_turning());
        drop(session);
        if let Some((start, over)) = course {
            self.tell_load(start, self.turned(turned).as_ref(), over);
        }
        if dirty {
            self.dirty.notify_one();
        }
        if changed {
            self.announce();
        }
        answer
    }

    /// The pod of a runner is there and speaks, whatever it says: what it says may take a while to be read.
    pub fn heard(&self, runner: u32, pod: &Pod) {
        self.heard.note(runner, pod, now());
    }

    /// When a runner was heard last, if it was by that pod.
    pub fn last_heard(&self, runner: usize, pod: Option<&Pod>) -> Option<i64> {
        self.heard.last(runner, pod)
    }

    /// Whether the target was looked at, or it is known why it can't be.
    pub fn has_looked(&self) -> bool {
        self.record.has_looked()
    }

    /// Tells the runners to stop.
    pub async fn stop(&self, reason: &str) {
        self.lock().await.stop(reason);
        self.dirty.notify_one();
        self.announce();
    }

    /// The run can't go on.
    pub async fn break_off(&self, reason: &'static str, message: &str) {
        self.lock().await.break_off(reason, message);
        self.dirty.notify_one();
        self.announce();
    }

    /// Has the steps of `after` done.
    pub async fn run_after(&self) {
        self.lock().await.run_after();
    }

    /// Has the test's Prometheus server asked.
    pub async fn ask_prometheus(&self, start: i64, end: i64) {
        self.lock().await.ask_prometheus(start, end);
    }

    /// A checkpoint is durable: who waits for it is told.
    pub async fn saved(&self, mark: &Mark) {
        let changed = {
            let mut session = self.lock().await;
            let known = |session: &Session| (session.t0(), session.all_done(), session.is_over());
            let before = known(&session);
            session.saved(mark, now());
            known(&session) != before
        };
        self.saved.notify_waiters();
        if changed {
            self.announce();
        }
    }

    /// Tells the controllers to look.
    pub fn announce(&self) {
        // Nobody listening is fine: a controller looks at every run when it starts.
        let _ = self.changes.send(self.key.clone());
    }

    /// Waits until a delta of a runner is acknowledged, at most for `longest`.
    pub async fn acknowledged(&self, runner: u32, number: u64, longest: Duration) {
        let durable = async {
            loop {
                let saved = self.saved.notified();
                let acknowledged =
                    self.lock().await.presence().get(runner as usize).map(|presence| presence.acknowledged);
                if acknowledged.is_none_or(|acknowledged| acknowledged >= number) {
                    return;
                }
                saved.await;
            }
        };
        // Unacknowledged after that, the runner asks again.
        let _ = tokio::time::timeout(longest, durable).await;
    }

    /// Evaluates the thresholds that stop the run, as things stand now. Takes a while, in which runners may speak.
    pub fn evaluate(&self) {
        let test = &self.config.plan.test;
        let (metrics, windows, elapsed, turned) = {
            let session = self.lock_blocking();
            let state = session.state();
            if state.stop.is_some() || state.totals.elapsed_ms == 0 {
                return;
            }
            let totals = &state.totals;
            // As its windows are cut.
            let turned = session.turned().filter(|_| session.is_turning());
            (totals.metrics.clone(), totals.windows.clone(), totals.elapsed(), turned)
        };
        let turned = self.turned(turned);
        let valid = turned.as_ref().map_or(&self.config.valid, |turned| &turned.valid);
        let recorded =
            Recorded { test, timeline: &valid.timeline, metrics: &metrics, windows: &windows, elapsed };
        if let Some(threshold) = recorded.breached_abort() {
            self.lock_blocking().breach(threshold);
            self.dirty.notify_one();
            self.announce();
        }
    }

    /// What the record of the target leaves of the run's share to its figures. Of the record nothing can be given up, so figures give
    /// way to it; but where shares are small, not by more than half.
    fn most_figures(&self) -> usize {
        let most = self.memory.most(&self.key);
        most - self.record.bytes().min(most / 2)
    }

    fn limit(&self, session: &mut Session) {
        session.pace(self.pace.interval());
        session.limit_figures(self.most_figures());
    }

    fn note_taken(&self, session: &Session) {
        self.memory.note(&self.key, session.figures() + self.record.bytes());
    }

    /// Whether the figures take more than the run may have, since others came.
    pub fn is_above_its_share(&self) -> bool {
        self.memory.taken(&self.key) > self.most_figures() + self.record.bytes()
    }

    /// Gives back what the run has beyond its share, though its runners say nothing.
    pub fn come_down(&self) {
        let mut session = self.lock_blocking();
        self.limit(&mut session);
        session.fit();
        self.note_taken(&session);
        let is_over = session.problem().is_some();
        drop(session);
        self.dirty.notify_one();
        if is_over {
            self.announce();
        }
    }

    /// Keeps a task that ends with the session.
    pub fn keep(&self, task: AbortHandle) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Keeps what observes the target.
    pub fn keep_observer(&self, observer: AbortHandle) {
        *self.observer.lock().unwrap_or_else(PoisonError::into_inner) = Some(observer);
    }

    /// Gives away what observes the target: it does not end with the session.
    pub fn take_observer(&self) -> Option<AbortHandle> {
        self.observer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the session's tasks.
    pub fn end(&self) {
        self.take_observer().iter().for_each(AbortHandle::abort);
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

/// Now, in nanoseconds since the Unix epoch.
pub fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
