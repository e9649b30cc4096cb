// SPDX-License-Identifier: Apache-2.0
//! On top: the verdict, why in a sentence with numbers, what to change, and the figures that everybody asks for.

use upsurge_core::autoscaling::limited;
use upsurge_crds::v1alpha1::{Bottleneck, RecommendationResult, RunSummary};

use super::{Page, parts};
use crate::{
    markup::Markup,
    verdict::{sign, tone, word},
    words,
};

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let record = page.record;
    let outcome = &record.outcome;
    html.tag("header").with(|html| {
        html.tag("div").class(format_args!("verdict {}", tone(outcome.verdict))).with(|html| {
            html.tag("h1").with(|html| {
                html.text("Load test ");
                if let Some(namespace) = &record.run.namespace {
                    html.tag("bdi").text(namespace);
                    html.text("/");
                }
                parts::mention(html, &record.run.name);
            });
            html.tag("p").class("word").set("id", "verdict").with(|html| {
                html.tag("span").set("aria-hidden", "true").text(sign(outcome.verdict));
                html.text(" ").text(word(outcome.verdict));
                html.tag("span").class("reason").set("id", "reason").text(&outcome.reason);
            });
            html.tag("p").class("sentence").set("id", "sentence").text(&outcome.message);
            change(page, html);
        });
        if let Some(incomplete) = &record.incomplete {
            let until = words::clock(incomplete.until_ms as f64 / 1e3);
            html.tag("p").class("note").text(format_args!(
                "This record does not cover the whole run: {} It ends at {until} of the last load.",
                incomplete.message
            ));
        }
        html.tag("p").class("faint").text(when(page));
        match page.shown {
            Some(epoch) => tiles(page, &epoch.figures.summary, html),
            None => {
                html.tag("p").text("No load was made, so there are no figures of requests.");
            }
        }
    });
}

/// What held scaling back and what to do about it, and what was scarce.
fn change(page: &Page<'_>, html: &mut Markup) {
    let result = page.record.autoscaling.as_ref();
    if let Some(cause) = result.and_then(|result| result.cause.as_ref()) {
        html.tag("p").class("change").text(format_args!("{cause}."));
    }
    let is_several = result.is_some_and(|result| result.workloads.len() > 1);
    for workload in result.iter().flat_map(|result| &result.workloads) {
        if let Some(limited) = limited(workload) {
            html.tag("p").class("change").text(format_args!("{limited}."));
        }
        if let Some(RecommendationResult { text, reason, patch }) = &workload.recommendation {
            html.tag("p").class("change").with(|html| {
                html.tag("strong").text("To change: ");
                if is_several {
                    html.text(format_args!("{}: ", workload.name));
                }
                html.text(text);
                if !reason.is_empty() {
                    html.text(format_args!(" ({reason})"));
                }
            });
            if let Some(patch) = patch {
                parts::folded(html, "The same as a patch of the autoscaler", |html| {
                    let pre = html.tag("pre").set("tabindex", 0);
                    pre.set("aria-label", "Patch of the autoscaler").text(patch);
                });
            }
        }
    }
    if let Some(scarce) = page.record.bottleneck.as_ref().filter(|scarce| scarce.name != Bottleneck::None) {
        html.tag("p").class("change").with(|html| {
            html.tag("strong").text("Scarce: ");
            html.text(&scarce.evidence);
        });
    }
}

fn when(page: &Page<'_>) -> String {
    let run = &page.record.run;
    let began = run.start_time.strftime("%Y-%m-%d %H:%M:%S UTC");
    let lasted = words::duration(run.end_time.duration_since(run.start_time).as_secs_f64());
    let target = &page.record.environment.target;
    let target = if target.is_empty() { String::new() } else { format!(" · target {target}") };
    format!("{began} · {lasted}{target}")
}

fn tiles(page: &Page<'_>, summary: &RunSummary, html: &mut Markup) {
    let latency = &summary.latency;
    let has_requests = summary.requests > 0;
    let of_requests = |text: &str| if has_requests { text.to_owned() } else { "–".to_owned() };
    let replicas = page.record.autoscaling.as_ref().map(|result| result.replicas.clone());
    let dropped = summary.dropped_iterations.filter(|dropped| *dropped > 0);
    let dropped = dropped.map(|dropped| words::grouped(dropped.unsigned_abs()));
    let capacity = page.record.capacity.as_ref().map(|found| {
        // Of a search for the fewest replicas the level is what was asked for.
        let level = found.level.as_ref().filter(|_| found.failed_replicas.is_none());
        let level = level.map(|level| format!("{level}/s"));
        let replicas = found.replicas.map(|count| u64::from(count.unsigned_abs()));
        let replicas = replicas.map(|count| words::counted(count, "replica", "replicas"));
        replicas.or(level).unwrap_or_else(|| "not found".to_owned())
    });
    let tiles = [
        ("capacity", "Capacity found", capacity),
        ("requests", "Requests", Some(words::grouped(summary.requests.unsigned_abs()))),
        ("rate", "Requests per second", Some(summary.requests_per_second.clone())),
        ("error-rate", "Failed", Some(of_requests(&summary.error_rate))),
        ("p50", "Median time", Some(of_requests(&latency.p50))),
        ("p95", "p95", Some(of_requests(&latency.p95))),
        ("p99", "p99", Some(of_requests(&latency.p99))),
        ("max", "Slowest", Some(of_requests(&latency.max))),
        ("dropped", "Iterations dropped", dropped),
        ("replicas", "Ready replicas", replicas),
    ];
    let stage = page.shown.and_then(|epoch| epoch.counted_stage.as_ref());
    if let Some(stage) = stage {
        let number = page.shown.map(|epoch| epoch.number).unwrap_or_default();
        html.tag("p").text(format_args!("These figures are of the stage {stage} of probe {number}:"));
    }
    html.tag("dl").class("tiles").with(|html| {
        for (id, title, value) in tiles {
            let Some(value) = value else { continue };
            html.tag("div").with(|html| {
                html.tag("dt").text(title);
                html.tag("dd").set("id", format_args!("figure-{id}")).text(value);
            });
        }
    });
}
