// SPDX-License-Identifier: Apache-2.0
//! The summaries of a run hold its figures in the promised form.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use std::time::Duration;

use serde_json::{Value, json};
use upsurge_core::{
    epochs::{self, MEASURE},
    findings::NO_FINDINGS,
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend},
    plan::Plan,
    report::{Colours, Report, junit_of_run},
    results::{Asked, figures, generator},
    thresholds::{Recorded, Windows},
    verdict::{Evidence, judge},
};
use upsurge_crds::{LoadTestRun, LoadTestSpec, v1alpha1::CapacityResult};

fn spec() -> LoadTestSpec {
    serde_json::from_value(json!({
        "target": {"baseURL": "http://shop.test"},
        "scenarios": [{"name": "s", "steps": [{"request": {"name": "item", "url": "/"}}]}],
        "load": {"unit": "IterationsPerSecond", "stages": [
            {"name": "low", "duration": "1s", "target": 1, "jump": true},
            {"name": "high", "duration": "1s", "target": 3, "jump": true}
        ]},
        "thresholds": [
            {"metric": "http_req_duration", "condition": "p(95) < 50ms"},
            {"metric": "http_req_duration", "selector": {"stage": "high"}, "condition": "max < 30ms"},
            {"metric": "checks", "selector": {"check": "never"}, "condition": "rate > 90%"}
        ]
    }))
    .unwrap()
}

/// One request in `low`, three in `high`, one of which failed its check, in a group.
fn metrics() -> Metrics {
    let mut metrics = Metrics::default();
    for (stage, milliseconds, group) in
        [("low", 10, None), ("high", 20, None), ("high", 30, Some("g")), ("high", 40, Some("g"))]
    {
        let tags = Tags {
            stage: Some(stage.into()),
            scenario: Some("s".into()),
            group: group.map(String::from),
            request: Some("item".into()),
            ..Tags::default()
        };
        let mut trend = Trend::default();
        trend.record(Duration::from_millis(milliseconds));
        let mut add =
            |metric: &str, sink| metrics.add(SeriesKey { metric: metric.into(), tags: tags.clone() }, &sink);
        add("http_req_duration", Sink::Trend(trend));
        add("http_reqs", Sink::Counter(1.0));
        add("iterations", Sink::Counter(1.0));
        add("started_iterations", Sink::Counter(1.0));
        add("http_req_failed", Sink::Rate { passes: 0, total: 1 });
        add("data_received", Sink::Counter(1_536.0));
        add("data_sent", Sink::Counter(100.0));
        let tags = Tags { check: Some("is ok".into()), ..tags };
        let passes = u64::from(milliseconds != 40);
        metrics.add(SeriesKey { metric: "checks".into(), tags }, &Sink::Rate { passes, total: 1 });
    }
    let tags = Tags { request: Some("item".into()), check: Some("refused".into()), ..Tags::default() };
    metrics.add(SeriesKey { metric: "request_errors".into(), tags }, &Sink::Counter(2.0));
    metrics
}

