// SPDX-License-Identifier: Apache-2.0
//! What the target's replicas did, in status and verdict.

use upsurge_figures::{
    elasticity::Demand,
    observation::{Autoscaler, Event, Life, Scaling, Source, What},
    workload::Workload,
};

use super::*;

#[test]
fn lost_requests_are_held_against_the_times_of_pods() {
    let mut spec = threshold("rate < 50%");
    spec["target"]["workloads"] = json!([{"name": "checkout"}]);
    let mut snapshot = measured();
    let pod = |life| What::Pod { pod: "checkout-a".into(), life };
    snapshot.workload.note(Event::found(at(-30), What::Listed { source: Source::Pods }));
    snapshot.workload.note(Event::live(at(20), pod(Life::Terminating)));
    snapshot.workload.note(Event::live(at(21), pod(Life::Stopped)));
    for millisecond in [20_400, 20_500, 40_000] {
        let at = std::time::Duration::from_millis(millisecond);
        snapshot.losses.record(at, at, upsurge_core::losses::LossKind::Reset);
    }
    let (status, outcome) = concluded(spec, &snapshot, None);
    let found = status.autoscaling.unwrap().requests_while_scaling_down.unwrap();
    assert_eq!((found.requests, found.failed, found.pods), (2, 36, 1));
    assert!(
        outcome.message.contains("2 of 36 failed requests were in flight while pods were ending"),
        "{outcome:?}"
    );
}

/// What was recorded of a spike: one replica, two from 20 s on that the autoscaler decided at 12 s, and no more, as its
/// bound is 2.
fn spiked(spec: &serde_json::Value) -> SessionSnapshot {
    let mut snapshot = measured();
    let windowed = upsurge_core::thresholds::Windowed::of(plan(spec).test());
    for second in 0..60_u64 {
        let mut durations = Trend::default();
        let time = if (8..22).contains(&second) { 900 } else { 20 };
        durations.record_many(std::time::Duration::from_millis(time), 6);
        let (from_ms, to_ms) = (second * 1_000, second * 1_000 + 1_000);
        let slice =
            upsurge_core::protocol::Slice { from_ms, to_ms, requests: 6.0, durations, ..Default::default() };
        windowed.add_slice(&mut snapshot.windows, &slice);
    }
    windowed.close(&mut snapshot.windows, snapshot.elapsed, &Default::default());
    let mut record = Workload::new(Demand::declared(10.0).unwrap());
    let [kind, name] = ["HorizontalPodAutoscaler", "checkout"].map(str::to_owned);
    let autoscaler = Autoscaler { kind, name, min: 1, max: 2, down_window: 300, ..Autoscaler::default() };
    let scaling = |desired, current| What::Scaling(Scaling { desired, current, ..Scaling::default() });
    let pod = |name: &str, life| What::Pod { pod: format!("checkout-{name}"), life };
    let mut first = vec![
        What::Autoscaler(autoscaler),
        scaling(1, 1),
        What::Asked { replicas: 1 },
        What::Existing { replicas: 1 },
        pod("a", Life::Ready),
        pod("a", Life::Serving),
    ];
    let sources = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    first.extend(sources.map(|source| What::Listed { source }));
    first.into_iter().for_each(|what| record.note(Event::found(at(-30), what)));
    let later = [
        (12, scaling(2, 1)),
        (12, What::Asked { replicas: 2 }),
        (12, pod("b", Life::Created)),
        (13, What::Existing { replicas: 2 }),
        (13, pod("b", Life::SCHEDULED)),
        (14, pod("b", Life::Started)),
        (20, pod("b", Life::Ready)),
        (20, pod("b", Life::Serving)),
    ];
    later.into_iter().for_each(|(second, what)| record.note(Event::live(at(second), what)));
    snapshot.workload = record.into();
    snapshot
}

/// A step from 10 to 40 iterations per second after 5 s, for a workload that serves 10 per replica.
fn step(expect: serde_json::Value) -> serde_json::Value {
    json!({
        "target": {
            "baseURL": "http://checkout:8080",
            "workloads": [{"name": "checkout", "capacityPerReplica": 10, "expect": expect}]
        },
        "load": {"stages": [
            {"name": "base", "duration": "5s", "target": 10, "jump": true}, {"name": "peak", "duration": "55s", "target": 40, "jump": true}
        ]},
        "thresholds": [{"metric": "http_req_duration", "condition": "max < 200ms", "selector": {"stage": "peak"}}]
    })
}

