// SPDX-License-Identifier: Apache-2.0

mod answer;
mod fewest;
mod judged;
mod scaling;
mod sizing;

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Event, Life, Source, What},
    workload::Workload,
};

use super::*;
use crate::validate::validate;

fn spec(more: &Value) -> LoadTestSpec {
    let mut spec = json!({
        "target": {"baseURL": "http://shop", "workloads": [{"name": "checkout"}]},
        "metrics": [{"name": "stock", "type": "Gauge"}],
        "scenarios": [{"name": "pay", "steps": [{"request": {"name": "pay", "url": "/"}}]}],
        "load": {"capacity": {"find": "MaxRate", "from": 10, "to": 1000, "warmUp": "10s", "measure": "20s"}},
        "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}]
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn epochs(spec: &LoadTestSpec) -> Epochs {
    Epochs::of(&spec.load).unwrap()
}

fn result(epoch: &Epoch, outcome: EpochOutcome) -> EpochResult {
    let limit = (outcome != EpochOutcome::Passed).then(|| "http_req_failed rate < 1%".to_owned());
    EpochResult { outcome: Some(outcome), limit, replicas: Some(3), ..epoch.under_way(None).unwrap() }
}

/// Runs a search to its end against a target that carries so much; what it found, and its history.
fn searched(spec: &LoadTestSpec, capacity: f64) -> (Found, Vec<EpochResult>) {
    let mut history: Vec<EpochResult> = Vec::new();
    loop {
        match epochs(spec).decide(&history) {
            Next::Done(Done::Capacity(found)) => return (found, history),
            Next::Done(other) => panic!("a search ends with {other:?}"),
            Next::Epoch(epoch) => {
                let passes = epoch.level.unwrap() <= capacity;
                let outcome = if passes { EpochOutcome::Passed } else { EpochOutcome::Failed };
                history.push(result(&epoch, outcome));
            }
        }
        assert!(history.len() <= MOST_EPOCHS, "it doesn't end");
        // Whoever goes on has it from a checkpoint.
        history = serde_json::from_value(serde_json::to_value(&history).unwrap()).unwrap();
    }
}

#[test]
fn a_test_of_one_plan_is_a_run_of_one_epoch_that_is_the_test_itself() {
    let spec = spec(&json!({"load": {"constant": {"level": 5, "duration": "1m"}}}));
    let epochs = epochs(&spec);
    let Next::Epoch(epoch) = epochs.decide(&[]) else { panic!("nothing is run") };
    assert_eq!(
        (epoch.clone(), epochs.are_several()),
        (Epoch { number: 1, level: None, replicas: None, size: None }, false)
    );
    assert_eq!(epochs.test(&spec, &epoch), spec);
    assert_eq!(epochs.decide(&[EpochResult::default()]), Next::Done(Done::Once));
    assert_eq!(epochs.longest(Duration::from_secs(60)), Duration::from_secs(60));
}

#[test]
fn the_test_of_a_probe_has_its_level_and_thresholds_on_what_is_measured() {
    let spec = spec(&json!({"thresholds": [
        {"metric": "http_req_failed", "condition": "rate < 1%"},
        {"metric": "http_req_duration{request:pay}", "condition": "p(95) < 1s"},
        {"metric": "http_req_duration", "selector": {"stage": "warm-up"}, "condition": "max < 9s"},
        {"metric": "http_req_duration", "ratioTo": {"selector": {"stage": "warm-up"}}, "condition": "avg < 150%"},
        {"metric": "http_reqs", "ratioTo": {"metric": "iterations"}, "condition": "count == 100%"},
        {"metric": "stock", "condition": "value > 0"}
    ]}));
    validate(&spec).unwrap();
    let test = epochs(&spec).test(&spec, &Epoch { number: 2, level: Some(12.5), replicas: None, size: None });
    let valid = validate(&test).unwrap();
    let stages: Vec<(&str, u64, f64, f64)> = valid
        .timeline
        .stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage.duration.as_secs(), stage.from, stage.to))
        .collect();
    assert_eq!(stages, [("warm-up", 10, 12.5, 12.5), ("measure", 20, 12.5, 12.5)]);
    assert_eq!(valid.timeline.unit(), Some(LoadUnit::IterationsPerSecond));
    let shown: Vec<String> = test.thresholds.iter().map(crate::thresholds::display_name).collect();
    assert_eq!(
        shown,
        [
            "http_req_failed{stage:measure}",
            "http_req_duration{stage:measure,request:pay}",
            "http_req_duration{stage:warm-up}",
            "http_req_duration{stage:measure}",
            "http_reqs{stage:measure}",
            "stock",
        ]
    );
    let reference =
        |index: usize| test.thresholds[index].ratio_to.clone().unwrap().selector.unwrap().stage.unwrap();
    assert_eq!((reference(3).as_str(), reference(4).as_str()), ("warm-up", "measure"));
    // As a whole it is its highest probe: that much is to be allowed.
    assert_eq!(validate(&spec).unwrap().timeline.peak(), 1000.0);
}

#[rstest]
#[case::without_thresholds(json!({"thresholds": []}), "spec.thresholds")]
#[case::that_aborts(
    json!({"thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%", "abortOnFail": true}]}),
    "spec.thresholds[0].abortOnFail"
)]
#[case::with_checks(
    json!({"prometheus": {"url": "http://p", "checks": [{"name": "c", "query": "up", "aggregate": "max", "condition": "> 0"}]}}),
    "spec.prometheus"
)]
#[case::with_expectations(
    json!({"target": {"baseURL": "http://shop", "workloads": [{"name": "checkout", "expect": {"scaleUpWithin": "1m"}}]}}),
    "spec.target.workloads[0].expect"
)]
#[case::with_limits_of_usage(json!({"usage": [{"resource": "Memory", "maxRestarts": 0}]}), "spec.usage")]
#[case::with_a_verification(
    json!({"verify": [{"request": {"name": "count", "url": "/count"}}]}), "spec.verify"
)]
#[case::with_rows_of_which_none_comes_twice(
    json!({"data": [{"name": "users", "order": "Unique", "generated": {"rows": 9, "fields": {"id": "{{ row }}"}}}]}),
    "spec.data[0].order"
)]
#[case::upside_down(
    json!({"load": {"capacity": {"find": "MaxRate", "from": 10, "to": 9, "measure": "1m"}}}), "spec.load.capacity")]
