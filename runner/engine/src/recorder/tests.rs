// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use upsurge_core::{
    metrics::{Selector, names::Kind},
    validate::{read_spec, validate},
};
use upsurge_http::timings::Timings;
use upsurge_system::files::Files;

use super::*;
use crate::program::{Point, Sources};

fn program() -> Arc<Program> {
    let spec = read_spec(&serde_json::json!({
        "target": {"baseURL": "http://127.0.0.1:9"},
        "scenarios": [{"name": "shop", "steps": [{"request": {"name": "buy", "method": "POST", "url": "/", "expect": [{"status": [200]}]}}]}],
        "load": {"unit": "Users", "stages": [
            {"name": "low", "duration": "1s", "target": 1},
            {"name": "high", "duration": "1s", "target": 2}
        ]}
    }))
    .unwrap();
    let valid = validate(&spec).unwrap();
    let (secrets, files, variables) = (BTreeMap::new(), Files::default(), serde_json::Map::new());
    let sources =
        Sources { valid: &valid, test: &spec, secrets: &secrets, files: &files, variables: &variables };
    let mut program = Program::scenarios(&sources).unwrap();
    program.stage_tags = vec![BTreeMap::from([("team".into(), "stage".into()), ("load".into(), "a".into())])];
    program.scenarios[0].tags = BTreeMap::from([("team".into(), "scenario".into())]);
    program.requests[0].tags = BTreeMap::from([("kind".into(), "write".into())]);
    program.points = [Kind::Counter, Kind::Gauge, Kind::Rate, Kind::Trend]
        .map(|kind| Point {
            is_counted: true,
            metric: format!("custom_{kind:?}").to_lowercase(),
            kind,
            scenario: 0,
            group: None,
            tags: BTreeMap::from([("kind".into(), "own".into())]),
        })
        .into();
    Arc::new(program)
}

fn sample(milliseconds: u64, status: u16) -> Sample<'static> {
    let mut timings = Timings::begin();
    timings.started = Some(timings.begun);
    timings.sent = Some(timings.begun);
    timings.answered = (status > 0).then(|| timings.begun + Duration::from_millis(milliseconds));
    timings.ended = timings.begun + Duration::from_millis(milliseconds + 1);
    let timings = Box::leak(Box::new(timings));
    Sample {
        timings,
        duration: timings.service(),
        response_time: timings.service(),
        failed: !(200..400).contains(&status),
        status,
        error: None,
        code: upsurge_http::code::of_status(status),
        traffic: (10, 20),
    }
}

fn filled(recorder: &Recorder, start: Instant) -> Metrics {
    let mut metrics = Metrics::default();
    recorder.fill(start, &mut metrics);
    metrics
}

#[test]
fn every_sample_is_found_by_each_of_its_tags_and_all_of_them_add_up() {
    let mut recorder = Recorder::new(&program());
    for (status, count) in [(200, 5), (404, 3), (0, 2), (302, 1)] {
        (0..count).for_each(|_| recorder.request(0, 0, &sample(u64::from(status) + 1, status)));
    }
    recorder.request(1, 0, &sample(7, 200));
    let metrics = filled(&recorder, Instant::now());
    let count = |selector: Selector| {
        let duration = metrics.trend(names::HTTP_REQ_DURATION, &selector).count();
        assert_eq!(duration as f64, metrics.count(names::HTTP_REQS, &selector));
        duration
    };
    let all = Selector::default;
    assert_eq!(count(all()), 12);
    assert_eq!(count(Selector { status: Some(200), ..all() }), 6);
    assert_eq!(count(Selector { status: Some(0), ..all() }), 2);
    assert_eq!(count(Selector { status: Some(200), stage: Some("high".into()), ..all() }), 1);
    assert_eq!(count(Selector { expected_response: Some(true), ..all() }), 7);
    assert_eq!(count(Selector { expected_response: Some(false), ..all() }), 5);
    assert_eq!(count(Selector { method: Some("POST".into()), ..all() }), 12);
    assert_eq!(count(Selector { method: Some("GET".into()), ..all() }), 0);
    let tagged = |name: &str, value: &str| Selector { tags: [(name.into(), value.into())].into(), ..all() };
    // A scenario's tag stands before that of the load, and the load's belongs to its stages only.
    assert_eq!(count(tagged("team", "scenario")), 12);
    assert_eq!(count(tagged("load", "a")), 11);
    assert_eq!(count(tagged("kind", "write")), 12);
    assert_eq!(metrics.rate(names::HTTP_REQ_FAILED, &all()), (5, 12));
    assert_eq!(metrics.count(names::DATA_RECEIVED, &all()), 240.0);
    // Without a response there is no first byte.
    assert_eq!(metrics.trend(names::HTTP_REQ_TTFB, &all()).count(), 10);
}

