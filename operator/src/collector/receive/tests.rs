// SPDX-License-Identifier: Apache-2.0
//! From a message to the session, or to the end of a runner that sends what none does.

mod turning;
mod turns;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use upsurge_core::{
    intake::Objection,
    metrics::{Selector, SeriesKey, Sink, Tags, Trend, names},
    protocol::{Delta, Form, PROTOCOL_VERSION, RunPlan, RunnerEnd, Slice},
    thresholds::Windowed,
    validate::validate,
};
use upsurge_figures::observation::{Event, Life, What};

use super::*;
use crate::{
    ALLOCATED,
    collector::{
        memory::{MOST_OF_ONE, Memory},
        session::{
            Durable, Session,
            tests::{plan, pod},
        },
        view::{SessionConfig, SessionSnapshot},
    },
    recording::SharedRecord,
};

/// Takes a message as a thread does that may wait.
fn receive(cell: &Cell, pod: &Pod, batch: &Batch<'_>) -> Result<Received, Refusal> {
    futures::executor::block_on(super::receive(cell, pod, batch))
}

pub fn cell(plan: RunPlan) -> Cell {
    cell_of(plan, None)
}

/// The same, from a checkpoint.
fn cell_of(plan: RunPlan, restored: Option<Durable>) -> Cell {
    cell_within(plan, restored, Memory::default())
}