#[case::from_nothing(
    json!({"load": {"capacity": {"find": "MaxRate", "from": 0, "to": 9, "measure": "1m"}}}), "spec.load.capacity")]
#[case::of_no_time(
    json!({"load": {"capacity": {"find": "MaxRate", "from": 1, "to": 9, "warmUp": "1s", "measure": "0s"}}}),
    "spec.load.capacity.measure"
)]
#[case::of_users(
    json!({"load": {"unit": "Users", "capacity": {"find": "MaxRate", "from": 1, "to": 9, "measure": "1s"}}}),
    "spec.load.unit"
)]
#[case::of_replicas_without_a_workload(
    json!({"load": {"capacity": {"find": "MinReplicas", "rate": 5, "from": 1, "to": 9, "measure": "1s"}}, "target": {"baseURL": "http://shop"}}),
    "spec.target.workloads"
)]
#[case::of_replicas_that_others_load_too(
    json!({"load": {"capacity": {"find": "MinReplicas", "rate": 5, "from": 1, "to": 9, "measure": "1s"}},
        "target": {"baseURL": "http://shop", "workloads": [{"name": "checkout"}], "sharing": "Shared"}}),
    "spec.target.sharing"
)]
#[case::of_half_a_replica(
    json!({"load": {"capacity": {"find": "MinReplicas", "rate": 5, "from": "1.5", "to": 9, "measure": "1s"}}}), "spec.load.capacity.from")]
#[case::of_too_many_replicas(
    json!({"load": {"capacity": {"find": "MinReplicas", "rate": 5, "from": 1, "to": 1001, "measure": "1s"}}}), "spec.load.capacity.to")]
#[case::of_replicas_within(
    json!({"load": {"capacity": {"find": "MinReplicas", "rate": 5, "within": 5, "from": 1, "to": 9, "measure": "1s"}}}),
    "spec.load.capacity.within"
)]
#[case::at_a_rate(
    json!({"load": {"capacity": {"find": "MaxRate", "rate": 5, "from": 1, "to": 9, "measure": "1s"}}}), "spec.load.capacity.rate")]
