// SPDX-License-Identifier: Apache-2.0
//! The agent during the load: what was recorded in each second, sent at the operator's pace until it is acknowledged.

use std::{
    cell::{Cell, RefCell},
    future::pending,
    pin::pin,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant as TokioInstant, sleep, sleep_until, timeout},
};
use upsurge_core::{
    outputs::FLUSH_TIME,
    protocol::{
        AfterOutcome, CheckAnswer, DELTA_INTERVAL, Delta, DeltaBatch, DeltaCommand, Form, PROTOCOL_VERSION,
        RunnerEnd,
    },
    schedule::Share,
    slices::Slicing,
};
use upsurge_crds::names::reasons;
use upsurge_engine::EngineConfig;
use upsurge_system::generator::GeneratorProbe;

use super::{
    Ending,
    config::AgentConfig,
    generator::{Begin, Generator},
    link::{Link, LinkError},
    outputs::{Pushing, nothing},
    pace::Pace,
    pending::Pending,
    prepare::Prepared,
    prometheus::Asking,
    start::Start,
    tidying::Tidying,
};

/// First pause after a message that failed; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause after a message that failed. Short: where a node was lost, every other try may go there, and whoever is not
/// heard for half a minute counts as lost.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Time for the steps of `after` once the runner was terminated; the pod's grace period leaves it.
const LAST_STEPS: Duration = Duration::from_secs(20);
/// Longest time for outputs to hand on what they have, after SIGTERM.
const LAST_FLUSH: Duration = Duration::from_millis(500);
/// Time for the last words after SIGTERM.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Longest wait for the acknowledgement of the last delta. The collector may be away for an upgrade.
const LONGEST_FAREWELL: Duration = Duration::from_secs(600);

