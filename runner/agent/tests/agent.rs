// SPDX-License-Identifier: Apache-2.0
//! The agent against a small collector that speaks `upsurge_core::protocol`: a stand-in for the
//! operator's side, which the end-to-end tests use as it is.

// Clippy sees helpers of tests as production code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../engine/tests/support/certificates.rs"]
#[allow(dead_code)]
mod certificates;
#[path = "../../engine/tests/support/load.rs"]
#[allow(dead_code)]
mod load;
#[path = "../../engine/tests/support/server.rs"]
#[allow(dead_code)]
mod server;

#[path = "agent/after.rs"]
mod after;
#[path = "agent/collector.rs"]
mod collector;
#[path = "agent/epochs.rs"]
mod epochs;
#[path = "agent/generating.rs"]
mod generating;
#[path = "agent/outputs.rs"]
mod outputs;
#[path = "agent/prometheus.rs"]
mod prometheus;
#[path = "agent/replicas.rs"]
mod replicas;
#[path = "agent/tls.rs"]
mod tls;
#[path = "agent/turning.rs"]
mod turning;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use collector::{Collector, Seen};
use jiff::Timestamp;
use serde_json::{Value, json};
use server::Server;
use tokio::{sync::watch, time::timeout};
use upsurge_agent::{AgentConfig, Ending, run_with};
use upsurge_core::protocol::{Delta, Readiness, RunPlan, RunnerEnd};

/// Time in which any test is over, or broken.
const PATIENCE: Duration = Duration::from_secs(40);

/// A directory that is removed at the end of a test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An agent that is given the plan of a test by a collector.
fn agent(name: &str, collector: &Collector, test: Value) -> (AgentConfig, Scratch) {
    agent_by(name, &collector.server.url(), collector, test)
}

/// The same, which knows the collector by another URL.
fn agent_by(name: &str, url: &str, collector: &Collector, test: Value) -> (AgentConfig, Scratch) {
    let directory = std::env::temp_dir().join(format!("upsurge-agent-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let plan = RunPlan {
        namespace: "shop".into(),
        run: "spike-1".into(),
        uid: "u".into(),
        runners: 1,
        test: serde_json::from_value(test).unwrap(),
        epoch: 1,
        more: false,
        reach: Default::default(),
    };
    collector.seen.lock().unwrap().plan = Some(plan);
    std::fs::write(directory.join("token"), "t0ken\n").unwrap();
    let config = AgentConfig {
        collector_url: url.into(),
        collector_authorities: None,
        namespace: "shop".into(),
        run: "spike-1".into(),
        pod: "spike-1-0-abc".into(),
        runner: 0,
        token_file: directory.join("token"),
        files_directory: "/nonexistent".into(),
        secrets: BTreeMap::new(),
        prometheus_headers: BTreeMap::new(),
        output_headers: BTreeMap::new(),
        threads: 1,
    };
    (config, Scratch(directory))
}

fn arrivals(level: u32, duration: &str) -> Value {
    json!({"unit": "IterationsPerSecond", "constant": {"level": level, "duration": duration}})
}

fn get() -> Value {
    json!([{"request": {"url": "/{{ iteration }}"}}])
}

/// Runs an agent while the test does something, then what that left is checked.
async fn run_while(config: AgentConfig, act: impl Future<Output = ()>) -> Ending {
    tokio::join!(run(config), act).0
}

/// Waits until something holds.
async fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}: in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn run(config: AgentConfig) -> Ending {
    // The sender lives until the agent has ended.
    let (_terminate, receiver) = watch::channel(false);
    timeout(PATIENCE, run_with(config, receiver)).await.expect("the agent did not end in time")
}

