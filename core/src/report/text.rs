// SPDX-License-Identifier: Apache-2.0
//! The summary to read, at the end of a run.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use upsurge_crds::v1alpha1::{EpochOutcome, RunSummary, TimeSpan, Verdict};

use super::{
    Report, autoscaling,
    canvas::{Canvas, Colours, Ink, NO_DATA},
    counted::{Counted, lasted},
    counts, operations, scarce,
    table::{Cell, Table},
};
use crate::{
    epochs::line,
    http::without_login,
    metrics::{Selector, names},
    results::{self, bytes, milliseconds, rate_of, whole},
};

/// Phases of requests, with what they are called here.
const PHASES: [(&str, &str); 7] = [
    ("blocked (with connecting)", names::HTTP_REQ_BLOCKED),
    ("connecting", names::HTTP_REQ_CONNECTING),
    ("TLS handshaking", names::HTTP_REQ_TLS_HANDSHAKING),
    ("sending", names::HTTP_REQ_SENDING),
    ("waiting", names::HTTP_REQ_WAITING),
    ("receiving", names::HTTP_REQ_RECEIVING),
    ("time to first byte", names::HTTP_REQ_TTFB),
];
/// Longest name of a metric beside its values; longer ones push them aside.
const NAME_WIDTH: usize = 30;

pub(super) fn render(report: &Report<'_>, colours: Colours) -> String {
    let counted = Counted::of(report);
    let shown = counted.as_ref().map_or(*report, |counted| counted.report(report));
    Canvas::filled(colours, |canvas| {
        heading(report, canvas)?;
        write(&shown, canvas)
    })
}

fn heading(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let lasted = TimeSpan(Duration::from_millis(lasted(report).as_millis() as u64));
    canvas.ink(Ink::Heading, format_args!("LoadTest {}", report.name))?;
    writeln!(canvas, " · {} · {lasted}\n", without_login(&report.test.target.base_url))
}

fn write(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    epochs(report, canvas)?;
    figures(report, canvas)?;
    operations::write(report, canvas)?;
    totals(report, canvas)?;
    phases(report, canvas)?;
    custom(report, canvas)?;
    thresholds(report, canvas)?;
    findings(report, canvas)?;
    autoscaling::write(report, canvas)?;
    scarce::write(report, canvas)?;
    checks(report, canvas)?;
    counts::list("failed requests", &results::failures(report.metrics), |_| Some(Ink::Bad), canvas)?;
    generator(report, canvas)?;
    for part in report.not_judged {
        canvas.ink(Ink::Doubtful, "not judged:")?;
        writeln!(canvas, " {part}")?;
    }
    for warning in report.warnings {
        canvas.ink(Ink::Doubtful, "warning:")?;
        writeln!(canvas, " {warning}")?;
    }
    if !report.not_judged.is_empty() || !report.warnings.is_empty() {
        writeln!(canvas)?;
    }
    verdict(report, canvas)
}

/// The probes of a search. What follows are the figures of one of them.
fn epochs(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    if report.epochs.is_empty() {
        return Ok(());
    }
    canvas.heading("probes")?;
    for epoch in report.epochs {
        let (sign, ink) = match epoch.outcome {
            Some(EpochOutcome::Passed) => ('✓', Ink::Good),
            Some(EpochOutcome::Failed) => ('✗', Ink::Bad),
            Some(EpochOutcome::Inconclusive) | None => ('?', Ink::Doubtful),
        };
        write!(canvas, "  ")?;
        canvas.ink(ink, sign)?;
        writeln!(canvas, " {}", line(epoch))?;
    }
    let level = report.capacity.and_then(|capacity| capacity.level.as_ref());
    let passed = level.map(|level| format!(" that passed at {level} iterations/s")).unwrap_or_default();
    let part = if report.capacity.is_some() { ", without its warm-up" } else { "" };
    writeln!(canvas, "\nfigures of the last probe{passed}{part}:\n")
}

