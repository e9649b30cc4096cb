// SPDX-License-Identifier: Apache-2.0
use rstest::rstest;
use upsurge_crds::v1alpha1::{Load, StageSpec, ThresholdSelector, TimeSpan};

mod data;
mod targets;
mod windows;

use super::*;
use crate::{
    metrics::{SeriesKey, Sink, Tags, Trend},
    plan::Plan,
};

fn timeline() -> Timeline {
    let stage = |name: &str, seconds, target| StageSpec {
        name: Some(name.into()),
        duration: TimeSpan::from_secs(seconds),
        target,
        jump: true,
    };
    let load = Load {
        stages: Some(vec![stage("low", 10, 5.into()), stage("hold", 20, 50.into())]),
        graceful_stop: Some(TimeSpan::from_secs(5)),
        ..Load::default()
    };
    Plan::compile(&load, &[]).unwrap().timeline
}

fn key(metric: &str, stage: &str, request: &str) -> SeriesKey {
    let tags = Tags { stage: Some(stage.into()), request: Some(request.into()), ..Tags::default() };
    SeriesKey { metric: metric.into(), tags }
}

/// In `low` 10 requests of 1 ms to 10 ms, in `hold` 100 of 10 ms to 1000 ms, of which 5 failed.
fn metrics() -> Metrics {
    let mut metrics = Metrics::default();
    for (stage, count, step) in [("low", 10_u64, 1_u64), ("hold", 100, 10)] {
        let mut trend = Trend::default();
        (1..=count).for_each(|n| trend.record(Duration::from_millis(n * step)));
        metrics.add(key("http_req_duration", stage, "pay"), &Sink::Trend(trend));
        metrics.add(key("http_reqs", stage, "pay"), &Sink::Counter(count as f64));
        let failed = if stage == "hold" { 5 } else { 0 };
        metrics.add(key("http_req_failed", stage, "pay"), &Sink::Rate { passes: failed, total: count });
    }
    metrics.add(key("vus", "hold", "pay"), &Sink::Gauge { value: 7.0, min: 1.0, max: 9.0 });
    metrics
}

fn threshold(metric: &str, stage: Option<&str>, condition: &str) -> Threshold {
    Threshold {
        metric: metric.into(),
        selector: stage.map(|stage| ThresholdSelector { stage: Some(stage.into()), ..Default::default() }),
        condition: condition.into(),
        abort_on_fail: false,
        delay_abort_eval: None,
        ..Threshold::default()
    }
}

fn spec(thresholds: &[Threshold]) -> LoadTestSpec {
    let mut spec: LoadTestSpec = serde_json::from_value(serde_json::json!({
        "target": {"baseURL": "http://shop.test"},
        "load": {"unit": "Users", "constant": {"level": 1, "duration": "1m"}},
        "metrics": [{"name": "order_value", "type": "Trend"}, {"name": "render", "type": "Trend", "time": true}]
    }))
    .unwrap();
    spec.thresholds = thresholds.to_vec();
    spec
}

fn evaluate(
    thresholds: &[Threshold],
    metrics: &Metrics,
    timeline: &Timeline,
    elapsed: Duration,
    finished: bool,
) -> Vec<ThresholdResult> {
    let (test, windows) = (spec(thresholds), Windows::default());
    Recorded { test: &test, timeline, metrics, windows: &windows, elapsed }.evaluate(finished)
}

fn breached_abort(
    thresholds: &[Threshold],
    metrics: &Metrics,
    timeline: &Timeline,
    elapsed: Duration,
) -> Option<ThresholdResult> {
    let (test, windows) = (spec(thresholds), Windows::default());
    Recorded { test: &test, timeline, metrics, windows: &windows, elapsed }.breached_abort()
}

