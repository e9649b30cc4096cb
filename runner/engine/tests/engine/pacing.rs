// SPDX-License-Identifier: Apache-2.0
//! When iterations start, and what becomes of those that can't.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::json;
use upsurge_core::{
    losses::LossKind,
    metrics::{Metrics, Selector, Trend},
    plan::schedule::Share,
};

use crate::{
    load::{config, run, run_until, spec, times},
    server::{self, Server},
};

fn constant(level: u32, duration: &str) -> serde_json::Value {
    json!({"unit": "IterationsPerSecond", "constant": {"level": level, "duration": duration}})
}

fn get(url: &str) -> serde_json::Value {
    json!([{"request": {"name": "get", "url": url}}])
}

#[test]
fn each_iteration_of_the_schedule_is_done_exactly_once() {
    let server = Server::simple();
    let outcome = run(config(spec(&server.url(), constant(200, "2s"), get("/i/{{ iteration }}"))));
    let mut numbers: Vec<u64> =
        server.targets().iter().map(|target| target.trim_start_matches("/i/").parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..400).collect::<Vec<u64>>());
    for metric in ["http_reqs", "iterations", "started_iterations"] {
        assert_eq!(outcome.count(metric), 400, "{metric}");
    }
    assert_eq!(outcome.count("dropped_iterations"), 0);
    assert_eq!(outcome.rate("http_req_failed"), (0, 400));
    assert_eq!((outcome.progress.started, outcome.progress.finished, outcome.progress.users), (400, 400, 0));
    let lag = outcome.metrics.trend("schedule_lag", &Selector::default());
    assert_eq!(lag.count(), 400);
    println!(
        "schedule lag: p50 {:.3} ms, p99 {:.3} ms, max {:.3} ms",
        lag.percentile(50.0),
        lag.percentile(99.0),
        lag.max()
    );
}

#[test]
fn three_engines_do_what_one_would_and_their_percentiles_merge_exactly() {
    let server = Server::start(|arrived| async move {
        let number: u64 = arrived.target.trim_start_matches("/i/").parse().unwrap();
        tokio::time::sleep(Duration::from_millis(number % 20)).await;
        server::json("{}")
    });
    let start = Instant::now() + Duration::from_millis(300);
    let parts: Vec<Metrics> = std::thread::scope(|scope| {
        let engines: Vec<_> = (0..3)
            .map(|index| {
                let mut config = config(spec(&server.url(), constant(100, "2s"), get("/i/{{ iteration }}")));
                (config.share, config.start) = (Share::new(index, 3), start);
                scope.spawn(move || run(config).metrics)
            })
            .collect();
        engines.into_iter().map(|engine| engine.join().unwrap()).collect()
    });
    let mut numbers = server.targets();
    numbers.sort();
    numbers.dedup();
    assert_eq!((numbers.len(), server.arrived().len()), (200, 200));

    let mut merged = Metrics::default();
    let mut union = BTreeMap::<u64, u64>::new();
    for part in &parts {
        merged.merge(part);
        let trend = part.trend("http_req_duration", &Selector::default());
        assert!((66..=67).contains(&trend.count()), "shares are even, but one has {}", trend.count());
        trend.buckets().for_each(|(value, count)| *union.entry(value).or_default() += count);
    }
    let trend: Trend = merged.trend("http_req_duration", &Selector::default());
    assert_eq!(trend.buckets().collect::<BTreeMap<u64, u64>>(), union);
    for percent in [50.0, 90.0, 99.0] {
        let rank = (percent / 100.0 * 200.0_f64).ceil() as u64;
        let mut seen = 0;
        let (expected, _) = union
            .iter()
            .find(|(_, count)| {
                seen += **count;
                seen >= rank
            })
            .unwrap();
        let expected = *expected as f64 / 1e3;
        assert!((trend.percentile(percent) - expected).abs() <= expected * 0.001, "p{percent}");
    }
}

