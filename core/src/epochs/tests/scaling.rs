// SPDX-License-Identifier: Apache-2.0
//! A test of scalability as the epochs of a run.

use upsurge_crds::{names::reasons, v1alpha1::Verdict};
use upsurge_figures::scalability::Usl;

use super::*;

fn compared(more: &Value) -> LoadTestSpec {
    let mut counts =
        json!({"counts": [1, 2, 4, 8, 16], "levelPerReplica": 5, "warmUp": "10s", "measure": "20s"});
    for (key, value) in more.as_object().unwrap() {
        counts[key] = value.clone();
    }
    spec(
        &json!({"load": {"scalability": {"replicas": counts}}, "autoscaling": {"waitForIdle": {"timeout": "1m"}}}),
    )
}

/// A measurement of a target that scales like this.
fn measured(epoch: &Epoch) -> EpochResult {
    let replicas = epoch.replicas.unwrap();
    // Alternating noise, so that intervals have some width.
    let noise = if epoch.number.is_multiple_of(2) { 1.001 } else { 0.999 };
    let rate = 200.0 * noise * Usl::capacity(0.05, 0.002, f64::from(replicas));
    EpochResult {
        replicas: i32::try_from(replicas).ok(),
        requests_per_second: Some(decimal(rate, 3)),
        error_rate: Some("0%".into()),
        ..result(epoch, EpochOutcome::Passed)
    }
}

/// Runs a test to its end.
fn played(spec: &LoadTestSpec, outcome: impl Fn(&Epoch) -> EpochResult) -> (Scaling, Vec<EpochResult>) {
    let mut history: Vec<EpochResult> = Vec::new();
    loop {
        match epochs(spec).decide(&history) {
            Next::Done(Done::Scalability(found)) => return (scaling(&found), history),
            Next::Done(other) => panic!("a test of scalability ends with {other:?}"),
            Next::Epoch(epoch) => {
                let same = epochs(spec).under_way(&history);
                assert_eq!(same, epoch, "whoever is killed goes on with the same one");
                history.push(outcome(&epoch));
            }
        }
        assert!(history.len() <= MOST_EPOCHS, "it doesn't end");
        // Whoever goes on has it from a checkpoint.
        history = serde_json::from_value(serde_json::to_value(&history).unwrap()).unwrap();
    }
}

#[test]
fn each_count_is_an_epoch_that_holds_its_replicas_and_the_fit_is_told_with_intervals() {
    let spec = compared(&json!({}));
    validate(&spec).unwrap();
    let (Scaling { result, outcome }, history) = played(&spec, measured);
    let pinned: Vec<i32> = history.iter().map(|epoch| epoch.pinned_replicas.unwrap()).collect();
    assert_eq!(pinned, [1, 2, 4, 8, 16, 16, 8, 4, 2, 1, 1, 2, 4, 8, 16]);
    assert_eq!(key(&history[1]), "10 with 2");
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Passed, reasons::SCALABILITY_MEASURED));
    assert!(outcome.message.starts_with("16 replicas serve "), "{}", outcome.message);
    let last = result.counts.last().unwrap();
    assert_eq!((last.replicas, last.users, last.passed), (16, 80, 3));
    assert!(last.speedup.is_some() && last.efficiency.is_some() && last.efficiency_interval.is_some());
    let usl = result.usl.unwrap();
    let within = |fitted: &upsurge_crds::v1alpha1::FittedResult, truth: f64| {
        let [low, high] = [&fitted.low, &fitted.high].map(|text| text.parse::<f64>().unwrap());
        low - 1e-4 <= truth && truth <= high + 1e-4
    };
    assert!(within(&usl.contention, 0.05) && within(&usl.coherency, 0.002), "{usl:?}");
    // √(0.95 / 0.002) is 21.8, which is less than twice 16.
    assert!(usl.peak.unwrap().starts_with("21."));
    assert_eq!(result.doubts, ["FewPoints"]);
    assert!(result.amdahl.is_some() && result.unfitted.is_none());
}

#[test]
fn thresholds_that_do_not_hold_at_a_count_fail_the_test() {
    let (Scaling { outcome, .. }, history) = played(&compared(&json!({"repeats": 1})), |epoch| {
        let failed = epoch.replicas == Some(8);
        let outcome = if failed { EpochOutcome::Failed } else { EpochOutcome::Passed };
        EpochResult {
            replicas: epoch.replicas.and_then(|held| i32::try_from(held).ok()),
            ..result(epoch, outcome)
        }
    });
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Failed, reasons::THRESHOLDS_BREACHED));
    assert!(outcome.message.starts_with("thresholds did not hold with 8 replicas"), "{}", outcome.message);
    assert_eq!(last_passed(&history[..3]), history.get(2));
    assert_eq!(last_passed(&[]), None);
}

