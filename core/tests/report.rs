// SPDX-License-Identifier: Apache-2.0
//! The summaries of a run hold its figures in the promised form.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "report/json.rs"]
mod json;
#[path = "report/junit.rs"]
mod junit;
#[path = "report/scarce.rs"]
mod scarce;

use std::time::Duration;

use serde_json::{Value, json};
use upsurge_core::{
    epochs,
    findings::NO_FINDINGS,
    metrics::{Metrics, SeriesKey, Sink, Tags, Trend},
    plan::{MEASURE, Plan},
    report::{Colours, Report, Told},
    results::{Asked, figures, generator},
    thresholds::{Recorded, Windows},
    verdict::{Evidence, judge},
};
use upsurge_crds::{
    LoadTestSpec,
    v1alpha1::{AutoscalingResult, CapacityResult, EpochResult, WorkloadResult},
};

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
    let asked = Asked {
        timeline: &timeline,
        loads: &loads,
        skip: None,
        runners: 1,
        max_lag: Duration::from_millis(100),
    };
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
        scarce: Told::default(),
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
        for (stage, milliseconds) in [("low", 900), (MEASURE, 20)] {
            let mut trend = Trend::default();
            trend.record(Duration::from_millis(milliseconds));
            let tags = Tags { stage: Some(stage.into()), ..Tags::default() };
            metrics.add(SeriesKey { metric: "http_req_waiting".into(), tags }, &Sink::Trend(trend));
        }
        let figures = epochs::figures(&metrics, &timeline, report.elapsed);
        let capacity = CapacityResult::default();
        // The first probe began ten seconds before the last one.
        let probes = json!([
            {"number": 1, "level": "1", "startTime": "1970-01-01T00:00:00.000000Z"},
            {"number": 2, "level": "3", "startTime": "1970-01-01T00:00:10.000000Z"}
        ]);
        let probes: Vec<EpochResult> = serde_json::from_value(probes).unwrap();
        let report = Report {
            timeline: &timeline,
            metrics: &metrics,
            figures: &figures,
            capacity: Some(&capacity),
            epochs: &probes,
            ..*report
        };
        let started = jiff::Timestamp::from_second(10).unwrap();
        let json: Value = serde_json::from_str(&report.json(started)).unwrap();
        let counted = |part: &Value| (part["requests"].clone(), part["requestsPerSecond"].clone());
        let measured = (json!(3), json!(3.0));
        assert_eq!((counted(&json["summary"]), counted(&json["requests"][0])), (measured.clone(), measured));
        assert_eq!(json["stages"][0]["requests"], json!(1), "each stage is told");
        let all = (&json["startTime"], &json["durationSeconds"]);
        assert_eq!(all, (&json!("1970-01-01T00:00:00Z"), &json!(12.0)), "of all probes");
        for (pointer, expected) in [
            ("/summary/iterations", json!(3)),
            ("/summary/dataSentBytes", json!(300)),
            ("/phases/http_req_waiting/count", json!(1)),
            ("/histograms/http_req_waiting/count", json!(1)),
            ("/metrics/http_reqs/values/count", json!(3.0)),
            ("/metrics/http_reqs/values/rate", json!(3.0)),
        ] {
            assert_eq!(json.pointer(pointer), Some(&expected), "{pointer} in {json}");
        }
        assert_eq!(report.k6_summary()["metrics"]["data_sent"]["values"]["count"], json!(300.0));
        let text = report.text(Colours::Off);
        let all = text.lines().find(|line| line.trim_start().starts_with("all")).unwrap();
        assert_eq!(all.split_whitespace().take(3).collect::<Vec<_>>(), ["all", "3", "3"], "{text}");
        for words in [
            "LoadTest shop · http://shop.test · 12s\n",
            "figures of the last probe, without its warm-up:\n",
            "iterations: 3\ndata: 4.5 KiB (4.5 KiB/s) received, 300 B (300 B/s) sent\n",
            ", started 4 iterations of 4 planned, with the warm-up\n",
        ] {
            assert!(text.contains(words), "{words:?} in {text}");
        }
        assert!(!text.contains("900ms"), "a phase of the warm-up in {text}");
    });
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

#[test]
fn each_of_several_workloads_has_a_line_of_its_own() {
    let own = |name: &str, limit: &str| WorkloadResult {
        name: name.into(),
        kind: "Deployment".into(),
        replicas: Some("1→3→1".into()),
        limited_by: Some(limit.into()),
        ..WorkloadResult::default()
    };
    let seen = AutoscalingResult {
        replicas: "gateway 1→3→1, orders 1→3→1".into(),
        cause: Some("Deployment/orders was the first".into()),
        workloads: vec![own("gateway", "None"), own("orders", "Readiness")],
        ..AutoscalingResult::default()
    };
    let text = with_report(|report| Report { autoscaling: Some(&seen), ..*report }.text(Colours::Off));
    for words in [
        "  Deployment/gateway (no autoscaler): replicas 1→3→1\n",
        "  Deployment/orders (no autoscaler): replicas 1→3→1, limited by Readiness\n",
        "  Deployment/orders was the first\n",
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
