// SPDX-License-Identifier: Apache-2.0
//! Runs from before the change of words: their copies of tests are read as what they meant.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_crds::{
    LoadTestRun, read,
    v1alpha1::Snapshot,
    words::{brought_up_to_date, is_old},
};

/// A spec as it was stored before, with a load.
fn old(load: Value) -> Value {
    json!({
        "target": {"baseUrl": "http://checkout:8080", "workload": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}},
        "http": {
            "insecureSkipTlsVerify": true, "version": "Http2", "blockIps": ["10.0.0.0/8"], "localIps": ["127.0.0.2"],
            "timeout": "10s"
        },
        "before": [{"request": {"url": "/", "generated": {"size": "1Mi", "kind": "Json"}}}],
        "after": [],
        "scenarios": [{
            "name": "pay", "weight": 1,
            "onStart": [{"group": {"name": "g", "steps": [{"request": {"url": "/", "multipart": [
                {"name": "a", "generated": {"size": "1Mi", "kind": "Json"}}]}}]}}],
            "steps": [
                {"request": {
                    "url": "/", "method": "GET",
                    "json": {"capture": [{"selector": "left", "attribute": "alone"}]},
                    "capture": [
                        {"name": "csrf", "selector": "input", "attribute": "value"},
                        {"name": "title", "selector": "h1", "match": "All"}
                    ],
                    "expect": [
                        {"selector": "a", "attribute": "href", "contains": "x"},
                        {"jsonPath": "$.a", "atLeast": 1.0, "lessThan": 2.5}
                    ]
                }},
                {"if": {"condition": "true", "then": [
                    {"loop": {"count": 2, "steps": [{"request": {"url": "/", "expect": [{"selector": "p", "exists": true}]}}]}}
                ]}}
            ]
        }],
        "load": load,
        "autoscaling": {
            "capacityPerReplica": 12.5, "expect": {"scaleUpWithin": "90s"}, "waitForIdle": {"timeout": "1m"}
        },
        "historyLimit": {"passed": 3, "failed": 7}
    })
}

/// The same in the words of today.
fn new(load: Value) -> Value {
    json!({
        "target": {"baseURL": "http://checkout:8080", "workloads": [{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout",
            "capacityPerReplica": "12.5", "expect": {"scaleUpWithin": "90s"}
        }]},
        "http": {
            "insecureSkipTLSVerify": true, "version": "HTTP2", "blockIPs": ["10.0.0.0/8"], "localIPs": ["127.0.0.2"],
            "timeout": "10s"
        },
        "before": [{"request": {"url": "/", "generated": {"size": "1Mi", "kind": "JSON"}}}],
        "after": [],
        "scenarios": [{
            "name": "pay", "weight": 1,
            "onStart": [{"group": {"name": "g", "steps": [{"request": {"url": "/", "multipart": [
                {"name": "a", "generated": {"size": "1Mi", "kind": "JSON"}}]}}]}}],
            "steps": [
                {"request": {
                    "url": "/", "method": "GET",
                    "json": {"capture": [{"selector": "left", "attribute": "alone"}]},
                    "capture": [
                        {"name": "csrf", "selector": {"css": "input", "attribute": "value"}},
                        {"name": "title", "selector": {"css": "h1"}, "match": "All"}
                    ],
                    "expect": [
                        {"selector": {"css": "a", "attribute": "href"}, "contains": "x"},
                        {"jsonPath": "$.a", "atLeast": 1, "lessThan": "2.5"}
                    ]
                }},
                {"if": {"condition": "true", "then": [
                    {"loop": {"count": 2, "steps": [{"request": {"url": "/", "expect": [{"selector": {"css": "p"}, "exists": true}]}}]}}
                ]}}
            ]
        }],
        "load": load,
        "autoscaling": {"waitForIdle": {"timeout": "1m"}},
        "history": {"passed": {"count": 3}, "notPassed": {"count": 7}}
    })
}

