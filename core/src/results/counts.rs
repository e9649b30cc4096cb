// SPDX-License-Identifier: Apache-2.0
//! What became of requests, counted by status and by kind of error.

use std::collections::BTreeMap;

use crate::metrics::{Metrics, Selector, Sink, Tags, names};

/// How often each of several things happened.
pub type Counts = BTreeMap<String, f64>;

/// Responses by their status codes.
pub fn statuses(metrics: &Metrics) -> Counts {
    by(metrics, names::HTTP_REQS, |tags| answered(tags).map(|status| status.to_string()))
}

/// Requests without a whole response, by what went wrong.
pub fn errors(metrics: &Metrics) -> Counts {
    by(metrics, names::REQUEST_ERRORS, |tags| tags.check.clone())
}

/// Both, of failed requests only.
pub fn failures(metrics: &Metrics) -> Counts {
    let mut failures = by(metrics, names::HTTP_REQS, |tags| {
        let status = answered(tags).filter(|_| tags.expected_response == Some(false))?;
        Some(format!("status {status}"))
    });
    failures.extend(errors(metrics));
    failures
}

fn answered(tags: &Tags) -> Option<u16> {
    tags.status.filter(|status| *status > 0)
}

/// A counter by a property of its series.
fn by(metrics: &Metrics, metric: &str, property: impl Fn(&Tags) -> Option<String>) -> Counts {
    let everything = Selector::default();
    let mut counts = BTreeMap::new();
    for (tags, sink) in metrics.select(metric, &everything) {
        if let (Sink::Counter(count), Some(property)) = (sink, property(tags)) {
            *counts.entry(property).or_default() += count;
        }
    }
    counts
}
