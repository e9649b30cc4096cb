// SPDX-License-Identifier: Apache-2.0
//! What a benchmark and a smoke test make of a spec, and the figures of operations.

use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{LoadTestSpec, OperationResult};

use super::*;
use crate::{
    implied::with_thresholds,
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend},
    plan::Work,
    validate::validate,
};

fn spec(load: Value) -> Value {
    let request = |name: &str| json!({"request": {"name": name, "url": "/"}});
    json!({
        "target": {"baseURL": "http://shop"},
        "blocks": [{"name": "log in", "steps": [request("token")]}],
        "scenarios": [
            {"name": "buy", "weight": 0, "pacing": "1m", "steps": [
                {"run": "log in"},
                {"think": {"min": "1s", "max": "1s"}},
                {"group": {"name": "checkout", "steps": [request("cart"), request("pay")]}},
                {"if": {"condition": "true", "then": [request("sometimes")]}},
            ]},
            {"name": "look", "weight": 9, "steps": [request("token")]},
        ],
        "load": load
    })
}

fn read(spec: Value) -> LoadTestSpec {
    serde_json::from_value(spec).unwrap()
}

fn errors(spec: Value) -> Vec<String> {
    validate(&read(spec)).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn operations_are_the_requests_and_groups_directly_in_the_steps() {
    let valid = validate(&read(spec(json!({"benchmark": {"repeats": 30}})))).unwrap();
    let found: Vec<_> = operations(&valid.scenarios)
        .into_iter()
        .map(|operation| (operation.scenario, operation.kind, operation.name, operation.repeats))
        .collect();
    assert_eq!(
        found,
        [
            ("buy", Kind::Request, "token", 30),
            ("buy", Kind::Group, "checkout", 30),
            ("look", Kind::Request, "token", 30)
        ]
    );
    let weights: Vec<_> = valid.scenarios.scenarios.iter().map(|one| (one.weight, one.pacing)).collect();
    assert_eq!(weights, [(1, None), (1, None)], "each comes once");
    assert_eq!(valid.loads[0].work, Work::SharedIterations { users: 1, iterations: 2 });
    assert_eq!(valid.timeline.stages[0].name, "benchmark");
}

#[rstest]
#[case::unknown(
    json!({"limits": [{"request": "tokem", "p95": "1s"}]}),
    "spec.load.benchmark.limits[0].request: no operation of the benchmark is a request named \"tokem\"; did you mean \"token\"?"
)]
#[case::inside_of_a_group(
    json!({"limits": [{"group": "pay", "p95": "1s"}]}),
    "spec.load.benchmark.limits[0].group: no operation of the benchmark is a group named \"pay\"; there are checkout"
)]
#[case::too_few_samples(
    json!({"repeats": 99, "limits": [{"request": "token", "p99": "1s"}]}),
    "spec.load.benchmark.limits[0].p99: needs at least 100 repeats, not 99: of fewer it is the longest time"
)]
#[case::no_limit(
    json!({"limits": [{"request": "token"}]}),
    "spec.load.benchmark.limits[0]: limits nothing: give mean, median, p95, p99, max or maxFailures"
)]
fn a_limit_that_can_not_be_judged_is_refused(#[case] benchmark: Value, #[case] message: &str) {
    assert_eq!(errors(spec(json!({"benchmark": benchmark}))), [message]);
}

#[test]
fn what_figures_could_not_tell_apart_is_refused() {
    let mut twice = spec(json!({"benchmark": {}}));
    twice["scenarios"][1]["steps"] = json!([
        {"request": {"name": "a", "url": "/"}},
        {"loop": {"count": 2, "steps": [{"request": {"name": "a", "url": "/b"}}]}}
    ]);
    let said = errors(twice);
    assert!(said.len() == 1 && said[0].starts_with("spec.scenarios[1].steps: \"a\" is the name"), "{said:?}");
    let mut nothing = spec(json!({"benchmark": {}}));
    nothing["scenarios"] = json!([{"name": "a", "steps": [{"think": {"min": "1s", "max": "1s"}}]}]);
    assert!(errors(nothing)[0].contains("finds no operation"));
    for load in ["benchmark", "smoke"] {
        let mut many = spec(json!({load: {}}));
        many["runner"] = json!({"parallelism": 2});
        assert!(errors(many)[0].starts_with("spec.runner.parallelism: "), "{load}");
    }
}

