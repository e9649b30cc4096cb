// SPDX-License-Identifier: Apache-2.0
//! Each scale-up with where its time went, the largest part named; then scale-downs, how well replicas followed the load, and what
//! limited them.

mod elasticity;

use upsurge_crds::v1alpha1::{LatencySplit, ScaleUpResult, WorkloadResult};

use super::{
    Page,
    parts::{self, Order, number, text},
};
use crate::{
    markup::Markup,
    speedup,
    svg::{self, Bar, Part},
    words,
};

/// The parts of a scale-up: the field of the status, the words, the colour, and where they stand.
struct Piece {
    field: &'static str,
    name: &'static str,
    class: &'static str,
    of: fn(&LatencySplit) -> Option<&String>,
}

const PIECES: [Piece; 7] = [
    Piece { field: "decided", name: "decision", class: "part-decided", of: |split| split.decided.as_ref() },
    Piece { field: "created", name: "creation", class: "part-created", of: |split| split.created.as_ref() },
    Piece {
        field: "scheduled",
        name: "scheduling",
        class: "part-scheduled",
        of: |split| split.scheduled.as_ref(),
    },
    Piece { field: "started", name: "start", class: "part-started", of: |split| split.started.as_ref() },
    Piece { field: "ready", name: "readiness", class: "part-ready", of: |split| split.ready.as_ref() },
    Piece {
        field: "inEndpoints",
        name: "in endpoints",
        class: "part-endpoints",
        of: |split| split.in_endpoints.as_ref(),
    },
    Piece {
        field: "recovered",
        name: "recovery",
        class: "part-recovered",
        of: |split| split.recovered.as_ref(),
    },
];

fn workloads<'a>(page: &'a Page<'_>) -> impl Iterator<Item = &'a WorkloadResult> {
    page.record.autoscaling.iter().flat_map(|result| &result.workloads)
}

pub(super) fn shows(page: &Page<'_>) -> bool {
    workloads(page).next().is_some()
}

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    for workload in workloads(page) {
        html.tag("h3").with(|html| {
            html.text(&workload.kind).text("/");
            parts::mention(html, &workload.name);
        });
        if let Some(replicas) = &workload.replicas {
            let owner = workload.autoscaler.as_deref().unwrap_or("no autoscaler");
            html.tag("p").text(format_args!("Ready replicas at start, peak and end: {replicas} ({owner})."));
        }
        ups(workload, html);
        summary(workload, html);
        downs(workload, html);
        elasticity::write(workload, html);
        limits(workload, html);
        for gap in &workload.gaps {
            html.tag("p").class("note").text(format_args!("{gap}."));
        }
    }
    for sentence in speedup::sentences(page.record) {
        html.tag("p").class("speedup").text(sentence);
    }
}

/// A part of a scale-up in words, by its field in the status.
fn named(field: &str) -> &str {
    PIECES.iter().find(|piece| piece.field == field).map_or(field, |piece| piece.name)
}

fn bar_of(up: &ScaleUpResult) -> Bar {
    let known = |piece: &Piece| {
        let seconds = parts::value((piece.of)(&up.split)?)? / 1000.0;
        Some(Part { class: piece.class, name: piece.name, seconds })
    };
    Bar { parts: PIECES.iter().filter_map(known).collect() }
}

fn ups(workload: &WorkloadResult, html: &mut Markup) {
    if workload.scale_ups.is_empty() {
        html.tag("p").text("It was not scaled up.");
        return;
    }
    if let Some(largest) = &workload.largest_part {
        html.tag("p").text(format_args!("Most of the time of its scale-ups went to {}.", named(largest)));
    }
    let longest = workload.scale_ups.iter().map(|up| bar_of(up).seconds()).fold(0.0, f64::max);
    html.tag("ul").class("keys").with(|html| {
        for piece in &PIECES {
            html.tag("li").with(|html| {
                let svg = html.tag("svg").class("key").set("viewBox", "0 0 30 12").set("aria-hidden", "true");
                svg.with(|svg| {
                    let rect = svg.tag("rect").class(format_args!("part {}", piece.class));
                    rect.set("width", 30).set("height", 12).empty();
                });
                html.text(piece.name);
            });
        }
    });
    let mut columns = vec![text("time"), text("replicas"), text("where the time went"), number("whole")];
    columns.extend(PIECES.iter().map(|piece| number(piece.name)));
    columns.extend([text("largest part"), text("limited by")]);
    let caption = words::counted(workload.scale_ups.len() as u64, "scale-up", "scale-ups");
    parts::table(html, &caption, Order::Fixed, &columns, |html| {
        for up in &workload.scale_ups {
            parts::row(html, |html| up_row(up, longest, html));
        }
    });
}