#[rstest]
#[case::constant(
    json!({"unit": "Users", "startLevel": 0.0, "constant": {"level": 20.0, "duration": "1m"}}),
    json!({"unit": "Users", "constant": {"level": 20, "duration": "1m"}})
)]
#[case::arrivals(
    json!({"unit": "IterationsPerSecond", "startLevel": 0.0, "arrivals": "Poisson", "seed": 3, "maxUsers": 50, "whenBusy": "Queue",
        "queueLimit": 9, "gracefulStop": "5s", "spike": {"baseline": 0.5, "peak": 20.0, "hold": "1m"}}),
    json!({"unit": "IterationsPerSecond",
        "arrivals": {"spread": "Poisson", "seed": 3, "maxUsers": 50, "whenBusy": "Queue", "queueLimit": 9},
        "gracefulStop": "5s", "spike": {"baseline": "0.5", "peak": 20, "hold": "1m"}})
)]
#[case::most_users_of_a_closed_model(
    json!({"unit": "Users", "maxUsers": 50, "constant": {"level": 2.0, "duration": "1m"}}),
    json!({"unit": "Users", "constant": {"level": 2, "duration": "1m"}})
)]
#[case::start_level(
    json!({"unit": "Users", "startLevel": 8.0, "stages": [
        {"duration": "1m", "target": 8.0, "jump": false}, {"name": "top", "duration": "1m", "target": 9.5, "jump": true}]}),
    json!({"unit": "Users", "stages": [
        {"name": "start", "duration": "0s", "target": 8},
        {"name": "stage-1", "duration": "1m", "target": 8, "jump": false},
        {"name": "top", "duration": "1m", "target": "9.5", "jump": true}]})
)]
#[case::working_day(
    json!({"unit": "Users", "pattern": {"name": "BusinessHours", "peak": 200.0, "duration": "100s"}}),
    json!({"unit": "Users", "stages": [
        {"name": "night", "duration": "15s", "target": 10, "jump": true},
        {"name": "morning", "duration": "15s", "target": 200, "jump": false},
        {"name": "forenoon", "duration": "20s", "target": 200, "jump": false},
        {"name": "lunch", "duration": "10s", "target": 120, "jump": true},
        {"name": "afternoon", "duration": "20s", "target": 180, "jump": true},
        {"name": "evening", "duration": "10s", "target": 40, "jump": false},
        {"name": "late", "duration": "10s", "target": 20, "jump": false}]})
)]
#[case::another_pattern(
    json!({"unit": "Users", "pattern": {"name": "BlackFriday", "peak": 2.5, "duration": "100s"}}),
    json!({"unit": "Users", "pattern": {"name": "BlackFriday", "peak": "2.5", "duration": "100s"}})
)]
#[case::volume(
    json!({"unit": "Users", "volume": {"iterations": 5, "users": 2}}),
    json!({"volume": {"iterations": 5, "users": 2}})
)]
#[case::executors(
    json!({"unit": "Users", "startLevel": 0.0, "executors": {
        "a": {"executor": "constant-arrival-rate", "rate": 2.5, "duration": "1m", "preAllocatedVUs": 3, "arrivals": "Poisson",
            "seed": 3, "whenBusy": "Queue", "queueLimit": 4, "exec": "pay", "startTime": "1s", "tags": {"a": "b"}},
        "b": {"executor": "ramping-vus", "stages": [{"duration": "1m", "target": 3.0, "jump": false}], "gracefulStop": "1s"}}}),
    json!({"executors": [
        {"name": "a", "exec": "pay", "startTime": "1s", "tags": {"a": "b"}, "constantArrivalRate": {"rate": "2.5",
            "duration": "1m", "preAllocatedVUs": 3,
            "arrivals": {"spread": "Poisson", "seed": 3, "whenBusy": "Queue", "queueLimit": 4}}},
        {"name": "b", "gracefulStop": "1s", "rampingVUs": {"stages": [{"duration": "1m", "target": 3, "jump": false}]}}]})
)]
fn an_old_spec_means_the_same_in_the_words_of_today(#[case] load: Value, #[case] today: Value) {
    assert!(is_old(&old(load.clone())) && !is_old(&new(today.clone())));
    assert_eq!(brought_up_to_date(old(load.clone())), new(today.clone()));
    let snapshot: Snapshot = serde_json::from_value(old(load)).unwrap();
    assert_eq!(snapshot.read().unwrap(), read::spec(&new(today)).unwrap());
}

#[test]
fn a_snapshot_is_written_as_it_was_read() {
    let load = json!({"unit": "Users", "constant": {"level": 20.0, "duration": "1m"}});
    let run = json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "metadata": {"name": "a"},
        "spec": {"loadTestRef": {"name": "a"}, "test": old(load), "abort": false}
    });
    let read: LoadTestRun = serde_json::from_value(run.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap()["spec"], run["spec"]);
}

#[rstest]
#[case::of_no_version(json!({"goal": 5}), "")]
#[case::of_another_one(json!({"target": {"baseUrl": "http://a"}, "load": {"wave": {}}, "scenarios": {}}), "scenarios")]
#[case::no_object(json!("a"), "")]
fn what_cannot_be_read_even_so_names_its_field(#[case] spec: Value, #[case] path: &str) {
    let snapshot: Snapshot = serde_json::from_value(spec).unwrap();
    assert_eq!(snapshot.read().unwrap_err().path, path);
}