#[tokio::test]
async fn an_agent_starts_by_the_operators_clock_and_reports_everything_once() {
    let target = Server::simple();
    // An operator whose clock is an hour ahead.
    let collector = Collector::start(Seen { clock_offset: 3_600_000_000_000, ..Seen::default() });
    let (config, _scratch) = agent("whole", &collector, load::spec(&target.url(), arrivals(50, "2s"), get()));
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!(collector.requests(), 100.0);
    assert_eq!(target.arrived().len(), 100);
    assert_eq!(collector.end(), Some(RunnerEnd::Completed));
    let seen = collector.seen.lock().unwrap();
    assert_eq!(seen.hellos[0].readiness, Readiness::Preparing);
    let asked: Vec<bool> = seen.hellos.iter().map(|hello| hello.wants_plan).collect();
    assert_eq!(asked.iter().filter(|asked| **asked).count(), 1, "the plan is asked for once: {asked:?}");
    let first = target.arrived()[0].at;
    let start = seen.start.unwrap() - seen.clock_offset;
    let now = (Instant::now(), Timestamp::now().as_nanosecond() as i64);
    let began = now.1 - now.0.duration_since(first).as_nanos() as i64;
    let late = (began - start) as f64 / 1e6;
    println!("first request {late:.3} ms after T0");
    assert!((-20.0..1000.0).contains(&late), "{late} ms");
    let last = seen.batches.last().unwrap();
    assert!(last.started_at >= last.start && last.started_at < last.start + 1_000_000_000);
    let deltas: Vec<&Delta> = seen.deltas.values().collect();
    assert!(deltas.len() >= 2);
    assert!(deltas.windows(2).all(|pair| pair[0].to_ms == pair[1].from_ms));
    assert!(deltas.iter().map(|delta| delta.generator.cpu_seconds).sum::<f64>() > 0.0);
}

#[tokio::test]
async fn figures_survive_errors_and_a_restart_of_the_operator() {
    let target = Server::simple();
    let collector = Collector::start(Seen {
        statuses: vec![503, 200, 500, 503],
        restart_after: Some(3),
        ..Seen::default()
    });
    let (config, _scratch) =
        agent("restart", &collector, load::spec(&target.url(), arrivals(50, "4s"), get()));
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!(collector.requests(), 200.0);
    assert!(collector.seen.lock().unwrap().restart_after.is_none(), "the restart was not played");
}

#[tokio::test]
async fn what_no_checkpoint_holds_is_sent_to_the_next_operator_as_one_delta() {
    let target = Server::simple();
    // Nothing is durable until the load has ended, and the operator is killed in the middle of it.
    let collector =
        Collector::start(Seen { session: Some(7), restart_after: Some(3), binary: true, ..Seen::default() });
    let (config, _scratch) =
        agent("merged", &collector, load::spec(&target.url(), arrivals(50, "5s"), get()));
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!(collector.requests(), 250.0);
    let seen = collector.seen.lock().unwrap();
    assert_eq!(seen.session, Some(8), "the restart was not played");
    assert!(
        seen.merged >= 1 && seen.most_deltas <= 2,
        "{} merged, {} at once",
        seen.merged,
        seen.most_deltas
    );
    let merged = seen.deltas.values().find(|delta| delta.first == Some(1)).unwrap();
    assert!(merged.number >= 3 && merged.slices.len() as u64 >= 3, "{} slices", merged.slices.len());
    let sliced: f64 = merged.slices.iter().map(|slice| slice.requests).sum();
    assert_eq!(sliced, merged.metrics.count("http_reqs", &Default::default()));
}

#[tokio::test]
async fn a_runner_reports_as_often_as_the_operator_says() {
    let target = Server::simple();
    let collector = Collector::start(Seen { session: Some(1), interval_ms: Some(3_000), ..Seen::default() });
    let (config, _scratch) = agent("paced", &collector, load::spec(&target.url(), arrivals(50, "7s"), get()));
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!(collector.requests(), 350.0);
    let seen = collector.seen.lock().unwrap();
    let with_figures = seen.batches.iter().filter(|batch| !batch.deltas.is_empty()).count();
    assert!((3..=5).contains(&with_figures), "{with_figures} messages in 7 s");
}

#[tokio::test]
async fn words_that_are_never_understood_end_the_runner_with_what_is_wrong() {
    for code in [400, 413] {
        let target = Server::simple();
        let collector = Collector::start(Seen { statuses: vec![code], ..Seen::default() });
        let spec = load::spec(&target.url(), arrivals(50, "10m"), get());
        let (config, _scratch) = agent(&format!("not-understood-{code}"), &collector, spec);
        let ending = run(config).await;
        assert!(matches!(&ending, Ending::Failed(words) if words.contains(&code.to_string())), "{ending:?}");
    }
}

