// SPDX-License-Identifier: Apache-2.0
//! Staircases, spikes and what is verified after them: the real binary, against a target whose breaking point is scripted.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use processes::{Ended, Target, Upsurge, scratch, start_target};
use rstest::rstest;
use serde_json::{Value, json};

/// Ten requests at a time that take 20 ms each are 500 per second; those beyond are turned away with 503.
const REJECTS: &str = "{latency: {fixed: 20ms}, concurrencyLimit: {max: 10, overflow: reject}}";
/// What the target can bear, in requests per second.
const CAPACITY: f64 = 500.0;

fn manifest(name: &str, spec: Value) -> std::path::PathBuf {
    let mut whole = json!({
        "target": {"baseURL": "http://127.0.0.1:9"},
        "scenarios": [{"name": "main", "steps": [{"request": {"name": "ask", "url": "/ask"}}]}]
    });
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    let test = json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": name}, "spec": whole});
    scratch(&format!("{name}.json"), &test.to_string())
}

/// Runs a test against a target; how it ended, and its result.
fn run(name: &str, target: &Target, spec: Value) -> (Ended, Value) {
    let file = manifest(name, spec);
    let result = file.with_extension("result");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--json"]).arg(&result).end();
    let result = std::fs::read_to_string(&result).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended, serde_json::from_str(&result).unwrap())
}

fn staircase(every: &str, more: Value) -> Value {
    let mut stress =
        json!({"start": 100, "increment": 100, "max": 1000, "every": every, "brokenAt": {"errorRate": "5%"}});
    for (field, value) in more.as_object().unwrap() {
        stress[field] = value.clone();
    }
    json!({"unit": "IterationsPerSecond", "stress": stress, "arrivals": {"maxUsers": 2000}})
}

fn broke_at(result: &Value) -> f64 {
    let level = &result["stress"]["breakingPoint"]["level"];
    level.as_str().unwrap_or_else(|| panic!("no breaking point: {result:#}")).parse().unwrap()
}

/// A line of the result: passed, failed or undecided.
fn line(result: &Value, name: &str) -> &'static str {
    let lines = result["stress"]["expectations"].as_array().unwrap();
    let found =
        lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("no {name}: {result:#}"));
    match (found["passed"] == true, found["undecided"] == true) {
        (true, _) => "passed",
        (false, true) => "undecided",
        (false, false) => "failed",
    }
}

#[test]
fn the_scripted_breaking_point_is_found_within_one_increment() {
    let target = start_target(Some(REJECTS), &[]);
    let (ended, result) = run("breaks", &target, json!({"load": staircase("150ms", json!({}))}));
    let broke = broke_at(&result);
    assert!((broke - CAPACITY).abs() <= 100.0, "{broke}: {ended:?}");
    assert_eq!(result["stress"]["expectations"], Value::Null, "nothing was asked for: {ended:?}");
}

#[test]
#[ignore = "takes a minute: recovery is watched for 30 seconds"]
fn a_target_that_turns_requests_away_breaks_with_grace_and_recovers() {
    let target = start_target(Some(REJECTS), &[]);
    let load = staircase("2s", json!({"degradation": {}, "recoverWithin": "5s"}));
    let thresholds = json!([
        {"metric": "http_req_duration", "selector": {"stage": "recovery"}, "condition": "p(95) < 200ms"}
    ]);
    let (ended, result) = run("grace", &target, json!({"load": load, "thresholds": thresholds}));
    assert!((broke_at(&result) - CAPACITY).abs() <= 100.0, "{ended:?}");
    for name in ["minGoodPercent", "minAnsweredPercent", "recoverWithin"] {
        assert_eq!(line(&result, name), "passed", "{name}: {ended:?}");
    }
    let message = result["stress"]["message"].as_str().unwrap();
    assert!(message.contains("was not watched"), "{message}");
    // As high as it has to be, and no higher.
    let last = (broke_at(&result) * 1.5 / 100.0).ceil();
    assert_eq!(result["stress"]["turnedBackAfter"], json!(format!("step-{last}")), "{ended:?}");
    let steps: Vec<&str> =
        result["stages"].as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!((steps.len(), steps.last()), (last as usize + 1, Some(&"recovery")), "{ended:?}");
    assert!(ended.stdout.contains("recoverWithin 5s"), "{ended:?}");
}

