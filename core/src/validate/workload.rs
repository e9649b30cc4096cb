// SPDX-License-Identifier: Apache-2.0
//! The workloads of a target, and what is expected of their autoscalers: limits that can be held against nothing are refused, and
//! whoever lacks a capacity is told how to measure it.

use upsurge_crds::v1alpha1::{AutoscalingExpectations, LoadTestSpec, Quantity, Workload};

use crate::{
    autoscaling, field_error::Errors, metrics::Catalog, plan::Timeline, thresholds::is_told_by_seconds,
};

/// Checks a workload, whose path is given.
pub(super) fn check(workload: &Workload, spec: &LoadTestSpec, path: &str, errors: &mut Errors) {
    let highest = Quantity::whole(Quantity::HIGHEST_LEVEL);
    if let Some(capacity) = workload.capacity_per_replica.filter(|one| *one <= 0.into() || *one > highest) {
        errors.add(
            format_args!("{path}.capacityPerReplica"),
            format_args!("must be above 0 and at most {highest}, not {capacity}"),
        );
    }
    let Some(expected) = &workload.expect else { return };
    if let (Some(fewest), Some(most)) = (expected.min_peak_replicas, expected.max_peak_replicas)
        && fewest > most
    {
        errors.add(
            format_args!("{path}.expect.minPeakReplicas"),
            format_args!("{fewest} is more than maxPeakReplicas {most}"),
        );
    }
    for field in by_demand(expected) {
        if workload.capacity_per_replica.is_none() {
            let advice = autoscaling::advice(workload, &spec.target.base_url);
            errors.add(
                format_args!("{path}.expect.{field}"),
                format_args!("needs capacityPerReplica: {advice}"),
            );
        }
    }
    let catalog = Catalog::new(&spec.metrics);
    let is_told = spec.thresholds.iter().any(|threshold| is_told_by_seconds(threshold, catalog));
    let by_seconds = [
        ("recoverWithin", expected.recover_within.is_some()),
        ("maxViolationsPercent", expected.max_violations_percent.is_some()),
    ];
    for (field, _) in by_seconds.into_iter().filter(|(_, is_given)| *is_given && !is_told) {
        errors.add(
            format_args!("{path}.expect.{field}"),
            "needs a threshold on http_req_duration or http_req_failed that selects nothing, or a stage only: it is what \
             each second of the load is held against",
        );
    }
    // The schema can't tell how large a quantity is that is written as text.
    let quantities = [
        ("maxMissingReplicas", expected.max_missing_replicas),
        ("maxSpareReplicas", expected.max_spare_replicas),
        ("maxJitterPerMinute", expected.max_jitter_per_minute),
    ];
    for (field, most) in quantities {
        if let Some(most) = most.filter(|most| *most < 0.into() || *most > highest) {
            errors.add(
                format_args!("{path}.expect.{field}"),
                format_args!("must be from 0 to {highest}, not {most}"),
            );
        }
    }
}

/// What is expected that needs a demand.
fn by_demand(expected: &AutoscalingExpectations) -> impl Iterator<Item = &'static str> {
    let fields = [
        ("maxOvershootPercent", expected.max_overshoot_percent.is_some()),
        ("maxUnderProvisionedPercent", expected.max_under_provisioned_percent.is_some()),
        ("maxOverProvisionedPercent", expected.max_over_provisioned_percent.is_some()),
        ("maxTimeUnderProvisionedPercent", expected.max_time_under_provisioned_percent.is_some()),
        ("maxTimeOverProvisionedPercent", expected.max_time_over_provisioned_percent.is_some()),
        ("maxMissingReplicas", expected.max_missing_replicas.is_some()),
        ("maxSpareReplicas", expected.max_spare_replicas.is_some()),
        ("maxCostPercent", expected.max_cost_percent.is_some()),
        ("maxInstabilityPercent", expected.max_instability_percent.is_some()),
        ("maxJitterPerMinute", expected.max_jitter_per_minute.is_some()),
        ("maxFlapping", expected.max_flapping.is_some()),
        ("maxSettlingTime", expected.max_settling_time.is_some()),
    ];
    fields.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field)
}

