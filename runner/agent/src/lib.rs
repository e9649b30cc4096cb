// SPDX-License-Identifier: Apache-2.0
//! `upsurge agent`: what runner pods run.
//!
//! It gets the plan from the collector, prepares, says hello until it is told to start, starts the load at the
//! operator's instant, and reports at the operator's pace until its last delta is acknowledged. Of a run of several epochs
//! it does so for each of them. The load runs on threads of its own and goes on whether or not the collector can be reached.

mod clock;
mod config;
mod generator;
mod link;
mod load;
mod outputs;
mod pace;
mod pending;
mod prepare;
mod prometheus;
mod record;
mod report;
mod session;
mod start;
mod tidying;

use std::{io::Write as _, process::ExitCode};

use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

pub use self::{
    config::{AgentConfig, ConfigError},
    generator::{Begin, Generator},
    record::{FetchError, fetch_record},
};

/// Exit code after SIGTERM, as shells have it.
const TERMINATED: u8 = 143;

/// How an agent ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All was done and acknowledged, or the run was stopped and the rest acknowledged.
    Done,
    /// It could not go on.
    Failed(String),
    /// It got SIGTERM.
    Terminated,
}

/// Runs the agent until its share is done and acknowledged. Reads everything from the environment.
pub fn run() -> ExitCode {
    log();
    let ending = AgentConfig::from_environment().map_err(|error| error.to_string()).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("can't start an event loop: {error}"))?;
        let ending = runtime.block_on(async {
            let terminate =
                terminate_signal().map_err(|error| format!("can't listen to signals: {error}"))?;
            Ok::<_, String>(run_with(config, terminate).await)
        });
        runtime.shutdown_background();
        ending
    });
    match ending {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Terminated) => ExitCode::from(TERMINATED),
        Ok(Ending::Failed(message)) | Err(message) => {
            // There is no other place to complain at.
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs an agent; `terminate` turns true when it is to end at once.
pub async fn run_with(config: AgentConfig, terminate: watch::Receiver<bool>) -> Ending {
    run_generating(config, &generator::engine, terminate).await
}

/// Runs an agent that reports what something else than a load engine makes: all else is as it is in a runner pod. For
/// measurements of the operator with more runners than a machine has room for.
pub async fn run_generating(
    config: AgentConfig,
    generator: &Begin<'_>,
    terminate: watch::Receiver<bool>,
) -> Ending {
    // Fails when another part of the program was first, with the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    session::run(config, generator, terminate).await
}

/// Logs as JSON to standard error; `UPSURGE_LOG` sets what.
fn log() {
    let filter = EnvFilter::try_from_env("UPSURGE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // Fails only if there is a subscriber already, which then does as well.
    let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

fn terminate_signal() -> std::io::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        sender.send_replace(true);
        // Kept until the end: a closed channel would look like a signal.
        sender.closed().await;
    });
    Ok(receiver)
}