fn what_says_nothing_beside_a_search_is_refused(#[case] more: Value, #[case] path: &str) {
    let errors = validate(&spec(&more)).unwrap_err();
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, [path], "{errors:?}");
}

#[test]
fn the_fewest_replicas_are_not_looked_for_at_no_rate() {
    let more = json!({"load": {"capacity": {"find": "MinReplicas", "rate": 0, "from": 1, "to": 9, "measure": "1s"}}});
    let errors = validate(&spec(&more)).unwrap_err();
    assert_eq!(errors[0].path, "spec.load.capacity.rate", "{errors:?}");
}

#[test]
fn whoever_is_killed_between_two_epochs_goes_on_with_the_same_one_and_repeats_none() {
    let spec = spec(&json!({}));
    let (_, history) = searched(&spec, 212.5);
    for length in 0..history.len() {
        let Next::Epoch(next) = epochs(&spec).decide(&history[..length]) else { panic!("it is over early") };
        assert_eq!(next.under_way(None).unwrap().level, history[length].level);
        assert_eq!(epochs(&spec).under_way(&history[..length]), next);
        assert_eq!(next.number as usize, length + 1);
    }
    let last = epochs(&spec).under_way(&history);
    assert_eq!(
        (last.number as usize, written(last.level.unwrap())),
        (history.len(), history.last().unwrap().level.clone())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_answer_is_the_highest_level_that_passes_and_few_levels_are_probed(
        from in 1_u32..5_000, times in 1.0..200.0_f64, share in 0.0..1.2_f64, within in 2_i32..=100,
    ) {
        let from = f64::from(from) / 100.0;
        let to = (from * times * 1e4).round() / 1e4;
        let spec = spec(&json!({"load": {"capacity": {
            "find": "MaxRate", "from": written(from), "to": written(to), "within": within, "repeats": 1, "measure": "1s"}}}));
        let capacity = from * 0.9 + (to - from * 0.9) * share;
        let (found, history) = searched(&spec, capacity);
        let levels = ladder(spec.load.capacity.as_ref().unwrap()).unwrap();
        let best = levels.levels().iter().copied().rfind(|level| *level <= capacity);
        prop_assert_eq!(found.level, best);
        prop_assert!(!found.inconclusive && found.unsteady.is_empty());
        let one = Duration::from_secs(1);
        prop_assert!(one * history.len() as u32 <= epochs(&spec).longest(one), "{} probes", history.len());
    }
}

#[test]
fn from_ten_to_a_thousand_within_five_percent_takes_twelve_levels_at_most() {
    for capacity in [10.0, 37.0, 211.0, 640.0, 999.0] {
        let (found, history) = searched(&spec(&json!({})), capacity);
        let mut levels: Vec<&str> = history.iter().map(|epoch| epoch.level.as_str()).collect();
        levels.sort_unstable();
        levels.dedup();
        assert!(levels.len() <= 12, "{levels:?}");
        assert!(found.level.unwrap() <= capacity && capacity < found.failed.unwrap());
    }
}

fn workload(events: &[(i64, What)]) -> Workload {
    let mut workload = Workload::new(Demand::None);
    for (second, what) in events {
        workload.note(Event::live(at(*second), what.clone()));
    }
    workload
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + second).unwrap()
}

#[test]
fn replicas_count_only_where_they_stood_still_and_were_seen() {
    let pod = |name: &str, life| What::Pod { pod: name.into(), life };
    let listed = |source| What::Listed { source };
    let lost = What::Lost { source: Source::Endpoints, message: "gone".into() };
    let events = [
        (0, pod("a", Life::Ready)),
        (0, pod("b", Life::Ready)),
        (0, listed(Source::Pods)),
        (0, listed(Source::Endpoints)),
        (50, pod("c", Life::Ready)),
        (80, lost),
        (90, listed(Source::Endpoints)),
    ];
    let workload = workload(&events);
    let standing = |from, to| standing(&workload, at(from), at(to));
    assert_eq!((standing(10, 40), standing(51, 80)), (Standing::Still(2), Standing::Still(3)));
    assert_eq!((standing(40, 60), standing(70, 85)), (Standing::Moved, Standing::Gap));
    assert_eq!((standing(-10, 20), standing(82, 88)), (Standing::Gap, Standing::Unseen));
}
