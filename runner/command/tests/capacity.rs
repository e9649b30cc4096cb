// SPDX-License-Identifier: Apache-2.0
//! A search for a capacity: the real binary, against the real target, on loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use processes::{Upsurge, scratch, start_target};
use serde_json::{Value, json};

/// A search in levels of 20, 30, 45, 67.5 and 80 iterations per second.
fn manifest(more: &Value) -> String {
    let mut spec = json!({
        "target": {"baseURL": "http://127.0.0.1:9"},
        "scenarios": [{"name": "browse", "steps": [{"request": {"name": "item", "url": "/"}}]}],
        "load": {
            "capacity": {"find": "MaxRate", "from": 20, "to": 80, "within": 50, "repeats": 1, "measure": "1s"},
            "gracefulStop": "1s"
        },
        "thresholds": [{"metric": "http_req_failed", "condition": "rate < 5%"}],
        // What is asked here is whether the answer is right, on a machine that is busy with other tests.
        "runner": {"maxLag": "2s"}
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let test = json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": "shop"}, "spec": spec
    });
    serde_json::to_string_pretty(&test).unwrap()
}

/// Two requests at a time, of 55 ms each: 36 in a second.
const CARRIES_36: &str = "{latency: {fixed: 55ms}, concurrencyLimit: {max: 2, overflow: reject}}";

#[test]
fn a_search_says_what_the_target_carries_probe_by_probe() {
    let target = start_target(Some(CARRIES_36), &[]);
    let file = scratch("capacity.json", &manifest(&json!({})));
    let result = file.with_extension("result");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--plain", "--json"]).arg(&result).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let result: Value = serde_json::from_str(&std::fs::read_to_string(&result).unwrap()).unwrap();
    let capacity = &result["capacity"];
    assert_eq!((&capacity["level"], &capacity["failedLevel"]), (&json!("30"), &json!("45")), "{ended:?}");
    assert_eq!(capacity["limit"], "http_req_failed{stage:measure} rate < 5%");
    let told: Vec<(&str, &str)> = result["epochs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|probe| (probe["level"].as_str().unwrap(), probe["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("20", "Passed"), ("30", "Passed"), ("45", "Failed")]);
    assert_eq!((&result["reason"], &result["verdict"]), (&json!("CapacityFound"), &json!("Passed")));
    // The figures beside it are those of the probe at the capacity.
    let rate = result["summary"]["requestsPerSecond"].as_f64().unwrap();
    assert!((27.0..=33.0).contains(&rate), "{rate}");
    for (number, line) in
        ["20 iterations/s passed", "30 iterations/s passed", "45 iterations/s failed"].iter().enumerate()
    {
        let line = format!("probe {}: {line}", number + 1);
        assert!(ended.stderr.contains(&line) && ended.stdout.contains(&line), "{line:?} in {ended:?}");
    }
    assert!(ended.stdout.contains("the target carries 30 iterations/s and not 45"), "{}", ended.stdout);
}

#[test]
fn a_target_that_does_not_carry_the_lowest_rate_fails() {
    let target = start_target(Some("errorRate: 1"), &[]);
    let file = scratch("too-low.json", &manifest(&json!({})));
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--plain"]).end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stdout.contains("Failed (CapacityTooLow): the target does not carry 20 iterations/s"),
        "{ended:?}"
    );
}

#[test]
fn a_search_without_thresholds_is_refused_and_says_what_it_needs() {
    let file = scratch("no-thresholds.json", &manifest(&json!({"thresholds": []})));
    let ended = Upsurge::command("validate").arg(&file).end();
    assert_ne!(ended.code, 0);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("spec.thresholds: spec.load.capacity needs a threshold"), "{said}");
}

#[test]
fn a_course_of_one_load_is_not_written_of_many() {
    let file = scratch("csv.json", &manifest(&json!({})));
    let ended = Upsurge::run(&file).args(["--csv", "/dev/null"]).end();
    assert!(ended.stderr.contains("--csv writes the course of one load"), "{ended:?}");
}

#[test]
fn replicas_are_set_by_the_operator_only() {
    let fewest = json!({
        "load": {"capacity": {"find": "MinReplicas", "rate": 20, "from": 1, "to": 4, "measure": "1s"}},
        "target": {"baseURL": "http://127.0.0.1:9", "workloads": [{"name": "checkout"}]}
    });
    let file = scratch("fewest.json", &manifest(&fewest));
    let valid = Upsurge::command("validate").arg(&file).end();
    assert!(valid.stdout.contains("a search from 1 to 4 replicas at 20 iterations/s"), "{valid:?}");
    let ended = Upsurge::run(&file).args(["--plain"]).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("which only the operator does"), "{ended:?}");
}

#[test]
fn sizes_of_pods_are_compared_by_the_operator_only() {
    let sizes = json!([
        {"name": "small", "requests": {"cpu": "500m"}},
        {"name": "large", "requests": {"cpu": "2"}},
    ]);
    let compared = json!({
        "load": {"scalability": {"sizes": {"sizes": sizes, "level": 40, "measure": "1s"}}},
        "target": {"baseURL": "http://127.0.0.1:9", "workloads": [{"name": "checkout"}]}
    });
    let file = scratch("sizes.json", &manifest(&compared));
    let valid = Upsurge::command("validate").arg(&file).end();
    let told =
        "small, large with 40 users, 3 measurements of each size by 1s; the operator sets the size of pods";
    assert!(valid.stdout.contains(told), "{valid:?}");
    assert!(valid.stdout.contains("the others have other sizes of pods"), "{valid:?}");
    let ended = Upsurge::run(&file).args(["--plain"]).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(
        ended.stderr.contains("spec.load.scalability.sizes sets the size of the target's pods"),
        "{ended:?}"
    );
}

#[test]
fn counts_of_replicas_are_compared_by_the_operator_only() {
    let compared = json!({
        "load": {"scalability": {"replicas": {"counts": [1, 2, 4], "levelPerReplica": 5, "measure": "1s"}}},
        "target": {"baseURL": "http://127.0.0.1:9", "workloads": [{"name": "checkout"}]}
    });
    let file = scratch("scalability.json", &manifest(&compared));
    let valid = Upsurge::command("validate").arg(&file).end();
    let told = "1, 2, 4 replicas with 5 users each, 3 measurements of each count by 1s; the operator sets the replicas";
    assert!(valid.stdout.contains(told), "{valid:?}");
    let ended = Upsurge::run(&file).args(["--plain"]).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("spec.load.scalability sets the replicas of the target"), "{ended:?}");
}
