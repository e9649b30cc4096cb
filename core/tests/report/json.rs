// SPDX-License-Identifier: Apache-2.0
//! The results for programs.

use std::time::Duration;

use serde_json::{Value, json};
use upsurge_core::{
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend},
    report::Report,
};

use super::with_report;

#[test]
fn the_json_has_the_form_of_k6s_summary() {
    let summary = with_report(|report| report.k6_summary());
    let metrics = &summary["metrics"];
    assert_eq!(
        metrics["http_reqs"],
        json!({"type": "counter", "contains": "default", "values": {"count": 4.0, "rate": 2.0}})
    );
    assert_eq!(metrics["checks"]["values"], json!({"rate": 0.75, "passes": 3, "fails": 1}));
    let duration = &metrics["http_req_duration"];
    assert_eq!((&duration["type"], &duration["contains"]), (&json!("trend"), &json!("time")));
    assert_eq!(duration["values"]["avg"], 25.0);
    let values: Vec<&String> = duration["values"].as_object().unwrap().keys().collect();
    assert_eq!(values, ["avg", "max", "med", "min", "p(90)", "p(95)", "p(99)", "p(99.9)"]);
    assert_eq!(duration["thresholds"], json!({"p(95) < 50ms": {"ok": true}}));
    let high = &metrics["http_req_duration{stage:high}"];
    assert_eq!(
        (&high["values"]["min"], &high["thresholds"]),
        (&json!(20.0), &json!({"max < 30ms": {"ok": false}}))
    );
    assert_eq!(metrics["checks{check:never}"]["values"], json!({}));
    assert_eq!(summary["state"]["testRunDurationMs"], 2_000.0);
    let root = &summary["root_group"];
    assert_eq!(
        root["checks"][0],
        json!({"name": "is ok", "path": "::is ok", "id": "::is ok", "passes": 2, "fails": 0})
    );
    assert_eq!(
        (&root["groups"][0]["path"], &root["groups"][0]["checks"][0]["fails"]),
        (&json!("::g"), &json!(1))
    );
    assert_eq!((&summary["verdict"], &summary["stages"][1]["requests"]), (&json!("Failed"), &json!(3)));
    assert_eq!(summary["thresholds"][1]["passed"], false);
    let request = &summary["requests"][0];
    assert!(request["requests"].is_u64() && request.get("iterations").is_none(), "{request}");
}

#[test]
fn the_result_for_programs_holds_numbers_and_what_there_are_no_data_for_is_null() {
    let started = "2026-01-02T03:04:05Z".parse().unwrap();
    let text = with_report(|report| report.json(started));
    let result: Value = serde_json::from_str(&text).unwrap();
    assert!(text.starts_with("{\n  \"format\": \"upsurge.dev/result\",\n  \"version\": 2,\n"), "{text}");
    for (pointer, expected) in [
        ("/startTime", json!("2026-01-02T03:04:05Z")),
        ("/durationSeconds", json!(2.0)),
        ("/verdict", json!("Failed")),
        ("/summary/requests", json!(4)),
        ("/summary/requestsPerSecond", json!(2.0)),
        ("/summary/errorRate", json!(0.0)),
        ("/summary/unansweredRequests", json!(0)),
        ("/summary/dataReceivedBytes", json!(6_144)),
        ("/summary/latencyMilliseconds/count", json!(4)),
        ("/summary/latencyMilliseconds/mean", json!(25.0)),
        ("/summary/latencyMilliseconds/max", json!(40.0)),
        ("/summary/responseTimeMilliseconds", json!(null)),
        ("/stages/1/requests", json!(3)),
        ("/stages/1/startSeconds", json!(1.0)),
        ("/stages/1/latencyMilliseconds/min", json!(20.0)),
        ("/requests/0", json!("item")),
        ("/errors", json!({"refused": 2})),
        ("/checks/0", json!({"name": "is ok", "request": "item", "passes": 3, "fails": 1})),
        ("/thresholds/1/passed", json!(false)),
        ("/metrics/http_reqs/values/count", json!(4.0)),
        ("/generator/healthy", json!(true)),
        ("/notJudged/0", json!("spec.prometheus: not asked")),
        ("/warnings/0", json!("the steps after the load failed: 503")),
    ] {
        let found = result.pointer(pointer);
        let found = if pointer == "/requests/0" { found.map(|request| &request["name"]) } else { found };
        assert_eq!(found, Some(&expected), "{pointer} in {text}");
    }
    for field in ["iterations", "droppedIterations"] {
        assert_eq!(result["requests"][0].get(field), None, "no iteration belongs to a request");
        assert!(result["summary"][field].is_u64() && result["stages"][1][field].is_u64(), "{field}");
    }
    let before = with_report(|report| {
        let (metrics, elapsed) = (Metrics::default(), Duration::ZERO);
        Report { metrics: &metrics, elapsed, figures: &Default::default(), ..*report }.json(started)
    });
    let before: Value = serde_json::from_str(&before).unwrap();
    assert_eq!((&before["summary"], &before["stages"]), (&Value::Null, &json!([])), "without a load");
}

