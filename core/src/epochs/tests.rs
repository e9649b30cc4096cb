// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{GeneratorResult, Verdict},
};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Event, Life, Source, What},
    workload::Workload,
};

use super::*;
use crate::{
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend, names},
    plan::Plan,
    thresholds::{Recorded, Windows},
    validate::validate,
};

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
            Next::Done(Done::Once) => panic!("a search has more than one epoch"),
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
    assert_eq!((epoch.clone(), epochs.are_several()), (Epoch { number: 1, level: None }, false));
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
    let test = epochs(&spec).test(&spec, &Epoch { number: 2, level: Some(12.5) });
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
fn what_says_nothing_beside_a_search_is_refused(#[case] more: Value, #[case] path: &str) {
    let errors = validate(&spec(&more)).unwrap_err();
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, [path], "{errors:?}");
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

/// A hundred requests in each part of a probe, of which so many failed.
fn recorded(warm_up: u64, measure: u64) -> Metrics {
    let mut metrics = Metrics::default();
    for (stage, failed) in [(WARM_UP, warm_up), (MEASURE, measure)] {
        let tags = Tags { stage: Some(stage.into()), request: Some("pay".into()), ..Tags::default() };
        let mut add =
            |metric: &str, sink| metrics.add(SeriesKey { metric: metric.into(), tags: tags.clone() }, &sink);
        let mut trend = Trend::default();
        trend.record_many(Duration::from_millis(if stage == MEASURE { 20 } else { 900 }), 100);
        add(names::HTTP_REQ_DURATION, Sink::Trend(trend));
        add(names::HTTP_REQS, Sink::Counter(100.0));
        add(names::HTTP_REQ_FAILED, Sink::Rate { passes: failed, total: 100 });
        add(names::ITERATIONS, Sink::Counter(100.0));
    }
    metrics
}

fn probed(metrics: &Metrics, healthy: bool) -> EpochResult {
    let whole = spec(&json!({}));
    let epoch = Epoch { number: 4, level: Some(12.5) };
    let test = epochs(&whole).test(&whole, &epoch);
    let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
    let windows = Windows::default();
    let recorded = Recorded {
        test: &test,
        timeline: &timeline,
        metrics,
        windows: &windows,
        elapsed: Duration::from_secs(30),
    };
    let generator =
        GeneratorResult { healthy, problems: vec!["too slow".into()], ..GeneratorResult::default() };
    judged(
        &epoch,
        &Seen {
            test: &test,
            timeline: &timeline,
            metrics,
            unlimited: 0,
            start: Timestamp::UNIX_EPOCH,
            generator: &generator,
            thresholds: &recorded.evaluate(true),
            doubts: &[],
            replicas: Some(2),
        },
    )
}

#[test]
fn a_probe_is_judged_by_what_is_measured_and_not_by_its_warm_up() {
    let passed = probed(&recorded(50, 0), true);
    assert_eq!((passed.outcome, passed.limit.clone()), (Some(EpochOutcome::Passed), None));
    let figures =
        (passed.requests_per_second.as_deref(), passed.error_rate.as_deref(), passed.p95.as_deref());
    assert_eq!(figures, (Some("5"), Some("0%"), Some("20ms")), "a hundred in twenty seconds");
    assert_eq!((passed.level.as_str(), passed.number, passed.replicas), ("12.5", 4, Some(2)));
    assert_eq!(line(&passed), "probe 4: 12.5 iterations/s passed (p95 20ms, 0% failed)");

    let failed = probed(&recorded(0, 2), true);
    assert_eq!(failed.outcome, Some(EpochOutcome::Failed));
    assert_eq!(failed.limit.as_deref(), Some("http_req_failed{stage:measure} rate < 1%"));
    assert!(failed.message.unwrap().contains("observed 2%"));
}

