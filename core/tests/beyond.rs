// SPDX-License-Identifier: Apache-2.0
//! What is refused of availability, staircases, spikes and verification before a run, and how their loads look.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::{implied::with_thresholds, plan::Plan, validate::validate};
use upsurge_crds::LoadTestSpec;

fn spec(more: &Value) -> LoadTestSpec {
    let mut spec = json!({
        "target": {"baseURL": "http://shop"},
        "scenarios": [{"name": "a", "steps": [{"request": {"name": "get", "url": "/"}}]}],
        "load": {"constant": {"level": 1, "duration": "1m"}}
    });
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn refused(more: &Value) -> Vec<String> {
    let errors = validate(&spec(more)).err().unwrap_or_default();
    errors.into_iter().map(|error| format!("{}: {}", error.path, error.message)).collect()
}

fn stress(more: Value) -> Value {
    let mut stress = json!({"start": 10, "increment": 10, "every": "1m", "max": 40});
    for (field, value) in more.as_object().unwrap() {
        stress[field] = value.clone();
    }
    json!({"load": {"stress": stress}})
}

fn threshold(more: Value) -> Value {
    let mut threshold = json!({"metric": "availability", "condition": "rate >= 99%"});
    for (field, value) in more.as_object().unwrap() {
        threshold[field] = value.clone();
    }
    json!({"thresholds": [threshold]})
}

fn spikes(spikes: Value) -> Value {
    json!({"load": {"spike": {"baseline": 1, "spikes": spikes}}})
}

#[rstest]
#[case::availability(threshold(json!({})))]
#[case::of_a_request(threshold(json!({"selector": {"request": "get"}, "minSucceededPercent": 95})))]
#[case::in_k6s_form(threshold(json!({"metric": "availability{stage:constant}"})))]
#[case::a_staircase_that_goes_on(stress(json!({"brokenAt": {"errorRate": "5%"}, "degradation": {}, "recoverWithin": "1m"})))]
#[case::spikes(spikes(json!([{"name": "a", "peak": 9, "hold": "1m"}, {"name": "b", "peak": 5, "hold": "1m"}])))]
#[case::verified(json!({"verify": [{"request": {"url": "/?{{ run.iterations }}", "expect": [{"condition": "run.http_reqs > 0"}]}}]}))]
#[case::run_without_verify(json!({"variables": {"run": 1}}))]
fn what_can_be_judged_is_taken(#[case] more: Value) {
    assert_eq!(refused(&more), [""; 0]);
}

#[rstest]
#[case::a_window(threshold(json!({"window": "5s"})), "spec.thresholds[0].window: ")]
#[case::a_ratio(threshold(json!({"ratioTo": {"metric": "availability"}})), "spec.thresholds[0].ratioTo: ")]
#[case::a_ratio_to_it(
    threshold(json!({"metric": "http_req_failed", "ratioTo": {"metric": "availability"}})), "spec.thresholds[0].ratioTo: ")]
#[case::another_metric(
    threshold(json!({"metric": "checks", "minSucceededPercent": 95})), "spec.thresholds[0].minSucceededPercent: ")]
#[case::a_metric_of_that_name(json!({"metrics": [{"name": "availability", "type": "Rate"}]}), "spec.metrics[0].name: ")]
#[case::stop_and_go_on(
    stress(json!({"stopAt": {"errorRate": "5%"}, "brokenAt": {"errorRate": "5%"}})), "spec.load.stress: stopAt ends")]
#[case::degradation_of_nothing(stress(json!({"degradation": {}})), "spec.load.stress.degradation: needs brokenAt")]
#[case::recovery_from_nothing(stress(json!({"recoverWithin": "1m"})), "spec.load.stress.recoverWithin: needs brokenAt")]
#[case::broken_by_nothing(stress(json!({"brokenAt": {"errorRate": "0%"}})), "spec.load.stress.brokenAt.errorRate: ")]
#[case::broken_never(stress(json!({"brokenAt": {"errorRate": "101%"}})), "spec.load.stress.brokenAt.errorRate: ")]
#[case::too_many_steps(
    stress(json!({"max": 600, "brokenAt": {"errorRate": "5%"}})), "spec.load.stress.brokenAt: watches each step: at most 50, not 60")]
#[case::two_spikes_of_a_name(
    spikes(json!([{"name": "a", "peak": 9, "hold": "1m"}, {"name": "a", "peak": 5, "hold": "1m"}])), "two stages are named \"a-hold\"")]
#[case::no_spike(json!({"load": {"spike": {"baseline": 1}}}), "spec.load.spike: needs exactly one of peak and spikes")]
#[case::no_hold(json!({"load": {"spike": {"baseline": 1, "peak": 3}}}), "spec.load.spike.hold: is missing")]
#[case::hold_beside_spikes(
    json!({"load": {"spike": {"baseline": 1, "hold": "1m", "spikes": [{"name": "a", "peak": 9, "hold": "1m"}]}}}),
    "stand in each of spikes")]
#[case::a_variable_of_that_name(
    json!({"variables": {"run": 1}, "verify": [{"request": {"url": "/"}}]}), "spec.verify: \"run\" is the counters of the run")]
#[case::a_capture_of_that_name(
    json!({"verify": [{"request": {"url": "/", "capture": [{"name": "run", "jsonPath": "$.a"}]}}]}), "spec.verify: \"run\"")]
#[case::counters_before_the_load(
    json!({"before": [{"request": {"url": "/{{ run.iterations }}"}}]}), "spec.before[0].request.url: ")]
#[case::an_unknown_field(json!({"verify": [{"request": {"url": "/", "oops": 1}}]}), "spec.verify[0].request.oops: ")]
fn what_can_t_be_judged_is_refused(#[case] more: Value, #[case] expected: &str) {
    let refused = refused(&more);
    assert!(refused.iter().any(|one| one.contains(expected)), "{expected:?} is not among {refused:#?}");
}

#[test]
fn a_staircase_that_goes_on_falls_back_to_its_start_and_stops_nothing() {
    let spec = spec(&stress(json!({"brokenAt": {"errorRate": "5%"}, "recoverWithin": "1m"})));
    let timeline = Plan::compile(&spec.load, &[]).unwrap().timeline;
    let stages: Vec<(&str, u64, f64)> = timeline
        .stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage.duration.as_secs(), stage.from))
        .collect();
    let expected = [
        ("step-1", 60, 10.0),
        ("step-2", 60, 20.0),
        ("step-3", 60, 30.0),
        ("step-4", 60, 40.0),
        ("recovery", 91, 10.0),
    ];
    assert_eq!(stages, expected);
    assert_eq!(timeline.duration(), Duration::from_secs(331));
    assert_eq!(with_thresholds(spec.clone()), spec);
}
