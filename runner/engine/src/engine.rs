// SPDX-License-Identifier: Apache-2.0
//! The load engine: carries out a runner's share of a test.
//!
//! One thread per core, each with its own runtime, users, connections and recorder; threads share
//! nothing while they work. Once per interval [`Engine::collect`] swaps each core's recorder for an
//! empty one and merges what it finds. The engine knows nothing of Kubernetes, verdicts or output.

mod arrivals;
mod before;
mod branches;
mod collector;
mod context;
mod cookies;
mod counted;
mod course;
mod crew;
mod cut;
mod exchange;
mod feeders;
mod halt;
mod hop;
mod iteration;
mod loops;
mod once;
mod preflight;
mod response;
mod timer;
mod trace;
mod user;
mod users;
mod values;
mod work;
mod worker;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Map, Value};
use tokio::sync::{mpsc::UnboundedSender, watch};
use upsurge_core::{
    losses::Losses,
    metrics::Metrics,
    plan::schedule::{Part, Share},
    plan::{Skip, Work},
    validate::Valid,
};
use upsurge_crds::v1alpha1::LoadTestSpec;
use upsurge_http::{setup::Setup, setup_error::SetupError};
use upsurge_system::files::Files;
use upsurge_system::generator::raise_file_limit;

pub use self::{
    before::{run_after, run_before, run_verify},
    preflight::{Unready, preflight},
    trace::{Traced, TracedRequest},
};
use self::{
    collector::Collector,
    context::Counts,
    counted::Shared,
    feeders::Feeders,
    halt::Halt,
    worker::{Command, Job, Line},
};
use crate::program::{Program, Sources};

/// What an engine is to do.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The compiled test.
    pub valid: Arc<Valid>,
    /// The spec it was compiled from.
    pub test: Arc<LoadTestSpec>,
    /// The part of the schedule that is this engine's.
    pub share: Share,
    /// Threads that generate load; see [`default_threads`].
    pub threads: usize,
    /// Variables captured by `before`.
    pub variables: Map<String, Value>,
    /// Values of the declared secrets.
    pub secrets: BTreeMap<String, String>,
    /// Contents of the test's files.
    pub files: Arc<Files>,
    /// Start of the load. Best some 100 ms ahead, so that all threads are ready by then; what was
    /// due more than a quarter of a second before the engine was up counts as dropped.
    pub start: Instant,
    /// Who is told of each request. Only for few users: it takes time and memory.
    pub trace: Option<mpsc::Sender<Traced>>,
}

/// What was recorded between two collections.
#[derive(Clone, Debug, Default)]
pub struct Interval {
    /// Begin, from the start of the load; zero if it began before.
    pub from: Duration,
    /// End, from the start of the load.
    pub to: Duration,
    /// What was recorded. The value of a gauge is its change since the last interval, so that intervals
    /// add up to the current value.
    pub metrics: Metrics,
    /// Requests that were lost in it, and when they were under way.
    pub losses: Losses,
}

/// How far an engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Users at work.
    pub users: u64,
    /// Iterations started.
    pub started: u64,
    /// Iterations finished.
    pub finished: u64,
    /// Planned iterations that found no free user.
    pub dropped: u64,
}

/// Why an engine can't start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The steps can't be made into a program.
    #[error("{0}")]
    Program(String),
    /// Connections can't be made as the test wants.
    #[error("{0}")]
    Connections(String),
    /// The operating system gives no thread or no event loop.
    #[error("can't start a load thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// A running engine. Dropping it stops the load at once.
#[derive(Debug)]
pub struct Engine {
    workers: Vec<Worker>,
    collector: Collector,
    done: watch::Receiver<usize>,
    halt: Arc<Halt>,
}

/// The engine's end of a load thread.
#[derive(Debug)]
struct Worker {
    /// Dropped to end the thread.
    commands: Option<UnboundedSender<Command>>,
    counts: Arc<Counts>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Engine {
    /// Compiles the program and starts the threads, which wait for the start of the load.
    ///
    /// # Errors
    /// When the program can't be compiled or the system gives no threads.
    pub fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig { valid, test, share, threads, variables, secrets, files, start, trace } = config;
        let sources =
            Sources { valid: &valid, test: &test, secrets: &secrets, files: &files, variables: &variables };
        let program =
            Program::scenarios(&sources).map_err(|error| EngineError::Program(error.to_string()))?;
        let program = Arc::new(program);
        let shared: Vec<Arc<Shared>> = valid.loads.iter().map(|_| Arc::default()).collect();
        raise_file_limit();
        let setup = Setup::new(&valid.http, &secrets, &files).map_err(connections)?;
        let most_connections = valid.http.connections.shared.map_or(0, |shared| shared.max);
        let threads = useful_threads(threads, share, &valid);
        let halt = Arc::<Halt>::default();
        let may_turn = test.load.stress.as_ref().is_some_and(|stress| stress.broken_at.is_some());
        let feeders = Arc::new(Feeders::new(&program, share));
        let (done_sender, done) = watch::channel(0);
        let done_sender = Arc::new(done_sender);
        let (ready_sender, ready) = mpsc::channel();
        let mut workers = Vec::with_capacity(threads as usize);
        let mut lines = Vec::with_capacity(threads as usize);
        for index in 0..threads {
            let counts = Arc::<Counts>::default();
            let job = Job {
                program: Arc::clone(&program),
                valid: Arc::clone(&valid),
                part: Part::new(share, index, threads),
                shared: shared.clone(),
                start,
                setup: Arc::clone(&setup),
                connections: share.split(index, threads).size(most_connections),
                counts: Arc::clone(&counts),
                halt: Arc::clone(&halt),
                feeders: Arc::clone(&feeders),
                trace: trace.clone(),
                may_turn,
            };
            let (commands, receiver) = tokio::sync::mpsc::unbounded_channel();
            let (collected_sender, collected) = mpsc::channel();
            let line =
                Line { commands: receiver, collected: collected_sender, done: Arc::clone(&done_sender) };
            let thread = worker::spawn(format!("load-{index}"), job, line, ready_sender.clone());
            let thread = Some(thread.map_err(EngineError::Thread)?);
            lines.push(collector::Source::new(commands.clone(), collected, &program));
            workers.push(Worker { commands: Some(commands), counts, thread });
        }
        drop(ready_sender);
        let collector = Collector::new(lines, start);
        let engine = Self { workers, collector, done, halt };
        for _ in 0..threads {
            // A thread that ended without a word has dropped its sender.
            let up = ready.recv().unwrap_or_else(|_| Err(io::Error::other("it ended while starting")));
            up.map_err(EngineError::Thread)?;
        }
        Ok(engine)
    }