pub(super) fn verdict(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let (sign, ink) = match report.outcome.verdict {
        Verdict::Passed => ('✓', Ink::Good),
        Verdict::Failed | Verdict::Error => ('✗', Ink::Bad),
        Verdict::Inconclusive | Verdict::Aborted => ('✗', Ink::Doubtful),
    };
    canvas.ink(ink, format_args!("{sign} {}", report.outcome.headline()))?;
    writeln!(canvas)
}

fn figures(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let mut table = Table::new("", ["requests", "per s", "errors", "p50", "p95", "p99", "max"]);
    table.row("all", cells(&report.figures.summary));
    if report.figures.stages.len() > 1 {
        table.head("stages");
        for stage in &report.figures.stages {
            table.row(format!("  {}", stage.name), cells(&stage.summary));
        }
    }
    if !report.figures.requests.is_empty() {
        table.head("requests");
    }
    for request in &report.figures.requests {
        table.row(format!("  {}", request.name), cells(&request.summary));
    }
    table.write(canvas)
}

/// The figures of a row. What nothing was recorded for is no zero.
fn cells(summary: &RunSummary) -> Vec<Cell> {
    let (latency, none) = (&summary.latency, summary.requests == 0);
    let failed = summary.error_rate != "0%";
    let errors = match (none, failed) {
        (true, false) => Cell::plain(NO_DATA),
        (_, failed) => Cell::inked(&summary.error_rate, failed.then_some(Ink::Bad)),
    };
    let times = [&latency.p50, &latency.p95, &latency.p99, &latency.max];
    let times = times.map(|time| Cell::plain(if none { NO_DATA } else { time }));
    let counts =
        [Cell::plain(summary.requests.to_string()), Cell::plain(&summary.requests_per_second), errors];
    counts.into_iter().chain(times).collect()
}

/// What there is of the whole run beside the table.
fn totals(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let summary = &report.figures.summary;
    write!(canvas, "iterations: {}", summary.iterations.unwrap_or_default())?;
    if let Some(dropped) = summary.dropped_iterations.filter(|dropped| *dropped > 0) {
        write!(canvas, ", ")?;
        canvas.ink(Ink::Bad, format_args!("{dropped} dropped for lack of free users"))?;
    }
    if let Some(unanswered) = summary.unanswered_requests {
        write!(canvas, ", ")?;
        canvas.ink(Ink::Bad, format_args!("{unanswered} requests cut off without an answer"))?;
    }
    writeln!(canvas)?;
    if let Some(response_time) = &summary.response_time {
        let (p95, p99) = (&response_time.p95, &response_time.p99);
        writeln!(canvas, "response time from the intended start: p95 {p95}, p99 {p99}")?;
    }
    let [received, sent] = traffic(report);
    writeln!(canvas, "data: {received} received, {sent} sent\n")
}

/// Bytes received and sent, and how many per second.
pub(super) fn traffic(report: &Report<'_>) -> [String; 2] {
    let time = whole(report.timeline, report.elapsed);
    [names::DATA_RECEIVED, names::DATA_SENT].map(|metric| {
        let count = report.metrics.count(metric, &Selector::default());
        format!("{} ({}/s)", bytes(count), bytes(rate_of(count, time)))
    })
}

/// Where the time of requests goes, as far as anything took time.
fn phases(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let everything = Selector::default();
    let trends = PHASES.iter().map(|(title, metric)| (title, report.metrics.trend(metric, &everything)));
    let mut table = Table::new("phases", ["p50", "p95", "p99", "max"]);
    let mut shown = false;
    for (title, trend) in trends.filter(|(_, trend)| trend.max() > 0.0) {
        let times =
            [50.0, 95.0, 99.0].map(|percent| trend.percentile(percent)).into_iter().chain([trend.max()]);
        table.row(format!("  {title}"), times.map(|time| Cell::plain(milliseconds(time))).collect());
        shown = true;
    }
    if shown { table.write(canvas) } else { Ok(()) }
}