#[rstest]
#[case::percentile_of_a_stage("http_req_duration", Some("hold"), "p(95) < 951ms", "950", true)]
#[case::percentile_breached("http_req_duration", Some("hold"), "p(95) < 900", "950", false)]
#[case::in_seconds("http_req_duration", Some("hold"), "max<=1s", "1000", true)]
#[case::in_minutes("http_req_duration", Some("hold"), "max<=0.01m", "1000", false)]
#[case::in_microseconds("http_req_duration", Some("low"), "min >= 1000us", "1", true)]
#[case::mean_of_a_stage("http_req_duration", Some("low"), "avg == 5.5", "5.5", true)]
#[case::median("http_req_duration", Some("low"), "med <= 5.01ms", "5", true)]
// 110 requests: (55 + 50500) / 110 ms.
#[case::mean_of_all("http_req_duration", None, "avg < 459.6", "459.6", true)]
#[case::count("http_reqs", None, "count == 110", "110", true)]
#[case::count_of_a_stage("http_reqs", Some("low"), "count > 10", "10", false)]
// 110 requests in 30 s, 100 of them in the 20 s of a stage.
#[case::rate_of_all("http_reqs", None, "rate > 3.6", "3.667/s", true)]
#[case::rate_of_a_stage("http_reqs", Some("hold"), "rate >= 5", "5/s", true)]
#[case::share("http_req_failed", None, "rate < 0.05", "4.55%", true)]
#[case::share_in_percent("http_req_failed", Some("hold"), "rate < 5%", "5%", false)]
#[case::share_at_most("http_req_failed", Some("hold"), "rate <= 5%", "5%", true)]
#[case::gauge("vus", None, "value != 7", "7", false)]
#[case::empty_counter_is_zero("data_sent", None, "count > 0", "0", false)]
#[case::empty_part_of_a_counter_is_zero("http_reqs{status:503}", None, "count == 0", "0", true)]
#[case::nothing_was_cut_off("http_req_interrupted", None, "max < 5s", "0", true)]
fn thresholds_hold_as_in_k6(
    #[case] metric: &str,
    #[case] stage: Option<&str>,
    #[case] condition: &str,
    #[case] observed: &str,
    #[case] passed: bool,
) {
    let results = evaluate(
        &[threshold(metric, stage, condition)],
        &metrics(),
        &timeline(),
        Duration::from_secs(30),
        true,
    );
    let result = results.first().unwrap();
    assert_eq!(result.passed, passed, "{result:?}");
    let number = |text: &str| text.trim_end_matches("ms").parse::<f64>();
    match (number(&result.observed), number(observed)) {
        // Histograms are true to 0.1 %.
        (Ok(actual), Ok(expected)) => assert!((actual - expected).abs() <= expected * 0.001, "{result:?}"),
        _ => assert_eq!(result.observed, observed),
    }
}

#[test]
fn a_rate_during_a_stage_divides_by_the_time_of_the_stage_that_has_passed() {
    let thresholds =
        [threshold("http_reqs", Some("hold"), "rate > 0"), threshold("http_reqs", None, "rate > 0")];
    let results = evaluate(&thresholds, &metrics(), &timeline(), Duration::from_secs(20), false);
    let observed: Vec<&str> = results.iter().map(|result| result.observed.as_str()).collect();
    assert_eq!(observed, ["10/s", "5.5/s"]);
}

#[test]
fn rates_of_the_whole_run_do_not_count_the_watching_after_the_load() {
    let thresholds = [threshold("http_reqs", None, "rate > 0")];
    // 30 s of load and 5 s of graceful stop.
    let results = evaluate(&thresholds, &metrics(), &timeline(), Duration::from_secs(600), true);
    assert_eq!(results.first().unwrap().observed, "3.143/s");
}

#[test]
fn metrics_without_samples_say_nothing_while_the_load_runs() {
    let thresholds = [threshold("data_sent", None, "count > 0"), threshold("http_reqs", None, "count > 0")];
    let results = evaluate(&thresholds, &metrics(), &timeline(), Duration::from_secs(5), false);
    assert_eq!(results.len(), 1);
    assert_eq!(results.first().unwrap().metric, "http_reqs");
}

#[test]
fn a_result_names_the_metric_with_its_selector() {
    let mut named = threshold("checks", Some("hold"), "rate>0.9");
    if let Some(selector) = &mut named.selector {
        selector.check = Some("status is 200".into());
        selector.request = Some("log in".into());
    }
    assert_eq!(display_name(&named), "checks{stage:hold,request:log in,check:status is 200}");
    assert_eq!(display_name(&threshold("vus", None, "value>0")), "vus");
}

#[rstest]
#[case::breached(true, None, 15, true)]
#[case::before_its_delay(true, Some(20), 15, false)]
#[case::after_its_delay(true, Some(20), 20, true)]
#[case::not_asked_to_stop(false, None, 15, false)]
fn only_a_breached_threshold_that_says_so_stops_the_run(
    #[case] abort: bool,
    #[case] delay: Option<u64>,
    #[case] elapsed: u64,
    #[case] stops: bool,
) {
    let mut breached = threshold("http_req_failed", None, "rate < 1%");
    breached.abort_on_fail = abort;
    breached.delay_abort_eval = delay.map(TimeSpan::from_secs);
    let found = breached_abort(&[breached], &metrics(), &timeline(), Duration::from_secs(elapsed));
    assert_eq!(found.is_some(), stops);
}

#[rstest]
#[case("p(95) 200", "it has no operator")]
#[case("< 200", "it has no aggregation")]
#[case("p95 < 200", "there is no aggregation \"p95\"")]
#[case("p(101) < 200", "percentile 101 is not between 0 and 100")]
#[case("avg < ", "\"\" is no limit")]
#[case("avg < fast", "\"fast\" is no limit")]
#[case("avg < 3h", "there is no unit \"h\"")]
#[case("avg =< 3", "it has no known operator")]
#[case("avg < 3 && max < 4", "there is no unit \"&& max < 4\"")]
fn what_is_no_condition_is_refused_with_the_reason(#[case] text: &str, #[case] why: &str) {
    let message = Condition::parse(text).unwrap_err().to_string();
    assert!(message.contains(why), "{message}");
}