#[test]
fn what_went_wrong_is_told_apart_by_its_code_and_makes_no_other_series() {
    let mut recorder = Recorder::new(&program());
    recorder.request(0, 0, &sample(1, 200));
    (0..2).for_each(|_| recorder.request(0, 0, &sample(1, 503)));
    for (code, count) in [(1050, 3), (1212, 4)] {
        (0..count).for_each(|_| recorder.request(0, 0, &Sample { code, ..sample(1, 0) }));
    }
    let metrics = filled(&recorder, Instant::now());
    let count = |code: i32| {
        let selector = Selector { error_code: Some(code), ..Selector::default() };
        let failed = metrics.rate(names::HTTP_REQ_FAILED, &selector);
        assert_eq!(failed.0, failed.1, "{code}");
        (metrics.count(names::HTTP_REQS, &selector), failed.1)
    };
    assert_eq!([1503, 1050, 1212, 1404].map(count), [(2.0, 2), (3.0, 3), (4.0, 4), (0.0, 0)]);
    assert_eq!(metrics.select(names::HTTP_REQS, &Selector::default()).count(), 4);
}

#[test]
fn a_server_that_makes_up_statuses_does_not_make_the_recorder_grow() {
    let mut recorder = Recorder::new(&program());
    for status in 100..600 {
        recorder.request(0, 0, &sample(1, status));
    }
    let metrics = filled(&recorder, Instant::now());
    assert_eq!(metrics.count(names::HTTP_REQS, &Selector::default()), 500.0);
    assert_eq!(metrics.rate(names::HTTP_REQ_FAILED, &Selector::default()), (300, 500));
    let series = metrics.select(names::HTTP_REQS, &Selector::default()).count();
    assert!(series <= 18, "{series} series");
}

#[test]
fn what_is_cleared_is_gone_and_what_comes_next_is_whole() {
    let mut recorder = Recorder::new(&program());
    (0..3).for_each(|_| recorder.request(0, 0, &sample(5, 200)));
    recorder.request(0, 0, &sample(5, 500));
    (0..4).for_each(|point| recorder.custom(0, point, 1.0));
    recorder.clear();
    assert!(filled(&recorder, Instant::now()).is_empty());
    recorder.request(0, 0, &sample(9, 200));
    recorder.custom(0, 3, 4.0);
    let metrics = filled(&recorder, Instant::now());
    assert_eq!(metrics.trend(names::HTTP_REQ_DURATION, &Selector::default()).min(), 10.0);
    assert_eq!(metrics.select(names::HTTP_REQS, &Selector::default()).count(), 1);
    assert_eq!(metrics.trend("custom_trend", &Selector::default()).max(), 4.0);
    assert_eq!(metrics.sum("custom_counter", &Selector::default()), None);
}

#[test]
fn a_check_counts_also_when_its_request_was_collected_before_it() {
    let mut recorder = Recorder::new(&program());
    recorder.request(0, 0, &sample(5, 200));
    recorder.clear();
    recorder.check(0, 0, 0, true);
    let metrics = filled(&recorder, Instant::now());
    assert_eq!(metrics.rate(names::CHECKS, &Selector::default()), (1, 1));
    assert_eq!(metrics.select(names::HTTP_REQS, &Selector::default()).count(), 0);
    recorder.clear();
    assert!(filled(&recorder, Instant::now()).is_empty());
}

#[test]
fn custom_metrics_become_what_their_kind_says() {
    let start = Instant::now();
    let mut recorder = Recorder::new(&program());
    for value in [2.5, 0.0, 40.0, f64::NAN, f64::INFINITY, 1.25] {
        (0..4).for_each(|point| recorder.custom(0, point, value));
    }
    let metrics = filled(&recorder, start);
    let own = Selector { tags: [("kind".into(), "own".into())].into(), ..Selector::default() };
    assert_eq!(metrics.count("custom_counter", &own), 43.75);
    assert_eq!(metrics.rate("custom_rate", &own), (3, 4));
    match metrics.sum("custom_gauge", &own) {
        Some(Sink::Latest { value, min, max, .. }) => assert_eq!((value, min, max), (1.25, 0.0, 40.0)),
        other => panic!("{other:?}"),
    }
    let trend = metrics.trend("custom_trend", &own);
    assert_eq!((trend.count(), trend.min(), trend.max(), trend.mean()), (4, 0.0, 40.0, 10.9375));
}