fn with_report<T>(look: impl Fn(&Report<'_>) -> T) -> T {
    let (test, metrics, elapsed) = (spec(), metrics(), Duration::from_secs(2));
    let timeline = Plan::compile(&test.load, &[]).unwrap();
    let (timeline, loads) = (timeline.timeline, timeline.loads);
    let figures = figures(&metrics, &timeline, elapsed);
    let windows = Windows::default();
    let recorded =
        Recorded { test: &test, timeline: &timeline, metrics: &metrics, windows: &windows, elapsed };
    let thresholds = recorded.evaluate(true);
    let asked = Asked { timeline: &timeline, loads: &loads, runners: 1, max_lag: Duration::from_millis(100) };
    let generator = generator(asked, &metrics, &Default::default(), &[0], elapsed);
    let outcome = judge(&Evidence {
        test: &test,
        aborted: None,
        breakdown: None,
        doubts: &[],
        summary: Some(&figures.summary),
        unlimited: 0,
        thresholds: &thresholds,
        autoscaling: None,
        findings: &NO_FINDINGS,
        checks: &[],
        limits: &[],
        generator: Some(&generator),
    });
    look(&Report {
        name: "shop",
        test: &test,
        timeline: &timeline,
        metrics: &metrics,
        figures: &figures,
        operations: &[],
        thresholds: &thresholds,
        autoscaling: None,
        generator: &generator,
        epochs: &[],
        capacity: None,
        outcome: &outcome,
        elapsed,
        findings: &NO_FINDINGS,
        not_judged: &["spec.prometheus: not asked".into()],
        warnings: &["the steps after the load failed: 503".into()],
    })
}

#[test]
fn the_figures_of_a_search_are_without_its_warm_up() {
    with_report(|report| {
        let (mut timeline, mut metrics) = (report.timeline.clone(), Metrics::default());
        timeline.stages[1].name = MEASURE.into();
        for (key, sink) in report.metrics.iter() {
            let mut key = key.clone();
            if key.tags.stage.as_deref() == Some("high") {
                key.tags.stage = Some(MEASURE.into());
            }
            metrics.add(key, sink);
        }
        let figures = epochs::figures(&metrics, &timeline, report.elapsed);
        let capacity = CapacityResult::default();
        let report = Report {
            timeline: &timeline,
            metrics: &metrics,
            figures: &figures,
            capacity: Some(&capacity),
            ..*report
        };
        let json: Value = serde_json::from_str(&report.json(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        let counted = |part: &Value| (part["requests"].clone(), part["requestsPerSecond"].clone());
        let measured = (json!(3), json!(3.0));
        assert_eq!((counted(&json["summary"]), counted(&json["requests"][0])), (measured.clone(), measured));
        assert_eq!(json["stages"][0]["requests"], json!(1), "each stage is told");
        let text = report.text(Colours::Off);
        let all = text.lines().find(|line| line.trim_start().starts_with("all")).unwrap();
        assert_eq!(all.split_whitespace().take(3).collect::<Vec<_>>(), ["all", "3", "3"], "{text}");
    });
}

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
}

#[test]
fn the_text_tells_figures_thresholds_checks_and_verdict() {
    let text = with_report(|report| report.text(Colours::Off));
    for words in [
        "LoadTest shop · http://shop.test · 2s",
        "  high ",
        "  ✓ http_req_duration p(95) < 50ms: 40ms",
        "  ✗ http_req_duration{stage:high} max < 30ms: 40ms",
        "  ✗ item · is ok: 3 of 4 held",
        "failed requests\n  [refused] 2\n",
        "generator: healthy, started 4 iterations of 4 planned\n  lag p99 0ms, 0.0 s of CPU\n",
        "iterations: 4\ndata: 6 KiB (3 KiB/s) received, 400 B (200 B/s) sent\n",
        "not judged: spec.prometheus: not asked",
        "warning: the steps after the load failed: 503",
        "✗ Failed (ThresholdsBreached): http_req_duration{stage:high} max < 30ms: observed 40ms",
    ] {
        assert!(text.contains(words), "{words:?} is missing in:\n{text}");
    }
}

/// The codes that colours are made of, after the escape.
const COLOURS: [&str; 6] = ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m"];

#[test]
fn figures_that_there_are_no_data_for_are_no_zeros() {
    with_report(|report| {
        let mut figures = report.figures.clone();
        let empty = || upsurge_core::results::figures(&Metrics::default(), report.timeline, report.elapsed);
        figures.stages = empty().stages;
        let report = Report { figures: &figures, ..*report };
        let text = report.text(Colours::Off);
        let row = text.lines().find(|line| line.starts_with("  high ")).unwrap();
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(cells, ["high", "0", "0", "–", "–", "–", "–", "–"]);
        let quick = Report { metrics: &Metrics::default(), ..report }.quick_text(Colours::Off);
        assert!(quick.contains("succeeded 0, –\n") && quick.contains("failed    0, –\n"), "{quick}");
    });
}

#[test]
fn no_table_is_wider_than_a_terminal() {
    with_report(|report| {
        let mut figures = report.figures.clone();
        figures.requests[0].name = "GET /api/v1/customers/{{ user }}/orders/{{ iteration }}".into();
        figures.summary.requests = 12_345_678;
        figures.summary.latency.max = "3600000ms".into();
        let report = Report { figures: &figures, ..*report };
        let text = report.text(Colours::Off);
        let tables = text.split("thresholds\n").next().unwrap();
        let wide: Vec<&str> = tables.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty() && text.contains(&figures.requests[0].name), "{text}");
    });
}

#[test]
fn the_result_for_programs_holds_numbers_and_what_there_are_no_data_for_is_null() {
    let started = "2026-01-02T03:04:05Z".parse().unwrap();
    let text = with_report(|report| report.json(started));
    let result: Value = serde_json::from_str(&text).unwrap();
    assert!(text.starts_with("{\n  \"format\": \"upsurge.dev/result\",\n  \"version\": 1,\n"), "{text}");
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

#[test]
fn a_reason_that_only_repeats_the_verdict_is_left_out() {
    with_report(|report| {
        let mut outcome = report.outcome.clone();
        (outcome.verdict, outcome.reason) = (upsurge_crds::v1alpha1::Verdict::Aborted, "Aborted".into());
        outcome.message = "interrupted".into();
        let report = Report { outcome: &outcome, ..*report };
        assert!(report.text(Colours::Off).ends_with("\n✗ Aborted: interrupted\n"));
        assert!(report.junit("2026-01-02T03:04:05Z".parse().unwrap()).contains(">Aborted: interrupted<"));
    });
}

#[test]
fn the_text_steers_no_terminal_whatever_names_hold() {
    with_report(|report| {
        let name = "shop\u{1b}[2J\u{7}\u{9b}\u{ffff}";
        let warnings = ["a server said \u{1b}]0;title\u{7}".to_owned()];
        let report = Report { name, warnings: &warnings, ..*report };
        for text in [report.text(Colours::Off), report.quick_text(Colours::Off)] {
            let steers = |character: char| character.is_control() && character != '\n';
            assert!(!text.contains(steers) && !text.contains('\u{ffff}'), "{text:?}");
        }
        let text = report.text(Colours::Off);
        assert!(text.contains("shop\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd} "), "{text}");
        // In colours there are codes, all of them ours.
        for text in [report.text(Colours::On), report.quick_text(Colours::On)] {
            let codes = text.split('\u{1b}').skip(1).map(|rest| rest.split_inclusive('m').next().unwrap());
            let unknown: Vec<_> = codes.filter(|code| !COLOURS.contains(code)).collect();
            assert!(text.contains('\u{1b}') && unknown.is_empty(), "{unknown:?}");
        }
    });
}

/// What a JUnit file says: of its suite tests, failures, errors, skipped, time and start, and a line for each case with
/// class, name, time, and tag, type and text of what stands in it.
fn suite(xml: &str) -> ([String; 6], Vec<String>) {
    let document = roxmltree::Document::parse(xml).unwrap();
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let attribute = |node: roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap_or_default().to_owned();
    let all = document.root_element();
    for name in ["name", "tests", "failures", "errors", "skipped", "time"] {
        assert_eq!(all.attribute(name), suite.attribute(name), "{name}");
    }
    let cases = suite.children().filter(|node| node.has_tag_name("testcase")).map(|case| {
        let inner = case.children().filter(roxmltree::Node::is_element).map(|node| {
            let message = node.attribute("message").or(node.text()).unwrap_or_default();
            format!(" | {} {} {message}", node.tag_name().name(), attribute(node, "type"))
        });
        ["classname", "name", "time"].map(|name| attribute(case, name)).join(" ") + &inner.collect::<String>()
    });
    let figures = ["tests", "failures", "errors", "skipped", "time", "timestamp"];
    (figures.map(|name| attribute(suite, name)), cases.collect())
}

#[test]
fn the_junit_file_fails_exactly_where_the_run_did() {
    let xml = with_report(|report| report.junit("2026-01-02T03:04:05.678Z".parse().unwrap()));
    let (figures, cases) = suite(&xml);
    assert_eq!(figures, ["7", "2", "1", "3", "2.000", "2026-01-02T03:04:05"]);
    let because = "http_req_duration{stage:high} max < 30ms: observed 40ms";
    assert_eq!(
        cases,
        [
            &format!(
                "shop.run verdict 2.000 | failure ThresholdsBreached {because} | system-out  Failed (ThresholdsBreached): {because}"
            ),
            "shop.thresholds http_req_duration p(95) < 50ms 0.000 | system-out  observed 40ms",
            "shop.thresholds http_req_duration{stage:high} max < 30ms 0.000 | failure threshold observed 40ms | system-out  observed 40ms",
            "shop.thresholds checks{check:never} rate > 90% 0.000 | error NoData observed no data (no samples) | system-out  observed no data (no samples)",
            "shop.checks item · is ok 0.000 | skipped  3 of 4 held; only thresholds decide | system-out  3 of 4 held",
            "shop.cluster spec.prometheus 0.000 | skipped  spec.prometheus: not asked",
            "shop.warnings the steps after the load failed 0.000 | skipped  the steps after the load failed: 503",
        ]
    );
}

fn run(verdict: &str, autoscaling: bool, checks: &Value) -> LoadTestRun {
    let expectation = |name: &str, expected: &str, observed: &str, passed: bool| {
        let message = (!passed).then_some("the policy of the autoscaler held it up");
        json!({"name": name, "expected": expected, "observed": observed, "passed": passed, "message": message})
    };
    let watched = json!({"replicas": "1→3→1", "startReplicas": 1, "peakReplicas": 3, "endReplicas": 1, "expectations": [
        expectation("scaleUpWithin", "90s", "120s", false), expectation("minPeakReplicas", "3", "3", true),
    ]});
    serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "metadata": {"name": "checkout-g1"},
        "spec": {"loadTestRef": {"name": "checkout"}},
        "status": {
            "verdict": verdict, "reason": "Because", "message": "so it is",
            "startTime": "2026-01-02T03:04:05Z", "completionTime": "2026-01-02T03:05:05Z",
            "autoscaling": autoscaling.then_some(watched), "checks": checks,
        },
    }))
    .unwrap()
}

