// SPDX-License-Identifier: Apache-2.0
//! What became of requests, counted by status and by kind of error.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use super::{
    Report,
    canvas::{Canvas, Ink},
};
use crate::{
    metrics::{Selector, Sink, Tags, names},
    results::decimal,
};

/// How often each of several things happened.
pub(super) type Counts = BTreeMap<String, f64>;

/// Responses by their status codes.
pub(super) fn statuses(report: &Report<'_>) -> Counts {
    by(report, names::HTTP_REQS, |tags| answered(tags).map(|status| status.to_string()))
}

/// Requests without a whole response, by what went wrong.
pub(super) fn errors(report: &Report<'_>) -> Counts {
    by(report, names::REQUEST_ERRORS, |tags| tags.check.clone())
}

/// Both, of failed requests only.
pub(super) fn failures(report: &Report<'_>) -> Counts {
    let mut failures = by(report, names::HTTP_REQS, |tags| {
        let status = answered(tags).filter(|_| tags.expected_response == Some(false))?;
        Some(format!("status {status}"))
    });
    failures.extend(errors(report));
    failures
}

fn answered(tags: &Tags) -> Option<u16> {
    tags.status.filter(|status| *status > 0)
}

/// A counter by a property of its series.
fn by(report: &Report<'_>, metric: &str, property: impl Fn(&Tags) -> Option<String>) -> Counts {
    let everything = Selector::default();
    let mut counts = BTreeMap::new();
    for (tags, sink) in report.metrics.select(metric, &everything) {
        if let (Sink::Counter(count), Some(property)) = (sink, property(tags)) {
            *counts.entry(property).or_default() += count;
        }
    }
    counts
}

/// Writes counts, if there are any; `ink` gives each its colour.
pub(super) fn list(
    title: &str,
    counts: &Counts,
    ink: impl Fn(&str) -> Option<Ink>,
    canvas: &mut Canvas,
) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    canvas.heading(title)?;
    for (property, count) in counts {
        let line = format!("  [{property}] {}", decimal(*count, 0));
        match ink(property) {
            Some(ink) => canvas.ink(ink, line)?,
            None => canvas.write_str(&line)?,
        }
        writeln!(canvas)?;
    }
    writeln!(canvas)
}

/// The colour of a status code.
pub(super) fn of_status(status: &str) -> Option<Ink> {
    match status.as_bytes().first()? {
        b'2' => Some(Ink::Good),
        b'4' => Some(Ink::Doubtful),
        b'5' => Some(Ink::Bad),
        _ => None,
    }
}