/// Carries out the load and reports it.
pub(super) async fn run(
    config: &AgentConfig,
    link: Link,
    prepared: Prepared,
    start: Start,
    generator: &Begin<'_>,
    mut terminate: watch::Receiver<bool>,
) -> Ending {
    let begin = start.clock.instant_of(start.at);
    let uncertainty_us = start.clock.uncertainty().map_or(0, |span| span.as_micros() as u64);
    let in_ms = begin.saturating_duration_since(Instant::now()).as_millis() as u64;
    tracing::info!(in_ms, uncertainty_us, "starting");
    let tidying = Tidying::of(config, &prepared, &start.variables);
    let asking = Asking::of(config, &prepared);
    let kept = Pending::new(Slicing::of(&prepared.test), start.session);
    let outputs = Pushing::start(config, &prepared, start.at);
    let engine = generator(EngineConfig {
        valid: prepared.valid,
        test: prepared.test,
        share: Share::new(config.runner, prepared.runners),
        threads: config.threads,
        variables: start.variables,
        secrets: config.secrets.clone(),
        files: prepared.files,
        trace: None,
        start: begin,
    });
    let (engine, problem) = match engine {
        Ok(engine) => (Some(engine), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let report = Report {
        link,
        form: start.form,
        runner: config.runner,
        pod: config.pod.clone(),
        start: start.at,
        begin,
        engine,
        tidying,
        asking,
        outputs,
        probe: RefCell::default(),
        pending: RefCell::new(kept),
        pace: Pace::of(config.runner),
        end: RefCell::default(),
        stopped: RefCell::default(),
        until_ms: Cell::default(),
        news: Notify::new(),
    };
    if let Some(message) = problem {
        report.record(Some(RunnerEnd::Failed { reason: reasons::RUNNER_FAILED.to_owned(), message }));
    }
    let mut tidying = pin!(report.tidy_up());
    let mut asking = pin!(report.ask());
    tokio::select! {
        ending = report.send_all() => return ending,
        () = report.record_all() => {}
        () = async { tidying.as_mut().await; pending().await } => {}
        () = async { asking.as_mut().await; pending().await } => {}
        _ = terminate.wait_for(|terminate| *terminate) => {}
    }
    tracing::info!("terminated: the load stops, the rest is reported");
    report.stop("SIGTERM".to_owned());
    if report.end.borrow().is_none() {
        // All cores let go at once; what they recorded is collected after that.
        if let Some(engine) = &report.engine {
            let _ = timeout(LAST_WORDS, engine.wait()).await;
        }
        report.finish(RunnerEnd::Stopped { reason: "SIGTERM".to_owned() }, LAST_FLUSH).await;
    }
    if let Some(asking) = report.asking.as_ref().filter(|asking| asking.is_awaited()) {
        report.asked(
            asking,
            asking.unanswered("the runner was terminated (SIGTERM) before there was an answer"),
        );
    }
    let tidies = report.awaits_after();
    let tidied = async {
        if tidies && timeout(LAST_STEPS, report.tidy_up_now(tidying)).await.is_err() {
            let limit = LAST_STEPS.as_secs();
            report.tidied(Err(format!(
                "the runner was terminated (SIGTERM): they were not done within {limit} s"
            )));
        }
    };
    let limit = if tidies { LAST_STEPS + LAST_WORDS } else { LAST_WORDS };
    let _ = tokio::join!(tidied, timeout(limit, report.send_all()));
    Ending::Terminated
}

/// What has been recorded and is still to be told. Recording and sending go on side by side, on one
/// thread: a collector that takes long to answer delays no delta.
struct Report {
    link: Link,
    form: Form,
    runner: u32,
    pod: String,
    start: i64,
    begin: Instant,
    /// `None` if it could not start.
    engine: Option<Box<dyn Generator>>,
    /// What this runner does after the load; `None` if that is nothing.
    tidying: Option<Tidying>,
    /// Whom this runner asks after the load; `None` if that is nobody.
    asking: Option<Asking>,
    outputs: Pushing,
    probe: RefCell<GeneratorProbe>,
    pending: RefCell<Pending>,
    pace: Pace,
    /// How the runner ended; set with its last delta.
    end: RefCell<Option<RunnerEnd>>,
    /// Why it was stopped early.
    stopped: RefCell<Option<String>>,
    /// End of the last interval, milliseconds from T0.
    until_ms: Cell<u64>,
    news: Notify,
}

impl Report {
    /// Records a delta each second, and the last one when the engine has finished. Never returns.
    async fn record_all(&self) {
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
    async fn finish(&self, end: RunnerEnd, within: Duration) {
        if self.outputs.is_awaited() {
            self.record(None);
            self.outputs.close(within).await;
        }
        self.record(Some(end));
    }

    /// Adds what was recorded since the last time to what is pending.
    fn record(&self, done: Option<RunnerEnd>) {
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

    /// Does the steps of `after` when they are due.
    async fn tidy_up(&self) {
        if let Some(tidying) = &self.tidying {
            tidying.due.notified().await;
            tracing::info!("doing the steps after the load");
            self.tidied(tidying.run().await);
        }
    }

    /// Does them without waiting for a word, which may never come; what was begun goes on.
    async fn tidy_up_now(&self, begun: impl Future<Output = ()>) {
        self.tidying.iter().for_each(|tidying| tidying.due.notify_one());
        begun.await;
    }

    /// Adds what became of `after` to what is pending; its figures are none of the load's.
    fn tidied(&self, result: Result<(), String>) {
        if let Err(message) = &result {
            tracing::error!(message, "the steps after the load failed");
        }
        let (from_ms, to_ms) = (self.until_ms.get(), self.until_ms.get());
        let after = Some(AfterOutcome { result });
        self.pending.borrow_mut().push(Delta { from_ms, to_ms, after, ..Delta::default() });
        self.pace.hurry();
        self.tidying.iter().for_each(|tidying| tidying.is_done.set(true));
        self.news.notify_one();
    }

    /// Asks the test's Prometheus server when it is time.
    async fn ask(&self) {
        if let Some(asking) = &self.asking {
            let answers = asking.run().await;
            if asking.is_awaited() {
                self.asked(asking, answers);
            }
        }
    }

    /// Adds what it said to what is pending.
    fn asked(&self, asking: &Asking, answers: Vec<CheckAnswer>) {
        let (from_ms, to_ms) = (self.until_ms.get(), self.until_ms.get());
        self.pending.borrow_mut().push(Delta { from_ms, to_ms, checks: Some(answers), ..Delta::default() });
        self.pace.hurry();
        asking.end();
        self.news.notify_one();
    }

    /// Whether the operator still has something to tell this runner to do.
    fn awaits_orders(&self) -> bool {
        self.awaits_after() || self.asking.as_ref().is_some_and(Asking::is_awaited)
    }

    /// Whether the steps of `after` are still to be done, or under way.
    fn awaits_after(&self) -> bool {
        self.tidying.as_ref().is_some_and(|tidying| !tidying.is_done.get())
    }

    /// Sends what is pending, again and again, until the last delta is acknowledged.
    async fn send_all(&self) -> Ending {
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
            start: self.start,
            started_at: self.start.saturating_add(i64::try_from(lag.as_nanos()).unwrap_or(i64::MAX)),
            session,
            deltas,
        };
        let reply = self.link.deltas(&batch, self.form).await?;
        let settled = self.pending.borrow_mut().settle(&reply);
        settled.map_err(|outdated| LinkError::Unreachable(outdated.to_string()))?;
        reply.interval_ms.iter().for_each(|interval| self.pace.learn(*interval));
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
            DeltaCommand::RunAfter => self.tidying.iter().for_each(|tidying| tidying.due.notify_one()),
            DeltaCommand::AskPrometheus { start, end } => {
                self.asking.iter().for_each(|asking| asking.begin(start, end));
            }
        }
        Ok(())
    }

    /// Stops the load at once; told again, the first reason stays.
    fn stop(&self, reason: String) {
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