#[test]
fn a_load_turns_back_where_nothing_higher_is_to_be_judged() {
    let target = start_target(Some(REJECTS), &[]);
    let (ended, result) = run("turns", &target, json!({"load": staircase("1s", json!({"max": 5_000}))}));
    let last = (broke_at(&result) * 1.5 / 100.0).ceil();
    assert_eq!(result["stress"]["turnedBackAfter"], json!(format!("step-{last}")), "{ended:?}");
    assert_eq!(result["stages"].as_array().unwrap().len(), last as usize, "{ended:?}");
    let seconds = result["durationSeconds"].as_f64().unwrap();
    assert!(seconds < last + 3.0, "{seconds} s: {ended:?}");
    assert_eq!(result["generator"]["healthy"], true, "it did all that was asked for: {ended:?}");
}

#[rstest]
#[case::as_many_as_were_confirmed("orders == run.confirmed", 0, "Passed", "ThresholdsMet")]
#[case::not_as_many("orders == run.confirmed + 1", 1, "Failed", "VerificationFailed")]
fn what_verify_expects_decides_the_verdict(
    #[case] condition: &str,
    #[case] code: i32,
    #[case] verdict: &str,
    #[case] reason: &str,
) {
    let target = start_target(Some("routes: [{path: /order}]"), &[]);
    let spec = json!({
        "metrics": [{"name": "confirmed", "type": "Counter"}],
        "scenarios": [{"name": "order", "steps": [
            {"request": {"name": "order", "url": "/order"}}, {"record": {"metric": "confirmed"}}
        ]}],
        "load": {"executors": [{"name": "all", "sharedIterations": {"vus": 2, "iterations": 40}}]},
        "verify": [{"request": {"name": "count orders", "url": "/__stats",
            "capture": [{"name": "orders", "jsonPath": "$.routes[0].received"}], "expect": [{"condition": condition}]}}],
        // Done all the same, and later.
        "after": [{"request": {"url": "/order"}}]
    });
    let (ended, result) = run(&format!("verify-{code}"), &target, spec);
    assert_eq!(ended.code, code, "{ended:?}");
    assert_eq!((&result["verdict"], &result["reason"]), (&json!(verdict), &json!(reason)), "{ended:?}");
    assert_eq!(result["verification"]["passed"], code == 0, "{ended:?}");
    if code != 0 {
        let message = result["message"].as_str().unwrap();
        assert!(
            message.contains("spec.verify: request \"count orders\": expected that orders == "),
            "{message}"
        );
    }
    assert_eq!(target.stats()["routes"][0]["received"], 41);
}

#[test]
fn latency_over_a_soak_is_judged_and_a_short_one_says_so() {
    let target = start_target(Some("{latency: {fixed: 1ms}}"), &[]);
    let soak = json!({"level": 20, "duration": "3s", "maxLatencyGrowthPercentPerHour": 10});
    let (ended, result) =
        run("soak", &target, json!({"load": {"unit": "IterationsPerSecond", "soak": soak}}));
    assert_eq!((ended.code, &result["reason"]), (3, &json!("LatencyGrowthUnknown")), "{ended:?}");
    let line = &result["soak"]["expectations"][0];
    assert_eq!((&line["name"], &line["undecided"]), (&json!("maxLatencyGrowthPercentPerHour"), &json!(true)));
    assert_eq!(result["notJudged"], json!([]));
    assert!(ended.stdout.contains("? maxLatencyGrowthPercentPerHour 10%"), "{ended:?}");
}

#[test]
fn each_spike_has_a_line_and_seconds_are_counted() {
    let target = start_target(Some("{latency: {fixed: 1ms}}"), &[]);
    let spec = json!({
        "load": {"unit": "IterationsPerSecond", "spike": {"baseline": 20, "spikes": [
            {"name": "first", "peak": 100, "hold": "500ms", "recovery": "500ms"}, {"name": "second", "peak": 60, "hold": "1s"}
        ]}},
        "thresholds": [
            {"metric": "http_req_duration", "condition": "p(95) < 10s"},
            {"metric": "http_req_failed", "selector": {"stage": "second-hold"}, "condition": "rate < 1%"},
            {"metric": "availability", "condition": "rate == 100%"}
        ]
    });
    let (ended, result) = run("spikes", &target, spec);
    let spikes = result["spikes"].as_array().unwrap();
    let names: Vec<&str> = spikes.iter().map(|spike| spike["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["first", "second"], "{ended:?}");
    assert!(spikes.iter().all(|spike| spike["passed"] == true), "{ended:?}");
    assert_eq!((&spikes[0]["requests"], &spikes[1]["requests"]), (&json!(60), &json!(60)), "{ended:?}");
    let availability = &result["thresholds"][2];
    assert_eq!(
        (&availability["observed"], &availability["passed"]),
        (&json!("100%"), &json!(true)),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("spike first"), "{ended:?}");
}
