// SPDX-License-Identifier: Apache-2.0
//! The agent before the load: hello upon hello, until the collector says start or stop. Of a run of several epochs, again before
//! each of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt;
use serde_json::{Map, Value};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant as TokioInstant, sleep_until},
};
use upsurge_core::protocol::{
    BeforeOutcome, Form, HELLO_INTERVAL, Hello, HelloCommand, HelloReply, Mismatch, PROTOCOL_VERSION,
    Readiness, RunPlan,
};
use upsurge_crds::names::reasons;
use upsurge_engine::{self as engine, Unready};

use super::{
    Ending,
    clock::Clock,
    config::AgentConfig,
    generator::Begin,
    link::{Link, LinkError},
    load::{self, Ran},
    prepare::{Prepared, prepare},
    start::{Last, Start},
};

/// Longest pause between hellos while the collector can't be reached.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Time between two looks at work in the background.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Runs an agent from its first hello to its end.
pub(super) async fn run(
    config: AgentConfig,
    generator: &Begin<'_>,
    mut terminate: watch::Receiver<bool>,
) -> Ending {
    let link = match Link::new(&config) {
        Ok(link) => Arc::new(link),
        Err(error) => return Ending::Failed(error.to_string()),
    };
    let mut last: Option<Last> = None;
    loop {
        let epoch = last.as_ref().map_or(1, |last| last.prepared.epoch + 1);
        let mut waiting = Waiting::new(&config, epoch);
        let told = tokio::select! {
            told = waiting.wait_for_start(&link) => Some(told),
            _ = terminate.wait_for(|terminate| *terminate) => None,
        };
        let Some(told) = told else {
            // There was load perhaps, after which something may be left to do.
            if let Some(last) = &last {
                load::conclude(&config, &link, last, &mut terminate).await;
            }
            return Ending::Terminated;
        };
        match (told, last.take()) {
            (Told::Start { at, variables, prepared, session, form }, before) => {
                let numbered = before.map_or(0, |last| last.start.numbered);
                let start = Start { at, variables, session, form, clock: waiting.clock, numbered };
                match load::run(&config, &link, prepared, start, generator, &mut terminate).await {
                    Ran::Epoch(done) => last = Some(done),
                    Ran::Ended(ending) => return ending,
                }
            }
            // However the run ends: there was load, after which something may be left to do.
            (Told::Over { session } | Told::Stopped { session, .. }, Some(mut last)) => {
                last.start.session = session;
                return load::conclude(&config, &link, &last, &mut terminate).await;
            }
            (Told::Stopped { ending, .. } | Told::End(ending), _) => return ending,
            (Told::Over { .. }, None) => return Ending::Done,
        }
    }
}

/// What became of the wait.
enum Told {
    Start {
        at: i64,
        variables: Map<String, Value>,
        prepared: Prepared,
        session: Option<u64>,
        form: Form,
    },
    /// No epoch follows.
    Over {
        session: Option<u64>,
    },
    /// The run ends early.
    Stopped {
        session: Option<u64>,
        ending: Ending,
    },
    End(Ending),
}

/// How far the preparation is.
enum State {
    /// The collector has not handed out the plan yet.
    Awaiting,
    Preparing(JoinHandle<Result<Prepared, Unready>>),
    Ready(Prepared),
    Failed(Unready),
}

/// How far `before` is on this runner, if it was told to do it.
enum Before {
    NotTold,
    Running(JoinHandle<Result<Map<String, Value>, String>>),
    Done(BeforeOutcome),
}

struct Waiting<'a> {
    config: &'a AgentConfig,
    /// The epoch that it is to begin.
    epoch: u32,
    clock: Clock,
    state: State,
    before: Before,
}

impl<'a> Waiting<'a> {
    fn new(config: &'a AgentConfig, epoch: u32) -> Self {
        Self { config, epoch, clock: Clock::new(), state: State::Awaiting, before: Before::NotTold }
    }

