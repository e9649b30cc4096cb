//! The outcome as JUnit XML, which CI systems read and show.
//!
//! Thresholds and the verdict pass or fail. Checks decide nothing by themselves, so one that did not
//! always hold is told as skipped: the file has a failure or an error exactly when the run did not pass.

use std::fmt::Write as _;

use jiff::{Timestamp, fmt::strtime, tz::TimeZone};
use upsurge_crds::v1alpha1::Verdict;

use super::Report;

/// One test case and how it went.
struct Case {
    class: &'static str,
    name: String,
    seconds: f64,
    result: Ending,
    /// Told whatever the result.
    output: String,
}

enum Ending {
    Passed,
    Skipped { message: String },
    Failure { message: String, kind: String },
    Error { message: String, kind: String },
}

pub(super) fn render(report: &Report<'_>, started: Timestamp) -> String {
    let mut text = String::new();
    // Writing to a text can't fail.
    let _ = write(report, started, &mut text);
    text
}

fn write(report: &Report<'_>, started: Timestamp, text: &mut String) -> std::fmt::Result {
    let cases = cases(report);
    let count = |wanted: fn(&Ending) -> bool| cases.iter().filter(|case| wanted(&case.result)).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\"",
        cases.len(),
        count(|result| matches!(result, Ending::Failure { .. })),
        count(|result| matches!(result, Ending::Error { .. })),
        report.elapsed.as_secs_f64()
    );
    let name = escape(report.name);
    // ISO 8601 without a zone, as the schema wants it.
    let started = started.to_zoned(TimeZone::UTC);
    let started = strtime::format("%Y-%m-%dT%H:%M:%S", &started).unwrap_or_default();
    writeln!(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(text, "<testsuites name=\"{name}\" {counts}>")?;
    writeln!(
        text,
        "  <testsuite name=\"{name}\" {counts} skipped=\"{}\" timestamp=\"{started}\">",
        count(|result| matches!(result, Ending::Skipped { .. }))
    )?;
    writeln!(text, "    <properties>")?;
    for (name, value) in properties(report) {
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

fn properties(report: &Report<'_>) -> Vec<(&'static str, String)> {
    let summary = &report.figures.summary;
    vec![
        ("target", report.test.target.base_url.clone()),
        ("requests", summary.requests.to_string()),
        ("requestsPerSecond", summary.requests_per_second.clone()),
        ("errorRate", summary.error_rate.clone()),
        ("iterations", summary.iterations.to_string()),
        ("droppedIterations", summary.dropped_iterations.to_string()),
        ("latencyP50", summary.latency.p50.clone()),
        ("latencyP95", summary.latency.p95.clone()),
        ("latencyP99", summary.latency.p99.clone()),
    ]
}

fn cases(report: &Report<'_>) -> Vec<Case> {
    let outcome = report.outcome;
    let (message, kind) = (outcome.message.clone(), outcome.reason.clone());
    let verdict = Case {
        class: "run",
        name: "verdict".into(),
        seconds: report.elapsed.as_secs_f64(),
        result: match outcome.verdict {
            Verdict::Passed => Ending::Passed,
            Verdict::Failed => Ending::Failure { message, kind },
            Verdict::Error | Verdict::Inconclusive | Verdict::Aborted => Ending::Error { message, kind },
        },
        output: format!("{:?} ({}): {}", outcome.verdict, outcome.reason, outcome.message),
    };
    let thresholds = report.thresholds.iter().map(|threshold| Case {
        class: "thresholds",
        name: format!("{} {}", threshold.metric, threshold.condition),
        seconds: 0.0,
        result: if threshold.passed {
            Ending::Passed
        } else {
            let message = format!("observed {}", threshold.observed);
            Ending::Failure { message, kind: "threshold".into() }
        },
        output: format!("observed {}", threshold.observed),
    });
    let checks = report.figures.expectations.iter().map(|check| {
        let message = format!("{} of {} held", check.passes, check.passes + check.fails);
        Case {
            class: "checks",
            name: format!("{} · {}", check.request, check.name),
            seconds: 0.0,
            result: if check.fails == 0 {
                Ending::Passed
            } else {
                Ending::Skipped { message: format!("{message}; only thresholds decide") }
            },
            output: message,
        }
    });
    let not_judged = report.not_judged.iter().map(|part| Case {
        class: "cluster",
        name: part.split(':').next().unwrap_or(part).into(),
        seconds: 0.0,
        result: Ending::Skipped { message: part.clone() },
        output: String::new(),
    });
    std::iter::once(verdict).chain(thresholds).chain(checks).chain(not_judged).collect()
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