#[test]
fn users_come_when_the_line_crosses_them_and_leave_at_the_end() {
    let server = Server::simple();
    let load = json!({"stages": [
        {"name": "up", "duration": "1s", "target": 4},
        {"name": "hold", "duration": "500ms", "target": 4},
    ], "gracefulStop": "2s"});
    let steps = json!([{"request": {"name": "get", "url": "/{{ user }}"}}, {"think": {"min": "20ms"}}]);
    let config = config(spec(&server.url(), load, steps));
    let start = config.start;
    let outcome = run(config);
    let mut first = BTreeMap::new();
    for arrived in server.arrived() {
        first.entry(arrived.target).or_insert(arrived.at);
    }
    assert_eq!(first.keys().collect::<Vec<_>>(), ["/1", "/2", "/3", "/4"]);
    for (number, at) in first.values().enumerate() {
        let due = start + Duration::from_millis(250 * number as u64);
        assert!(*at >= due, "user {} came {:?} early", number + 1, due - *at);
    }
    let last = server.arrived().last().unwrap().at;
    assert!(
        last < start + Duration::from_millis(1500) + Duration::from_secs(1),
        "users went on after the end"
    );
    assert_eq!(outcome.count("iterations"), outcome.count("started_iterations"));
    let in_stage = |stage: &str| {
        outcome.metrics.count("http_reqs", &Selector { stage: Some(stage.into()), ..Selector::default() })
    };
    assert!(in_stage("up") > 0.0 && in_stage("hold") > 0.0);
    assert_eq!(in_stage("up") + in_stage("hold"), outcome.count("http_reqs") as f64);
    assert_eq!(server.connections(), 4, "each user keeps one connection");
}

#[test]
fn iterations_without_a_free_user_are_dropped_and_counted() {
    let server = Server::start(|_| async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        server::json("{}")
    });
    let mut load = constant(20, "1s");
    load["arrivals"] = json!({"maxUsers": 2});
    let outcome = run(config(spec(&server.url(), load, get("/"))));
    let (started, dropped) = (outcome.count("started_iterations"), outcome.count("dropped_iterations"));
    assert_eq!(started + dropped, 20);
    assert!((2..=6).contains(&started), "two users at 0.4 s each can start 2 to 6 in 1 s, not {started}");
    assert_eq!(outcome.progress.dropped, dropped);
    assert_eq!(server.arrived().len() as u64, started);
}

#[test]
fn a_late_start_drops_what_was_missed_instead_of_bursting() {
    let server = Server::simple();
    let mut config = config(spec(&server.url(), constant(50, "3s"), get("/")));
    config.start = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    let outcome = run(config);
    let (started, dropped) = (outcome.count("started_iterations"), outcome.count("dropped_iterations"));
    assert_eq!(started + dropped, 150);
    assert!(dropped >= 37, "0.75 s of 50/s were missed, but only {dropped} dropped");
}

#[test]
fn a_freeze_of_the_target_shows_in_response_times_as_it_must() {
    // For 1 of 4 s no response leaves: 100 of 400 requests wait, evenly, from 0 to 1 s. So a share of
    // 0.25 × (1 − x) takes longer than x seconds.
    let begin = Instant::now() + Duration::from_secs(1);
    let server = Server::start(move |arrived| async move {
        let (from, to) = (begin + Duration::from_secs(1), begin + Duration::from_secs(2));
        if arrived.at >= from && arrived.at < to {
            tokio::time::sleep_until(to.into()).await;
        }
        server::json("{}")
    });
    let mut config = config(spec(&server.url(), constant(100, "4s"), get("/")));
    config.start = begin;
    let outcome = run(config);
    assert_eq!((outcome.count("http_reqs"), outcome.count("dropped_iterations")), (400, 0));
    for (percent, expected) in [(80.0, 200.0), (90.0, 600.0), (95.0, 800.0), (99.0, 960.0)] {
        for metric in ["http_req_response_time", "http_req_duration"] {
            let found = outcome.percentile(metric, percent);
            assert!((expected - 40.0..expected + 250.0).contains(&found), "{metric} p{percent}: {found} ms");
        }
    }
    assert!(outcome.percentile("http_req_duration", 50.0) < 100.0);
}