    async fn wait_for_start(&mut self, link: &Link) -> Told {
        let mut pause = HELLO_INTERVAL;
        loop {
            let asked = TokioInstant::now();
            self.look();
            let reply = self.exchange(link).await;
            if let Ok(HelloReply { serves, .. }) = &reply
                && !serves.contains(PROTOCOL_VERSION)
            {
                let operator = "the operator";
                let error = Mismatch { image: None, spoken: PROTOCOL_VERSION, operator, served: *serves };
                return Told::End(Ending::Failed(format!("{}: {error}", reasons::PROTOCOL_MISMATCH)));
            }
            let (session, binary) =
                reply.as_ref().map_or((None, false), |reply| (reply.session, reply.binary));
            let form = if binary { Form::Binary } else { Form::Json };
            match reply.map(|reply| reply.command) {
                Ok(HelloCommand::Wait) => pause = HELLO_INTERVAL,
                Ok(HelloCommand::RunBefore) => {
                    pause = HELLO_INTERVAL;
                    self.start_before();
                }
                Ok(HelloCommand::Start { at, variables }) => match &self.state {
                    State::Ready(prepared) => {
                        return Told::Start { at, variables, prepared: prepared.clone(), session, form };
                    }
                    _ => tracing::warn!("told to start before being ready"),
                },
                Ok(HelloCommand::Stop { reason }) => {
                    return Told::Stopped { session, ending: self.ended(&reason) };
                }
                Ok(HelloCommand::Over) => return Told::Over { session },
                Err(error @ LinkError::Refused { .. }) => {
                    return Told::End(Ending::Failed(error.to_string()));
                }
                Err(error) => {
                    tracing::warn!(%error, "hello was not answered, trying again");
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            // By the pause as it is now: whoever waited for an operator to come back must ask at its usual
            // pace again at once, or it would hear of the start too late.
            self.sleep_or_progress(asked + pause).await;
        }
    }

    /// Waits for the next hello, or less long when there is news to tell.
    async fn sleep_or_progress(&self, until: TokioInstant) {
        let work = async {
            match (&self.state, &self.before) {
                (State::Preparing(task), _) => ended(task).await,
                (_, Before::Running(task)) => ended(task).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep_until(until) => {}
            () = work => {}
        }
    }

    /// Takes notice of work that has ended meanwhile.
    fn look(&mut self) {
        if let State::Preparing(task) = &mut self.state
            && let Some(ended) = task.now_or_never()
        {
            self.state = match ended {
                Ok(Ok(prepared)) => State::Ready(prepared),
                Ok(Err(unready)) => State::Failed(unready),
                Err(error) => State::Failed(broken(&error)),
            };
        }
        if let Before::Running(task) = &mut self.before
            && let Some(ended) = task.now_or_never()
        {
            let result = ended.unwrap_or_else(|error| Err(broken(&error).message));
            self.before = Before::Done(BeforeOutcome { result });
        }
    }

    async fn exchange(&mut self, link: &Link) -> Result<HelloReply, LinkError> {
        let sent_at = self.clock.local(Instant::now());
        let hello = Hello {
            version: PROTOCOL_VERSION,
            runner: self.config.runner,
            pod: self.config.pod.clone(),
            sent_at,
            readiness: self.readiness(),
            accepted_start: None,
            before: match &self.before {
                Before::Done(outcome) => Some(outcome.clone()),
                _ => None,
            },
            wants_plan: matches!(self.state, State::Awaiting),
            epoch: self.epoch,
        };
        let mut reply = link.hello(&hello).await?;
        self.clock.learn(sent_at, reply.received_at, reply.sent_at, self.clock.local(Instant::now()));
        if let (State::Awaiting, Some(plan)) = (&self.state, reply.plan.take()) {
            self.prepare(*plan);
        }
        Ok(reply)
    }

    /// Begins to compile what is to be done.
    fn prepare(&mut self, plan: RunPlan) {
        let config = self.config.clone();
        self.state = State::Preparing(tokio::spawn(async move { prepare(&config, plan).await }));
    }

    fn readiness(&self) -> Readiness {
        match &self.state {
            State::Awaiting | State::Preparing(_) => Readiness::Preparing,
            State::Ready(_) => Readiness::Ready,
            State::Failed(Unready { reason, message }) => {
                Readiness::Failed { reason: (*reason).to_owned(), message: message.clone() }
            }
        }
    }

    /// Begins the steps of `before`, once: told again, the outcome is reported again.
    fn start_before(&mut self) {
        if let (Before::NotTold, State::Ready(prepared)) = (&self.before, &self.state) {
            let (prepared, secrets) = (prepared.clone(), self.config.secrets.clone());
            self.before = Before::Running(tokio::spawn(async move {
                engine::run_before(&prepared.valid, &prepared.test, &secrets, &prepared.files).await
            }));
        }
    }

    fn ended(&self, reason: &str) -> Ending {
        tracing::info!(reason, "told to end without load");
        match &self.state {
            State::Failed(unready) => Ending::Failed(format!("{}: {}", unready.reason, unready.message)),
            _ => Ending::Done,
        }
    }
}

fn broken(error: &tokio::task::JoinError) -> Unready {
    let message = format!("the preparation ended abnormally: {error}");
    Unready { reason: reasons::RUNNER_FAILED, message }
}

/// Waits until a task has ended, and leaves its output where it is.
async fn ended<T>(task: &JoinHandle<T>) {
    while !task.is_finished() {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