/// The value that a share of a histogram's records do not exceed: the bound of the first bucket that reaches it.
fn percentile(histogram: &Value, bound: &str, percent: f64) -> f64 {
    let wanted = histogram["count"].as_f64().unwrap() * percent / 100.0;
    let mut seen = 0.0;
    let buckets = histogram["buckets"].as_array().unwrap();
    let reaches = |bucket: &&Value| {
        seen += bucket["count"].as_f64().unwrap();
        seen >= wanted
    };
    buckets.iter().find(reaches).unwrap()[bound].as_f64().unwrap()
}

#[test]
fn the_histograms_of_the_result_agree_with_its_percentiles() {
    let tags = Tags { request: Some("item".into()), ..Tags::default() };
    let mut metrics = Metrics::default();
    // From 40 µs to 30 s in two series, in an order that is none, and some that took no time.
    let mut trends = [Trend::default(), Trend::default()];
    for step in 0_u64..20_000 {
        let scattered = (step * 7_919 % 20_000) as f64 / 20_000.0;
        let time = Duration::from_secs_f64(40e-6 * (30.0_f64 / 40e-6).powf(scattered));
        trends[step as usize % 2].record(time);
    }
    trends[0].record_many(Duration::ZERO, 100);
    for (trend, status) in trends.into_iter().zip([200, 500]) {
        let tags = Tags { status: Some(status), ..tags.clone() };
        metrics.add(SeriesKey { metric: "http_req_duration".into(), tags }, &Sink::Trend(trend));
    }
    let mut sizes = Trend::default();
    (1..=1_000).for_each(|size| sizes.record_value(f64::from(size)));
    metrics.add(SeriesKey { metric: "basket_size".into(), tags }, &Sink::Trend(sizes));
    let text = with_report(|report| {
        let mut test = report.test.clone();
        test.metrics = serde_json::from_value(json!([{"name": "basket_size", "type": "Trend"}])).unwrap();
        Report { test: &test, metrics: &metrics, ..*report }.json("2026-01-02T03:04:05Z".parse().unwrap())
    });
    let result: Value = serde_json::from_str(&text).unwrap();
    let histograms = result["histograms"].as_object().unwrap();
    assert_eq!(
        histograms.keys().collect::<Vec<_>>(),
        ["basket_size", "http_req_duration"],
        "others have no records"
    );
    let (times, printed) = (&histograms["http_req_duration"], &result["summary"]["latencyMilliseconds"]);
    assert_eq!(
        (&times["count"], &times["buckets"][0]),
        (&json!(20_100), &json!({"upToMilliseconds": 0.0, "count": 100}))
    );
    assert!(times["buckets"].as_array().unwrap().len() < 1_100, "bounded");
    for (name, percent) in
        [("p10", 10.0), ("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p9999", 99.99)]
    {
        let (ours, theirs) =
            (percentile(times, "upToMilliseconds", percent), printed[name].as_f64().unwrap());
        // The bounds of a bucket are 2.2 % apart, and what is printed is told to the microsecond.
        assert!((-0.001..=theirs * 0.0222 + 0.001).contains(&(ours - theirs)), "{name}: {ours} and {theirs}");
    }
    let mean = times["sumMilliseconds"].as_f64().unwrap() / times["count"].as_f64().unwrap();
    assert!((mean - printed["mean"].as_f64().unwrap()).abs() < 0.001, "{mean}");
    for name in ["min", "max"] {
        assert_eq!(times[format!("{name}Milliseconds")], printed[name], "{name}");
    }
    let sizes = &histograms["basket_size"];
    assert_eq!((&sizes["min"], &sizes["max"]), (&json!(1.0), &json!(1_000.0)));
    assert!((500.0..=511.0).contains(&percentile(sizes, "upTo", 50.0)), "{sizes}");
}
