// SPDX-License-Identifier: Apache-2.0
//! Whether the load may start on a target.

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::autoscaling::Autoscaler;

use super::*;
use crate::load_test_run::fixtures::run;

fn hpa(active: &str) -> Option<FoundAutoscaler> {
    let condition = json!({"type": "ScalingActive", "status": active, "reason": "FailedGetResourceMetric", "message": "no metrics"});
    let hpa = json!({
        "metadata": {"name": "checkout"},
        "spec": {"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "checkout"}},
        "status": {"desiredReplicas": 1, "conditions": [condition]}
    });
    let autoscaler = Autoscaler {
        kind: "HorizontalPodAutoscaler".into(),
        name: "checkout".into(),
        min_replicas: 1,
        max_replicas: 5,
    };
    Some(FoundAutoscaler { autoscaler, hpa: serde_json::from_value(hpa).unwrap() })
}

fn at(replicas: i32) -> Result<Scale, String> {
    Ok(Scale { desired: replicas, current: replicas, selector: "app=checkout".into() })
}

fn judged(
    asked: Value,
    scale: Result<Scale, String>,
    autoscaler: Option<FoundAutoscaler>,
    waited: u64,
) -> Result<(), Obstacle> {
    let mut more =
        json!({"target": {"baseURL": "http://checkout:8080", "workloads": [{"name": "checkout"}]}});
    if let Some(expect) = asked.get("expect") {
        more["target"]["workloads"][0]["expect"] = expect.clone();
    }
    if let Some(wait) = asked.get("waitForIdle") {
        more["autoscaling"] = json!({"waitForIdle": wait});
    }
    let run = run(&more);
    target(
        &run.spec.test.unwrap().read().unwrap(),
        &Target { scale, autoscaler },
        Duration::from_secs(waited),
    )
}

fn idle() -> Value {
    json!({"waitForIdle": {"timeout": "10m"}})
}

#[rstest]
#[case::nothing_is_asked(json!({}), at(3), None)]
#[case::no_autoscaler_to_wait_for(idle(), at(3), None)]
#[case::quiet(idle(), at(1), hpa("True"))]
#[case::busy_but_nobody_waits(json!({"expect": {"minPeakReplicas": 2}}), at(3), hpa("True"))]
#[case::expectations_without_any(json!({"expect": {}}), at(3), None)]
fn the_load_starts(
    #[case] asked: Value,
    #[case] scale: Result<Scale, String>,
    #[case] hpa: Option<FoundAutoscaler>,
) {
    assert_eq!(judged(asked, scale, hpa, 0), Ok(()));
}

#[rstest]
#[case::no_workload(json!({}), Err("Deployment shop/checkout was not found".into()), None, 0, Verdict::Error, "TargetNotFound")]
#[case::no_autoscaler(json!({"expect": {"minPeakReplicas": 2}}), at(1), None, 0, Verdict::Inconclusive, "AutoscalerNotFound")]
#[case::never_quiet(idle(), at(3), hpa("True"), 600, Verdict::Inconclusive, "TargetNotIdle")]
#[case::never_any_metrics(idle(), at(1), hpa("False"), 600, Verdict::Inconclusive, "MetricsUnavailable")]
fn the_load_never_starts(
    #[case] asked: Value,
    #[case] scale: Result<Scale, String>,
    #[case] hpa: Option<FoundAutoscaler>,
    #[case] waited: u64,
    #[case] verdict: Verdict,
    #[case] reason: &str,
) {
    let Err(Obstacle::End(outcome)) = judged(asked, scale, hpa, waited) else { panic!("it did not end") };
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason), "{}", outcome.message);
}

#[rstest]
#[case::too_many_replicas(at(3), "True", "at 3 replicas, its minimum is 1")]
#[case::no_metrics(at(1), "False", "FailedGetResourceMetric: no metrics")]
fn a_target_that_is_not_quiet_is_waited_for(
    #[case] scale: Result<Scale, String>,
    #[case] active: &str,
    #[case] part: &str,
) {
    let Err(Obstacle::Wait(message)) = judged(idle(), scale, hpa(active), 599) else {
        panic!("it did not wait")
    };
    assert!(message.contains(part) && message.contains("at most 10m"), "{message}");
}

#[test]
fn a_spec_that_cannot_be_run_names_the_field() {
    let run = run(&json!({"load": {"constant": {"level": 0, "duration": "1m"}}}));
    let Err(Obstacle::End(outcome)) = spec(&run.spec.test.unwrap().read().unwrap()) else {
        panic!("it was accepted")
    };
    assert_eq!(outcome.reason, reasons::INVALID_SPEC);
    assert!(outcome.message.contains("spec.load.constant"), "{}", outcome.message);
}