#[test]
fn a_bound_that_is_too_low_is_told_with_its_figures_its_limit_and_what_to_change() {
    let spec = step(json!({
        "maxUnderProvisionedPercent": 10, "maxDirectionChanges": 0, "maxOverProvisionedPercent": 5,
        "recoverWithin": "10s", "maxFailedRequestsWhileScalingDown": 0
    }));
    let (status, outcome) = concluded(spec.clone(), &spiked(&spec), None);
    let autoscaling = status.autoscaling.unwrap();
    assert_eq!(autoscaling.limited_by.as_deref(), Some("MaxReplicas"));
    let workload = &autoscaling.workloads[0];
    let [up] = &workload.scale_ups[..] else { panic!("{workload:?}") };
    assert_eq!((up.from, up.to, up.seconds, up.largest.as_deref()), (1, 2, 12.0, Some("decided")));
    assert_eq!((up.split.decided.as_deref(), up.split.ready.as_deref()), (Some("7s"), Some("6s")));
    let elasticity = workload.elasticity.as_ref().unwrap();
    assert_eq!((elasticity.demand_source.as_str(), elasticity.peak_demand), ("Declared", Some(4)));
    // Of four, three are missing for 15 s and two for 40 s, of 61 s until the observation ended; of two, one for 15 s.
    let missing = |figures: &Option<upsurge_crds::v1alpha1::ProvisioningResult>| {
        figures.as_ref().unwrap().under_provisioned.clone().unwrap()
    };
    assert_eq!(missing(&elasticity.unclamped), format!("{:.2}%", 100.0 * (15.0 * 0.75 + 40.0 * 0.5) / 61.0));
    assert_eq!(missing(&elasticity.clamped), format!("{:.1}%", 100.0 * (15.0 * 0.5) / 61.0));
    let outcomes: Vec<(&str, bool, bool)> =
        autoscaling.expectations.iter().map(|one| (one.name.as_str(), one.passed, one.undecided)).collect();
    let expected = [
        ("maxDirectionChanges", true, false),
        ("maxUnderProvisionedPercent", false, false),
        ("maxOverProvisionedPercent", true, false),
        ("recoverWithin", false, false),
        ("maxFailedRequestsWhileScalingDown", true, false),
    ];
    assert_eq!(outcomes, expected, "{:?}", autoscaling.expectations);
    let patch = workload.recommendation.as_ref().unwrap().patch.as_deref();
    assert_eq!(patch, Some(r#"{"spec":{"maxReplicas":4}}"#));
    assert_eq!(
        (outcome.verdict, &*outcome.reason),
        (Verdict::Failed, reasons::AUTOSCALING_EXPECTATION_MISSED)
    );
    assert!(outcome.message.contains("; to change: raise maxReplicas from 2 to at least 4"), "{outcome:?}");
}

#[test]
fn an_expectation_that_hangs_on_what_was_not_seen_is_inconclusive_and_names_it() {
    let spec = step(json!({"maxUnderProvisionedPercent": 100}));
    let mut snapshot = spiked(&spec);
    snapshot.metrics = measured().metrics;
    let lost = What::Lost { source: Source::Pods, message: "pods is forbidden".into() };
    snapshot.workload.note(Event::live(at(30), lost));
    let mut without = spec.clone();
    without["thresholds"] = json!([]);
    let (status, outcome) = concluded(without, &snapshot, None);
    assert_eq!(
        (outcome.verdict, &*outcome.reason),
        (Verdict::Inconclusive, reasons::OBSERVATION_INCOMPLETE),
        "{outcome:?}"
    );
    assert!(outcome.message.contains("pods were not seen for 31s"), "{outcome:?}");
    assert!(status.autoscaling.unwrap().expectations[0].undecided);
}

#[test]
fn without_a_capacity_the_status_says_how_to_find_it_out() {
    let mut spec = step(json!({"minPeakReplicas": 2}));
    spec["target"]["workloads"][0].as_object_mut().unwrap().remove("capacityPerReplica");
    let (status, _) = concluded(spec.clone(), &spiked(&spec), None);
    let workload = &status.autoscaling.as_ref().unwrap().workloads[0];
    let elasticity = workload.elasticity.as_ref().unwrap();
    assert_eq!((elasticity.demand_source.as_str(), &elasticity.unclamped), ("None", &None));
    assert!(
        elasticity.advice.as_ref().unwrap().contains("upsurge quick http://checkout:8080"),
        "{elasticity:?}"
    );
    assert_eq!(elasticity.direction_changes, Some(0), "what needs no demand is told all the same");
}

#[test]
fn a_gap_is_told_with_its_reason_and_its_time() {
    let spec = step(json!({"maxUnderProvisionedPercent": 100}));
    let mut snapshot = spiked(&spec);
    let lost = What::Lost { source: Source::Endpoints, message: "the operator was restarted".into() };
    snapshot.workload.note(Event::live(at(30), lost));
    snapshot.workload.note(Event::live(at(39), What::Listed { source: Source::Endpoints }));
    let (status, _) = concluded(spec, &snapshot, None);
    let autoscaling = status.autoscaling.unwrap();
    assert_eq!(autoscaling.workloads[0].gaps, ["EndpointSlices were not seen for 9s"]);
    let problem = "EndpointSlices were not seen from 30 s to 39 s of the run: the operator was restarted";
    assert_eq!(autoscaling.problems, [problem]);
}

#[test]
fn each_of_two_workloads_has_its_own_numbers_and_its_name_in_the_message() {
    let mut spec = step(json!({"maxUnderProvisionedPercent": 10}));
    let mut cart = spec["target"]["workloads"][0].clone();
    cart["name"] = "cart".into();
    cart["expect"] = json!({"minPeakReplicas": 2});
    spec["target"]["workloads"].as_array_mut().unwrap().push(cart);
    let mut snapshot = spiked(&spec);
    snapshot.further = vec![snapshot.workload.clone()];
    let (status, outcome) = concluded(spec, &snapshot, None);
    let autoscaling = status.autoscaling.unwrap();
    assert_eq!(autoscaling.replicas, "checkout 1→2→2, cart 1→2→2");
    assert_eq!(autoscaling.limited_by.as_deref(), Some("checkout: MaxReplicas"));
    let outcomes: Vec<(&str, bool)> =
        autoscaling.expectations.iter().map(|one| (one.name.as_str(), one.passed)).collect();
    assert_eq!(outcomes, [("checkout: maxUnderProvisionedPercent", false), ("cart: minPeakReplicas", true)]);
    let peaks: Vec<Option<i32>> = autoscaling.workloads.iter().map(|one| one.peak_replicas).collect();
    assert_eq!((peaks, autoscaling.peak_replicas), (vec![Some(2), Some(2)], None));
    assert!(outcome.message.contains("checkout: maxUnderProvisionedPercent 10%"), "{outcome:?}");
    assert!(outcome.message.contains("checkout: to change: raise maxReplicas"), "{outcome:?}");
}
