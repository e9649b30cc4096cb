//! The agent against a small collector that speaks `upsurge_core::protocol`: a stand-in for the
//! operator's side, which the end-to-end tests use as it is.

// Clippy sees helpers of tests as production code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/load.rs"]
#[allow(dead_code)]
mod load;
#[path = "support/server.rs"]
#[allow(dead_code)]
mod server;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use server::{Answer, Server};
use tokio::{sync::watch, time::timeout};
use upsurge::agent::{AgentConfig, Ending, run_with};
use upsurge_core::{
    metrics::{Metrics, Selector},
    protocol::{
        BeforeOutcome, Delta, DeltaBatch, DeltaCommand, DeltaReply, Hello, HelloCommand, HelloReply,
        Readiness, RunPlan, RunnerEnd,
    },
};

/// Time in which any test is over, or broken.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a collector remembers, and how it is to behave.
#[derive(Default)]
struct Seen {
    start: Option<i64>,
    hellos: Vec<Hello>,
    batches: Vec<DeltaBatch>,
    /// Deltas by number; sent again they must be the same.
    deltas: BTreeMap<u64, Delta>,
    acknowledged: u64,
    /// Clock of this operator less the real one.
    clock_offset: i64,
    run_before: bool,
    never_start: bool,
    /// Answers for deltas, by number of the message; then 200.
    statuses: Vec<u16>,
    messages: usize,
    /// Forgets what is not durable once so many were seen.
    restart_after: Option<u64>,
    acknowledge: bool,
    stop: Option<String>,
}

struct Collector {
    server: Server,
    seen: Arc<Mutex<Seen>>,
}

impl Collector {
    fn start(seen: Seen) -> Self {
        let seen = Arc::new(Mutex::new(Seen { acknowledge: true, ..seen }));
        let state = Arc::clone(&seen);
        let server = Server::start(move |arrived| {
            let state = Arc::clone(&state);
            async move {
                let mut seen = state.lock().unwrap();
                assert_eq!(arrived.headers["authorization"], "Bearer t0ken");
                match arrived.target.as_str() {
                    "/v1/runs/shop/spike-1/hello" => {
                        seen.hello(serde_json::from_slice(&arrived.body).unwrap())
                    }
                    "/v1/runs/shop/spike-1/deltas" => {
                        seen.deltas(serde_json::from_slice(&arrived.body).unwrap())
                    }
                    other => panic!("{other}"),
                }
            }
        });
        Self { server, seen }
    }

    fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        self.seen.lock().unwrap().deltas.values().for_each(|delta| metrics.merge(&delta.metrics));
        metrics
    }

    fn requests(&self) -> f64 {
        self.metrics().count("http_reqs", &Selector::default())
    }

    fn end(&self) -> Option<RunnerEnd> {
        self.seen.lock().unwrap().deltas.values().last().and_then(|delta| delta.done.clone())
    }
}

impl Seen {
    fn now(&self) -> i64 {
        Timestamp::now().as_nanosecond() as i64 + self.clock_offset
    }

    fn hello(&mut self, hello: Hello) -> Answer {
        let received_at = self.now();
        let failed = matches!(hello.readiness, Readiness::Failed { .. });
        let ready = hello.readiness == Readiness::Ready;
        let before = hello.before.clone();
        self.hellos.push(hello);
        let command = if failed {
            HelloCommand::Stop { reason: "a runner failed".into() }
        } else if let Some(reason) = &self.stop {
            HelloCommand::Stop { reason: reason.clone() }
        } else if !ready || self.never_start {
            HelloCommand::Wait
        } else if self.run_before && before.is_none() {
            HelloCommand::RunBefore
        } else {
            let at = *self.start.get_or_insert(received_at + 600_000_000);
            let variables = match before {
                Some(BeforeOutcome { result: Ok(variables) }) => variables,
                _ => serde_json::Map::new(),
            };
            HelloCommand::Start { at, variables }
        };
        let reply = HelloReply { received_at, sent_at: self.now(), command };
        server::json(serde_json::to_vec(&reply).unwrap())
    }

