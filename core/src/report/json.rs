// SPDX-License-Identifier: Apache-2.0
//! The whole result for programs, in a form of its own: numbers instead of texts, with their unit in the field's name.
//!
//! `docs/src/reference/cli.md` lists the fields. New ones may come; one that goes or changes its meaning takes a new
//! [`VERSION`].

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use upsurge_crds::v1alpha1::{
    AutoscalingResult, BottleneckResult, CapacityResult, CheckCount, EpochResult, ExpectationResult,
    GeneratorResult, PrometheusSeriesResult, SoakResult, SpikeResult, StressResult, ThresholdResult,
    UsageResult, Verdict, VerificationResult,
};

use super::{
    Report,
    counted::{Counted, began, lasted},
    histogram, k6,
};
use crate::{
    http::without_login,
    metrics::{Metrics, Selector, Trend, names},
    results::{self, part, whole},
    single::{Kind, Measured},
};

/// What a document of this form says it is.
const FORMAT: &str = "upsurge.dev/result";
/// Version of the form.
const VERSION: u32 = 2;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    format: &'static str,
    version: u32,
    name: &'a str,
    target: Cow<'a, str>,
    start_time: Timestamp,
    duration_seconds: f64,
    verdict: Verdict,
    reason: &'a str,
    message: &'a str,
    /// `None` when there was no load.
    summary: Option<Figures>,
    stages: Vec<StageFigures<'a>>,
    requests: Vec<RequestFigures<'a>>,
    phases: BTreeMap<&'static str, Times>,
    status_codes: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
    checks: &'a [CheckCount],
    /// Of a benchmark.
    operations: Vec<OperationFigures<'a>>,
    thresholds: &'a [ThresholdResult],
    /// Of a run with several parts only; the figures beside it are those of one of them.
    epochs: &'a [EpochResult],
    capacity: Option<&'a CapacityResult>,
    stress: Option<&'a StressResult>,
    spikes: &'a [SpikeResult],
    verification: Option<&'a VerificationResult>,
    /// As in the status of a run.
    autoscaling: Option<&'a AutoscalingResult>,
    /// The same.
    usage: &'a [UsageResult],
    usage_expectations: &'a [ExpectationResult],
    soak: Option<&'a SoakResult>,
    bottleneck: Option<&'a BottleneckResult>,
    series: &'a [PrometheusSeriesResult],
    metrics: Value,
    histograms: Map<String, Value>,
    generator: &'a GeneratorResult,
    not_judged: &'a [String],
    warnings: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StageFigures<'a> {
    name: &'a str,
    start_seconds: f64,
    duration_seconds: f64,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestFigures<'a> {
    name: &'a str,
    scenario: &'a str,
    #[serde(flatten)]
    figures: Figures,
}

/// The figures of an operation. A percentile without enough samples is null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationFigures<'a> {
    name: &'a str,
    scenario: &'a str,
    kind: &'static str,
    repeats: u64,
    samples: u64,
    failures: u64,
    min_milliseconds: Option<f64>,
    mean_milliseconds: Option<f64>,
    median_milliseconds: Option<f64>,
    p95_milliseconds: Option<f64>,
    p99_milliseconds: Option<f64>,
    max_milliseconds: Option<f64>,
}

/// The figures of a run, a stage or a request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    requests: u64,
    requests_per_second: f64,
    failed_requests: u64,
    error_rate: f64,
    /// Of the whole run only.
    #[serde(skip_serializing_if = "Option::is_none")]
    unanswered_requests: Option<i64>,
    /// Not of a request, to which no iteration belongs.
    #[serde(skip_serializing_if = "Option::is_none")]
    iterations: Option<u64>,
    /// The same.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_iterations: Option<u64>,
    data_sent_bytes: u64,
    data_received_bytes: u64,
    latency_milliseconds: Option<Times>,
    response_time_milliseconds: Option<Times>,
}

/// A distribution of times, in milliseconds to the microsecond.
#[derive(Serialize)]
struct Times {
    count: u64,
    min: f64,
    mean: f64,
    p10: f64,
    p25: f64,
    p50: f64,
    p75: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    p999: f64,
    p9999: f64,
    max: f64,
}

pub(super) fn render(report: &Report<'_>, started: Timestamp) -> String {
    // Texts and numbers alone: that can always be written.
    let text = serde_json::to_string_pretty(&document(report, started)).unwrap_or_default();
    text + "\n"
}