fn up_row(up: &ScaleUpResult, longest: f64, html: &mut Markup) {
    let bar = bar_of(up);
    html.tag("td").text(words::clock(up.seconds));
    html.tag("td").with(|html| {
        html.text(format_args!("{} → {}", up.from, up.to));
        if let Some(missing) = up.missing_pods {
            html.text(format_args!(" ({missing} of its pods were not seen)"));
        }
    });
    html.tag("td").class("bars").with(|html| {
        if bar.parts.is_empty() {
            html.text("not known");
        } else {
            svg::bar(html, &bar, longest);
        }
    });
    html.tag("td").class("number").text(words::duration(bar.seconds()));
    for piece in &PIECES {
        parts::figure_if(html, (piece.of)(&up.split));
    }
    html.tag("td").text(up.largest.as_deref().map_or("–", named));
    html.tag("td").text(up.limited_by.as_deref().unwrap_or("–"));
}

fn summary(workload: &WorkloadResult, html: &mut Markup) {
    if workload.latency.is_empty() {
        return;
    }
    let columns = [text("part"), number("p50"), number("p95"), number("longest"), number("not known")];
    parts::folded(html, "All scale-ups together", |html| {
        parts::table(html, "Parts of all scale-ups", Order::Fixed, &columns, |html| {
            for part in &workload.latency {
                parts::row(html, |html| {
                    parts::head(html, named(&part.part));
                    for figure in [&part.p50, &part.p95, &part.max] {
                        parts::figure(html, figure);
                    }
                    parts::count(html, i64::from(part.unknown.unwrap_or_default()));
                });
            }
        });
    });
}

fn downs(workload: &WorkloadResult, html: &mut Markup) {
    if workload.scale_downs.is_empty() {
        return;
    }
    let caption = words::counted(workload.scale_downs.len() as u64, "scale-down", "scale-downs");
    let columns = [
        text("time"),
        text("replicas"),
        number("decision"),
        number("until its pods were gone"),
        number("requests lost meanwhile"),
    ];
    parts::folded(html, &caption, |html| {
        parts::table(html, &caption, Order::Fixed, &columns, |html| {
            for down in &workload.scale_downs {
                parts::row(html, |html| {
                    html.tag("td").text(words::clock(down.seconds));
                    html.tag("td").text(format_args!("{} → {}", down.from, down.to));
                    parts::figure_if(html, down.decided.as_ref());
                    parts::figure_if(html, down.ended.as_ref());
                    let lost = down.lost_requests.map(|lost| lost.to_string());
                    parts::figure_if(html, lost.as_ref());
                });
            }
        });
    });
}

fn limits(workload: &WorkloadResult, html: &mut Markup) {
    if workload.limits.is_empty() {
        return;
    }
    let columns = [text("limit"), number("seconds"), text("seen by")];
    parts::folded(html, "What limited it, and when", |html| {
        parts::table(html, "Times with too few replicas", Order::Fixed, &columns, |html| {
            for limit in &workload.limits {
                parts::row(html, |html| {
                    let name = if limit.limit == "None" {
                        "nothing but the time that it takes"
                    } else {
                        &limit.limit
                    };
                    parts::head(html, name);
                    parts::figure(html, &words::significant(limit.seconds));
                    parts::cell(html, &limit.evidence);
                });
            }
        });
    });
}
