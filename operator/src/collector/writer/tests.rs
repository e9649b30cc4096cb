// SPDX-License-Identifier: Apache-2.0
//! When checkpoints are written, what they cost, and when they end their run.

use std::sync::Mutex;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::json;
use upsurge_core::{
    metrics::{Selector, SeriesKey, Sink, Tags, Trend, names},
    protocol::{Delta, DeltaBatch, PROTOCOL_VERSION},
    validate::validate,
};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Event, Source, What},
};

use super::*;
use crate::{
    collector::{
        session::tests::{plan, pod},
        view::SessionConfig,
    },
    played::{Asked, failure, server},
    recording,
};

const REQUESTS: u64 = 150;
const RECORDS: u64 = 600;

fn config() -> SessionConfig {
    let plan = plan(1, false);
    let valid = Arc::new(validate(&plan.test).unwrap());
    let owner = OwnerReference { uid: plan.uid.clone(), ..OwnerReference::default() };
    SessionConfig {
        plan: Arc::new(plan),
        valid,
        whole: None,
        job: "checkout-1".into(),
        checkpoint: "checkout-1-checkpoint".into(),
        labels: Default::default(),
        owner,
        is_under_way: false,
    }
}

fn cell() -> Arc<Cell> {
    let (config, changes) = (config(), tokio::sync::broadcast::channel(1).0);
    let session = Session::new(&config.plan, None);
    let record = SharedRecord::default();
    Arc::new(Cell::new(config, session, record, Arc::default(), Arc::default(), changes))
}

/// An API server that keeps a checkpoint under an optimistic lock. It does not say so of the second version.
fn forgetful() -> kube::Client {
    let kept = Mutex::new((0, json!(null)));
    let answer = move |asked: &Asked| {
        let mut kept = kept.lock().unwrap();
        let said = &asked.body["metadata"]["resourceVersion"];
        match asked.method.as_str() {
            "GET" if kept.0 == 0 => failure(404, "NotFound"),
            "GET" => (200, kept.1.clone()),
            "PUT" if *said != json!(kept.0.to_string()) => failure(409, "Conflict"),
            _ => {
                *kept = (kept.0 + 1, asked.body.clone());
                kept.1["metadata"]["resourceVersion"] = json!(kept.0.to_string());
                if kept.0 == 2 { failure(504, "Timeout") } else { (200, kept.1.clone()) }
            }
        }
    };
    server(answer).0
}

async fn report(cell: &Cell, number: u64) {
    let batch = DeltaBatch {
        version: PROTOCOL_VERSION,
        runner: 0,
        pod: pod(0).name,
        epoch: 1,
        start: 0,
        started_at: 0,
        session: None,
        deltas: vec![Delta { number, ..Delta::default() }],
    };
    cell.speak(0, |session| session.deltas(&batch, &pod(0), 0)).await.unwrap();
}

#[tokio::test]
async fn a_write_that_was_carried_out_without_an_answer_is_no_other_operators() {
    let (cell, mut store) = (cell(), Store::new(forgetful(), &config()));
    store.load().await.unwrap();
    let session = cell.lock().await.clone();
    fence(&session, &cell.record, &mut store).await.unwrap();
    report(&cell, 1).await;
    let opened = cell.snapshot().await.opened_at;
    let mark = save(&cell, &mut store, &Budget::default()).await.unwrap().unwrap();
    cell.saved(&mark).await;
    let runner = cell.snapshot().await.runners.remove(0);
    assert_eq!((runner.received, runner.acknowledged), (1, 1));
    assert!(runner.last_seen.is_some(), "a runner that was heard a moment ago has not been silent");
    let number = cell.lock().await.number();
    assert_eq!((number, cell.snapshot().await.opened_at), (1, opened));
}

#[tokio::test]
async fn after_another_operator_wrote_nobody_counts_as_silent() {
    let (cell, client) = (cell(), forgetful());
    let mut store = Store::new(client.clone(), &config());
    store.load().await.unwrap();
    let session = cell.lock().await.clone();
    fence(&session, &cell.record, &mut store).await.unwrap();
    report(&cell, 1).await;
    let opened = cell.snapshot().await.opened_at;
    let mut other = Store::new(client, &config());
    let restored = unpacked(other.load().await.unwrap()).await.unwrap().unwrap().0;
    let session = Session::new(&config().plan, Some(restored));
    // The second version is kept, and the third takes its place.
    fence(&session, &cell.record, &mut other).await.unwrap_err();
    assert!(save(&cell, &mut store, &Budget::default()).await.unwrap().is_none());
    let snapshot = cell.snapshot().await;
    assert_eq!(
        (cell.lock().await.number(), snapshot.runners[0].received),
        (3, 0),
        "the runner sends it again"
    );
    assert!(snapshot.opened_at > opened && snapshot.runners[0].last_seen.is_none());
}