#[test]
fn limits_are_thresholds_and_nothing_may_fail_by_itself() {
    let limits = json!([
        {"request": "token", "p95": "200ms", "mean": "500us", "maxFailures": 2}, {"group": "checkout", "max": "1s"}
    ]);
    let with = with_thresholds(read(spec(json!({"benchmark": {"limits": limits}}))));
    let shown: Vec<String> = with
        .thresholds
        .iter()
        .map(|one| format!("{} {}", crate::thresholds::display_name(one), one.condition))
        .collect();
    assert_eq!(
        shown,
        [
            "http_reqs{scenario:buy,request:token,expected_response:false} count <= 2",
            "http_req_duration{scenario:buy,request:token,expected_response:true} avg <= 0.5ms",
            "http_req_duration{scenario:buy,request:token,expected_response:true} p(95) <= 200ms",
            "http_reqs{scenario:buy,group:checkout,expected_response:false} count <= 0",
            "group_duration{scenario:buy,group:checkout} max <= 1000ms",
            "http_reqs{scenario:look,request:token,expected_response:false} count <= 2",
            "http_req_duration{scenario:look,request:token,expected_response:true} avg <= 0.5ms",
            "http_req_duration{scenario:look,request:token,expected_response:true} p(95) <= 200ms",
        ]
    );
    let valid = validate(&with).map(|_| ());
    assert_eq!(valid, Ok(()), "runners read the spec with them");
    let smoke = with_thresholds(read(spec(json!({"smoke": {}}))));
    let conditions: Vec<&str> = smoke.thresholds.iter().map(|one| one.condition.as_str()).collect();
    assert_eq!(conditions, ["rate <= 0%", "rate >= 100%", "count >= 2"]);
}

#[rstest]
#[case::all(Some(2), true)]
#[case::one_was_cut_off(Some(1), false)]
#[case::all_were(None, false)]
fn a_smoke_test_passes_once_each_scenario_has_come_to_its_end(
    #[case] ended: Option<u32>,
    #[case] passes: bool,
) {
    let test = with_thresholds(read(spec(json!({"smoke": {}}))));
    let valid = validate(&test).unwrap();
    let mut metrics = Metrics::default();
    let tags = || Tags { scenario: Some("buy".into()), ..Tags::default() };
    let key = |metric: &str| SeriesKey { metric: metric.into(), tags: tags() };
    metrics.add(key("http_req_failed"), &Sink::Rate { passes: 0, total: 3 });
    if let Some(ended) = ended {
        metrics.add(key("iterations"), &Sink::Counter(ended.into()));
    }
    let recorded = crate::thresholds::Recorded {
        test: &test,
        timeline: &valid.timeline,
        metrics: &metrics,
        windows: &Default::default(),
        elapsed: Duration::from_secs(600),
    };
    let evaluated = recorded.evaluate(true);
    let passed: Vec<bool> = evaluated.iter().map(|one| one.passed).collect();
    assert_eq!(passed, [true, true, passes], "{evaluated:?}");
    assert!(evaluated.iter().all(|one| !one.undecided), "{evaluated:?}");
}

#[test]
fn a_large_load_becomes_a_smoke_test_that_is_valid() {
    let mut large = spec(json!({"constant": {"level": 500, "duration": "1h"}}));
    large["thresholds"] =
        json!([{"metric": "http_reqs", "selector": {"stage": "constant"}, "condition": "count > 9000"}]);
    large["runner"] = json!({"parallelism": 5});
    large["target"]["workloads"] = json!([{"name": "shop", "expect": {"scaleUpWithin": "1m"}}]);
    large["usage"] = json!([{"resource": "Memory", "maxGrowthPercentPerHour": 5}]);
    let smoke = smoke_of(read(large.clone()));
    assert_eq!(validate(&smoke).map(|valid| valid.loads[0].most_users()), Ok(1));
    let benchmark = benchmark_of(read(large), Default::default());
    assert!(validate(&benchmark).is_ok());
    // A second of one user tells nothing of what pods use, and would never pass.
    assert!(smoke.usage.is_empty() && benchmark.usage.is_empty());
}

