// SPDX-License-Identifier: Apache-2.0
//! What kept the workload from growing further, wherever it is named.

use super::*;

#[test]
fn an_upper_bound_that_is_too_low_is_named_with_its_owner() {
    let mut record = observed(2, &[(-30.0, 1, 1, 1), (16.0, 2, 1, 1), (18.0, 2, 2, 2)]);
    note(
        &mut record,
        17.0,
        condition("ScalingLimited", "True", "TooManyReplicas", "the desired count is more than 2"),
    );
    let result = analysed(&record, 60.0, &expecting(Some(30), Some(4), None, None));
    assert_eq!(result.limited_by.as_deref(), Some("MaxReplicas"));
    let messages: Vec<_> = result.expectations.iter().filter_map(|one| one.message.as_deref()).collect();
    let limit = ", limited by MaxReplicas: HorizontalPodAutoscaler/checkout is at its maxReplicas 2: the desired count is more than 2";
    assert!(
        messages[0].starts_with(&format!(
            "4 replicas were never ready: peak was 2 in 50s from the rise of the load{limit}"
        )),
        "{messages:?}"
    );
    assert_eq!(messages[1], "peak was 2", "the limit is told once");
    // More time would not have helped.
    assert!(!messages[0].contains("may need up to"), "{messages:?}");
    let all = messages.iter().map(|message| (*message).to_owned()).chain(explained(&result));
    let all = all.collect::<Vec<_>>().join("; ");
    assert_eq!(all.matches("HorizontalPodAutoscaler/checkout is at its maxReplicas 2").count(), 1, "{all}");
    assert!(all.len() <= 450, "{} bytes: {all}", all.len());
}

#[test]
fn a_bound_that_cannot_hold_what_the_test_asks_for_is_named_though_the_autoscaler_never_came_to_want_it() {
    let record = observed(2, &[(-30.0, 1, 1, 1), (16.0, 2, 1, 1), (18.0, 2, 2, 2)]);
    let result = analysed(&record, 60.0, &expecting(None, Some(4), None, None));
    assert_eq!(
        result.expectations[0].message.as_deref(),
        Some(
            "peak was 2, limited by MaxReplicas: maxReplicas 2 of HorizontalPodAutoscaler/checkout is below the 4 replicas that are needed"
        )
    );
    let workload = &result.workloads[0];
    assert_eq!(
        (workload.limited_by.as_deref(), result.limited_by.as_deref()),
        (Some("MaxReplicas"), Some("MaxReplicas"))
    );
    let change = workload.recommendation.as_ref().unwrap();
    assert_eq!(change.text, "raise maxReplicas from 2 to at least 4");
}

#[rstest]
#[case::at_the_bound_and_more_needed(4, &[], false, Some("MaxReplicas"))]
#[case::below_the_bound(9, &[], false, None)]
#[case::by_policy(9, &[("ScalingLimited", "True", "ScaleUpLimit")], false, Some("ScaleUpPolicy"))]
#[case::by_its_condition(9, &[("ScalingLimited", "True", "TooManyReplicas")], false, Some("MaxReplicas"))]
#[case::at_the_lower_bound(9, &[("ScalingLimited", "True", "TooFewReplicas")], false, None)]
#[case::by_nodes(4, &[], true, Some("Nodes"))]
#[case::by_metrics(4, &[("ScalingActive", "False", "FailedGetResourceMetric")], true, Some("MetricsBroken"))]
fn what_limited_the_workload_is_found_and_is_the_same_wherever_it_is_named(
    #[case] max: u32,
    #[case] conditions: &[(&str, &str, &str)],
    #[case] unschedulable: bool,
    #[case] limited_by: Option<&str>,
) {
    let mut record = observed(max, &[(-30.0, 1, 1, 1), (16.0, 4, 4, 1), (18.0, 4, 4, 3)]);
    if unschedulable {
        let life = Life::Unschedulable { message: "no room".into() };
        note(&mut record, 16.0, What::Pod { pod: "checkout-9".into(), life });
    }
    for (type_, status, reason) in conditions {
        note(&mut record, 12.0, condition(type_, status, reason, ""));
    }
    let result = analysed(&record, 60.0, &expecting(Some(30), Some(5), None, None));
    assert_eq!(result.limited_by.as_deref(), limited_by);
    let workload = result.workloads[0].limited_by.as_deref().filter(|limit| *limit != "None");
    assert_eq!(workload, limited_by);
    let named: Vec<String> =
        result.expectations.iter().filter_map(|one| one.message.clone()).chain(explained(&result)).collect();
    let all = ["MaxReplicas", "ScaleUpPolicy", "Nodes", "MetricsBroken"];
    for other in all.into_iter().filter(|other| Some(*other) != limited_by) {
        let is_named = |text: &String| text.contains(&format!("limited by {other}"));
        assert!(!named.iter().any(is_named), "{named:?}");
    }
}

#[test]
fn a_pod_that_found_no_node_before_the_load_limits_nothing() {
    let mut record = observed(4, &[(-30.0, 1, 1, 1), (16.0, 3, 3, 1), (18.0, 3, 3, 2)]);
    let pod = |life| What::Pod { pod: "checkout-9".into(), life };
    note(&mut record, -50.0, pod(Life::Unschedulable { message: "no room".into() }));
    note(&mut record, -40.0, pod(Life::Gone));
    let result = analysed(&record, 60.0, &expecting(None, Some(3), None, None));
    assert_eq!((result.limited_by, result.expectations[0].message.as_deref()), (None, Some("peak was 2")));
}
