// SPDX-License-Identifier: Apache-2.0
//! From a message to the session, or to the end of a runner that sends what none does.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use upsurge_core::{
    metrics::{Selector, SeriesKey, Sink, Tags, names},
    protocol::{Form, RunPlan, RunnerEnd},
    validate::validate,
};

use super::*;
use crate::{
    collector::{
        session::{
            Durable, Session,
            tests::{plan, pod},
        },
        view::SessionConfig,
    },
    sampling::SharedObservation,
};

pub fn cell(plan: RunPlan) -> Cell {
    cell_of(plan, None)
}

/// The same, from a checkpoint.
fn cell_of(plan: RunPlan, restored: Option<Durable>) -> Cell {
    let valid = Arc::new(validate(&plan.test).unwrap());
    let session = Session::new(&plan, restored);
    let config = SessionConfig {
        plan: Arc::new(plan),
        valid,
        job: "checkout-1".into(),
        checkpoint: "checkout-1-checkpoint".into(),
        labels: Default::default(),
        owner: Default::default(),
        is_under_way: false,
    };
    let changes = tokio::sync::broadcast::channel(1).0;
    Cell::new(config, session, SharedObservation::default(), Arc::default(), Arc::default(), changes)
}

fn delta(number: u64, key: &Value, count: f64) -> Value {
    json!({"number": number, "fromMs": number * 1000 - 1000, "toMs": number * 1000,
           "metrics": [[key, {"counter": count}]],
           "generator": {"cpuSeconds": 0.1, "periods": 0, "throttledPeriods": 0}})
}

fn message(deltas: &[Value]) -> String {
    let start = now();
    json!({"runner": 0, "pod": pod(0).name, "start": start, "startedAt": start, "deltas": deltas}).to_string()
}

fn reqs() -> Value {
    json!({"metric": "http_reqs", "request": "seed", "method": "GET"})
}

fn counted(cell: &Cell) -> f64 {
    cell.lock().state().totals.metrics.count(names::HTTP_REQS, &Selector::default())
}

#[test]
fn deltas_are_merged_once_and_strange_names_are_noted() {
    let cell = cell(plan(1, false));
    let strange = json!({"metric": "http_reqs", "request": "ghost"});
    let text = message(&[delta(1, &reqs(), 2.0), delta(2, &strange, 3.0)]);
    let batch = Batch::read(Form::Json, text.as_bytes()).unwrap();
    for _ in 0..2 {
        let received = receive(&cell, &pod(0), &batch).unwrap();
        assert_eq!((received.reply.received, received.is_last), (2, false));
        assert_eq!(counted(&cell), 5.0);
    }
    assert_eq!(cell.snapshot().foreign.as_deref(), Some("http_reqs of request \"ghost\""));
}

#[test]
fn the_record_of_the_target_begins_with_the_load_and_is_told_of_its_end() {
    let mut watched = plan(1, false);
    watched.test.target.workloads = vec![upsurge_crds::v1alpha1::Workload::from("checkout")];
    let cell = cell(watched);
    assert!(!cell.snapshot().workload.has_begun());
    let mut last = delta(1, &reqs(), 2.0);
    let text = message(&[last.clone()]);
    receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    let snapshot = cell.snapshot();
    let report = snapshot.workload.report(Timestamp::now()).unwrap();
    assert_eq!(Some(report.from), snapshot.t0);
    let is_over =
        |cell: &Cell| serde_json::to_value(&cell.snapshot().workload).unwrap()["over"] == json!(true);
    assert!(!is_over(&cell));
    (last["number"], last["done"]) = (json!(2), json!("completed"));
    (last["fromMs"], last["toMs"]) = (json!(1_000), json!(2_000));
    let mut again: Value = serde_json::from_str(&message(&[last])).unwrap();
    again["start"] = json!(snapshot.t0.unwrap().as_nanosecond() as i64);
    receive(&cell, &pod(0), &Batch::read(Form::Json, again.to_string().as_bytes()).unwrap()).unwrap();
    assert!(is_over(&cell));
}

