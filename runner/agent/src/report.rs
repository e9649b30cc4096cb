// SPDX-License-Identifier: Apache-2.0
//! What an agent recorded and is still to tell: kept until the collector has it.

use std::{
    cell::{Cell, RefCell},
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::Notify,
    time::{Instant as TokioInstant, sleep, sleep_until},
};
use upsurge_core::{
    outputs::FLUSH_TIME,
    plan::Turn,
    protocol::{
        AfterOutcome, DELTA_INTERVAL, Delta, DeltaBatch, DeltaCommand, Form, PROTOCOL_VERSION, RunnerEnd,
    },
    slices::Slicing,
    validate::Valid,
};
use upsurge_crds::names::reasons;
use upsurge_system::generator::GeneratorProbe;

use super::{
    Ending,
    config::AgentConfig,
    generator::Generator,
    link::{Link, LinkError},
    outputs::{Pushing, nothing},
    pace::Pace,
    pending::Pending,
    prepare::Prepared,
    prometheus::{Answers, Asking},
    start::Start,
    tidying::Tidying,
};

/// First pause after a message that failed; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause after a message that failed. Short: where a node was lost, every other try may go there, and whoever is not
/// heard for half a minute counts as lost.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait for the acknowledgement of the last delta. The collector may be away for an upgrade.
const LONGEST_FAREWELL: Duration = Duration::from_secs(600);

/// What has been recorded and is still to be told. Recording and sending go on side by side, on one
/// thread: a collector that takes long to answer delays no delta.
pub(super) struct Report {
    link: Arc<Link>,
    form: Form,
    epoch: u32,
    runner: u32,
    pod: String,
    start: i64,
    begin: Instant,
    /// The load as it was planned.
    valid: Arc<Valid>,
    /// When it turned back, milliseconds from T0.
    turned_ms: Cell<Option<u64>>,
    /// `None` if it could not start.
    pub(super) engine: Option<Box<dyn Generator>>,
    /// Whether nothing comes after this load: then the steps after the load of the run are waited for.
    pub(super) is_last: Cell<bool>,
    /// What this runner does after the load of the run; `None` if that is nothing.
    pub(super) tidying: Option<Tidying>,
    /// Whom this runner asks after the load; `None` if that is nobody.
    pub(super) asking: Option<Asking>,
    pub(super) outputs: Pushing,
    probe: RefCell<GeneratorProbe>,
    pub(super) pending: RefCell<Pending>,
    pace: Pace,
    /// How the runner ended; set with its last delta.
    pub(super) end: RefCell<Option<RunnerEnd>>,
    /// Why it was stopped early.
    stopped: RefCell<Option<String>>,
    /// End of the last interval, milliseconds from T0.
    pub(super) until_ms: Cell<u64>,
    news: Notify,
}

impl Report {
    /// Nothing yet, of no load. What this runner does after the load of the run is waited for if this is the last; else only
    /// the end of the runner makes it due.
    pub(super) fn of(
        config: &AgentConfig,
        link: &Arc<Link>,
        prepared: &Prepared,
        start: &Start,
        is_last: bool,
    ) -> Self {
        let kept = Pending::new(Slicing::of(&prepared.test), start.session, start.numbered);
        Self {
            link: link.clone(),
            form: start.form,
            epoch: prepared.epoch,
            runner: config.runner,
            pod: config.pod.clone(),
            start: start.at,
            begin: start.clock.instant_of(start.at),
            valid: prepared.valid.clone(),
            turned_ms: Cell::default(),
            engine: None,
            is_last: Cell::new(is_last),
            tidying: Tidying::of(config, prepared, &start.variables),
            asking: Asking::of(config, prepared).filter(|_| is_last),
            outputs: Pushing::default(),
            probe: RefCell::default(),
            pending: RefCell::new(kept),
            pace: Pace::of(config.runner),
            end: RefCell::default(),
            stopped: RefCell::default(),
            until_ms: Cell::default(),
            news: Notify::new(),
        }
    }

    /// Records a delta each second, and the last one when the engine has finished. Never returns.
    pub(super) async fn record_all(&self) {
        let Some(engine) = &self.engine else { return pending().await };
        let mut next = TokioInstant::from_std(self.begin) + DELTA_INTERVAL;
        loop {
            tokio::select! {
                biased;
                () = engine.wait() => break,
                () = sleep_until(next) => {
                    self.record(None);
                    next += DELTA_INTERVAL;
                }
            }
        }
        let stopped = self.stopped.borrow().clone();
        let end = match engine.aborted() {
            Some(reason) => RunnerEnd::Failed {
                reason: reasons::ABORTED_BY_TEST.to_owned(),
                message: format!("the test ended itself: {reason}"),
            },
            None => stopped.map_or(RunnerEnd::Completed, |reason| RunnerEnd::Stopped { reason }),
        };
        self.finish(end, FLUSH_TIME).await;
        pending().await
    }

