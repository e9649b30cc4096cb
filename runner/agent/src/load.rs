// SPDX-License-Identifier: Apache-2.0
//! The agent during the load: what was recorded in each second, sent at the operator's pace until it is acknowledged. And after
//! the load of the run: the steps and questions that one runner does for all.

use std::{
    future::pending,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::timeout};
use upsurge_core::{
    plan::schedule::Share,
    protocol::{AfterOutcome, RunnerEnd},
};
use upsurge_crds::names::reasons;
use upsurge_engine::EngineConfig;

use super::{
    Ending,
    config::AgentConfig,
    generator::Begin,
    link::Link,
    outputs::Pushing,
    prepare::Prepared,
    report::Report,
    start::{Last, Start},
};

/// Time for the steps of `after` once the runner was terminated; the pod's grace period leaves it.
const LAST_STEPS: Duration = Duration::from_secs(20);
/// Longest time for outputs to hand on what they have, after SIGTERM.
const LAST_FLUSH: Duration = Duration::from_millis(500);
/// Time for the last words after SIGTERM.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How an epoch went.
pub(super) enum Ran {
    /// All of it is acknowledged, and another one may follow.
    Epoch(Last),
    /// There is nothing more to do.
    Ended(Ending),
}

/// Carries out the load of an epoch and reports it; of the only one also what comes after.
pub(super) async fn run(
    config: &AgentConfig,
    link: &Arc<Link>,
    prepared: Prepared,
    start: Start,
    generator: &Begin<'_>,
    terminate: &mut watch::Receiver<bool>,
) -> Ran {
    let begin = start.clock.instant_of(start.at);
    let uncertainty_us = start.clock.uncertainty().map_or(0, |span| span.as_micros() as u64);
    let in_ms = begin.saturating_duration_since(Instant::now()).as_millis() as u64;
    tracing::info!(in_ms, uncertainty_us, "starting");
    let outputs = Pushing::start(config, &prepared, start.at);
    let Prepared { valid, test, files, .. } = prepared.clone();
    let engine = generator(EngineConfig {
        valid,
        test,
        share: Share::new(config.runner, prepared.runners),
        threads: config.threads,
        variables: start.variables.clone(),
        secrets: config.secrets.clone(),
        files,
        trace: None,
        start: begin,
    });
    let (engine, problem) = match engine {
        Ok(engine) => (Some(engine), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let mut report = Report::of(config, link, &prepared, &start, !prepared.more);
    (report.engine, report.outputs) = (engine, outputs);
    if let Some(message) = problem {
        report.record(Some(RunnerEnd::Failed { reason: reasons::RUNNER_FAILED.to_owned(), message }));
    }
    match attend(&report, terminate).await {
        Ending::Done if prepared.more => {
            let numbered = report.pending.borrow().numbered();
            let until_ms = report.until_ms.get();
            Ran::Epoch(Last { prepared, start: Start { numbered, ..start }, until_ms })
        }
        ending => Ran::Ended(ending),
    }
}

/// Does what is left once the load of the run is over.
pub(super) async fn conclude(
    config: &AgentConfig,
    link: &Arc<Link>,
    last: &Last,
    terminate: &mut watch::Receiver<bool>,
) -> Ending {
    let Last { prepared, start, until_ms } = last;
    let report = Report::of(config, link, prepared, start, true);
    report.until_ms.set(*until_ms);
    report.end.replace(Some(RunnerEnd::Completed));
    attend(&report, terminate).await
}

/// Sends and does what is to be sent and done, until all of it is acknowledged or the runner is terminated.
async fn attend(report: &Report, terminate: &mut watch::Receiver<bool>) -> Ending {
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
    // No other load comes after this one.
    report.is_last.set(true);
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
            let result =
                Err(format!("the runner was terminated (SIGTERM): they were not done within {limit} s"));
            report.tidied(AfterOutcome { result, verified: None });
        }
    };
    let limit = if tidies { LAST_STEPS + LAST_WORDS } else { LAST_WORDS };
    let _ = tokio::join!(tidied, timeout(limit, report.send_all()));
    Ending::Terminated
}