#[test]
fn what_is_refused_for_long_ends_the_run_and_what_is_not_answered_does_not() {
    let (mut refused, begin) = (Refused::default(), Instant::now());
    let at = |seconds| begin + Duration::from_secs(seconds);
    for (second, is_lasting, is_for_good) in [
        (0, true, false),
        (59, true, false),
        (60, true, true),
        (61, false, false),
        (62, true, false),
        (122, true, true),
    ] {
        assert_eq!(refused.is_for_good(is_lasting, at(second)), is_for_good, "after {second} s");
    }
}

#[tokio::test]
async fn a_checkpoint_that_is_refused_again_and_again_is_paid_for_once() {
    let (cell, budget) = (cell(), Arc::new(Budget::default()));
    budget.enter(&cell.key);
    report(&cell, 1).await;
    let paid = Arc::new(Mutex::new(Vec::new()));
    let (noted, of, key) = (paid.clone(), budget.clone(), cell.key.clone());
    let answer = move |asked: &Asked| {
        if asked.method == "GET" {
            return failure(404, "NotFound");
        }
        noted.lock().unwrap().push(of.written(&key));
        failure(422, "Invalid")
    };
    let mut store = Store::new(server(answer).0, &config());
    let saving = save(&cell, &mut store, &budget);
    let tried = async {
        while paid.lock().unwrap().len() < 3 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = saving => panic!("it was not refused"),
        tried = tokio::time::timeout(Duration::from_secs(60), tried) => tried.expect("it is tried again"),
    }
    let paid = paid.lock().unwrap();
    assert!(paid[0].is_some() && paid.iter().all(|at| *at == paid[0]), "{paid:?}");
}

#[tokio::test]
async fn what_fits_into_no_checkpoint_ends_its_run_and_costs_others_nothing() {
    let (mut config, changes) = (config(), tokio::sync::broadcast::channel(1).0);
    let mut plan = (*config.plan).clone();
    plan.test.thresholds = (200..280)
        .map(|status| {
            let selector = json!({"status": status});
            let threshold =
                json!({"metric": names::HTTP_REQ_DURATION, "condition": "max < 9s", "selector": selector});
            serde_json::from_value(threshold).unwrap()
        })
        .collect();
    config.plan = Arc::new(plan);
    let session = Session::new(&config.plan, None);
    let cell =
        Cell::new(config.clone(), session, SharedRecord::default(), Arc::default(), Arc::default(), changes);
    let cell = Arc::new(cell);
    // Counts of which none tells the next.
    let (mut seed, mut delta) = (7_u64, Delta { number: 1, to_ms: 1_000, ..Delta::default() });
    for status in 200..280 {
        let mut trend = Trend::default();
        for time in (0..3_600_000_000_u64).step_by(400_000) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            trend.record_many(Duration::from_micros(time), seed >> 32);
        }
        let tags = Tags { request: Some("seed".into()), status: Some(status), ..Tags::default() };
        let key = SeriesKey { metric: names::HTTP_REQ_DURATION.into(), tags };
        delta.metrics.add(key, &Sink::Trend(trend));
    }
    let batch = DeltaBatch {
        version: PROTOCOL_VERSION,
        runner: 0,
        pod: pod(0).name,
        epoch: 1,
        start: 0,
        started_at: 0,
        session: None,
        deltas: vec![delta],
    };
    cell.speak(0, |session| session.deltas(&batch, &pod(0), 0)).await.unwrap();
    let budget = Arc::new(Budget::default());
    budget.enter(&cell.key);
    let store = Store::new(forgetful(), &config);
    let writing = tokio::spawn(write(cell.clone(), store, budget.clone()));
    let ended = async {
        while cell.snapshot().await.problem.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), ended).await.expect("the run ends");
    writing.abort();
    let snapshot = cell.snapshot().await;
    let problem = snapshot.problem.unwrap();
    assert_eq!(problem.reason, reasons::CHECKPOINT_TOO_LARGE);
    assert!(problem.message.contains("thresholds on parts"), "{}", problem.message);
    assert_eq!(snapshot.stop, Some(problem.message));
    assert_eq!(budget.written(&cell.key), None, "nothing was written");
    let other = crate::collector::view::RunKey::new("shop", "other");
    budget.enter(&other);
    let turn = tokio::time::timeout(Duration::from_secs(60), budget.turn(&other));
    turn.await.expect("others have their turn");
}

