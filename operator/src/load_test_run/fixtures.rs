// SPDX-License-Identifier: Apache-2.0
//! What the tests of the steps share: a run of three runners, and a session of it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use upsurge_core::{
    metrics::Metrics,
    protocol::{GeneratorDelta, Readiness},
    validate::validate,
};
use upsurge_crds::{LoadTestRun, v1alpha1::EpochResult};
use upsurge_figures::{elasticity::Demand, workload::Workload};

use super::{plan::Plan, pods::RunnerPod};
use crate::collector::{EpochsView, RunnerView, SessionConfig, SessionSnapshot};

/// A time, in seconds from an arbitrary start.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A run of three runners for a minute, with some more of the spec.
pub fn run(more: &Value) -> LoadTestRun {
    let mut spec = json!({
        "target": {"baseURL": "http://checkout:8080", "workloads": [{"name": "checkout"}]},
        "secrets": [{"name": "password", "secretKeyRef": {"name": "shop-login", "key": "password"}}],
        "scenarios": [{"name": "pay", "steps": [{"request": {"name": "pay", "url": "/pay"}}]}],
        "load": {"constant": {"level": 6, "duration": "1m"}},
        "runner": {"parallelism": 3}
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
        "metadata": {"name": "checkout-g1", "namespace": "shop", "uid": "run-uid"},
        "spec": {"loadTestRef": {"name": "checkout"}, "test": spec}
    }))
    .unwrap()
}

/// The plan of that run.
pub fn plan(more: &Value) -> Plan {
    let run = run(more);
    let test = run.spec.test.as_ref().unwrap().read().unwrap();
    let valid = validate(&test).unwrap();
    Plan::new(&run, &test, valid, Default::default()).unwrap()
}

/// More of the spec: a search from 10 to 40 iterations per second, whose probes take 15 s.
pub fn search() -> Value {
    let capacity = json!({"find": "MaxRate", "from": 10, "to": 40, "within": 100, "repeats": 1, "warmUp": "5s",
        "measure": "10s"});
    let thresholds = json!([{"metric": "http_req_failed", "condition": "rate < 50%"}]);
    json!({"load": {"capacity": capacity, "gracefulStop": "5s"}, "thresholds": thresholds})
}

/// Where that search stands after these epochs.
pub fn standing(plan: &Plan, history: Vec<EpochResult>) -> EpochsView {
    let SessionConfig { plan, valid, .. } = plan.session("checkout").at(&history).unwrap();
    EpochsView { plan, valid, history, figures: Vec::new(), is_over: false, awaits_epoch: false }
}

/// A session in which every runner has said this, and of which nothing else is known.
pub fn session(readiness: Option<Readiness>, t0: Option<Timestamp>) -> SessionSnapshot {
    let runner = |index| RunnerView {
        index,
        pod: readiness.is_some().then(|| format!("pod-{index}")),
        readiness: readiness.clone(),
        started_at: t0,
        last_seen: readiness.is_some().then(|| at(0)),
        end: None,
        outputs: Vec::new(),
        received: 0,
        acknowledged: 0,
    };
    SessionSnapshot {
        opened_at: at(0),
        t0,
        runners: (0..3).map(runner).collect(),
        epochs: None,
        metrics: Metrics::default().into(),
        windows: Default::default(),
        folded: 0,
        folds: Vec::new(),
        points: Default::default(),
        losses: Default::default(),
        generator: GeneratorDelta::default(),
        elapsed: Duration::ZERO,
        turned: None,
        restless: None,
        waits_for: None,
        workload: Workload::new(Demand::None).into(),
        further: Vec::new(),
        setups: Vec::new(),
        abort_breach: None,
        stop: None,
        problem: None,
        after: None,
        foreign: None,
        checks: None,
        series: Vec::new(),
        all_done: false,
        durable: true,
    }
}

/// Three pods that run.
pub fn pods() -> Vec<RunnerPod> {
    let pod = |index| RunnerPod {
        name: format!("pod-{index}"),
        index,
        scheduled: Some(at(0)),
        running: true,
        ..RunnerPod::default()
    };
    (0..3).map(pod).collect()
}
