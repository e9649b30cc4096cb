// SPDX-License-Identifier: Apache-2.0
//! Whether the load may start on a target.

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_figures::observation::{Autoscaler, Condition, Event, Life, Scaling, Source, Tracker, What};
use upsurge_observer::MissingRequest;

use super::*;
use crate::load_test_run::fixtures::run;

fn known(facts: Vec<What>) -> Tracker {
    let mut known = Tracker::default();
    let sources = [Source::Autoscaler, Source::Workload, Source::Pods].map(|source| What::Listed { source });
    facts.into_iter().chain(sources).for_each(|what| known.see(&Event::found(Timestamp::UNIX_EPOCH, what)));
    known
}

/// A workload with so many replicas, of which some are ready.
fn at(asked: u32, ready: u32) -> Vec<What> {
    let pod = |number: u32, life| What::Pod { pod: format!("checkout-{number}"), life };
    let pods = (0..asked).map(|number| pod(number, if number < ready { Life::Ready } else { Life::Created }));
    pods.chain([What::Asked { replicas: asked }, What::Existing { replicas: asked }]).collect()
}

/// Its autoscaler, which may go down to so few and says that it is active or not.
fn scaled(kind: &str, min: u32, active: Option<(&str, &str)>) -> Vec<What> {
    let autoscaler =
        Autoscaler { kind: kind.into(), name: "checkout".into(), min, max: 5, ..Autoscaler::default() };
    let mut facts = vec![What::Autoscaler(autoscaler)];
    facts.extend(active.map(|(status, reason)| {
        What::Condition(Condition {
            condition: "ScalingActive".into(),
            status: status.into(),
            reason: reason.into(),
            message: "no metrics".into(),
        })
    }));
    facts.push(What::Scaling(Scaling { desired: 1, current: 1, ..Scaling::default() }));
    facts
}

fn hpa(status: &str) -> Vec<What> {
    scaled("HorizontalPodAutoscaler", 1, Some((status, "FailedGetResourceMetric")))
}

/// A ScaledObject whose trigger can't be read: its autoscaler is told a number all the same.
fn fallen_back() -> Vec<What> {
    let mut facts = scaled("ScaledObject", 1, Some(("True", "ValidMetricFound")));
    facts.push(What::Condition(Condition {
        condition: "Fallback".into(),
        status: "True".into(),
        reason: "FallbackExists".into(),
        message: "at least one trigger is falling back".into(),
    }));
    facts
}

fn found(facts: [Vec<What>; 2]) -> Target {
    let selector = Some("app=checkout".into());
    let known = known(facts.into_iter().flatten().collect());
    Target::Found(Box::new(Glance { known, selector, ..Glance::default() }))
}

fn judged(asked: Value, seen: &Target, waited: u64) -> Result<(), Obstacle> {
    let mut more =
        json!({"target": {"baseURL": "http://checkout:8080", "workloads": [{"name": "checkout"}]}});
    if let Some(expect) = asked.get("expect") {
        more["target"]["workloads"][0]["expect"] = expect.clone();
    }
    if let Some(wait) = asked.get("waitForIdle") {
        more["autoscaling"] = json!({"waitForIdle": wait});
    }
    more["deadlines"] = json!({"prepare": "2m"});
    let run = run(&more);
    target(&run.spec.test.unwrap().read().unwrap(), seen, Duration::from_secs(waited))
}

fn idle() -> Value {
    json!({"waitForIdle": {"timeout": "10m"}})
}

fn expects() -> Value {
    json!({"expect": {"minPeakReplicas": 2}})
}

#[rstest]
#[case::nothing_is_asked(json!({}), found([at(3, 3), vec![]]))]
#[case::no_autoscaler_to_wait_for(idle(), found([at(3, 3), vec![]]))]
#[case::quiet(idle(), found([at(1, 1), hpa("True")]))]
#[case::busy_but_nobody_waits(expects(), found([at(3, 3), hpa("True")]))]
#[case::expectations_without_any(json!({"expect": {}}), found([at(3, 3), vec![]]))]
#[case::blind_and_nobody_minds(json!({}), found([at(1, 1), hpa("False")]))]
#[case::keda_rests_at_zero(expects(), found([at(0, 0), scaled("ScaledObject", 0, Some(("False", "ScalingDisabled")))]))]
#[case::keda_is_idle_at_zero(idle(), found([at(0, 0), scaled("ScaledObject", 0, Some(("False", "ScalingDisabled")))]))]
#[case::without_a_right_to_see_keda(idle(), found([at(0, 0), scaled("ScaledObject", 1, Some(("False", "ScalingDisabled")))]))]
fn the_load_starts(#[case] asked: Value, #[case] seen: Target) {
    assert_eq!(judged(asked, &seen, 0), Ok(()));
}