#[test]
fn the_junit_file_of_a_run_has_each_expectation_and_each_prometheus_check() {
    let checks = json!([
        {"name": "queue", "condition": "< 5", "observed": "3", "passed": true},
        {"name": "db p95", "condition": "< 0.1", "observed": "0.25", "passed": false},
        {"name": "cache", "condition": "> 0.9", "passed": false, "message": "no series"},
    ]);
    let xml = junit_of_run(&run("Inconclusive", true, &checks)).unwrap();
    let (figures, cases) = suite(&xml);
    assert_eq!(figures, ["6", "2", "2", "0", "60.000", "2026-01-02T03:04:05"]);
    let late = "observed 120s: the policy of the autoscaler held it up";
    assert_eq!(
        cases,
        [
            "checkout-g1.run verdict 60.000 | error Because so it is | system-out  Inconclusive (Because): so it is",
            &format!(
                "checkout-g1.autoscaling scaleUpWithin 90s 0.000 | failure AutoscalingExpectationMissed {late} | system-out  {late}"
            ),
            "checkout-g1.autoscaling minPeakReplicas 3 0.000 | system-out  observed 3",
            "checkout-g1.prometheus queue < 5 0.000 | system-out  observed 3",
            "checkout-g1.prometheus db p95 < 0.1 0.000 | failure ChecksBreached observed 0.25 | system-out  observed 0.25",
            "checkout-g1.prometheus cache > 0.9 0.000 | error CheckUnanswered no series",
        ]
    );
    assert!(xml.contains("<property name=\"replicas\" value=\"1→3→1\"/>"), "{xml}");
    let (figures, _) = suite(&junit_of_run(&run("Passed", false, &json!([]))).unwrap());
    assert_eq!(figures[..3], ["1", "0", "0"]);
    let mut unfinished = run("Passed", false, &json!([]));
    unfinished.status.as_mut().unwrap().verdict = None;
    assert_eq!(junit_of_run(&unfinished), None);
}
