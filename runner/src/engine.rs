//! The load engine: carries out a runner's share of a test.
//!
//! One thread per core, each with its own runtime, users, connections and recorder; threads share
//! nothing while they work. Once per interval [`Engine::collect`] swaps each core's recorder for an
//! empty one and merges what it finds. The engine knows nothing of Kubernetes, verdicts or output.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Map, Value};
use upsurge_core::{metrics::Metrics, schedule::Share, validate::Valid};
use upsurge_crds::v1alpha1::LoadTestSpec;

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
    /// Start of the load. Best some 100 ms ahead, so that all threads are ready by then; what was
    /// due more than a quarter of a second before the engine was up counts as dropped.
    pub start: Instant,
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
    /// The operating system gives no thread or no event loop.
    #[error("can't start a load thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// Why a test can't start against its target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unready {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: &'static str,
    /// What, where, and what to do.
    pub message: String,
}

/// A running engine. Dropping it stops the load at once.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// Compiles the program and starts the threads, which wait for the start of the load.
    ///
    /// # Errors
    /// When the program can't be compiled or the system gives no threads.
    pub fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let _ = config;
        Err(EngineError::Program("not written yet".into()))
    }

    /// Takes what was recorded since the last call. Blocks until each core has handed over its
    /// recorder, usually for less than a millisecond.
    pub fn collect(&self) -> Interval {
        Interval::default()
    }

    /// How far the engine is, without waiting for anything.
    pub fn progress(&self) -> Progress {
        Progress::default()
    }

    /// Stops the load: with `graceful`, iterations under way get `gracefulStop` to end; else they are cut.
    pub fn stop(&self, graceful: bool) {
        let _ = graceful;
    }

    /// Whether all of the share is done, or was stopped. What was recorded last is still to be collected.
    pub fn finished(&self) -> bool {
        false
    }

    /// Waits until [`Self::finished`].
    pub async fn wait(&self) {}
}

/// Load threads for this machine: one per core that the process may use, by affinity and cgroup quota.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Looks whether the target can be reached at all: its name resolves and it accepts a connection.
///
/// # Errors
/// `TargetUnresolved` or `TargetUnreachable`, with what to do.
pub async fn preflight(test: &LoadTestSpec) -> Result<(), Unready> {
    let _ = test;
    Ok(())
}

/// Does the steps of `before` once and gives the variables that they captured.
///
/// # Errors
/// The step that failed, and why.
pub async fn run_before(
    valid: &Arc<Valid>,
    test: &Arc<LoadTestSpec>,
    secrets: &BTreeMap<String, String>,
) -> Result<Map<String, Value>, String> {
    let _ = (valid, test, secrets);
    Ok(Map::new())
}
