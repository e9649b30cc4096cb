// SPDX-License-Identifier: Apache-2.0

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_crds::{names::reasons, v1alpha1::Verdict};

use super::{super::super::judged::UNANSWERED, *};
use crate::{
    epochs::{Scaling, key, sizing},
    format::per_second,
};

fn asked(more: &Value) -> SizesLoad {
    let mut asked = json!({
        "sizes": [
            {"name": "small", "requests": {"cpu": "500m"}},
            {"name": "middle", "requests": {"cpu": 1}, "limits": {"cpu": 2}},
            {"name": "large", "limits": {"cpu": "2"}},
        ],
        "level": 40, "repeats": 2, "warmUp": "5s", "measure": "10s",
    });
    for (name, value) in more.as_object().unwrap() {
        asked[name] = value.clone();
    }
    serde_json::from_value(asked).unwrap()
}

fn of(more: &Value) -> Sizes {
    Sizes::of(&asked(more)).unwrap()
}

/// A measurement with three replicas, which served so much.
fn served(epoch: &Epoch, rate: f64) -> EpochResult {
    EpochResult {
        outcome: Some(EpochOutcome::Passed),
        requests_per_second: Some(per_second(rate)),
        error_rate: Some("0%".into()),
        replicas: Some(3),
        ..epoch.under_way(None).unwrap()
    }
}

fn failed(epoch: &Epoch, limit: &str) -> EpochResult {
    let outcome = Some(EpochOutcome::Failed);
    EpochResult { outcome, limit: Some(limit.into()), ..served(epoch, 1.0) }
}

/// What a target serves that gets a little less of each core the larger it is.
fn usual(epoch: &Epoch) -> EpochResult {
    let rate = match epoch.size.as_deref() {
        Some("small") => 30.0,
        Some("middle") => 57.0,
        _ => 96.0,
    };
    served(epoch, rate)
}

/// Runs a test to its end.
fn played(sizes: &Sizes, measured: impl Fn(&Epoch) -> EpochResult) -> (Scaling, Vec<EpochResult>) {
    let mut history: Vec<EpochResult> = Vec::new();
    while let Some(due) = sizes.due(&history) {
        history.push(measured(&due));
        assert!(history.len() <= MOST_EPOCHS, "it doesn't end");
        // Whoever goes on has it from a checkpoint.
        history = serde_json::from_value(serde_json::to_value(&history).unwrap()).unwrap();
    }
    (sizing(&sizes.found(&history)), history)
}

#[test]
fn each_size_is_compared_with_the_first_by_what_it_serves_with_each_core() {
    let (Scaling { result, outcome }, history) = played(&of(&json!({})), usual);
    let names: Vec<&str> = history.iter().filter_map(|epoch| epoch.size.as_deref()).collect();
    // Up in the first round, down in the second.
    assert_eq!(names, ["small", "middle", "large", "large", "middle", "small"]);
    assert_eq!(key(&history[1]), "40 with middle");
    assert!(history.iter().all(|epoch| epoch.level == "40" && epoch.pinned_replicas.is_none()));
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Passed, reasons::SCALABILITY_MEASURED));
    assert_eq!(
        outcome.message,
        "middle serves 1.9 times what small does with 2 times the CPU requested, which is 95 % of linear; \
         large serves 3.2 times what small does with 4 times the CPU requested, which is 80 % of linear"
    );
    let large = result.sizes.last().unwrap();
    let figures = [&large.cpu, &large.throughput, &large.speedup, &large.per_core, &large.efficiency];
    // Without a request Kubernetes takes the limit.
    assert_eq!(figures.map(|figure| figure.as_deref().unwrap()), ["6", "96", "3.2", "16", "0.8"]);
    assert_eq!((large.name.as_str(), large.passed, large.failed, large.inconclusive), ("large", 2, 0, 0));
    assert_eq!(result.sizes[0].efficiency.as_deref(), Some("1"));
    assert!(result.counts.is_empty() && result.usl.is_none() && result.unfitted.is_none(), "{result:?}");
}

#[test]
fn sizes_without_cpu_are_compared_by_what_they_serve_alone() {
    let of_memory = json!([
        {"name": "small", "limits": {"memory": "1Gi"}}, {"name": "large", "limits": {"memory": "2Gi"}}]);
    let (Scaling { result, outcome }, _) = played(&of(&json!({"sizes": of_memory})), usual);
    assert_eq!(outcome.message, "large serves 3.2 times what small does");
    let large = &result.sizes[1];
    assert_eq!((&large.cpu, &large.per_core, &large.efficiency), (&None, &None, &None));
}

#[rstest]
#[case::by_a_threshold(
    "http_req_failed rate < 1%",
    reasons::THRESHOLDS_BREACHED,
    "thresholds did not hold with size small: http_req"
)]
#[case::for_want_of_answers(
    UNANSWERED,
    reasons::REQUESTS_UNANSWERED,
    "with size small, requests had no answer"
)]
fn a_size_that_fails_fails_the_test(#[case] limit: &str, #[case] reason: &str, #[case] begins: &str) {
    let (Scaling { outcome, .. }, _) = played(&of(&json!({})), |epoch| match epoch.size.as_deref() {
        Some("small") => failed(epoch, limit),
        _ => usual(epoch),
    });
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Failed, reason));
    assert!(outcome.message.starts_with(begins), "{}", outcome.message);
    assert!(!outcome.message.contains("times"), "there is nothing to compare with: {}", outcome.message);
}

#[test]
fn a_size_with_other_replicas_than_the_first_says_nothing() {
    let (Scaling { outcome, result }, history) = played(&of(&json!({"repeats": 1})), |epoch| {
        let replicas = if epoch.size.as_deref() == Some("large") { Some(4) } else { Some(3) };
        EpochResult { replicas, ..usual(epoch) }
    });
    assert_eq!(
        (outcome.verdict, outcome.reason.as_str()),
        (Verdict::Inconclusive, reasons::SCALABILITY_UNKNOWN)
    );
    let told = "nothing is known of size large: replicas served that were not asked for: 4";
    assert!(outcome.message.starts_with(told), "{}", outcome.message);
    // It is tried again, but not for ever.
    assert_eq!((history.len(), result.sizes[2].inconclusive), (5, 3));
}

#[rstest]
#[case::one(json!({"sizes": [{"name": "a"}]}), SizesError::Sizes)]
#[case::too_many(
    json!({"sizes": (0..9).map(|index| json!({"name": index.to_string()})).collect::<Vec<Value>>()}), SizesError::Sizes)]
#[case::of_one_name(json!({"sizes": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}), SizesError::Name("a".into()))]
#[case::no_users(json!({"level": 0}), SizesError::Users)]
#[case::fewer_users_than_none(json!({"level": -3}), SizesError::Users)]
#[case::too_many_users(json!({"level": 1_000_001}), SizesError::Users)]
#[case::too_often(json!({"repeats": 21}), SizesError::Measurements { sizes: 3, repeats: 21 })]
#[case::no_time(json!({"measure": "0s"}), SizesError::NoTime)]
fn what_can_not_be_compared_is_refused(#[case] more: Value, #[case] expected: SizesError) {
    assert_eq!(Sizes::of(&asked(&more)).unwrap_err(), expected);
}
