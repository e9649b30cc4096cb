// SPDX-License-Identifier: Apache-2.0
//! Runs an engine on a spec to its end.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use upsurge_core::{
    intake::{Intake, Raw},
    losses::Losses,
    metrics::{Metrics, Selector},
    plan::schedule::Share,
    protocol::Delta,
    validate::validate,
};
use upsurge_crds::LoadTestSpec;
use upsurge_engine::{Engine, EngineConfig, Progress};

/// Time in which any test is over, or broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A spec with one scenario.
pub fn spec(base_url: &str, load: Value, steps: Value) -> Value {
    json!({
        "target": {"baseURL": base_url},
        "scenarios": [{"name": "main", "steps": steps}],
        "load": load,
    })
}

/// So many iterations of one user, one after the other, with as much time as they need: a machine that stands still
/// makes them late, and drops none.
pub fn times(count: u32) -> Value {
    json!({"executors": [{"name": "main", "perVUIterations": {"vus": 1, "iterations": count}}]})
}

pub fn config(spec: Value) -> EngineConfig {
    let test: LoadTestSpec = serde_json::from_value(spec).unwrap();
    let valid = validate(&test).unwrap_or_else(|errors| panic!("{errors:#?}"));
    EngineConfig {
        valid: Arc::new(valid),
        test: Arc::new(test),
        share: Share::WHOLE,
        threads: 2,
        variables: Map::new(),
        secrets: BTreeMap::new(),
        files: Arc::default(),
        trace: None,
        start: Instant::now() + Duration::from_millis(150),
    }
}

/// What a run gave.
#[derive(Debug)]
pub struct Outcome {
    pub metrics: Metrics,
    pub losses: Losses,
    pub progress: Progress,
}

impl Outcome {
    pub fn count(&self, metric: &str) -> u64 {
        self.metrics.count(metric, &Selector::default()) as u64
    }

    /// Sum of a counter with that `check` tag.
    pub fn count_of(&self, metric: &str, check: &str) -> u64 {
        self.metrics.count(metric, &Selector { check: Some(check.to_owned()), ..Selector::default() }) as u64
    }

    pub fn checks(&self, check: &str) -> (u64, u64) {
        self.metrics.rate("checks", &Selector { check: Some(check.to_owned()), ..Selector::default() })
    }

    pub fn rate(&self, metric: &str) -> (u64, u64) {
        self.metrics.rate(metric, &Selector::default())
    }

    pub fn percentile(&self, metric: &str, percent: f64) -> f64 {
        self.metrics.trend(metric, &Selector::default()).percentile(percent)
    }
}

/// Does the steps of a spec before its load, and gives the message that they end with.
pub fn refusal(mut spec: Value) -> String {
    spec["before"] = spec["scenarios"][0]["steps"].clone();
    let config = config(spec);
    let before = upsurge_engine::run_before(&config.valid, &config.test, &config.secrets, &config.files);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(before).unwrap_err()
}

/// Runs an engine to its end, collecting now and then.
pub fn run(config: EngineConfig) -> Outcome {
    run_until(config, |_, _| false)
}

/// Runs an engine until it has finished, calling `act` now and then until that returns true.
pub fn run_until(config: EngineConfig, mut act: impl FnMut(&Engine, &Metrics) -> bool) -> Outcome {
    let intake = Intake::of(&config.test, &config.valid);
    let engine = Engine::start(config).unwrap();
    let begun = Instant::now();
    let (mut metrics, mut losses) = (Metrics::default(), Losses::default());
    let mut acted = false;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    loop {
        assert!(begun.elapsed() < PATIENCE, "the engine did not finish: {:?}", engine.progress());
        let tick = Duration::from_millis(50);
        let finished = runtime.block_on(async { tokio::time::timeout(tick, engine.wait()).await.is_ok() });
        let interval = engine.collect();
        assert!(interval.from <= interval.to);
        would_be_taken(&intake, interval.to, &interval.metrics);
        metrics.merge(&interval.metrics);
        losses.merge(&interval.losses);
        if finished {
            assert!(engine.finished());
            return Outcome { metrics, losses, progress: engine.progress() };
        }
        acted = acted || act(&engine, &metrics);
    }
}

/// What is recorded is what a collector takes as it is: nothing is refused, and every name is one of the test.
fn would_be_taken(intake: &Intake, to: Duration, metrics: &Metrics) {
    let delta =
        Delta { number: 1, to_ms: to.as_millis() as u64, metrics: metrics.clone(), ..Delta::default() };
    let taken = intake.take(Raw::Text(&serde_json::to_string(&delta).unwrap())).unwrap();
    assert_eq!(taken.foreign, None);
    assert_eq!(taken.delta.metrics.len(), metrics.len());
}