#[test]
fn a_step_that_starts_late_because_of_a_busy_user_does_not_hide_it() {
    // The second request is intended to start when the first one ends; with a pause, at its planned end.
    let server = Server::simple();
    let steps = json!([
        {"request": {"name": "one", "url": "/1"}}, {"think": {"min": "100ms"}}, {"request": {"name": "two", "url": "/2"}},
    ]);
    let outcome = run(config(spec(&server.url(), constant(10, "1s"), steps)));
    let trend = |metric: &str| {
        outcome.metrics.trend(metric, &Selector { request: Some("two".into()), ..Selector::default() })
    };
    assert_eq!(trend("http_req_response_time").count(), 10);
    assert!(trend("http_req_response_time").percentile(50.0) < 100.0, "the pause must not count");
    assert!(trend("http_req_response_time").min() >= trend("http_req_duration").min());
}

#[test]
fn iterations_under_way_at_the_end_may_finish_within_the_graceful_stop() {
    let server = Server::start(|_| async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        server::json("{}")
    });
    let load =
        |graceful: &str| json!({"constant": {"level": 2, "duration": "300ms"}, "gracefulStop": graceful});
    let finished = run(config(spec(&server.url(), load("20s"), get("/"))));
    assert_eq!((finished.count("started_iterations"), finished.count("iterations")), (2, 2));
    let cut = run(config(spec(&server.url(), load("50ms"), get("/"))));
    assert_eq!((cut.count("started_iterations"), cut.count("iterations")), (2, 0));
    assert!(cut.metrics.trend("iteration_duration", &Selector::default()).is_empty());
    let interrupted = |outcome: &crate::load::Outcome| {
        outcome
            .metrics
            .trend("http_req_interrupted", &Selector { request: Some("get".into()), ..Selector::default() })
    };
    assert!(interrupted(&finished).is_empty() && finished.losses.is_empty());
    let lost: Vec<_> = cut.losses.iter().collect();
    assert_eq!(cut.losses.total(), 2, "{lost:?}");
    for lost in lost {
        assert_eq!(lost.kind, LossKind::Unanswered);
        assert!(lost.begin.0 < 300 && lost.end.1 > 300, "under way when the load ended: {lost:?}");
    }
    let cut = interrupted(&cut);
    assert!(cut.count() == 2 && cut.min() >= 50.0, "{} requests, {} ms", cut.count(), cut.min());
}

#[test]
fn when_requests_without_a_listener_were_under_way_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = run(config(spec(&url, times(3), get("/"))));
    assert_eq!(outcome.count_of("request_errors", "refused"), 3);
    let lost: Vec<_> = outcome.losses.iter().collect();
    assert!(lost.iter().all(|lost| lost.kind == LossKind::Refused && lost.begin.0 <= lost.end.0), "{lost:?}");
    assert_eq!(outcome.losses.total(), 3);
}

#[test]
fn stopping_cuts_the_load_at_once_and_gracefully_lets_iterations_end() {
    let server = Server::start(|_| async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server::json("{}")
    });
    for graceful in [false, true] {
        let begun = Instant::now();
        let outcome = run_until(
            config(spec(&server.url(), json!({"constant": {"level": 3, "duration": "10m"}}), get("/"))),
            |engine, _| {
                let stop = engine.progress().started == 3;
                if stop {
                    engine.stop(graceful);
                }
                stop
            },
        );
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(outcome.count("started_iterations"), 3);
        assert_eq!(outcome.count("iterations"), if graceful { 3 } else { 0 });
        assert_eq!(outcome.progress.users, 0);
    }
}

#[test]
fn gauges_add_up_over_intervals() {
    let server = Server::simple();
    let load = json!({"constant": {"level": 5, "duration": "1s"}});
    let steps = json!([{"request": {"url": "/"}}, {"think": {"min": "10ms"}}]);
    let mut highest = 0.0_f64;
    let outcome = run_until(config(spec(&server.url(), load, steps)), |_, metrics| {
        if let Some(upsurge_core::metrics::Sink::Gauge { value, .. }) =
            metrics.sum("vus", &Selector::default())
        {
            highest = highest.max(value);
        }
        false
    });
    assert_eq!(highest, 5.0);
    match outcome.metrics.sum("vus", &Selector::default()) {
        Some(upsurge_core::metrics::Sink::Gauge { value, max, .. }) => assert_eq!((value, max), (0.0, 5.0)),
        other => panic!("{other:?}"),
    }
}