/// A capacity is of users or of iterations per second, and no load of both at once can be held against it.
pub(super) fn check_demand(spec: &LoadTestSpec, timeline: &Timeline, errors: &mut Errors) {
    if !autoscaling::mixes_units(timeline) {
        return;
    }
    for (index, workload) in spec.target.workloads.iter().enumerate() {
        for field in workload.expect.iter().flat_map(by_demand) {
            errors.add(
                format_args!("spec.target.workloads[{index}].expect.{field}"),
                "needs a load of users or of iterations per second: this one counts both at once, and \
                 capacityPerReplica can't be held against their sum",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::validate::{read_spec, validate};

    #[rstest]
    #[case::without_a_capacity(json!({"maxSettlingTime": "5m"}), None, Some("maxSettlingTime"))]
    #[case::with_one(json!({"maxSettlingTime": "5m", "maxOvershootPercent": 5}), Some(50), None)]
    #[case::time_under(json!({"maxTimeUnderProvisionedPercent": 5}), None, Some("maxTimeUnderProvisionedPercent"))]
    #[case::time_over(json!({"maxTimeOverProvisionedPercent": 5}), None, Some("maxTimeOverProvisionedPercent"))]
    #[case::missing(json!({"maxMissingReplicas": "0.5"}), None, Some("maxMissingReplicas"))]
    #[case::spare(json!({"maxSpareReplicas": 1}), None, Some("maxSpareReplicas"))]
    #[case::cost(json!({"maxCostPercent": 120}), None, Some("maxCostPercent"))]
    #[case::instability(json!({"maxInstabilityPercent": 9}), None, Some("maxInstabilityPercent"))]
    #[case::jitter(json!({"maxJitterPerMinute": "0.5"}), None, Some("maxJitterPerMinute"))]
    #[case::flapping(json!({"maxFlapping": 0}), None, Some("maxFlapping"))]
    #[case::all_with_one(json!({"maxCostPercent": 120, "maxJitterPerMinute": "0.5", "maxFlapping": 0}), Some(50), None)]
    #[case::violations_without_a_threshold(json!({"maxViolationsPercent": 5}), None, Some("maxViolationsPercent"))]
    #[case::recovery_without_a_threshold(json!({"recoverWithin": "1m"}), Some(50), Some("recoverWithin"))]
    #[case::what_needs_none(json!({"maxDirectionChanges": 2, "maxFailedRequestsWhileScalingDown": 0}), None, None)]
    fn an_expectation_that_can_never_be_judged_is_refused(
        #[case] expect: Value,
        #[case] capacity: Option<i32>,
        #[case] refused: Option<&str>,
    ) {
        let mut workload = json!({"name": "checkout", "expect": expect});
        if let Some(capacity) = capacity {
            workload["capacityPerReplica"] = capacity.into();
        }
        let mut spec = json!({
            "target": {"baseURL": "http://shop", "workloads": [workload]},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}}
        });
        let paths = |spec: &Value| -> Vec<String> {
            let spec = serde_json::from_value(spec.clone()).unwrap();
            validate(&spec).err().unwrap_or_default().into_iter().map(|error| error.path).collect()
        };
        let expected: Vec<String> =
            refused.iter().map(|field| format!("spec.target.workloads[0].expect.{field}")).collect();
        assert_eq!(paths(&spec), expected);
        spec["thresholds"] = json!([{"metric": "http_req_failed", "condition": "rate < 1%"}]);
        let by_seconds = ["recoverWithin", "maxViolationsPercent"];
        assert_eq!(paths(&spec).is_empty(), refused.is_none_or(|field| by_seconds.contains(&field)));
    }

    #[rstest]
    #[case::nothing_at_all(json!({"maxCostPercent": 0}), "maxCostPercent")]
    #[case::more_than_all(json!({"maxTimeOverProvisionedPercent": 101}), "maxTimeOverProvisionedPercent")]
    #[case::below_zero(json!({"maxSpareReplicas": "-1"}), "maxSpareReplicas")]
    #[case::too_many(json!({"maxMissingReplicas": "2M"}), "maxMissingReplicas")]
    #[case::beside_auto(json!({"scaleUpWithin": "Auto", "maxJitterPerMinute": "1G"}), "maxJitterPerMinute")]
    fn a_limit_out_of_its_range_is_refused(#[case] expect: Value, #[case] field: &str) {
        let spec = json!({
            "target": {"baseURL": "http://shop", "workloads": [
                {"name": "checkout", "capacityPerReplica": 10, "expect": expect}
            ]},
            "scenarios": [{"name": "s", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}}
        });
        let refused = validate(&serde_json::from_value(spec).unwrap()).err().unwrap_or_default();
        let path = format!("spec.target.workloads[0].expect.{field}");
        assert!(!refused.is_empty() && refused.iter().all(|error| error.path == path), "{refused:?}");
    }

    #[rstest]
    #[case::a_time("90s", true)]
    #[case::its_own("Auto", true)]
    #[case::not_quite("auto", false)]
    #[case::both("Auto90s", false)]
    fn a_time_is_written_or_auto(#[case] limit: &str, #[case] is_right: bool) {
        let spec = json!({
            "target": {"baseURL": "http://shop", "workloads": [
                {"name": "checkout", "expect": {"scaleUpWithin": limit, "scaleDownWithin": limit}}
            ]},
            "scenarios": [{"name": "s", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}}
        });
        let refused = read_spec(&spec).err().unwrap_or_default();
        let mut paths: Vec<&str> = refused.iter().map(|error| error.path.as_str()).collect();
        paths.sort_unstable();
        let both = ["scaleDownWithin", "scaleUpWithin"]
            .map(|field| format!("spec.target.workloads[0].expect.{field}"));
        assert_eq!(paths, &both[..if is_right { 0 } else { 2 }]);
    }

    #[test]
    fn two_workloads_of_one_name_are_refused_and_so_are_several_whose_replicas_are_to_be_set() {
        let mut spec = json!({
            "target": {"baseURL": "http://shop", "workloads": [{"name": "cart"}, {"name": "cart", "kind": "StatefulSet"}]},
            "scenarios": [{"name": "s", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}}
        });
        let refused = |spec: &Value| -> Vec<String> {
            let refused = validate(&serde_json::from_value(spec.clone()).unwrap()).err().unwrap_or_default();
            refused.iter().map(ToString::to_string).collect()
        };
        let twice = refused(&spec);
        assert!(twice.len() == 1 && twice[0].contains("spec.target.workloads[1].name"), "{twice:?}");
        spec["target"]["workloads"][1]["name"] = "orders".into();
        assert!(refused(&spec).is_empty());
        spec["load"] = json!({"capacity": {
            "find": "MinReplicas", "rate": 20, "from": 1, "to": 4, "warmUp": "10s", "measure": "30s"
        }});
        spec["thresholds"] = json!([{"metric": "http_req_failed", "condition": "rate < 1%"}]);
        let several = refused(&spec);
        assert!(several.iter().any(|one| one.contains("must be one beside")), "{several:?}");
    }

    #[rstest]
    #[case::both(json!({"constantArrivalRate": {"rate": 20, "duration": "1m", "preAllocatedVUs": 9}}), true)]
    #[case::users(json!({"constantVUs": {"vus": 3, "duration": "1m"}}), false)]
    fn users_and_arrival_rates_have_no_demand_together(#[case] second: Value, #[case] is_refused: bool) {
        let mut second = second;
        second["name"] = "b".into();
        let spec = json!({
            "target": {"baseURL": "http://shop", "workloads": [
                {"name": "checkout", "capacityPerReplica": 10, "expect": {"maxSettlingTime": "5m", "scaleUpWithin": "1m"}}
            ]},
            "scenarios": [{"name": "s", "steps": [{"request": {"url": "/"}}]}],
            "load": {"executors": [{"name": "a", "constantVUs": {"vus": 5, "duration": "1m"}}, second]}
        });
        let refused = validate(&serde_json::from_value(spec).unwrap()).err().unwrap_or_default();
        let paths: Vec<&str> = refused.iter().map(|error| error.path.as_str()).collect();
        let expected = ["spec.target.workloads[0].expect.maxSettlingTime"];
        assert_eq!(paths, &expected[..usize::from(is_refused)]);
    }
}