#[rstest]
#[case::no_workload(json!({}), Target::Missing("Deployment shop/checkout was not found".into()), Verdict::Error, "TargetNotFound")]
#[case::not_ready(json!({}), found([at(2, 1), vec![]]), Verdict::Inconclusive, "TargetNotReady")]
#[case::no_autoscaler(expects(), found([at(1, 1), vec![]]), Verdict::Inconclusive, "AutoscalerNotFound")]
#[case::never_any_metrics(expects(), found([at(1, 1), hpa("False")]), Verdict::Inconclusive, "MetricsUnavailable")]
#[case::by_its_fallback(expects(), found([at(1, 1), fallen_back()]), Verdict::Inconclusive, "MetricsUnavailable")]
#[case::never_looked(expects(), found([at(1, 1), scaled("HorizontalPodAutoscaler", 1, None)]), Verdict::Inconclusive, "MetricsUnavailable")]
#[case::scaled_to_zero_by_hand(
    expects(), found([at(0, 0), scaled("HorizontalPodAutoscaler", 1, Some(("False", "ScalingDisabled")))]),
    Verdict::Inconclusive, "MetricsUnavailable"
)]
fn what_is_missing_is_waited_for_until_the_deadline_and_then_there_is_no_load(
    #[case] asked: Value,
    #[case] seen: Target,
    #[case] verdict: Verdict,
    #[case] reason: &str,
) {
    let Err(Obstacle::Wait(waiting)) = judged(asked.clone(), &seen, 119) else { panic!("it did not wait") };
    assert!(waiting.starts_with("waiting at most 2m for the target to be ready: "), "{waiting}");
    let Err(Obstacle::End(outcome)) = judged(asked, &seen, 120) else { panic!("it did not end") };
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason), "{}", outcome.message);
    assert!(outcome.message.starts_with("spec.deadlines.prepare of 2m has passed: "), "{}", outcome.message);
}

#[test]
fn a_blind_autoscaler_speaks_for_itself() {
    let Err(Obstacle::End(outcome)) = judged(expects(), &found([at(1, 1), hpa("False")]), 120) else {
        panic!("it did not end")
    };
    let own = "HorizontalPodAutoscaler/checkout can't scale: FailedGetResourceMetric: no metrics";
    assert!(outcome.message.ends_with(own), "{}", outcome.message);
}

#[test]
fn a_request_that_is_missing_is_told_at_once_with_container_and_field() {
    let missing = MissingRequest { container: "main".into(), resource: "cpu", field: "containers" };
    let mut seen = found([at(1, 1), hpa("False")]);
    let Target::Found(glance) = &mut seen else { panic!() };
    glance.missing = Some(missing);
    let Err(Obstacle::End(outcome)) = judged(expects(), &seen, 0) else { panic!("it did not end") };
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Inconclusive, "MetricsUnavailable"));
    assert_eq!(
        outcome.message,
        "HorizontalPodAutoscaler/checkout scales by the share of the requested CPU that is used, and container main of \
         Deployment/checkout requests none: set spec.template.spec.containers[main].resources.requests.cpu"
    );
    // While a rollout is under way, it may be what brings the request.
    let Target::Found(glance) = &mut seen else { panic!() };
    glance.is_rolling = true;
    let Err(Obstacle::Wait(waiting)) = judged(expects(), &seen, 0) else { panic!("it did not wait") };
    assert!(waiting.contains("a rollout of Deployment/checkout is under way"), "{waiting}");
}

#[test]
fn what_keeps_a_pod_from_being_ready_is_told() {
    let life = Life::Unschedulable { message: "0/3 nodes are available".into() };
    let facts = [at(1, 0), vec![What::Pod { pod: "checkout-0".into(), life }]];
    let Err(Obstacle::Wait(waiting)) = judged(json!({}), &found(facts), 0) else { panic!("it did not wait") };
    let told = "Deployment/checkout has 0 of 1 replicas ready (pod checkout-0: 0/3 nodes are available)";
    assert!(waiting.ends_with(told), "{waiting}");
}

#[test]
fn what_may_not_be_read_is_not_waited_for() {
    let seen = Target::Forbidden("Deployment shop/checkout may not be read".into());
    let Err(Obstacle::End(outcome)) = judged(json!({}), &seen, 0) else { panic!("it did not end") };
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Error, "TargetNotFound"));
}

#[rstest]
#[case::too_many_replicas(found([at(3, 3), hpa("True")]), "at 3 replicas, its minimum is 1", "TargetNotIdle")]
#[case::no_metrics(found([at(1, 1), hpa("False")]), "FailedGetResourceMetric: no metrics", "MetricsUnavailable")]
fn a_target_that_is_not_quiet_is_waited_for(#[case] seen: Target, #[case] part: &str, #[case] reason: &str) {
    let Err(Obstacle::Wait(message)) = judged(idle(), &seen, 599) else { panic!("it did not wait") };
    assert!(message.contains(part) && message.contains("at most 10m for a quiet target"), "{message}");
    let Err(Obstacle::End(outcome)) = judged(idle(), &seen, 600) else { panic!("it did not end") };
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Inconclusive, reason));
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

#[test]
fn the_load_waits_for_all_workloads_and_ends_for_one_that_may_not_be_read() {
    let more = json!({"target": {"baseURL": "http://gateway:8080", "workloads": [{"name": "gateway"}, {"name": "cart"}]}});
    let test = run(&more).spec.test.unwrap().read().unwrap();
    let ready = || found([at(2, 2), Vec::new()]);
    let judged = |seen: Vec<Target>| target(&test, &Target::of(seen).unwrap(), Duration::ZERO);
    assert_eq!(judged(vec![ready(), ready()]), Ok(()));
    let Err(Obstacle::Wait(message)) = judged(vec![ready(), found([at(2, 1), Vec::new()])]) else { panic!() };
    assert!(message.contains("Deployment/cart has 1 of 2 replicas ready"), "{message}");
    let unready = vec![found([at(2, 1), Vec::new()]), Target::Forbidden("cart may not be read".into())];
    assert!(Target::of(unready.clone()).unwrap().is_absent());
    let Err(Obstacle::End(outcome)) = judged(unready) else { panic!() };
    assert!(outcome.message.contains("cart may not be read"), "{}", outcome.message);
}