    /// Records what is left. The word that it was the last waits for the outputs, so that it can tell how they ended; the
    /// figures don't.
    pub(super) async fn finish(&self, end: RunnerEnd, within: Duration) {
        if self.outputs.is_awaited() {
            self.record(None);
            self.outputs.close(within).await;
        }
        self.record(Some(end));
    }

    /// Adds what was recorded since the last time to what is pending.
    pub(super) fn record(&self, done: Option<RunnerEnd>) {
        let engine = self.engine.as_ref().filter(|_| !self.outputs.is_closed());
        let interval = engine.map_or_else(|| nothing(self.until_ms.get()), |engine| engine.collect());
        self.outputs.post(&interval);
        let (to, is_last) = (interval.to, done.is_some());
        self.until_ms.set(to.as_millis() as u64);
        self.pending.borrow_mut().push(Delta {
            from_ms: interval.from.as_millis() as u64,
            to_ms: interval.to.as_millis() as u64,
            metrics: interval.metrics,
            losses: interval.losses,
            generator: self.probe.borrow_mut().take(),
            done: done.clone(),
            outputs: self.outputs.news(),
            turned_ms: self.turned_ms.get(),
            ..Delta::default()
        });
        if is_last {
            self.end.replace(done);
            self.pace.hurry();
        }
        if self.pace.note(to) {
            self.news.notify_one();
        }
    }

    /// Does the steps of `verify` and `after` when they are due.
    pub(super) async fn tidy_up(&self) {
        if let Some(tidying) = &self.tidying {
            tidying.due.notified().await;
            tracing::info!("doing the steps after the load");
            self.tidied(tidying.run().await);
        }
    }

    /// Does them without waiting for a word, which may never come; what was begun goes on.
    pub(super) async fn tidy_up_now(&self, begun: impl Future<Output = ()>) {
        self.tidying.iter().for_each(|tidying| tidying.due.notify_one());
        begun.await;
    }

    /// Adds what became of `verify` and `after` to what is pending; their figures are none of the load's.
    pub(super) fn tidied(&self, outcome: AfterOutcome) {
        if let Err(message) = &outcome.result {
            tracing::error!(message, "the steps after the load failed");
        }
        if let Some(Err(message)) = &outcome.verified {
            tracing::warn!(message, "what verify expects does not hold");
        }
        let (from_ms, to_ms) = (self.until_ms.get(), self.until_ms.get());
        let after = Some(outcome);
        self.pending.borrow_mut().push(Delta { from_ms, to_ms, after, ..Delta::default() });
        self.pace.hurry();
        self.tidying.iter().for_each(|tidying| tidying.is_done.set(true));
        self.news.notify_one();
    }

    /// Asks the test's Prometheus server when it is time.
    pub(super) async fn ask(&self) {
        if let Some(asking) = &self.asking {
            let answers = asking.run().await;
            if asking.is_awaited() {
                self.asked(asking, answers);
            }
        }
    }

    /// Adds what it said to what is pending.
    pub(super) fn asked(&self, asking: &Asking, answers: Answers) {
        let (from_ms, to_ms) = (self.until_ms.get(), self.until_ms.get());
        let Answers { checks, series } = answers;
        let told = Delta { from_ms, to_ms, checks: Some(checks), series, ..Delta::default() };
        self.pending.borrow_mut().push(told);
        self.pace.hurry();
        asking.end();
        self.news.notify_one();
    }

    /// Whether the operator still has something to tell this runner to do.
    fn awaits_orders(&self) -> bool {
        (self.is_last.get() && self.awaits_after()) || self.asking.as_ref().is_some_and(Asking::is_awaited)
    }

    /// Whether the steps of `after` are still to be done, or under way.
    pub(super) fn awaits_after(&self) -> bool {
        self.tidying.as_ref().is_some_and(|tidying| !tidying.is_done.get())
    }