    /// Takes what was recorded since the last call. Blocks until each core has handed over its
    /// recorder, usually for less than a millisecond.
    pub fn collect(&self) -> Interval {
        self.collector.collect()
    }

    /// How far the engine is, without waiting for anything.
    pub fn progress(&self) -> Progress {
        let mut progress = Progress::default();
        for Worker { counts, .. } in &self.workers {
            progress.users += counts.users.load(Ordering::Relaxed);
            progress.started += counts.started.load(Ordering::Relaxed);
            progress.finished += counts.finished.load(Ordering::Relaxed);
            progress.dropped += counts.dropped.load(Ordering::Relaxed);
        }
        progress
    }

    /// How late the first core was to start the load; `None` before it has started.
    pub fn start_lag(&self) -> Option<Duration> {
        let lags = self.workers.iter().map(|worker| worker.counts.start_lag.load(Ordering::Relaxed));
        lags.filter_map(|lag| lag.checked_sub(1)).min().map(Duration::from_nanos)
    }

    /// Stops the load: with `graceful`, iterations under way get `gracefulStop` to end; else they are cut.
    pub fn stop(&self, graceful: bool) {
        for commands in self.workers.iter().filter_map(|worker| worker.commands.as_ref()) {
            // A thread that is gone has stopped already.
            let _ = commands.send(Command::Stop { graceful });
        }
    }

    /// Turns the load back: a stretch of its plan is left out, at the begin of which it goes on where that ends. Best told before that; who
    /// hears of it later leaves out as much from then on.
    pub fn turn(&self, skip: Skip) {
        for commands in self.workers.iter().filter_map(|worker| worker.commands.as_ref()) {
            // A thread that is gone has nothing to turn.
            let _ = commands.send(Command::Turn(skip));
        }
    }

    /// Why a user ended the run, if one did: all cores have stopped then, or are about to.
    pub fn aborted(&self) -> Option<String> {
        self.halt.reason()
    }

    /// Whether all of the share is done, or was stopped. What was recorded last is still to be collected.
    pub fn finished(&self) -> bool {
        *self.done.borrow() == self.workers.len()
    }

    /// Waits until [`Self::finished`].
    pub async fn wait(&self) {
        let mut done = self.done.clone();
        // An error means that all threads are gone, which is finished too.
        let _ = done.wait_for(|done| *done == self.workers.len()).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop(false);
        self.collector.close();
        self.workers.iter_mut().for_each(|worker| worker.commands = None);
        for thread in self.workers.iter_mut().filter_map(|worker| worker.thread.take()) {
            if thread.join().is_err() {
                tracing::error!("a load thread panicked");
            }
        }
    }
}

/// Compiles a test's program, to find out before the start what can't be compiled, and reads what
/// is read once per process.
///
/// # Errors
/// When a secret has no value, or a URL or header is wrong once secrets are filled in.
pub fn check(
    valid: &Valid,
    test: &LoadTestSpec,
    secrets: &BTreeMap<String, String>,
    files: &Files,
) -> Result<(), EngineError> {
    let sources = Sources { valid, test, secrets, files, variables: &Map::new() };
    Setup::new(&valid.http, secrets, files).map_err(connections)?;
    let programs = [Program::scenarios(&sources), Program::before(&sources), Program::after(&sources)];
    let compiled: Result<Vec<_>, _> = programs.into_iter().collect();
    compiled.map(drop).map_err(|error| EngineError::Program(error.to_string()))
}

fn connections(error: SetupError) -> EngineError {
    EngineError::Connections(error.to_string())
}

/// No more threads than have users: a thread without users has nothing to do.
fn useful_threads(threads: usize, share: Share, valid: &Valid) -> u32 {
    let of_load = valid.loads.iter().map(|load| match &load.work {
        Work::Arrivals { pool, .. } => crew::useful_cores(share, pool),
        _ => share.narrowed(load.most_users()).map_or(1, |share| share.size(load.most_users())),
    });
    let mut useful = of_load.max().unwrap_or(1);
    if let Some(shared) = valid.http.connections.shared {
        // Each has at least one of the connections that users share.
        useful = useful.min(share.size(shared.max));
    }
    let useful = useful.clamp(1, u64::from(u16::MAX));
    u32::try_from(threads).unwrap_or(u32::MAX).clamp(1, useful as u32)
}

/// Load threads for this machine: one per core that the process may use, by affinity and cgroup quota.
pub fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
