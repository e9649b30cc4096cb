//! The outcome as JUnit XML, which CI systems read and show.
//!
//! Thresholds, expectations on the autoscaler, Prometheus checks and the verdict pass or fail. Checks of responses
//! decide nothing by themselves, so one that did not always hold is told as skipped: the file has a failure or an
//! error exactly when the run did not pass.

mod cases;

use std::{fmt::Write as _, time::Duration};

use jiff::{Timestamp, fmt::strtime, tz::TimeZone};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::{
    LoadTestRun,
    v1alpha1::{AutoscalingResult, CheckCount, PrometheusCheckResult, RunSummary, ThresholdResult},
};

use self::cases::{Case, Ending};
use super::Report;
use crate::verdict::Outcome;

/// What is told of a judged run.
struct Judged<'a> {
    name: &'a str,
    target: &'a str,
    started: Timestamp,
    elapsed: Duration,
    outcome: Outcome,
    summary: Option<&'a RunSummary>,
    thresholds: &'a [ThresholdResult],
    autoscaling: Option<&'a AutoscalingResult>,
    prometheus: &'a [PrometheusCheckResult],
    checks: &'a [CheckCount],
    not_judged: &'a [String],
    warnings: &'a [String],
}

/// A run that was made from a process of its own.
pub(super) fn of_report(report: &Report<'_>, started: Timestamp) -> String {
    render(&Judged {
        name: report.name,
        target: &report.test.target.base_url,
        started,
        elapsed: report.elapsed,
        outcome: report.outcome.clone(),
        summary: Some(&report.figures.summary),
        thresholds: report.thresholds,
        autoscaling: None,
        prometheus: &[],
        checks: &report.figures.expectations,
        not_judged: report.not_judged,
        warnings: report.warnings,
    })
}

/// A run in a cluster, from its status; `None` before it has a verdict.
pub(super) fn of_run(run: &LoadTestRun) -> Option<String> {
    let status = run.status.as_ref()?;
    let outcome = Outcome {
        verdict: status.verdict?,
        reason: status.reason.clone().unwrap_or_default(),
        message: status.message.clone().unwrap_or_default(),
    };
    let instant = |time: &Option<Time>| time.as_ref().map(|time| time.0);
    let created = instant(&run.metadata.creation_timestamp).unwrap_or_default();
    let started = instant(&status.start_time).unwrap_or(created);
    let ended = instant(&status.completion_time).unwrap_or(started);
    Some(render(&Judged {
        name: run.metadata.name.as_deref().unwrap_or(&run.spec.load_test_ref.name),
        target: run.spec.test.as_ref().map_or("", |test| test.target.base_url.as_str()),
        started,
        elapsed: Duration::try_from(ended.duration_since(started)).unwrap_or_default(),
        outcome,
        summary: status.summary.as_ref(),
        thresholds: &status.thresholds,
        autoscaling: status.autoscaling.as_ref(),
        prometheus: &status.checks,
        checks: &status.expectations,
        not_judged: &[],
        warnings: &status.warnings,
    }))
}

fn render(judged: &Judged<'_>) -> String {
    let mut text = String::new();
    // Writing to a text can't fail.
    let _ = write(judged, &mut text);
    text
}

fn write(judged: &Judged<'_>, text: &mut String) -> std::fmt::Result {
    let cases = cases::of(judged);
    let count = |wanted: fn(&Ending) -> bool| cases.iter().filter(|case| wanted(&case.result)).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\"",
        cases.len(),
        count(|result| matches!(result, Ending::Failure { .. })),
        count(|result| matches!(result, Ending::Error { .. })),
        judged.elapsed.as_secs_f64()
    );
    let name = escape(judged.name);
    // ISO 8601 without a zone, as the schema wants it.
    let started = judged.started.to_zoned(TimeZone::UTC);
    let started = strtime::format("%Y-%m-%dT%H:%M:%S", &started).unwrap_or_default();
    writeln!(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(text, "<testsuites name=\"{name}\" {counts}>")?;
    writeln!(
        text,
        "  <testsuite name=\"{name}\" {counts} skipped=\"{}\" timestamp=\"{started}\">",
        count(|result| matches!(result, Ending::Skipped { .. }))
    )?;
    writeln!(text, "    <properties>")?;
    for (name, value) in properties(judged) {
        writeln!(text, "      <property name=\"{name}\" value=\"{}\"/>", escape(&value))?;
    }
    writeln!(text, "    </properties>")?;
    for case in &cases {
        write_case(&name, case, text)?;
    }
    writeln!(text, "  </testsuite>\n</testsuites>")
}

fn write_case(test: &str, case: &Case, text: &mut String) -> std::fmt::Result {
    let Case { class, name, seconds, result, output } = case;
    let name = escape(name);
    writeln!(text, "    <testcase classname=\"{test}.{class}\" name=\"{name}\" time=\"{seconds:.3}\">")?;
    match result {
        Ending::Passed => {}
        Ending::Skipped { message } => writeln!(text, "      <skipped message=\"{}\"/>", escape(message))?,
        Ending::Failure { message, kind } => {
            let message = escape(message);
            writeln!(
                text,
                "      <failure message=\"{message}\" type=\"{}\">{message}</failure>",
                escape(kind)
            )?;
        }
        Ending::Error { message, kind } => {
            let message = escape(message);
            writeln!(text, "      <error message=\"{message}\" type=\"{}\">{message}</error>", escape(kind))?;
        }
    }
    if !output.is_empty() {
        writeln!(text, "      <system-out>{}</system-out>", escape(output))?;
    }
    writeln!(text, "    </testcase>")
}

fn properties(judged: &Judged<'_>) -> Vec<(&'static str, String)> {
    let mut properties = vec![("target", judged.target.to_owned())];
    if let Some(summary) = judged.summary {
        properties.extend([
            ("requests", summary.requests.to_string()),
            ("requestsPerSecond", summary.requests_per_second.clone()),
            ("errorRate", summary.error_rate.clone()),
            ("iterations", summary.iterations.to_string()),
            ("droppedIterations", summary.dropped_iterations.to_string()),
            ("latencyP50", summary.latency.p50.clone()),
            ("latencyP95", summary.latency.p95.clone()),
            ("latencyP99", summary.latency.p99.clone()),
        ]);
    }
    properties.extend(judged.autoscaling.map(|autoscaling| ("replicas", autoscaling.replicas.clone())));
    properties
}

/// Text as it may stand in XML 1.0, in elements and attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&apos;",
            '\n' | '\r' | '\t' => escaped.push(' '),
            // XML 1.0 has no way to write these.
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_holds_the_document_stays_whole() {
        assert_eq!(escape("a<b> & \"c\" 'd'\n\x1b"), "a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos; \u{fffd}");
    }
}