fn document<'a>(report: &Report<'a>, started: Timestamp) -> Document<'a> {
    let Report { name, test, timeline, metrics, elapsed, .. } = *report;
    let counted = Counted::of(report);
    let shown = counted.as_ref().map_or(*report, |counted| counted.report(report));
    let time = whole(shown.timeline, shown.elapsed);
    let summary = || Figures {
        unanswered_requests: Some(report.figures.summary.unanswered_requests.unwrap_or_default()),
        ..Figures::of(shown.metrics, &Selector::default(), time)
    };
    let stages = report.figures.stages.iter().map(|stage| {
        let selector = Selector { stage: Some(stage.name.clone()), ..Selector::default() };
        let time = timeline.stage(&stage.name).map_or(time, |stage| part(stage, elapsed));
        StageFigures {
            name: &stage.name,
            start_seconds: stage.start_seconds,
            duration_seconds: stage.duration_seconds,
            figures: Figures::of(metrics, &selector, time),
        }
    });
    let requests = report.figures.requests.iter().map(|request| {
        let selector = Selector {
            scenario: (!request.scenario.is_empty()).then(|| request.scenario.clone()),
            request: Some(request.name.clone()),
            ..Selector::default()
        };
        let figures = Figures::of(shown.metrics, &selector, time);
        let figures = Figures { iterations: None, dropped_iterations: None, ..figures };
        RequestFigures { name: &request.name, scenario: &request.scenario, figures }
    });
    let phases = names::PHASES
        .into_iter()
        .filter_map(|phase| Some((phase, Times::of(&shown.metrics.trend(phase, &Selector::default()))?)));
    let in_numbers =
        |counts: results::Counts| counts.into_iter().map(|(what, count)| (what, count as u64)).collect();
    Document {
        format: FORMAT,
        version: VERSION,
        name,
        target: without_login(&test.target.base_url),
        start_time: began(report, started),
        duration_seconds: thousandths(lasted(report).as_secs_f64()),
        verdict: report.outcome.verdict,
        reason: &report.outcome.reason,
        message: &report.outcome.message,
        summary: (!elapsed.is_zero()).then(summary),
        stages: stages.collect(),
        requests: requests.collect(),
        phases: phases.collect(),
        status_codes: in_numbers(results::statuses(shown.metrics)),
        errors: in_numbers(results::errors(shown.metrics)),
        checks: &report.figures.expectations,
        operations: report.operations.iter().map(OperationFigures::of).collect(),
        thresholds: report.thresholds,
        epochs: report.epochs,
        capacity: report.capacity,
        stress: report.findings.stress.as_ref(),
        spikes: &report.findings.spikes,
        verification: report.findings.verification.as_ref(),
        autoscaling: report.autoscaling,
        usage: report.scarce.usage,
        usage_expectations: report.scarce.expectations,
        soak: report.scarce.soak,
        bottleneck: report.scarce.bottleneck,
        series: report.scarce.series,
        metrics: k6::metrics(&shown),
        histograms: histogram::histograms(&shown),
        generator: report.generator,
        not_judged: report.not_judged,
        warnings: report.warnings,
    }
}

impl<'a> OperationFigures<'a> {
    fn of(measured: &'a Measured) -> Self {
        let [min, mean, median, p95, p99, max] = measured.all().map(|time| time.map(thousandths));
        Self {
            name: &measured.name,
            scenario: &measured.scenario,
            kind: match measured.kind {
                Kind::Request => "request",
                Kind::Group => "group",
            },
            repeats: measured.repeats,
            samples: measured.samples(),
            failures: measured.failures,
            min_milliseconds: min,
            mean_milliseconds: mean,
            median_milliseconds: median,
            p95_milliseconds: p95,
            p99_milliseconds: p99,
            max_milliseconds: max,
        }
    }
}

impl Figures {
    fn of(metrics: &Metrics, selector: &Selector, time: Duration) -> Self {
        let measured = results::Measured::of(metrics, selector, time);
        Self {
            requests: measured.requests as u64,
            requests_per_second: thousandths(measured.requests_per_second),
            failed_requests: measured.failed.0,
            error_rate: measured.error_rate(),
            unanswered_requests: None,
            iterations: Some(measured.iterations as u64),
            dropped_iterations: Some(measured.dropped as u64),
            data_sent_bytes: measured.traffic.0 as u64,
            data_received_bytes: measured.traffic.1 as u64,
            latency_milliseconds: Times::of(&measured.latency),
            response_time_milliseconds: Times::of(&measured.response_time),
        }
    }
}

impl Times {
    /// `None` where nothing was recorded: that is no time of zero.
    fn of(trend: &Trend) -> Option<Self> {
        let percentile = |percent| thousandths(trend.percentile(percent));
        (!trend.is_empty()).then(|| Self {
            count: trend.count(),
            min: thousandths(trend.min()),
            mean: thousandths(trend.mean()),
            p10: percentile(10.0),
            p25: percentile(25.0),
            p50: percentile(50.0),
            p75: percentile(75.0),
            p90: percentile(90.0),
            p95: percentile(95.0),
            p99: percentile(99.0),
            p999: percentile(99.9),
            p9999: percentile(99.99),
            max: thousandths(trend.max()),
        })
    }
}

fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