#[tokio::test]
async fn a_record_of_the_target_that_leaves_no_room_is_left_out_and_costs_no_figure() {
    let lost = Event::live(Timestamp::now(), What::Lost { source: Source::Pods, message: "PLACE".into() });
    let mut record = recording::recorded(None, Demand::None);
    record.note(vec![lost]);
    let mut seed = 7_u64;
    let noise = (0..MOST_BYTES / 4).map(|_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{seed:016x}")
    });
    // As no observer tells it: what a log takes in is short.
    let text = serde_json::to_string(&record.kept(Timestamp::now())).unwrap();
    let text = text.replace("PLACE", &noise.collect::<String>());
    let record = recording::recorded(serde_json::from_str(&text).unwrap(), Demand::None);
    let (config, changes) = (config(), tokio::sync::broadcast::channel(1).0);
    let record = SharedRecord::new(record);
    let session = Session::new(&config.plan, None);
    let cell = Arc::new(Cell::new(config, session, record, Arc::default(), Arc::default(), changes));
    report(&cell, 1).await;
    let (_, bytes) = packed(&cell).await.unwrap();
    let (session, record) = unpack(&bytes).unwrap();
    assert!(bytes.len() <= MOST_BYTES && record.is_none());
    assert_eq!(session.runners[0].received, 1, "what the runner said is kept");
}

/// Times without any order, so that they don't compress well.
fn noise(seed: &mut u64) -> Trend {
    let mut trend = Trend::default();
    for _ in 0..RECORDS {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        trend.record(Duration::from_micros((*seed >> 40) % 900_000));
    }
    trend
}

#[tokio::test]
async fn a_checkpoint_that_grows_too_large_gives_up_the_finest_tags_and_no_request() {
    let cell = cell();
    let (mut seed, mut delta) = (7, Delta { number: 1, to_ms: 1_000, ..Delta::default() });
    for stage in ["warm-up", "ramp-up", "hold"] {
        for request in 0..REQUESTS {
            let tags = Tags {
                stage: Some(stage.into()),
                request: Some(format!("request {request}")),
                ..Tags::default()
            };
            for metric in [
                names::HTTP_REQ_DURATION,
                names::HTTP_REQ_BLOCKED,
                names::HTTP_REQ_WAITING,
                names::HTTP_REQ_RECEIVING,
                names::HTTP_REQ_SENDING,
            ] {
                let key = SeriesKey { metric: metric.into(), tags: tags.clone() };
                delta.metrics.add(key, &Sink::Trend(noise(&mut seed)));
            }
        }
    }
    let batch = DeltaBatch {
        version: PROTOCOL_VERSION,
        runner: 0,
        pod: pod(0).name,
        epoch: 1,
        start: 0,
        started_at: 0,
        session: None,
        deltas: vec![delta],
    };
    cell.speak(0, |session| session.deltas(&batch, &pod(0), 0)).await.unwrap();
    let before = cell.lock().await.state().totals.metrics.len();
    let (mark, bytes) = packed(&cell).await.unwrap();
    assert!(bytes.len() <= MOST_BYTES, "{} bytes", bytes.len());
    assert!(cell.lock().await.mark() == mark, "what was packed is what there is");
    let totals = unpack(&bytes).unwrap().0.totals;
    assert!(totals.folded > 0 && totals.metrics.len() < before, "{} bytes without folding", bytes.len());
    let requests = totals.metrics.trend(names::HTTP_REQ_DURATION, &Selector::default()).count();
    assert_eq!(requests, 3 * REQUESTS * RECORDS);
    let hold = Selector { stage: Some("hold".into()), ..Selector::default() };
    assert_eq!(totals.metrics.trend(names::HTTP_REQ_DURATION, &hold).count(), REQUESTS * RECORDS);
}