/// The same, where so much memory is there for all.
fn cell_within(plan: RunPlan, restored: Option<Durable>, memory: Memory) -> Cell {
    let valid = Arc::new(validate(&plan.test).unwrap());
    let session = Session::new(&plan, restored);
    let config = SessionConfig {
        plan: Arc::new(plan),
        valid,
        whole: None,
        job: "checkout-1".into(),
        checkpoint: "checkout-1-checkpoint".into(),
        labels: Default::default(),
        owner: Default::default(),
        is_under_way: false,
    };
    let changes = tokio::sync::broadcast::channel(1).0;
    Cell::new(config, session, SharedRecord::default(), Arc::default(), Arc::new(memory), changes)
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

fn snapshot(cell: &Cell) -> SessionSnapshot {
    futures::executor::block_on(cell.snapshot())
}

fn counted(cell: &Cell) -> f64 {
    cell.lock_blocking().state().totals.metrics.count(names::HTTP_REQS, &Selector::default())
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
    assert_eq!(snapshot(&cell).foreign.as_deref(), Some("http_reqs of request \"ghost\""));
}

#[test]
fn the_record_of_the_target_begins_with_the_load_and_is_told_of_its_end() {
    let mut watched = plan(1, false);
    watched.test.target.workloads = vec![upsurge_crds::v1alpha1::Workload::from("checkout")];
    let cell = cell(watched);
    assert!(!snapshot(&cell).workload.has_begun());
    let mut last = delta(1, &reqs(), 2.0);
    let text = message(&[last.clone()]);
    receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    let seen = snapshot(&cell);
    let report = seen.workload.report(Timestamp::now()).unwrap();
    assert_eq!(Some(report.from), seen.t0);
    let is_over = |cell: &Cell| serde_json::to_value(&snapshot(cell).workload).unwrap()["ended"].is_string();
    assert!(!is_over(&cell));
    (last["number"], last["done"]) = (json!(2), json!("completed"));
    (last["fromMs"], last["toMs"]) = (json!(1_000), json!(2_000));
    let mut again: Value = serde_json::from_str(&message(&[last])).unwrap();
    again["start"] = json!(seen.t0.unwrap().as_nanosecond() as i64);
    receive(&cell, &pod(0), &Batch::read(Form::Json, again.to_string().as_bytes()).unwrap()).unwrap();
    assert!(is_over(&cell));
}

#[test]
fn what_was_recorded_of_the_target_counts_to_the_memory_of_its_run() {
    let cell = cell(plan(1, false));
    let say = |number: u64| {
        let mut delta = delta(number, &reqs(), 2.0);
        (delta["fromMs"], delta["toMs"]) = (json!((number - 1) * 1_000), json!(number * 1_000));
        let mut said: Value = serde_json::from_str(&message(&[delta])).unwrap();
        if let Some(start) = snapshot(&cell).t0 {
            said["start"] = json!(start.as_nanosecond() as i64);
        }
        receive(&cell, &pod(0), &Batch::read(Form::Json, said.to_string().as_bytes()).unwrap()).unwrap();
        cell.memory.taken(&cell.key)
    };
    let before = say(1);
    let begin = Timestamp::now();
    let pods = (0..2_000).map(|number| {
        let pod = format!("checkout-{number}-{}", "x".repeat(200));
        Event::live(begin, What::Pod { pod, life: Life::Ready })
    });
    cell.record.note(pods.collect());
    let taken = cell.record.bytes();
    assert!(taken > 2_000 * 200, "{taken}");
    assert!(say(2) >= before + taken - 1_000, "of {taken} bytes");
}

#[test]
fn a_run_that_watches_nothing_has_no_record() {
    let cell = cell(plan(1, false));
    let text = message(&[delta(1, &reqs(), 2.0)]);
    receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    assert!(snapshot(&cell).t0.is_some() && !snapshot(&cell).workload.has_begun());
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
    let mut state = cell.lock_blocking().state().clone();
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
    let Some(RunnerEnd::Failed { message, .. }) = snapshot(&cell).runners[0].end.clone() else {
        panic!("the runner goes on")
    };
    assert!(message.contains("http_reqs can't be -3e0"), "{message}");
    let mut good = delta(2, &reqs(), 3.0);
    good["done"] = json!("completed");
    let start = snapshot(&cell).t0.unwrap().as_nanosecond() as i64;
    let mut again: Value = serde_json::from_str(&self::message(&[good])).unwrap();
    again["start"] = json!(start);
    let text = again.to_string();
    receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    let end = snapshot(&cell).runners[0].end.clone();
    assert!(matches!(end, Some(RunnerEnd::Failed { .. })), "it got better: {end:?}");
}

#[test]
fn a_gap_is_no_reason_to_end_a_runner_and_time_does_not_run_backwards() {
    let cell = cell(plan(1, false));
    let text = message(&[delta(2, &reqs(), 2.0)]);
    let refusal = receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap_err();
    assert!(matches!(refusal, Refusal::Gap(_)));
    assert_eq!(snapshot(&cell).runners[0].end, None);
    let start = snapshot(&cell).t0.unwrap().as_nanosecond() as i64;
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

/// A distribution that is long in memory and short on the wire: each of its counts needs more than 16 bits.
fn wide() -> Trend {
    let mut wide = Trend::default();
    let times = (0..100_000_u64).step_by(20).chain((100_000..3_600_000_000).step_by(50_000));
    times.for_each(|time| wide.record_many(Duration::from_micros(time), 70_000));
    wide
}

fn of_runner(runner: u32, delta: Delta, start: i64) -> Vec<u8> {
    let batch = DeltaBatch {
        version: PROTOCOL_VERSION,
        runner,
        pod: pod(runner).name,
        epoch: 1,
        start,
        started_at: start,
        session: None,
        deltas: vec![delta],
    };
    batch.write(Form::Binary).unwrap()
}

fn sends(cell: &Cell, runner: u32, bytes: &[u8]) -> Result<Received, Refusal> {
    receive(cell, &pod(runner), &Batch::read(Form::Binary, bytes).unwrap())
}

#[test]
fn windows_that_a_second_runner_keeps_open_are_given_up_before_they_fill_the_memory() {
    let mut plan = plan(2, false);
    plan.test.thresholds = (1..=20)
        .map(|limit| json!({"metric": "http_req_duration", "condition": format!("max < {limit}s"), "window": "1s"}))
        .map(|threshold| serde_json::from_value(threshold).unwrap())
        .collect();
    let (cell, start, wide) = (cell(plan), now(), wide());
    let idle = Delta { number: 1, ..Delta::default() };
    sends(&cell, 1, &of_runner(1, idle, start)).unwrap();
    let before = ALLOCATED.current_usage();
    for number in 1..=20_u64 {
        let slice = |second: u64| Slice {
            from_ms: second * 1_000,
            to_ms: second * 1_000 + 1_000,
            durations: wide.clone(),
            windows: (0..20).map(|index| (index, Sink::Trend(wide.clone()))).collect(),
            ..Slice::default()
        };
        let second = (number - 1) * 2;
        let delta = Delta {
            number,
            from_ms: second * 1_000,
            to_ms: second * 1_000 + 2_000,
            slices: vec![slice(second), slice(second + 1)],
            ..Delta::default()
        };
        let message = of_runner(0, delta, start);
        sends(&cell, 0, &message).unwrap();
        assert!(cell.lock_blocking().figures() <= MOST_OF_ONE);
    }
    // Other tests allocate at the same time; without bounds it would be some 200 MiB.
    let kept = ALLOCATED.current_usage().saturating_sub(before);
    assert!(kept < 3 * MOST_OF_ONE, "{} MiB", kept >> 20);
    let seen = snapshot(&cell);
    let windowed = Windowed::of(&cell.config.plan.test);
    assert!(windowed.given_up(&seen.windows).count() > 0);
    assert_eq!(seen.runners[0].end, None, "the run goes on");
}

#[test]
fn one_series_that_all_thresholds_select_is_refused_before_it_is_copied_for_each() {
    let mut plan = plan(1, false);
    plan.test.tags = (0..8).map(|bit| (format!("tag{bit}"), "a".to_owned())).collect();
    let selector = |number: usize| {
        let tags = (0..8).filter(|bit| number >> bit & 1 == 1).map(|bit| (format!("tag{bit}"), json!("a")));
        json!({"tags": tags.collect::<Value>()})
    };
    plan.test.thresholds = (0..100)
        .map(|number| {
            json!({"metric": "http_req_duration", "condition": "max < 9", "selector": selector(2 * number + 1),
                   "ratioTo": {"selector": selector(2 * number + 2)}})
        })
        .map(|threshold| serde_json::from_value(threshold).unwrap())
        .collect();
    let custom = plan.test.tags.clone().into_iter().collect();
    let cell = cell(plan);
    let key = SeriesKey {
        metric: names::HTTP_REQ_DURATION.into(),
        tags: Tags { request: Some("seed".into()), custom, ..Tags::default() },
    };
    let mut delta = Delta { number: 1, to_ms: 1_000, ..Delta::default() };
    delta.metrics.add(key, &Sink::Trend(wide()));
    let message = of_runner(0, delta, now());
    let refusal = sends(&cell, 0, &message).unwrap_err();
    assert!(
        matches!(refusal, Refusal::Content { objection: Objection::Selected { number: 1, .. }, .. }),
        "{refusal}"
    );
    assert!(cell.lock_blocking().figures() < 1 << 20, "nothing of it was merged");
    let end = snapshot(&cell).runners[0].end.clone();
    assert!(matches!(end, Some(RunnerEnd::Failed { .. })), "{end:?}");
}

#[test]
fn what_a_message_has_too_much_of_is_left_for_the_next() {
    let (cell, start, wide) = (cell(plan(1, false)), now(), wide());
    let delta = |number: u64| {
        let key = SeriesKey {
            metric: names::HTTP_REQ_DURATION.into(),
            tags: Tags { request: Some("seed".into()), ..Tags::default() },
        };
        let slice = |part: u64| Slice {
            from_ms: number * 1_000 + part,
            to_ms: number * 1_000 + part,
            durations: wide.clone(),
            ..Slice::default()
        };
        let mut delta = Delta {
            number,
            from_ms: number * 1_000,
            to_ms: number * 1_000 + 1_000,
            slices: (0..90).map(slice).collect(),
            ..Delta::default()
        };
        delta.metrics.add(key, &Sink::Trend(wide.clone()));
        delta
    };
    let batch = DeltaBatch {
        version: PROTOCOL_VERSION,
        runner: 0,
        pod: pod(0).name,
        epoch: 1,
        start,
        started_at: start,
        session: None,
        deltas: (1..=6).map(delta).collect(),
    };
    let bytes = batch.write(Form::Binary).unwrap();
    let first = sends(&cell, 0, &bytes).unwrap().reply.received;
    assert!((1..6).contains(&first), "{first}");
    while sends(&cell, 0, &bytes).unwrap().reply.received < 6 {}
    let all =
        cell.lock_blocking().state().totals.metrics.trend(names::HTTP_REQ_DURATION, &Selector::default());
    assert_eq!(all.count(), 6 * wide.count(), "each of them once");
}

#[test]
fn a_run_whose_runners_are_silent_comes_down_to_its_share_too() {
    let cell = cell_within(plan(1, false), None, Memory::of(256 << 10));
    let text = message(&[delta(1, &reqs(), 2.0)]);
    receive(&cell, &pod(0), &Batch::read(Form::Json, text.as_bytes()).unwrap()).unwrap();
    assert!(!cell.is_above_its_share());
    for other in 0..1_000 {
        let other = crate::collector::RunKey::new("shop", format!("other-{other}"));
        cell.memory.enter(&other);
        cell.memory.note(&other, 4 << 10);
    }
    assert!(cell.is_above_its_share());
    cell.come_down();
    assert!(!cell.is_above_its_share(), "{} bytes", cell.memory.taken(&cell.key));
    let problem = snapshot(&cell).problem.expect("nothing that is left to give up is enough");
    assert!(problem.message.contains("of memory"), "{}", problem.message);
}
