// SPDX-License-Identifier: Apache-2.0
//! An open session: the state machine behind its lock, with what wakes those who wait on it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{Notify, Semaphore, broadcast},
    task::AbortHandle,
};
use upsurge_core::{intake::Intake, plan, thresholds::Recorded};

use super::{
    admission::{self, RUN_BODIES},
    binding::Bindings,
    lines::Lines,
    memory::Memory,
    pace::Pace,
    session::{Mark, Pod, Session},
    view::{RunKey, RunnerView, SessionConfig, SessionSnapshot},
};
use crate::sampling::SharedObservation;

/// An open session.
pub struct Cell {
    /// What it was opened with.
    pub config: SessionConfig,
    /// The run's key.
    pub key: RunKey,
    /// What was observed of the target.
    pub observation: SharedObservation,
    /// Which pods are its runners.
    pub bindings: Bindings,
    /// Connections of its runners.
    pub lines: Lines,
    /// What its runners may report.
    pub intake: Arc<Intake>,
    /// Room for what its runners send at the same time, in KiB.
    pub bodies: Arc<Semaphore>,
    /// Room for their requests.
    pub requests: Arc<Semaphore>,
    /// How often its runners report, which depends on all of them.
    pub pace: Arc<Pace>,
    /// How much memory its figures may take, which depends on all of them, too.
    pub memory: Arc<Memory>,
    /// Told when there is something to write.
    pub dirty: Notify,
    session: Mutex<Session>,
    saved: Notify,
    opened_at: Mutex<Timestamp>,
    changes: broadcast::Sender<RunKey>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Cell {
    /// A session that was just opened.
    pub fn new(
        config: SessionConfig,
        session: Session,
        observation: SharedObservation,
        pace: Arc<Pace>,
        memory: Arc<Memory>,
        changes: broadcast::Sender<RunKey>,
    ) -> Self {
        let key = config.key();
        pace.enter(&key);
        memory.enter(&key);
        memory.note(&key, session.figures());
        // Of one that goes on: until its runners have all been heard again, each counts with all series there are. Were they
        // told to report each second, hundreds would do so just when all come back at once.
        let series = session.state().totals.metrics.len();
        (0_u32..)
            .zip(&session.state().runners)
            .filter(|(_, runner)| runner.end.is_none())
            .for_each(|(index, _)| pace.note(&key, index, series));
        let runners = config.plan.runners as usize;
        Self {
            key,
            bindings: Bindings::default(),
            lines: Lines::default(),
            intake: Arc::new(Intake::of(&config.plan.test, &config.valid)),
            bodies: Arc::new(Semaphore::new(RUN_BODIES)),
            requests: Arc::new(Semaphore::new(admission::requests(runners))),
            config,
            observation,
            pace,
            memory,
            dirty: Notify::new(),
            session: Mutex::new(session),
            saved: Notify::new(),
            opened_at: Mutex::new(Timestamp::now()),
            changes,
            tasks: Mutex::default(),
        }
    }

    /// The state machine. Never held over an await.
    pub fn lock(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with another session, as an operator does that begins: nobody has been heard by it yet, and so nobody has been
    /// silent.
    pub fn begin_anew(&self, session: Session) {
        *self.opened_at.lock().unwrap_or_else(PoisonError::into_inner) = Timestamp::now();
        *self.lock() = session;
        self.dirty.notify_one();
    }

    /// Lets a runner speak to the state machine, and tells who should know what came of it.
    pub fn speak<T>(&self, runner: u32, words: impl FnOnce(&mut Session) -> T) -> T {
        let (answer, changed, dirty, course) = {
            let mut session = self.lock();
            let before = session.outline(runner);
            session.limit_figures(self.memory.most());
            let answer = words(&mut session);
            self.memory.note(&self.key, session.figures());
            let is_over = session.state().runners.iter().all(|runner| runner.end.is_some());
            let over = is_over.then(|| session.state().totals.elapsed());
            let course = session.t0().map(|start| (start, over));
            (answer, session.outline(runner) != before, session.is_dirty(), course)
        };
        if let Some((start, over)) = course {
            self.tell_load(start, over);
        }
        if dirty {
            self.dirty.notify_one();
        }
        if changed {
            self.announce();
        }
        answer
    }

    /// Tells the record of the target when the load starts, in nanoseconds, and when it is over after so long.
    fn tell_load(&self, start: i64, over: Option<Duration>) {
        let Ok(start) = Timestamp::from_nanosecond(start.into()) else { return };
        if self.config.plan.test.target.workloads.is_empty() {
            return;
        }
        let valid = &self.config.valid;
        self.observation.begin(&valid.timeline, start);
        if let Some(elapsed) = over {
            let carried_out = plan::carried_out(&valid.timeline, &valid.loads, elapsed).duration();
            self.observation.end_load(start.saturating_add(carried_out).unwrap_or(Timestamp::MAX));
        }
    }

    /// The pod of a runner is there and speaks.
    pub fn heard(&self, runner: u32, pod: &Pod) {
        self.lock().heard(runner, pod, now());
    }

    /// Whether the target was looked at, or it is known why it can't be.
    pub fn has_looked(&self) -> bool {
        self.observation.has_looked()
    }

    /// Tells the runners to stop.
    pub fn stop(&self, reason: &str) {
        self.lock().stop(reason);
        self.dirty.notify_one();
        self.announce();
    }

    /// Has the steps of `after` done.
    pub fn run_after(&self) {
        self.lock().run_after();
    }

    /// Has the test's Prometheus server asked.
    pub fn ask_prometheus(&self, start: i64, end: i64) {
        self.lock().ask_prometheus(start, end);
    }

    /// A checkpoint is durable: who waits for it is told.
    pub fn saved(&self, mark: &Mark) {
        let changed = {
            let mut session = self.lock();
            let before = (session.t0(), session.all_done());
            session.saved(mark, now());
            (session.t0(), session.all_done()) != before
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
                    self.lock().presence().get(runner as usize).map(|presence| presence.acknowledged);
                if acknowledged.is_none_or(|acknowledged| acknowledged >= number) {
                    return;
                }
                saved.await;
            }
        };
        // Unacknowledged after that, the runner asks again.
        let _ = tokio::time::timeout(longest, durable).await;
    }

    /// Evaluates the thresholds that stop the run.
    pub fn evaluate(&self) {
        let test = &self.config.plan.test;
        let breached = {
            let mut session = self.lock();
            let state = session.state();
            if state.stop.is_some() || state.totals.elapsed_ms == 0 {
                return;
            }
            let recorded = Recorded {
                test,
                timeline: &self.config.valid.timeline,
                metrics: &state.totals.metrics,
                windows: &state.totals.windows,
                elapsed: state.totals.elapsed(),
            };
            recorded.breached_abort().map(|threshold| session.breach(threshold)).is_some()
        };
        if breached {
            self.dirty.notify_one();
            self.announce();
        }
    }

    /// The session's state.
    pub fn snapshot(&self) -> SessionSnapshot {
        let (observation, workload) = (self.observation.get(), self.observation.workload());
        let session = self.lock();
        let state = session.state();
        let runners = state.runners.iter().zip(session.presence()).enumerate();
        SessionSnapshot {
            opened_at: *self.opened_at.lock().unwrap_or_else(PoisonError::into_inner),
            t0: session.t0().and_then(instant),
            runners: runners
                .map(|(index, (runner, presence))| RunnerView {
                    index: index as u32,
                    pod: runner.pod.as_ref().map(|pod| pod.name.clone()),
                    readiness: presence.readiness.clone(),
                    started_at: runner.started_at.and_then(instant),
                    last_seen: presence.last_seen.and_then(instant),
                    end: runner.end.clone(),
                    outputs: runner.outputs.clone(),
                    received: runner.received,
                    acknowledged: presence.acknowledged,
                })
                .collect(),
            metrics: state.totals.metrics.clone(),
            windows: state.totals.windows.clone(),
            folded: state.totals.folded,
            folds: state.totals.folds.iter().map(|at| Duration::from_millis(*at)).collect(),
            losses: state.totals.losses.clone(),
            generator: state.totals.generator.clone(),
            elapsed: state.totals.elapsed(),
            observation,
            workload,
            abort_breach: state.abort_breach.clone(),
            stop: state.stop.clone(),
            after: state.after.clone(),
            foreign: state.foreign.clone(),
            checks: state.checks.clone(),
            all_done: session.all_done(),
            durable: runners_durable(&session),
        }
    }

    /// Keeps a task that ends with the session.
    pub fn keep(&self, task: AbortHandle) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Ends the session's tasks.
    pub fn end(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

fn runners_durable(session: &Session) -> bool {
    let runners = session.state().runners.iter().zip(session.presence());
    runners.into_iter().all(|(runner, presence)| runner.received == presence.acknowledged)
}

fn instant(nanoseconds: i64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()
}

/// Now, in nanoseconds since the Unix epoch.
pub fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
