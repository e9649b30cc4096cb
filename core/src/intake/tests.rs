// SPDX-License-Identifier: Apache-2.0
//! What is taken of a delta, what is counted as overflow, and what is refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::{
    metrics::{OVERFLOW, Selector, Sink, Tags, Trend, names},
    protocol::{Form, MOST_SLICES},
    validate::validate,
};

fn test() -> LoadTestSpec {
    serde_json::from_value(json!({
        "target": {"baseURL": "http://checkout"},
        "tags": {"team": "shop"},
        "metrics": [
            {"name": "carts", "type": "Counter"},
            {"name": "stock", "type": "Gauge"},
            {"name": "size", "type": "Trend"},
        ],
        "scenarios": [{"name": "pay", "steps": [
            {"group": {"name": "checkout", "steps": [
                {"request": {"name": "log in", "method": "POST", "url": "/login", "expect": [{"status": [200]}]}},
            ]}},
            {"if": {"condition": "iteration > 3", "then": [{"request": {"name": "home", "url": "/"}}]}},
            {"record": {"metric": "carts", "tags": {"kind": "write"}}},
        ]}],
        "load": {"constant": {"level": 1, "duration": "1m"}},
        "thresholds": [{"metric": "http_reqs", "condition": "count < 9", "window": "10s"}],
    }))
    .unwrap()
}

fn intake() -> Intake {
    let test = test();
    Intake::of(&test, &validate(&test).unwrap())
}

fn delta(series: &Value) -> Value {
    json!({"number": 1, "fromMs": 0, "toMs": 1000, "metrics": series,
           "generator": {"cpuSeconds": 0.1, "periods": 0, "throttledPeriods": 0}})
}

fn take(delta: &Value) -> Result<Taken, Objection> {
    intake().take(Raw::Text(&delta.to_string()))
}

fn trend() -> Value {
    let mut trend = Trend::default();
    trend.record(Duration::from_millis(5));
    json!({"trend": trend})
}

/// A slice with these windows.
fn slice(from_ms: u64, to_ms: u64, windows: Value) -> Value {
    let durations = &trend()["trend"];
    json!({"fromMs": from_ms, "toMs": to_ms, "requests": 1.0, "failed": 0, "durations": durations, "windows": windows})
}

#[test]
fn slices_of_a_merged_delta_are_taken() {
    let mut delta = delta(&json!([]));
    delta["number"] = json!(7);
    delta["first"] = json!(6);
    delta["slices"] = json!([slice(0, 400, json!({"0": {"counter": 4.0}})), slice(400, 1_000, json!({}))]);
    let taken = take(&delta).unwrap().delta;
    assert_eq!((taken.first, taken.number), (Some(6), 7));
    assert_eq!(serde_json::to_value(&taken.slices).unwrap()[0], delta["slices"][0]);
    assert_eq!(taken.slices[1].to_ms, 1_000);
}

#[test]
fn what_the_test_has_is_taken_as_it_is() {
    let of_request = json!({"stage": "load", "scenario": "pay", "group": "checkout", "request": "log in"});
    let with = |metric: &str, more: Value| {
        let mut key = of_request.clone();
        key["metric"] = json!(metric);
        more.as_object().unwrap().iter().for_each(|(name, value)| key[name] = value.clone());
        key
    };
    let stage = validate(&test()).unwrap().timeline.stages[0].name.clone();
    let mut series = json!([
        [with("http_req_duration", json!({"status": 200, "method": "POST", "expected_response": true})), trend()],
        [with("http_reqs", json!({"status": 503, "method": "POST", "error_code": 1503, "custom": {"team": "shop"}})), {"counter": 3.0}],
        [with("checks", json!({"check": "status 200"})), {"rate": {"passes": 1, "total": 2}}],
        [with("request_errors", json!({"check": "timeout", "method": "POST"})), {"counter": 1.0}],
        [{"metric": "checks", "scenario": "pay", "check": "condition iteration > 3"}, {"rate": {"passes": 0, "total": 2}}],
        [{"metric": "carts", "scenario": "pay", "custom": {"team": "shop", "kind": "write"}}, {"counter": -2.0}],
        [{"metric": "stock"}, {"latest": {"at": 5, "value": -1e300, "min": -1e300, "max": 2.0}}],
        [{"metric": "size"}, trend()],
        [{"metric": "vus"}, {"gauge": {"value": -3.0, "min": 0.0, "max": 3.0}}],
        [{"metric": "http_reqs", "request": OVERFLOW}, {"counter": 9.0}],
    ]);
    for one in series.as_array_mut().unwrap() {
        if one[0].get("stage").is_some() {
            one[0]["stage"] = json!(stage);
        }
    }
    let name = validate(&test()).unwrap().scenarios.requests().next().unwrap().1.expect[0].name.clone();
    series[2][0]["check"] = json!(name);
    let taken = take(&delta(&series)).unwrap();
    assert_eq!(taken.foreign, None);
    assert_eq!(taken.delta.metrics.len(), series.as_array().unwrap().len());
    assert_eq!(serde_json::to_value(&taken.delta.metrics).unwrap().as_array().unwrap().len(), 10);
}

