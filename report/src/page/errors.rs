// SPDX-License-Identifier: Apache-2.0
//! What went wrong, by kind: how often, from when to when, and its course; and the answers by status code.

use std::collections::BTreeMap;

use upsurge_core::autoscaling::lost;
use upsurge_record::model::Epoch;

use super::{
    Page,
    parts::{self, Order, number, text},
};
use crate::{markup::Markup, story, svg, words};

/// Columns of a course.
const STEPS: usize = 60;

pub(super) fn shows(page: &Page<'_>) -> bool {
    page.shown.is_some()
}

/// What is known of a kind of failure.
#[derive(Default)]
struct Course {
    first: f64,
    last: f64,
    /// How many there were in each of [`STEPS`] stretches of the load.
    counts: Vec<u64>,
}

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let Some(epoch) = page.shown else { return };
    let errors = kinds(epoch);
    if errors.is_empty() {
        html.tag("p").text("No request failed.");
    } else {
        failures(page, epoch, &errors, html);
    }
    while_ending(page, html);
    statuses(epoch, html);
}

/// How often each thing went wrong: what the series tell, and of what they don't, what the whole does.
fn kinds(epoch: &Epoch) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for point in &epoch.series.points {
        for (kind, count) in epoch.series.errors(point) {
            *counts.entry(kind).or_default() += count;
        }
    }
    for (kind, count) in &epoch.measured.errors {
        let known = counts.entry(kind).or_default();
        *known = (*known).max(*count);
    }
    let mut kinds: Vec<(String, u64)> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| (kind.to_owned(), count))
        .collect();
    kinds.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    kinds
}

fn courses(page: &Page<'_>, epoch: &Epoch) -> BTreeMap<String, Course> {
    let offset = story::seconds(page.record, epoch.start_time);
    let end = epoch.series.points.last().map_or(1, |point| point.to_ms.max(1));
    let mut courses: BTreeMap<String, Course> = BTreeMap::new();
    for point in &epoch.series.points {
        let step = (point.from_ms.saturating_mul(STEPS as u64) / end) as usize;
        for (kind, count) in epoch.series.errors(point) {
            let from = offset + point.from_ms as f64 / 1e3;
            let course = courses.entry(kind.to_owned()).or_insert_with(|| Course {
                first: from,
                last: from,
                counts: vec![0; STEPS],
            });
            course.last = offset + point.to_ms as f64 / 1e3;
            if let Some(sum) = course.counts.get_mut(step.min(STEPS - 1)) {
                *sum += count;
            }
        }
    }
    courses
}

fn failures(page: &Page<'_>, epoch: &Epoch, errors: &[(String, u64)], html: &mut Markup) {
    let summary = &epoch.figures.summary;
    let most = errors.first().map(|(kind, _)| kind.as_str()).unwrap_or_default();
    html.tag("p").with(|html| {
        html.text(format_args!("{} of all requests failed, most often with ", summary.error_rate));
        parts::mention(html, most);
        html.text(".");
    });
    let courses = courses(page, epoch);
    let columns =
        [text("what went wrong"), number("how often"), number("first"), number("last"), text("course")];
    parts::table(
        html,
        "Failed requests by what went wrong",
        Order::Sortable("table-errors"),
        &columns,
        |html| {
            for (kind, count) in errors {
                parts::row(html, |html| {
                    parts::head(html, kind);
                    parts::count(html, i64::try_from(*count).unwrap_or(i64::MAX));
                    let course = courses.get(kind);
                    for second in [course.map(|course| course.first), course.map(|course| course.last)] {
                        let value = second.map_or_else(String::new, |second| second.to_string());
                        let text = second.map_or_else(|| "–".to_owned(), words::clock);
                        html.tag("td").class("number").set("data-value", value).text(text);
                    }
                    html.tag("td").with(|html| {
                        if let Some(course) = course {
                            let values: Vec<Option<f64>> =
                                course.counts.iter().map(|count| Some(*count as f64)).collect();
                            svg::spark(html, &values, "errors");
                        }
                    });
                });
            }
        },
    );
}

/// Failed requests that were in flight while pods were ending.
fn while_ending(page: &Page<'_>, html: &mut Markup) {
    for (workload, lost) in page.record.autoscaling.iter().flat_map(lost) {
        let kinds: Vec<String> = lost.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        let whose = workload.map(|name| format!(" of {name}")).unwrap_or_default();
        html.tag("p").text(format_args!(
            "While {}{whose} ended, {} in flight failed{kinds}, of {} failed requests in all. That they coincide does not show that one \
             caused the other.",
            words::counted(u64::from(lost.pods.unsigned_abs()), "pod", "pods"),
            words::counted(lost.requests.unsigned_abs(), "request", "requests"),
            words::grouped(lost.failed.unsigned_abs()),
        ));
        for gap in &lost.gaps {
            html.tag("p").class("note").text(format_args!("{gap}."));
        }
    }
}

fn statuses(epoch: &Epoch, html: &mut Markup) {
    if epoch.measured.statuses.is_empty() {
        return;
    }
    html.tag("h3").text("Answers by status code");
    let sum: u64 = epoch.measured.statuses.values().sum();
    let columns = [text("status"), number("answers"), number("share")];
    parts::table(html, "Answers by status code", Order::Sortable("table-statuses"), &columns, |html| {
        for (status, count) in &epoch.measured.statuses {
            parts::row(html, |html| {
                parts::head(html, status);
                parts::count(html, i64::try_from(*count).unwrap_or(i64::MAX));
                parts::figure(html, &upsurge_core::format::percent(*count as f64 / sum.max(1) as f64));
            });
        }
    });
}