fn recorded(times: &[u64], failures: u64) -> Metrics {
    let mut metrics = Metrics::default();
    let tags = |expected| Tags {
        scenario: Some("look".into()),
        request: Some("token".into()),
        expected_response: Some(expected),
        ..Tags::default()
    };
    let mut add = |metric: &str, expected, sink| {
        metrics.add(SeriesKey { metric: metric.into(), tags: tags(expected) }, &sink);
    };
    let mut trend = Trend::default();
    times.iter().for_each(|time| trend.record(Duration::from_micros(*time)));
    let count = times.len() as u64;
    add("http_req_duration", true, Sink::Trend(trend));
    add("http_req_failed", true, Sink::Rate { passes: 0, total: count });
    // Refused at once: a time that would make the operation look quick.
    let mut refused = Trend::default();
    refused.record_many(Duration::from_micros(1), failures);
    add("http_req_duration", false, Sink::Trend(refused));
    add("http_req_failed", false, Sink::Rate { passes: failures, total: failures });
    metrics
}

fn only(metrics: &Metrics) -> Measured {
    let set = validate(&read(spec(json!({"benchmark": {}})))).unwrap().scenarios;
    measured(&set, metrics).pop().unwrap()
}

#[test]
fn failed_requests_are_counted_and_have_no_part_in_the_times() {
    let times: Vec<u64> = (1..=98).map(|number| number * 10).collect();
    let found = only(&recorded(&times, 2));
    assert_eq!(
        found.result(),
        OperationResult {
            name: "token".into(),
            scenario: "look".into(),
            samples: 98,
            failures: 2,
            min: Some("0.01ms".into()),
            mean: Some("0.495ms".into()),
            median: Some("0.49ms".into()),
            p95: Some("0.94ms".into()),
            p99: None,
            max: Some("0.98ms".into()),
        }
    );
    assert!(incomplete(&[found]).is_none(), "98 samples and 2 failures are 100");
}

#[test]
fn less_than_was_asked_for_is_a_doubt_and_nothing_measured_has_no_times() {
    let found = only(&Metrics::default());
    assert_eq!(found.all(), [None; 6]);
    let doubt = incomplete(&[only(&recorded(&[5; 60], 3))]).unwrap();
    assert_eq!(doubt.reason, "BenchmarkIncomplete");
    assert!(
        doubt.message.starts_with("\"token\" was measured 63 times instead of 100: "),
        "{}",
        doubt.message
    );
}

#[rstest]
#[case(50.0, 2)]
#[case(95.0, 20)]
#[case(99.0, 100)]
fn a_percentile_needs_a_sample_above_it(#[case] percent: f64, #[case] fewest: u64) {
    assert_eq!((1..=fewest).filter(|samples| is_told(percent, *samples)).collect::<Vec<_>>(), [fewest]);
}

proptest! {
    /// By another way: sorted, and counted with whole numbers.
    #[test]
    fn percentiles_are_the_samples_at_their_ranks(times in prop::collection::vec(1_u64..2_000, 1..400)) {
        let found = only(&recorded(&times, 0));
        let mut sorted = times.clone();
        sorted.sort_unstable();
        for percent in [50_usize, 95, 99] {
            let rank = (percent * sorted.len()).div_ceil(100);
            let expected = (rank < sorted.len()).then(|| sorted[rank - 1] as f64 / 1e3);
            prop_assert_eq!(found.percentile(percent as f64), expected);
        }
        let sum: u64 = times.iter().sum();
        let mean = sum as f64 / times.len() as f64 / 1e3;
        prop_assert!((found.mean().unwrap() - mean).abs() < 1e-9);
        prop_assert_eq!(found.min(), sorted.first().map(|time| *time as f64 / 1e3));
        prop_assert_eq!(found.max(), sorted.last().map(|time| *time as f64 / 1e3));
    }
}