#[test]
fn names_that_the_test_does_not_have_are_counted_and_not_told_apart() {
    for (what, key) in [
        ("stage \"ghost\"", json!({"stage": "ghost"})),
        ("scenario \"ghost\"", json!({"scenario": "ghost"})),
        ("group \"ghost\"", json!({"group": "ghost"})),
        ("request \"ghost\"", json!({"request": "ghost"})),
        ("method \"PUT\"", json!({"request": "home", "method": "PUT"})),
        ("check \"ghost\"", json!({"check": "ghost"})),
        ("tag \"team: bank\"", json!({"custom": {"team": "bank"}})),
        ("status 1000", json!({"request": "home", "status": 1000})),
        ("error code 7", json!({"request": "home", "error_code": 7})),
        ("an answer to no request", json!({"status": 200})),
    ] {
        let mut key = key;
        key["metric"] = json!("http_reqs");
        let series = json!([[key, {"counter": 4.0}], [{"metric": "http_reqs"}, {"counter": 1.0}]]);
        let taken = take(&delta(&series)).unwrap();
        assert_eq!(taken.foreign, Some(format!("http_reqs of {what}")));
        assert_eq!(taken.delta.metrics.count(names::HTTP_REQS, &Selector::default()), 5.0);
        assert!(taken.delta.metrics.is_overflowed(names::HTTP_REQS));
    }
}

/// One of each kind of delta that is refused.
fn refused() -> Vec<(&'static str, Value)> {
    let one = |key: Value, sink: Value| delta(&json!([[key, sink]]));
    let reqs = || json!({"metric": "http_reqs"});
    let changed = |field: &str, value: Value| {
        let mut delta = delta(&json!([]));
        delta[field] = value;
        delta
    };
    let long = "x".repeat(LONGEST_TEXT + 1);
    let mut many = Vec::new();
    many.resize(crate::metrics::MOST_SERIES_IN_ALL + 1, json!([reqs(), {"counter": 1.0}]));
    let mut broken = trend();
    broken["trend"]["histogram"] = json!("AAAA");
    vec![
        ("no delta", json!([])),
        ("no metrics", changed("metrics", json!(5))),
        ("too many series", delta(&json!(many))),
        ("an unknown metric", one(json!({"metric": "x".repeat(500)}), json!({"counter": 1.0}))),
        ("a counter as a trend", one(reqs(), trend())),
        ("a trend as a counter", one(json!({"metric": "size"}), json!({"counter": 1.0}))),
        ("a trend as a rate", one(json!({"metric": "size"}), json!({"rate": {"passes": 0, "total": 0}}))),
        (
            "users as a gauge of the test",
            one(json!({"metric": "vus"}), json!({"latest": {"at": 0, "value": 0.0, "min": 0.0, "max": 0.0}})),
        ),
        (
            "a gauge of the test as users",
            one(json!({"metric": "stock"}), json!({"gauge": {"value": 0.0, "min": 0.0, "max": 0.0}})),
        ),
        ("a negative count", one(reqs(), json!({"counter": -1.0}))),
        ("a count beyond all", one(reqs(), json!({"counter": 1e300}))),
        (
            "more passes than events",
            one(json!({"metric": "checks"}), json!({"rate": {"passes": 2, "total": 1}})),
        ),
        (
            "more events than there can be",
            one(json!({"metric": "checks"}), json!({"rate": {"passes": 0, "total": u64::MAX}})),
        ),
        (
            "a gauge upside down",
            one(json!({"metric": "vus"}), json!({"gauge": {"value": 0.0, "min": 2.0, "max": 1.0}})),
        ),
        (
            "a gauge from the future",
            one(
                json!({"metric": "stock"}),
                json!({"latest": {"at": u64::MAX, "value": 0.0, "min": 0.0, "max": 0.0}}),
            ),
        ),
        ("a broken histogram", one(json!({"metric": "size"}), broken)),
        ("time that runs backwards", changed("fromMs", json!(2_000))),
        ("numbers that run backwards", changed("first", json!(2))),
        ("slices beyond the delta", changed("slices", json!([slice(0, 2_000, json!({}))]))),
        (
            "windows that no threshold has",
            changed("slices", json!([slice(0, 1_000, json!({"7": {"counter": 1.0}}))])),
        ),
        ("windows of another kind", changed("slices", json!([slice(0, 1_000, json!({"0": trend()}))]))),
        (
            "a count beyond all in a window",
            changed("slices", json!([slice(0, 1_000, json!({"0": {"counter": 1e300}}))])),
        ),
        ("too many slices", changed("slices", json!(vec![slice(0, 1_000, json!({})); MOST_SLICES + 1]))),
        (
            "too many windows",
            changed(
                "slices",
                json!([slice(
                    0,
                    1_000,
                    (0..200).map(|index| (index.to_string(), json!({"counter": 1.0}))).collect()
                )]),
            ),
        ),
        ("time long after the test", changed("toMs", json!(u64::MAX))),
        (
            "a generator of negative time",
            changed("generator", json!({"cpuSeconds": -1.0, "periods": 0, "throttledPeriods": 0})),
        ),
        ("a reason that is too long", changed("done", json!({"stopped": {"reason": long}}))),
        ("a message that is too long", changed("done", json!({"failed": {"reason": "a", "message": long}}))),
        ("an outcome that is too long", changed("after", json!({"result": {"Err": long}}))),
    ]
}