#[test]
fn a_run_that_watches_nothing_has_no_record() {
    let cell = cell(plan(1, false));
    let text = message(&[delta(1, &reqs(), 2.0)]);
    receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    assert!(cell.snapshot().t0.is_some() && !cell.snapshot().workload.has_begun());
}

#[test]
fn runners_of_a_run_that_goes_on_keep_the_pace_that_they_had() {
    let plan = plan(500, false);
    let pace_of = |restored: Option<Durable>| {
        let cell = cell_of(plan.clone(), restored);
        (cell.pace.interval(), cell)
    };
    let (interval, cell) = pace_of(None);
    assert_eq!(interval, Duration::from_secs(1));
    let text = message(&[delta(1, &reqs(), 1.0)]);
    receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    let mut state = cell.lock().state().clone();
    // As many as make a difference: 500 runners with 41 each are more than 20,000.
    for request in 0..40 {
        let key = SeriesKey {
            metric: names::HTTP_REQS.into(),
            tags: Tags { request: Some(format!("request {request}")), ..Tags::default() },
        };
        state.totals.metrics.add(key, &Sink::Counter(1.0));
    }
    assert_eq!(pace_of(Some(state)).0, Duration::from_secs(3));
}

#[test]
fn a_runner_that_sends_what_none_does_has_failed_and_says_why() {
    let cell = cell(plan(1, false));
    let text = message(&[delta(1, &reqs(), 2.0), delta(2, &reqs(), -3.0)]);
    let refusal = receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap_err();
    assert!(matches!(refusal, Refusal::Content { runner: 0, .. }), "{refusal}");
    assert_eq!(counted(&cell), 2.0, "what came before was taken");
    let Some(RunnerEnd::Failed { message, .. }) = cell.snapshot().runners[0].end.clone() else {
        panic!("the runner goes on")
    };
    assert!(message.contains("http_reqs can't be -3e0"), "{message}");
    let mut good = delta(2, &reqs(), 3.0);
    good["done"] = json!("completed");
    let start = cell.snapshot().t0.unwrap().as_nanosecond() as i64;
    let mut again: Value = serde_json::from_str(&self::message(&[good])).unwrap();
    again["start"] = json!(start);
    let text = again.to_string();
    receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    let end = cell.snapshot().runners[0].end.clone();
    assert!(matches!(end, Some(RunnerEnd::Failed { .. })), "it got better: {end:?}");
}

#[test]
fn a_gap_is_no_reason_to_end_a_runner_and_time_does_not_run_backwards() {
    let cell = cell(plan(1, false));
    let text = message(&[delta(2, &reqs(), 2.0)]);
    let refusal = receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap_err();
    assert!(matches!(refusal, Refusal::Gap(_)));
    assert_eq!(cell.snapshot().runners[0].end, None);
    let start = cell.snapshot().t0.unwrap().as_nanosecond() as i64;
    let with_start = |deltas: &[Value]| {
        let mut message: Value = serde_json::from_str(&message(deltas)).unwrap();
        message["start"] = json!(start);
        message.to_string()
    };
    let mut back = delta(2, &reqs(), 1.0);
    (back["fromMs"], back["toMs"]) = (json!(0), json!(10));
    let text = with_start(&[delta(1, &reqs(), 1.0), back]);
    let refusal = receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap_err();
    assert_eq!(refusal, Refusal::Backwards { runner: 0, reported: 1_000, to_ms: 10 });
}

#[test]
fn a_start_that_nobody_chose_is_refused() {
    let cell = cell(plan(1, false));
    let text =
        json!({"runner": 0, "pod": pod(0).name, "start": i64::MIN, "startedAt": 0, "deltas": []}).to_string();
    let refusal = receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap_err();
    assert_eq!(refusal, Refusal::NoStart { runner: 0, theirs: i64::MIN });
}