    /// Sends what is pending, again and again, until the last delta is acknowledged.
    pub(super) async fn send_all(&self) -> Ending {
        let mut pause = FIRST_PAUSE;
        let mut farewell = None;
        loop {
            let ended = self.end.borrow().is_some();
            // What was recorded while a message was under way waits for its turn, unless nothing comes after it.
            let more = self.pending.borrow().has_more() && (self.pace.take() || ended);
            if self.pending.borrow().is_done(&self.end.borrow()) && !self.awaits_orders() {
                return self.ending();
            }
            if ended && farewell.get_or_insert_with(Instant::now).elapsed() > LONGEST_FAREWELL {
                return Ending::Failed("the collector never acknowledged the last figures".to_owned());
            }
            match (more, ended) {
                (true, _) => {}
                // Only the acknowledgement of the last one is still to come.
                (false, true) => sleep(self.pace.ask_again()).await,
                (false, false) => {
                    self.news.notified().await;
                    continue;
                }
            }
            match self.send().await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    // How long the others take is for the collector to judge.
                    farewell = farewell.filter(|_| !self.awaits_orders());
                }
                Err(error @ LinkError::Refused { .. }) => {
                    self.stop(error.to_string());
                    return Ending::Failed(error.to_string());
                }
                Err(error) => {
                    tracing::warn!(%error, "deltas were not taken, trying again");
                    self.pace.hurry();
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn send(&self) -> Result<(), LinkError> {
        let lag = self.engine.as_ref().and_then(|engine| engine.start_lag()).unwrap_or_default();
        let (session, deltas) = {
            let mut pending = self.pending.borrow_mut();
            (pending.session(), pending.batch())
        };
        let batch = DeltaBatch {
            version: PROTOCOL_VERSION,
            runner: self.runner,
            pod: self.pod.clone(),
            epoch: self.epoch,
            start: self.start,
            started_at: self.start.saturating_add(i64::try_from(lag.as_nanos()).unwrap_or(i64::MAX)),
            session,
            deltas,
        };
        let reply = self.link.deltas(&batch, self.form).await?;
        let settled = self.pending.borrow_mut().settle(&reply);
        settled.map_err(|outdated| LinkError::Unreachable(outdated.to_string()))?;
        reply.interval_ms.iter().for_each(|interval| self.pace.learn(*interval));
        reply.turn.iter().for_each(|turn| self.turn(*turn));
        if reply.received < batch.deltas.last().map_or(0, |last| last.number) {
            // Not all was taken, as by an operator that begins where a checkpoint ended.
            self.pace.hurry();
        }
        match reply.command {
            DeltaCommand::Continue => {}
            DeltaCommand::Stop { reason } => {
                // Of a load that was cut short nobody asks.
                self.asking.iter().for_each(Asking::end);
                self.stop(reason);
            }
            // Before the last load has been told, the runner may leave this report, and the steps in the midst.
            DeltaCommand::RunAfter if self.is_last.get() => {
                self.tidying.iter().for_each(|tidying| tidying.begin(reply.counters.clone()));
            }
            DeltaCommand::RunAfter => {}
            DeltaCommand::AskPrometheus { start, end } => {
                self.asking.iter().for_each(|asking| asking.begin(start, end));
            }
        }
        Ok(())
    }

    /// Turns the load back, as soon as it comes to that; told again, nothing happens.
    fn turn(&self, turn: Turn) {
        let Some(skip) = turn.skip(&self.valid.timeline).filter(|_| self.turned_ms.get().is_none()) else {
            return;
        };
        let engine = self.engine.as_ref().filter(|_| self.end.borrow().is_none());
        if let Some((engine, heard)) = engine.zip(skip.heard(self.begin.elapsed())) {
            tracing::info!(last_step = turn.last_step, "the load turns back");
            // Who has climbed all the way asks for the stages as they were planned.
            self.asking.iter().for_each(|asking| asking.turn(skip));
            engine.turn(heard);
            self.turned_ms.set(u64::try_from(heard.from.as_millis()).ok());
        }
    }

    /// Stops the load at once; told again, the first reason stays.
    pub(super) fn stop(&self, reason: String) {
        if self.stopped.borrow().is_some() || self.end.borrow().is_some() {
            return;
        }
        tracing::info!(reason, "the load is stopped");
        self.stopped.replace(Some(reason));
        if let Some(engine) = &self.engine {
            engine.stop();
        }
    }

    fn ending(&self) -> Ending {
        match &*self.end.borrow() {
            Some(RunnerEnd::Failed { reason, .. }) if reason == reasons::ABORTED_BY_TEST => Ending::Done,
            Some(RunnerEnd::Failed { reason, message }) => Ending::Failed(format!("{reason}: {message}")),
            _ => Ending::Done,
        }
    }
}