#[rstest]
#[case("http_req_failed", "p(95) < 1", "http_req_failed is a rate and has no p(95); it has rate")]
#[case("http_reqs", "avg < 1", "http_reqs is a counter and has no avg; it has count and rate")]
#[case("vus", "count < 1", "vus is a gauge and has no count; it has value")]
#[case("http_req_duration", "rate < 1", "http_req_duration is a trend and has no rate")]
#[case("http_req_duration", "avg < 1%", "the limit of http_req_duration is a time, not a percentage")]
#[case("http_reqs", "count < 1s", "the limit of http_reqs is a plain number, not a time")]
#[case("order_value", "avg < 1s", "the limit of order_value is a plain number, not a time")]
#[case("nonsense", "count < 1", "unknown metric \"nonsense\"")]
fn a_condition_that_does_not_fit_its_metric_is_refused(
    #[case] metric: &str,
    #[case] text: &str,
    #[case] why: &str,
) {
    let message =
        Condition::for_metric(text, metric, Catalog::new(&spec(&[]).metrics), false).unwrap_err().to_string();
    assert!(message.contains(why), "{message}");
}

#[test]
fn a_threshold_that_can_not_be_read_never_passes() {
    let results = evaluate(
        &[threshold("http_reqs", None, "p(95) < 1")],
        &metrics(),
        &timeline(),
        Duration::from_secs(1),
        false,
    );
    assert!(!results.first().unwrap().passed);
}

#[test]
fn a_breach_that_stopped_the_load_stays_one() {
    let threshold = |condition: &str, passed: bool| ThresholdResult {
        metric: "http_req_failed".into(),
        condition: condition.into(),
        observed: if passed { "0.98%" } else { "1%" }.into(),
        passed,
        ..ThresholdResult::default()
    };
    let mut thresholds = [threshold("rate < 5%", true), threshold("rate < 1%", true)];
    keep_breach(&mut thresholds, &threshold("rate < 1%", false));
    assert_eq!(thresholds, [threshold("rate < 5%", true), threshold("rate < 1%", false)]);
}

#[rstest]
#[case::a_percentage_without_its_sign("rate < 5", Some("always holds: did you mean rate < 5%?"))]
#[case::all_of_it("rate<=1", Some("\"rate<=1\" always holds: did you mean rate<=1%?"))]
#[case::none_of_it("rate >= 0", Some("always holds; choose a limit between"))]
#[case::no_less_than_none("rate > -0.1", Some("always holds; choose"))]
#[case::all_in_percent("rate <= 100%", Some("always holds; choose"))]
#[case::another_value("rate != 2", Some("always holds"))]
#[case::a_share_of_checks("rate > 95", Some("never holds: did you mean rate > 95%?"))]
#[case::more_than_all("rate > 100%", Some("never holds; choose"))]
#[case::less_than_none("rate < 0", Some("never holds"))]
#[case::no_share("rate == 5", Some("never holds: did you mean rate == 5%?"))]
#[case::a_share("rate < 0.05", None)]
#[case::in_percent("rate < 5%", None)]
#[case::not_all("rate < 1", None)]
#[case::some("rate > 0", None)]
#[case::all("rate >= 1", None)]
#[case::exactly("rate == 0.5", None)]
#[case::not_exactly("rate != 0.5", None)]
#[case::none("rate == 0", None)]
fn a_limit_that_every_share_keeps_or_none_is_idle(#[case] text: &str, #[case] expected: Option<&str>) {
    let said = Condition::parse(text).unwrap().idle_on_share(text);
    match expected {
        Some(expected) => assert!(said.as_ref().is_some_and(|said| said.contains(expected)), "{said:?}"),
        None => assert_eq!(said, None),
    }
}

#[test]
fn validation_refuses_what_no_run_can_break() {
    let wrong = |threshold: serde_json::Value| {
        let spec = serde_json::from_value(serde_json::json!({
            "target": {"baseURL": "http://shop"},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}},
            "thresholds": [threshold]
        }));
        let wrong = crate::validate::validate(&spec.unwrap()).err().unwrap_or_default();
        wrong.into_iter().map(|error| error.path).collect::<Vec<_>>()
    };
    let condition = ["spec.thresholds[0].condition"];
    assert_eq!(wrong(serde_json::json!({"metric": "http_req_failed", "condition": "rate < 5"})), condition);
    assert_eq!(wrong(serde_json::json!({"metric": "availability", "condition": "rate >= 99.9"})), condition);
    // A counter per second, and a quotient, may be anything.
    let none: [&str; 0] = [];
    assert_eq!(wrong(serde_json::json!({"metric": "http_reqs", "condition": "rate < 5"})), none);
    let ratio = serde_json::json!({"metric": "http_req_failed", "condition": "rate < 5", "ratioTo": {"selector": {"scenario": "a"}}});
    assert_eq!(wrong(ratio), none);
}
