// SPDX-License-Identifier: Apache-2.0
//! A test of sizes as the epochs of a run, and what is wrong with one.

use super::*;

fn compared(more: &Value) -> LoadTestSpec {
    let mut sizes = json!({
        "sizes": [{"name": "small", "requests": {"cpu": "500m"}}, {"name": "large", "requests": {"cpu": 2}, "limits": {"cpu": "2"}}],
        "level": 40, "warmUp": "10s", "measure": "20s",
    });
    for (key, value) in more.as_object().unwrap() {
        sizes[key] = value.clone();
    }
    spec(
        &json!({"load": {"scalability": {"sizes": sizes}}, "autoscaling": {"waitForIdle": {"timeout": "1m"}}}),
    )
}

#[test]
fn each_size_is_an_epoch_with_the_same_users() {
    let whole = compared(&json!({}));
    assert_eq!(validate(&whole).unwrap().timeline.peak(), 40.0);
    let Next::Epoch(epoch) = epochs(&whole).decide(&[]) else { panic!("nothing is run") };
    assert_eq!(epoch, Epoch { number: 1, level: Some(40.0), replicas: None, size: Some("small".into()) });
    assert!(epoch.holds() && epochs(&whole).set_replicas() && epochs(&whole).are_several());
    let test = epochs(&whole).test(&whole, &epoch);
    let valid = validate(&test).unwrap();
    assert_eq!((valid.timeline.peak(), test.autoscaling), (40.0, None));
    let stages: Vec<&str> = valid.timeline.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(stages, ["warm-up", "measure", "finish"]);
    let one = Duration::from_secs(30);
    assert!(epochs(&whole).longest(one) >= one * 6);
    let shown = epoch.under_way(None).unwrap();
    assert_eq!((shown.size.as_deref(), shown.pinned_replicas), (Some("small"), None));
    assert_eq!(key(&shown), "40 with small");
    let served = Some("40".to_owned());
    let history = [EpochResult { requests_per_second: served, ..result(&epoch, EpochOutcome::Passed) }];
    assert_eq!(epochs(&whole).under_way(&history).size.as_deref(), Some("large"));
}

#[test]
fn all_measurements_together_are_what_a_run_is_done_with() {
    let whole = compared(&json!({"repeats": 1}));
    let mut history = Vec::new();
    while let Next::Epoch(epoch) = epochs(&whole).decide(&history) {
        history.push(result(&epoch, EpochOutcome::Failed));
    }
    let Next::Done(Done::Sizes(found)) = epochs(&whole).decide(&history) else { panic!("it is over") };
    assert_eq!((history.len(), sizing(&found).result.sizes.len()), (2, 2));
}

const SIZES: &str = "spec.load.scalability.sizes";

#[rstest]
#[case::of_one_name(json!({"sizes": [{"name": "a", "limits": {"cpu": 1}}, {"name": "a", "limits": {"cpu": 2}}]}), "")]
#[case::of_nothing(json!({"sizes": [{"name": "a", "limits": {"cpu": 1}}, {"name": "b"}]}), ".sizes[1]")]
#[case::above_its_limit(
    json!({"sizes": [{"name": "a", "limits": {"cpu": 1}, "requests": {"cpu": "1001m"}}, {"name": "b", "limits": {"cpu": 2}}]}),
    ".sizes[0].requests.cpu")]
#[case::that_is_no_amount(
    json!({"sizes": [{"name": "a", "limits": {"memory": "1GB"}}, {"name": "b", "limits": {"cpu": 2}}]}), ".sizes[0].limits.memory")]
#[case::that_is_rounded(
    json!({"sizes": [{"name": "a", "limits": {"cpu": "500u"}}, {"name": "b", "limits": {"cpu": 2}}]}), ".sizes[0].limits.cpu")]
#[case::too_often(json!({"repeats": 30, "sizes": [{"name": "a", "limits": {"cpu": 1}}, {"name": "b", "limits": {"cpu": 2}},
    {"name": "c", "limits": {"cpu": 3}}]}), "")]
#[case::of_no_time(json!({"measure": "0s"}), "")]
#[case::of_no_users(json!({"level": 0}), ".level")]
fn sizes_that_say_nothing_are_refused(#[case] more: Value, #[case] place: &str) {
    let errors = validate(&compared(&more)).unwrap_err();
    let path = format!("{SIZES}{place}");
    assert!(!errors.is_empty() && errors.iter().all(|error| error.path == path), "{errors:?}");
}

#[rstest]
#[case::both(
    json!({"load": {"scalability": {
        "replicas": {"counts": [1, 2], "levelPerReplica": 5, "measure": "1s"},
        "sizes": {"sizes": [{"name": "a", "limits": {"cpu": 1}}, {"name": "b", "limits": {"cpu": 2}}], "level": 5, "measure": "1s"}
    }}}), "spec.load.scalability")]
#[case::without_a_workload(json!({"target": {"baseURL": "http://shop"}}), "spec.target.workloads")]
#[case::of_another_kind(
    json!({"target": {"baseURL": "http://shop", "workloads": [{"name": "checkout", "kind": "ReplicaSet"}]}}),
    "spec.target.workloads[0].kind")]
#[case::of_another_group(
    json!({"target": {"baseURL": "http://shop",
        "workloads": [{"name": "checkout", "kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1"}]}}),
    "spec.target.workloads[0].kind")]
fn what_does_not_go_with_sizes_is_refused(#[case] more: Value, #[case] path: &str) {
    let mut test = serde_json::to_value(compared(&json!({}))).unwrap();
    test.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let errors = validate(&serde_json::from_value(test).unwrap()).unwrap_err();
    assert!(!errors.is_empty() && errors.iter().all(|error| error.path == path), "{errors:?}");
}