/// As many histograms as one delta can't have: wide ones, which are short on the wire.
fn heavy() -> Value {
    let mut wide = Trend::default();
    (0..3_600_000_000_u64)
        .step_by(100_000)
        .for_each(|time| wide.record_many(Duration::from_micros(time), 70_000));
    let wide = json!({"trend": wide});
    let series = (0..1_500).map(|number| {
        let key = json!({"metric": "size", "request": if number % 2 == 0 { "home" } else { "log in" },
            "status": number / 2});
        json!([key, wide])
    });
    delta(&Value::Array(series.collect()))
}

#[test]
fn what_no_runner_sends_is_refused_and_each_reason_is_met() {
    let mut kinds = BTreeSet::new();
    for (what, delta) in refused().into_iter().chain([("too much memory", heavy())]) {
        let objection = take(&delta).expect_err(what);
        assert!(objection.to_string().len() < 300, "{what}: {objection}");
        kinds.insert(format!("{objection:?}").split([' ', '(', '{']).next().unwrap().to_owned());
    }
    let all = [
        "Form",
        "Heavy",
        "Histogram",
        "Interval",
        "Kind",
        "Late",
        "Metric",
        "Numbers",
        "Range",
        "Rate",
        "Text",
        "Value",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn a_hello_with_an_endless_reason_is_refused() {
    let failed = |length| Readiness::Failed { reason: "RunnerFailed".into(), message: "x".repeat(length) };
    assert!(Intake::check_hello(&failed(LONGEST_TEXT), None).is_ok());
    assert!(Intake::check_hello(&failed(LONGEST_TEXT + 1), None).is_err());
    let before = BeforeOutcome { result: Err("x".repeat(LONGEST_TEXT + 1)) };
    assert!(Intake::check_hello(&Readiness::Ready, Some(&before)).is_err());
}

#[test]
fn a_message_holds_few_deltas_and_they_are_not_read_with_it() {
    let message = |deltas: &[Value]| {
        json!({"runner": 0, "pod": "a", "start": 0, "startedAt": 0, "deltas": deltas}).to_string()
    };
    let text = message(&[json!({"number": 1}), json!(7)]);
    let batch = Batch::read(Form::Json, text.as_bytes()).unwrap();
    assert_eq!(batch.deltas, [Raw::Text("{\"number\":1}"), Raw::Text("7")]);
    let many = message(&vec![json!({}); MOST_DELTAS + 1]);
    let objection = Batch::read(Form::Json, many.as_bytes()).unwrap_err();
    assert!(objection.to_string().contains("more than 64 deltas"), "{objection}");
}

#[test]
fn series_without_end_become_overflow_also_without_a_request() {
    let mut metrics = Metrics::default();
    for number in 0..50_000 {
        let tags = Tags { stage: Some(number.to_string()), ..Tags::default() };
        metrics.add(SeriesKey { metric: names::ITERATIONS.into(), tags }, &Sink::Counter(1.0));
    }
    assert!(metrics.len() <= crate::metrics::MOST_SERIES_IN_ALL + 1, "{} series", metrics.len());
    assert_eq!(metrics.count(names::ITERATIONS, &Selector::default()), 50_000.0);
}

#[test]
fn of_outputs_no_more_is_kept_than_the_test_has_and_their_words_are_cut() {
    let mut test = test();
    test.outputs = serde_json::from_value(json!([{"name": "o", "otlp": {"endpoint": "http://o"}}])).unwrap();
    let intake = Intake::of(&test, &validate(&test).unwrap());
    let report = json!({"delivered": 5, "lost": u64::MAX, "others": 0, "problem": "x".repeat(100_000)});
    let mut sent = delta(&json!([]));
    sent["outputs"] = json!([report, report, report]);
    let taken = intake.take(Raw::Text(&sent.to_string())).unwrap().delta.outputs;
    let [report] = &taken[..] else { panic!("{} reports", taken.len()) };
    assert_eq!((report.delivered, report.lost), (5, u64::MAX));
    assert_eq!(report.problem.as_ref().unwrap().len(), crate::format::LONGEST_WORDS);
    // A test without outputs has none.
    assert!(take(&sent).unwrap().delta.outputs.is_empty());
}
