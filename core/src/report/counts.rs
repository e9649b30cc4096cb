//! What became of requests, counted by status and by kind of error.

use std::{collections::BTreeMap, fmt::Write as _};

use super::Report;
use crate::{
    metrics::{Selector, Sink, Tags, names},
    results::decimal,
};

/// Responses by their status codes.
pub(super) fn statuses(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let statuses = by(report, names::HTTP_REQS, |tags| answered(tags).map(|status| status.to_string()));
    list("status codes", &statuses, text)
}

/// Requests without a whole response, by what went wrong.
pub(super) fn errors(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    list("errors", &by(report, names::REQUEST_ERRORS, |tags| tags.check.clone()), text)
}

/// Both, of failed requests only.
pub(super) fn failures(report: &Report<'_>, text: &mut String) -> std::fmt::Result {
    let mut failures = by(report, names::HTTP_REQS, |tags| {
        let status = answered(tags).filter(|_| tags.expected_response == Some(false))?;
        Some(format!("status {status}"))
    });
    failures.extend(by(report, names::REQUEST_ERRORS, |tags| tags.check.clone()));
    list("failed requests", &failures, text)
}

fn answered(tags: &Tags) -> Option<u16> {
    tags.status.filter(|status| *status > 0)
}

/// A counter by a property of its series.
fn by(
    report: &Report<'_>,
    metric: &str,
    property: impl Fn(&Tags) -> Option<String>,
) -> BTreeMap<String, f64> {
    let everything = Selector::default();
    let mut counts = BTreeMap::new();
    for (tags, sink) in report.metrics.select(metric, &everything) {
        if let (Sink::Counter(count), Some(property)) = (sink, property(tags)) {
            *counts.entry(property).or_default() += count;
        }
    }
    counts
}

fn list(title: &str, counts: &BTreeMap<String, f64>, text: &mut String) -> std::fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(text, "{title}")?;
    for (property, count) in counts {
        writeln!(text, "  [{property}] {}", decimal(*count, 0))?;
    }
    writeln!(text)
}
