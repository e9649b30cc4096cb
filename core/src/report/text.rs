//! The summary to read, at the end of a run.

use std::fmt::Write as _;

use upsurge_crds::v1alpha1::{RunSummary, TimeSpan, Verdict};

use super::{Report, counts};
use crate::{
    http::without_login,
    metrics::{Selector, names},
    results::{self, milliseconds},
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
/// Longest name in the table; longer ones are cut.
const NAME_WIDTH: usize = 32;

pub(super) fn render(report: &Report<'_>) -> String {
    let mut text = String::new();
    // Writing to a text can't fail.
    let _ = write(report, &mut text);
    text
}

fn write(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let seconds = TimeSpan(std::time::Duration::from_millis(report.elapsed.as_millis() as u64));
    writeln!(
        text,
        "LoadTest {} · {} · {seconds}\n",
        report.name,
        without_login(&report.test.target.base_url)
    )?;
    table(report, text)?;
    phases(report, text)?;
    custom(report, text)?;
    thresholds(report, text)?;
    checks(report, text)?;
    counts::failures(report, text)?;
    generator(report, text)?;
    for part in report.not_judged {
        writeln!(text, "not judged: {part}")?;
    }
    for warning in report.warnings {
        writeln!(text, "warning: {warning}")?;
    }
    if !report.not_judged.is_empty() || !report.warnings.is_empty() {
        writeln!(text)?;
    }
    verdict(report, text)
}

pub(super) fn verdict(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let sign = if report.outcome.verdict == Verdict::Passed { '✓' } else { '✗' };
    writeln!(
        text,
        "{sign} {:?} ({}): {}",
        report.outcome.verdict, report.outcome.reason, report.outcome.message
    )
}

fn table(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    writeln!(
        text,
        "{:<NAME_WIDTH$} {:>9} {:>9} {:>8} {:>10} {:>10} {:>10} {:>10}",
        "", "requests", "per s", "errors", "p50", "p95", "p99", "max"
    )?;
    row(text, "all", &report.figures.summary)?;
    if report.figures.stages.len() > 1 {
        writeln!(text, "stages")?;
        for stage in &report.figures.stages {
            row(text, &format!("  {}", stage.name), &stage.summary)?;
        }
    }
    if !report.figures.requests.is_empty() {
        writeln!(text, "requests")?;
    }
    for request in &report.figures.requests {
        row(text, &format!("  {}", request.name), &request.summary)?;
    }
    let summary = &report.figures.summary;
    write!(text, "\niterations: {}", summary.iterations)?;
    if summary.dropped_iterations > 0 {
        write!(text, ", {} dropped for want of free users", summary.dropped_iterations)?;
    }
    if let Some(unanswered) = summary.unanswered_requests {
        write!(text, ", {unanswered} requests cut off without an answer")?;
    }
    if let Some(response_time) = &summary.response_time {
        write!(
            text,
            "; response time from the intended start: p95 {}, p99 {}",
            response_time.p95, response_time.p99
        )?;
    }
    writeln!(text, "\n")
}

/// Where the time of requests goes, as far as anything took time.
fn phases(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let everything = Selector::default();
    let trends = PHASES.iter().map(|(title, metric)| (title, report.metrics.trend(metric, &everything)));
    let shown: Vec<_> = trends.filter(|(_, trend)| trend.max() > 0.0).collect();
    if shown.is_empty() {
        return Ok(());
    }
    writeln!(text, "{:<NAME_WIDTH$} {:>10} {:>10} {:>10} {:>10}", "phases", "p50", "p95", "p99", "max")?;
    for (title, trend) in shown {
        let [p50, p95, p99] = [50.0, 95.0, 99.0].map(|percent| milliseconds(trend.percentile(percent)));
        let max = milliseconds(trend.max());
        writeln!(text, "  {title:<width$} {p50:>10} {p95:>10} {p99:>10} {max:>10}", width = NAME_WIDTH - 2)?;
    }
    writeln!(text)
}

/// The test's own metrics.
fn custom(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let results = results::custom(report.metrics, &report.test.metrics, report.timeline, report.elapsed);
    if results.is_empty() {
        return Ok(());
    }
    writeln!(text, "metrics")?;
    for metric in results {
        let values: Vec<String> =
            metric.values.iter().map(|(name, value)| format!("{name} {value}")).collect();
        writeln!(text, "  {:<width$} {}", short(&metric.name), values.join(", "), width = NAME_WIDTH - 2)?;
    }
    writeln!(text)
}

fn row(text: &mut String, name: &str, summary: &RunSummary) -> std::fmt::Result {
    let latency = &summary.latency;
    writeln!(
        text,
        "{:<NAME_WIDTH$} {:>9} {:>9} {:>8} {:>10} {:>10} {:>10} {:>10}",
        short(name),
        summary.requests,
        summary.requests_per_second,
        summary.error_rate,
        latency.p50,
        latency.p95,
        latency.p99,
        latency.max
    )
}

fn short(name: &str) -> String {
    if name.chars().count() <= NAME_WIDTH {
        return name.into();
    }
    name.chars().take(NAME_WIDTH - 1).chain(['…']).collect()
}

pub(super) fn thresholds(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    if report.thresholds.is_empty() {
        return Ok(());
    }
    writeln!(text, "thresholds")?;
    for threshold in report.thresholds {
        let sign = match threshold {
            _ if threshold.passed => '✓',
            _ if threshold.undecided => '?',
            _ => '✗',
        };
        write!(text, "  {sign} {} {}: {}", threshold.metric, threshold.condition, threshold.observed)?;
        match &threshold.detail {
            Some(detail) => writeln!(text, " ({detail})")?,
            None => writeln!(text)?,
        }
    }
    writeln!(text)
}

fn checks(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    if report.figures.expectations.is_empty() {
        return Ok(());
    }
    writeln!(text, "checks")?;
    for check in &report.figures.expectations {
        let sign = if check.fails == 0 { '✓' } else { '✗' };
        let total = check.passes + check.fails;
        writeln!(text, "  {sign} {} · {}: {} of {total} held", check.request, check.name, check.passes)?;
    }
    writeln!(text)
}

pub(super) fn generator(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let generator = report.generator;
    write!(text, "generator: {}", if generator.healthy { "healthy" } else { "NOT healthy" })?;
    write!(text, ", started {} iterations", generator.started_iterations)?;
    if let Some(planned) = generator.planned_iterations {
        write!(text, " of {planned} planned")?;
    }
    write!(text, ", lag p99 {}", generator.lag_p99)?;
    if let Some(wait) = &generator.queue_wait_p99 {
        write!(text, ", wait for a user p99 {wait}")?;
    }
    write!(text, ", {:.1} s of CPU", generator.cpu_seconds)?;
    match &generator.busiest_core {
        Some(share) => writeln!(text, ", busiest core {share}")?,
        None => writeln!(text)?,
    }
    for problem in &generator.problems {
        writeln!(text, "  ✗ {problem}")?;
    }
    for warning in &generator.warnings {
        writeln!(text, "  ! {warning}")?;
    }
    writeln!(text)
}