#[rstest]
#[case::nothing_else(&[8], reasons::REQUESTS_UNANSWERED)]
#[case::a_threshold_too(&[4, 8], reasons::THRESHOLDS_BREACHED)]
fn requests_without_an_answer_fail_the_test_and_are_not_taken_for_a_threshold(
    #[case] failing: &[u32],
    #[case] reason: &str,
) {
    let (Scaling { outcome, .. }, _) = played(&compared(&json!({"repeats": 1})), |epoch| {
        let replicas = epoch.replicas.unwrap();
        if !failing.contains(&replicas) {
            return measured(epoch);
        }
        let failed = result(epoch, EpochOutcome::Failed);
        let limit = if replicas == 8 {
            Some(crate::epochs::judged::UNANSWERED.to_owned())
        } else {
            failed.limit.clone()
        };
        EpochResult { replicas: i32::try_from(replicas).ok(), limit, ..failed }
    });
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Failed, reason));
    let told = "with 8 replicas, requests had no answer when they were cut off; ";
    assert!(outcome.message.contains(told), "{}", outcome.message);
    assert_eq!(outcome.message.starts_with("thresholds did not hold with 4"), failing.contains(&4));
}

#[test]
fn an_epoch_has_its_users_and_as_a_whole_a_test_has_the_most() {
    let whole = compared(&json!({}));
    assert_eq!(validate(&whole).unwrap().timeline.peak(), 80.0);
    let Next::Epoch(epoch) = epochs(&whole).decide(&[]) else { panic!("nothing is run") };
    assert_eq!(epoch, Epoch { number: 1, level: Some(5.0), replicas: Some(1), size: None });
    assert!(epochs(&whole).set_replicas() && epochs(&whole).are_several());
    let test = epochs(&whole).test(&whole, &epoch);
    assert_eq!((validate(&test).unwrap().timeline.peak(), test.autoscaling), (5.0, None));
    let one = Duration::from_secs(30);
    assert!(epochs(&whole).longest(one) >= one * 15);
    let shown = epoch.under_way(None).unwrap();
    assert_eq!((shown.level.as_str(), shown.pinned_replicas), ("5", Some(1)));
}

#[rstest]
#[case::of_one_count(json!({"counts": [4, 4]}), "spec.load.scalability.replicas")]
#[case::of_no_replicas(json!({"counts": [0, 4]}), "spec.load.scalability.replicas.counts[0]")]
#[case::of_fewer_than_none(json!({"counts": [-1, 4]}), "spec.load.scalability.replicas.counts[0]")]
#[case::of_no_users(json!({"levelPerReplica": 0}), "spec.load.scalability.replicas.levelPerReplica")]
#[case::of_no_time(json!({"measure": "0s"}), "spec.load.scalability.replicas")]
#[case::too_often(json!({"repeats": 13}), "spec.load.scalability.replicas")]
#[case::of_too_many(json!({"counts": [1, 1001]}), "spec.load.scalability.replicas.counts[1]")]
fn counts_that_say_nothing_are_refused(#[case] more: Value, #[case] path: &str) {
    let errors = validate(&compared(&more)).unwrap_err();
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, [path], "{errors:?}");
}

#[rstest]
#[case::without_a_workload(json!({"target": {"baseURL": "http://shop"}}), "spec.target.workloads")]
#[case::shared(
    json!({"target": {"baseURL": "http://shop", "workloads": [{"name": "checkout"}], "sharing": "Shared"}}),
    "spec.target.sharing"
)]
#[case::with_limits_of_usage(json!({"usage": [{"resource": "Memory", "maxRestarts": 0}]}), "spec.usage")]
#[case::with_a_verification(json!({"verify": [{"request": {"name": "count", "url": "/count"}}]}), "spec.verify")]
#[case::of_nothing(json!({"load": {"scalability": {}}}), "spec.load.scalability")]
fn what_says_nothing_beside_it_is_refused(#[case] more: Value, #[case] path: &str) {
    let mut test = json!({"load": {"scalability": {"replicas": {"counts": [1, 2], "levelPerReplica": 5, "measure": "1s"}}}});
    test.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let errors = validate(&spec(&test)).unwrap_err();
    assert!(errors.iter().all(|error| error.path == path), "{errors:?}");
}