    fn deltas(&mut self, batch: DeltaBatch) -> Answer {
        self.messages += 1;
        match self.statuses.get(self.messages - 1).copied().unwrap_or(200) {
            200 => {}
            code => return server::status(code),
        }
        for delta in &batch.deltas {
            let next = self.deltas.keys().last().map_or(1, |last| last + 1);
            match self.deltas.get(&delta.number) {
                Some(known) => assert_eq!(known, delta, "a delta changed after it was sent"),
                None => {
                    assert_eq!(delta.number, next, "a delta is missing");
                    self.deltas.insert(delta.number, delta.clone());
                }
            }
        }
        self.batches.push(batch);
        let mut received = self.deltas.keys().last().copied().unwrap_or_default();
        if self.restart_after.is_some_and(|after| received >= after) {
            // Another operator, with what was durable.
            self.restart_after = None;
            let durable = self.acknowledged;
            self.deltas.retain(|number, _| *number <= durable);
            received = durable;
        } else if self.acknowledge {
            // One behind, as a checkpoint is; the last one comes when there is nothing new.
            let done = self.deltas.values().last().is_some_and(|delta| delta.done.is_some());
            self.acknowledged = if done { received } else { received.saturating_sub(1) };
        }
        let command = match &self.stop {
            Some(reason) => DeltaCommand::Stop { reason: reason.clone() },
            None => DeltaCommand::Continue,
        };
        let reply = DeltaReply { acknowledged: self.acknowledged, received, command };
        server::json(serde_json::to_vec(&reply).unwrap())
    }
}

/// A directory that is removed at the end of a test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn agent(name: &str, collector_url: &str, test: Value) -> (AgentConfig, Scratch) {
    let directory = std::env::temp_dir().join(format!("upsurge-agent-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let plan = RunPlan {
        namespace: "shop".into(),
        run: "spike-1".into(),
        uid: "u".into(),
        runners: 1,
        test: serde_json::from_value(test).unwrap(),
    };
    std::fs::write(directory.join("plan.json"), serde_json::to_vec(&plan).unwrap()).unwrap();
    std::fs::write(directory.join("token"), "t0ken\n").unwrap();
    let config = AgentConfig {
        collector_url: collector_url.to_owned(),
        namespace: "shop".into(),
        run: "spike-1".into(),
        pod: "spike-1-0-abc".into(),
        runner: 0,
        plan_directory: directory.clone(),
        token_file: directory.join("token"),
        files_directory: "/nonexistent".into(),
        secrets: BTreeMap::new(),
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
    let (config, _scratch) =
        agent("whole", &collector.server.url(), load::spec(&target.url(), arrivals(50, "2s"), get()));
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!(collector.requests(), 100.0);
    assert_eq!(target.arrived().len(), 100);
    assert_eq!(collector.end(), Some(RunnerEnd::Completed));
    let seen = collector.seen.lock().unwrap();
    assert_eq!(seen.hellos[0].readiness, Readiness::Preparing);
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
        agent("restart", &collector.server.url(), load::spec(&target.url(), arrivals(50, "4s"), get()));
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!(collector.requests(), 200.0);
    assert!(collector.seen.lock().unwrap().restart_after.is_none(), "the restart was not played");
}

#[tokio::test]
async fn a_stop_command_cuts_the_load_and_the_rest_is_reported() {
    let target = Server::simple();
    let collector = Collector::start(Seen::default());
    let (config, _scratch) =
        agent("stop", &collector.server.url(), load::spec(&target.url(), arrivals(50, "10m"), get()));
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
            &collector.server.url(),
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
        agent("terminated", &collector.server.url(), load::spec(&target.url(), arrivals(50, "10m"), get()));
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
    let (config, _scratch) = agent(
        "unresolved",
        &collector.server.url(),
        load::spec("http://nowhere.invalid", arrivals(50, "1s"), get()),
    );
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
    let (config, _scratch) = agent("before", &collector.server.url(), test);
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
        agent("late", &collector.server.url(), load::spec(&target.url(), arrivals(5, "1s"), get()));
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