/// The test's own metrics.
fn custom(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let results = results::custom(report.metrics, &report.test.metrics, report.timeline, report.elapsed);
    if results.is_empty() {
        return Ok(());
    }
    canvas.heading("metrics")?;
    for metric in results {
        let values: Vec<String> =
            metric.values.iter().map(|(name, value)| format!("{name} {value}")).collect();
        writeln!(canvas, "  {:<NAME_WIDTH$} {}", metric.name, values.join(", "))?;
    }
    writeln!(canvas)
}

pub(super) fn thresholds(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    if report.thresholds.is_empty() {
        return Ok(());
    }
    canvas.heading("thresholds")?;
    for threshold in report.thresholds {
        let (sign, ink) = match threshold {
            _ if threshold.passed => ('✓', Ink::Good),
            _ if threshold.undecided => ('?', Ink::Doubtful),
            _ => ('✗', Ink::Bad),
        };
        write!(canvas, "  ")?;
        canvas.ink(ink, sign)?;
        write!(canvas, " {} {}: {}", threshold.metric, threshold.condition, threshold.observed)?;
        match &threshold.detail {
            Some(detail) => writeln!(canvas, " ({detail})")?,
            None => writeln!(canvas)?,
        }
    }
    writeln!(canvas)
}

/// What only some tests ask for.
fn findings(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let lines = report.findings.lines();
    let said = report.findings.stress.as_ref().map(|stress| &stress.message);
    if lines.is_empty() && said.is_none() {
        return Ok(());
    }
    canvas.heading("judged beside them")?;
    if let Some(message) = said {
        writeln!(canvas, "    {message}")?;
    }
    for line in lines {
        let (sign, ink) = match (line.passed, line.undecided) {
            (true, _) => ('✓', Ink::Good),
            (false, true) => ('?', Ink::Doubtful),
            (false, false) => ('✗', Ink::Bad),
        };
        write!(canvas, "  ")?;
        canvas.ink(ink, sign)?;
        writeln!(canvas, " {}: {}", line.name, line.told)?;
    }
    writeln!(canvas)
}

fn checks(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    if report.figures.expectations.is_empty() {
        return Ok(());
    }
    canvas.heading("checks")?;
    for check in &report.figures.expectations {
        let (sign, ink) = if check.fails == 0 { ('✓', Ink::Good) } else { ('✗', Ink::Bad) };
        let total = check.passes + check.fails;
        write!(canvas, "  ")?;
        canvas.ink(ink, sign)?;
        writeln!(canvas, " {} · {}: {} of {total} held", check.request, check.name, check.passes)?;
    }
    writeln!(canvas)
}

pub(super) fn generator(report: &Report<'_>, canvas: &mut Canvas) -> fmt::Result {
    let generator = report.generator;
    let (word, ink) = if generator.healthy { ("healthy", Ink::Good) } else { ("NOT healthy", Ink::Bad) };
    write!(canvas, "generator: ")?;
    canvas.ink(ink, word)?;
    write!(canvas, ", started {} iterations", generator.started_iterations)?;
    if let Some(planned) = generator.planned_iterations {
        write!(canvas, " of {planned} planned")?;
    }
    if report.capacity.is_some() {
        write!(canvas, ", with the warm-up")?;
    }
    let lag = if generator.started_iterations == 0 { NO_DATA } else { &generator.lag_p99 };
    write!(canvas, "\n  lag p99 {lag}")?;
    if let Some(wait) = &generator.queue_wait_p99 {
        write!(canvas, ", wait for a user p99 {wait}")?;
    }
    write!(canvas, ", {:.1} s of CPU", generator.cpu_seconds)?;
    match &generator.busiest_core {
        Some(share) => writeln!(canvas, ", busiest core {share}")?,
        None => writeln!(canvas)?,
    }
    for problem in &generator.problems {
        write!(canvas, "  ")?;
        canvas.ink(Ink::Bad, '✗')?;
        writeln!(canvas, " {problem}")?;
    }
    for warning in &generator.warnings {
        write!(canvas, "  ")?;
        canvas.ink(Ink::Doubtful, '!')?;
        writeln!(canvas, " {warning}")?;
    }
    writeln!(canvas)
}
