// SPDX-License-Identifier: Apache-2.0
//! The figures of each request and of each stage, to be sorted by what matters.

use upsurge_crds::v1alpha1::{LatencySummary, RunSummary};

use super::{
    Page,
    parts::{self, Column, Order, number, text},
};
use crate::{markup::Markup, words};

pub(super) fn shows(page: &Page<'_>) -> bool {
    page.shown.is_some()
}

const FIGURES: [Column; 8] = [
    number("requests"),
    number("per s"),
    number("failed"),
    number("p50"),
    number("p90"),
    number("p95"),
    number("p99"),
    number("max"),
];

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let Some(epoch) = page.shown else { return };
    let requests = &epoch.figures.requests;
    if requests.is_empty() {
        html.tag("p").text("No request was finished.");
    } else {
        let count = words::counted(requests.len() as u64, "request", "requests");
        let slowest = requests
            .iter()
            .filter_map(|one| Some((one, parts::value(&one.summary.latency.p95)?)))
            .max_by(|(_, one), (_, other)| one.total_cmp(other));
        html.tag("p").with(|html| {
            html.text(format_args!("{count}."));
            if let Some((slowest, _)) = slowest.filter(|_| requests.len() > 1) {
                html.text(" The slowest by p95 is ");
                parts::mention(html, &slowest.name);
                html.text(format_args!(" with {}.", slowest.summary.latency.p95));
            }
        });
        let columns: Vec<Column> = [text("request"), text("scenario")].into_iter().chain(FIGURES).collect();
        parts::table(html, "Requests", Order::Sortable("table-requests"), &columns, |html| {
            for request in requests {
                parts::row(html, |html| {
                    parts::head(html, &request.name);
                    parts::cell(html, &request.scenario);
                    figures(&request.summary, html);
                });
            }
        });
    }
    if !epoch.figures.stages.is_empty() {
        html.tag("h3").text("Stages");
        let columns: Vec<Column> =
            [text("stage"), number("from"), number("length")].into_iter().chain(FIGURES).collect();
        parts::table(html, "Stages", Order::Sortable("table-stages"), &columns, |html| {
            for stage in &epoch.figures.stages {
                parts::row(html, |html| {
                    parts::head(html, &stage.name);
                    let from = html.tag("td").class("number").set("data-value", stage.start_seconds);
                    from.text(words::clock(stage.start_seconds));
                    let length = html.tag("td").class("number").set("data-value", stage.duration_seconds);
                    length.text(words::duration(stage.duration_seconds));
                    figures(&stage.summary, html);
                });
            }
        });
    }
    operations(page, html);
    metrics(page, html);
}

fn figures(summary: &RunSummary, html: &mut Markup) {
    parts::count(html, summary.requests);
    parts::figure(html, &summary.requests_per_second);
    parts::figure(html, &summary.error_rate);
    let LatencySummary { p50, p90, p95, p99, max, .. } = &summary.latency;
    for text in [p50, p90, p95, p99, max] {
        // Of nothing there is no time, though a status says 0.
        parts::figure(html, if summary.requests > 0 { text } else { "" });
    }
}

/// Each operation of a benchmark.
fn operations(page: &Page<'_>, html: &mut Markup) {
    let operations = &page.record.operations;
    if operations.is_empty() {
        return;
    }
    html.tag("h3").text("Operations of the benchmark");
    let columns = [
        text("operation"),
        text("scenario"),
        number("samples"),
        number("failed"),
        number("min"),
        number("mean"),
        number("median"),
        number("p95"),
        number("p99"),
        number("max"),
    ];
    parts::table(html, "Operations", Order::Sortable("table-operations"), &columns, |html| {
        for operation in operations {
            parts::row(html, |html| {
                parts::head(html, &operation.name);
                parts::cell(html, &operation.scenario);
                parts::count(html, operation.samples);
                parts::count(html, operation.failures);
                let operation = operation.clone();
                for text in [
                    operation.min,
                    operation.mean,
                    operation.median,
                    operation.p95,
                    operation.p99,
                    operation.max,
                ] {
                    parts::figure_if(html, text.as_ref());
                }
            });
        }
    });
}

/// The test's own metrics.
fn metrics(page: &Page<'_>, html: &mut Markup) {
    let metrics: Vec<_> = page.shown.into_iter().flat_map(|epoch| &epoch.figures.metrics).collect();
    if metrics.is_empty() {
        return;
    }
    html.tag("h3").text("The test's own metrics");
    parts::table(html, "Own metrics", Order::Fixed, &[text("metric"), text("figures")], |html| {
        for metric in metrics {
            parts::row(html, |html| {
                parts::head(html, &metric.name);
                let told: Vec<String> =
                    metric.values.iter().map(|(name, value)| format!("{name} {value}")).collect();
                parts::cell(html, &told.join(", "));
            });
        }
    });
}