#[tokio::test]
async fn a_stop_command_cuts_the_load_and_the_rest_is_reported() {
    let target = Server::simple();
    let collector = Collector::start(Seen::default());
    let (config, _scratch) = agent("stop", &collector, load::spec(&target.url(), arrivals(50, "10m"), get()));
    let seen = Arc::clone(&collector.seen);
    let ending = run_while(config, async {
        wait_until("a delta", || !seen.lock().unwrap().deltas.is_empty()).await;
        seen.lock().unwrap().stop = Some("asked to".into());
    });
    assert_eq!(ending.await, Ending::Done);
    assert_eq!(collector.end(), Some(RunnerEnd::Stopped { reason: "asked to".into() }));
    assert!(collector.requests() >= 50.0);
}

#[tokio::test]
async fn a_refused_runner_stops_its_load_at_once() {
    for code in [401, 403, 404, 410] {
        let target = Server::simple();
        let collector = Collector::start(Seen { statuses: vec![200, code], ..Seen::default() });
        let (config, _scratch) = agent(
            &format!("refused-{code}"),
            &collector,
            load::spec(&target.url(), arrivals(50, "10m"), get()),
        );
        match run(config).await {
            Ending::Failed(message) => assert!(message.contains(&code.to_string()), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_terminated_agent_stops_its_load_and_says_so() {
    let target = Server::simple();
    let collector = Collector::start(Seen::default());
    let (config, _scratch) =
        agent("terminated", &collector, load::spec(&target.url(), arrivals(50, "10m"), get()));
    let (terminate, receiver) = watch::channel(false);
    let (ending, ()) = tokio::join!(timeout(PATIENCE, run_with(config, receiver)), async {
        wait_until("load", || target.arrived().len() >= 20).await;
        terminate.send_replace(true);
    });
    assert_eq!(ending.unwrap(), Ending::Terminated);
    assert_eq!(collector.end(), Some(RunnerEnd::Stopped { reason: "SIGTERM".into() }));
    let sent = target.arrived().len() as f64;
    assert!(collector.requests() >= sent - 5.0, "{} of {sent} requests reported", collector.requests());
}

#[tokio::test]
async fn what_keeps_a_runner_from_starting_is_reported() {
    let collector = Collector::start(Seen::default());
    let (config, _scratch) =
        agent("unresolved", &collector, load::spec("http://nowhere.invalid", arrivals(50, "1s"), get()));
    match run(config).await {
        Ending::Failed(message) => assert!(message.starts_with("TargetUnresolved: "), "{message}"),
        other => panic!("{other:?}"),
    }
    let seen = collector.seen.lock().unwrap();
    match &seen.hellos.last().unwrap().readiness {
        Readiness::Failed { reason, message } => {
            assert_eq!(reason, "TargetUnresolved");
            assert!(message.contains("nowhere.invalid"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn before_is_done_when_told_and_once() {
    let target = Server::start(|_| async { server::json(r#"{"tenant": "t9"}"#) });
    let mut test =
        load::spec(&target.url(), arrivals(5, "1s"), json!([{"request": {"url": "/{{ tenant }}"}}]));
    test["before"] =
        json!([{"request": {"url": "/setup", "capture": [{"name": "tenant", "jsonPath": "$.tenant"}]}}]);
    let collector = Collector::start(Seen { run_before: true, ..Seen::default() });
    let (config, _scratch) = agent("before", &collector, test);
    assert_eq!(run(config).await, Ending::Done);
    let mut targets = target.targets();
    targets.dedup();
    assert_eq!(targets, ["/setup", "/t9"]);
    assert_eq!(collector.requests(), 5.0, "before is not part of the load");
}

#[tokio::test]
async fn an_agent_waits_for_a_collector_that_comes_late_and_ends_when_stopped() {
    let target = Server::simple();
    let collector = Collector::start(Seen { never_start: true, ..Seen::default() });
    let (mut config, scratch) =
        agent("late", &collector, load::spec(&target.url(), arrivals(5, "1s"), get()));
    // Without a token nothing can be said; it appears when the kubelet has projected it.
    config.token_file = scratch.0.join("late-token");
    let path = config.token_file.clone();
    let seen = Arc::clone(&collector.seen);
    let ready = || seen.lock().unwrap().hellos.iter().any(|hello| hello.readiness == Readiness::Ready);
    let ending = run_while(config, async {
        // Whole at once, as the kubelet does it.
        std::fs::rename(scratch.0.join("token"), path).unwrap();
        wait_until("a ready runner", ready).await;
        seen.lock().unwrap().stop = Some("aborted".into());
    });
    assert_eq!(ending.await, Ending::Done);
    assert!(target.arrived().is_empty());
}