#[test]
fn a_probe_says_nothing_where_the_generator_or_the_data_fail() {
    let slow = probed(&recorded(0, 2), false);
    assert_eq!(
        (slow.outcome, slow.limit.as_deref()),
        (Some(EpochOutcome::Inconclusive), Some("the generator could not keep up"))
    );
    let nothing = probed(&Metrics::default(), true);
    assert_eq!(
        (nothing.outcome, nothing.limit.as_deref()),
        (Some(EpochOutcome::Inconclusive), Some("there was nothing to judge"))
    );
}

#[rstest]
#[case::found(
    212.5,
    Verdict::Passed,
    reasons::CAPACITY_FOUND,
    "the target carries 205.938 iterations/s and not 216.235: http_req_failed rate < 1%; 3 replicas of checkout, 68.646 iterations/s each; 12 probes"
)]
#[case::more_than_asked_for(
    5e6,
    Verdict::Passed,
    reasons::CAPACITY_FOUND,
    "the target carries 1000 iterations/s, which is as much as spec.load.capacity.to allows"
)]
#[case::too_little(
    9.0,
    Verdict::Failed,
    reasons::CAPACITY_TOO_LOW,
    "the target does not carry 10 iterations/s, the lowest rate of spec.load.capacity: http_req_failed rate < 1%; 2 probes"
)]
fn a_search_answers_with_capacity_interval_and_limit(
    #[case] capacity: f64,
    #[case] verdict: Verdict,
    #[case] reason: &str,
    #[case] message: &str,
) {
    let spec = spec(&json!({}));
    let (found, history) = searched(&spec, capacity);
    let Answer { capacity, outcome } = answer(&spec, &found, &history);
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
    assert!(outcome.message.starts_with(message), "{}", outcome.message);
    assert_eq!(capacity.probes as usize, history.len());
    let shown = shown(&history, &found).unwrap();
    match capacity.level {
        Some(level) => assert_eq!((&shown.level, shown.outcome), (&level, Some(EpochOutcome::Passed))),
        None => assert_eq!(Some(shown), history.last()),
    }
}

/// What a search says whose probes come out as they are told by their levels, in turn.
fn told(outcome: impl Fn(f64, usize) -> EpochOutcome) -> Answer {
    let spec = spec(&json!({}));
    let mut history: Vec<EpochResult> = Vec::new();
    loop {
        match epochs(&spec).decide(&history) {
            Next::Epoch(epoch) => {
                let level = epoch.level.unwrap();
                let before = history.iter().filter(|known| known.level == written(level)).count();
                history.push(result(&epoch, outcome(level, before)));
            }
            Next::Done(Done::Capacity(found)) => return answer(&spec, &found, &history),
            Next::Done(Done::Once) => panic!("a search has more than one epoch"),
        }
    }
}

#[test]
fn what_speaks_against_one_clear_limit_is_told() {
    let blind = told(|level, _| if level < 50.0 { EpochOutcome::Passed } else { EpochOutcome::Inconclusive });
    assert_eq!(
        (blind.outcome.verdict, blind.outcome.reason.as_str()),
        (Verdict::Inconclusive, reasons::CAPACITY_UNKNOWN)
    );
    assert_eq!(blind.capacity.failed_level, None, "it said nothing, which is not to fail");
    assert!(
        blind.outcome.message.starts_with("the target carries 47.649 iterations/s at least"),
        "{}",
        blind.outcome.message
    );

    // It fails the first time everywhere near the limit, and is fine from then on.
    let noisy = told(|level, before| match level {
        ..30.0 => EpochOutcome::Passed,
        30.0..60.0 if before > 0 => EpochOutcome::Passed,
        _ => EpochOutcome::Failed,
    });
    assert_eq!(noisy.outcome.verdict, Verdict::Passed);
    assert!(
        noisy.capacity.contradictions.iter().any(|told| told.ends_with("passed and failed")),
        "{noisy:?}"
    );
    assert!(noisy.outcome.message.contains("passed and failed"));
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
