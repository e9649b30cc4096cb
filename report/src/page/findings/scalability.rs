// SPDX-License-Identifier: Apache-2.0
//! What more replicas have brought: each count, and the laws that were fitted. Or what larger ones have: each size.

use upsurge_crds::v1alpha1::{CountResult, FittedResult, ScalabilityResult, SizeResult};

use super::{
    super::{
        Page,
        parts::{self, Order, number, text},
    },
    growth,
};
use crate::{markup::Markup, verdict::Kept};

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let Some(found) = &page.record.scalability else { return };
    html.tag("h3").text("Scalability");
    if !found.sizes.is_empty() {
        return sizes(found, html);
    }
    if let Some(from) = found.sublinear_from {
        html.tag("p").text(format_args!(
            "From {from} replicas on, each serves less than 90 % of what each of the fewest does."
        ));
    }
    growth::write(found, html);
    let columns = [
        number("replicas"),
        number("users"),
        text("result"),
        number("requests per s"),
        number("times the fewest"),
        number("efficiency"),
        text("95 % interval"),
        text("what did not hold"),
    ];
    parts::table(html, "Counts of replicas", Order::Sortable("table-counts"), &columns, |html| {
        for count in &found.counts {
            parts::row(html, |html| count_row(count, html));
        }
    });
    fits(found, html);
}

fn count_row(count: &CountResult, html: &mut Markup) {
    parts::count(html, i64::from(count.replicas));
    parts::count(html, i64::from(count.users));
    parts::kept(html, kept(count.passed, count.failed));
    parts::figure_if(html, count.throughput.as_ref());
    parts::figure_if(html, count.speedup.as_ref());
    parts::figure_if(html, count.efficiency.as_ref());
    let interval = count.efficiency_interval.as_ref();
    let interval = interval.map(|interval| format!("{} to {}", interval.low, interval.high));
    parts::cell(html, interval.as_deref().unwrap_or_default());
    parts::cell(html, count.limit.as_deref().unwrap_or_default());
}

fn sizes(found: &ScalabilityResult, html: &mut Markup) {
    let columns = [
        text("size"),
        number("CPU requested"),
        text("result"),
        number("requests per s"),
        number("times the first"),
        number("requests per s and core"),
        number("efficiency"),
        text("what did not hold"),
    ];
    parts::table(html, "Sizes", Order::Sortable("table-sizes"), &columns, |html| {
        for size in &found.sizes {
            parts::row(html, |html| size_row(size, html));
        }
    });
}

fn size_row(size: &SizeResult, html: &mut Markup) {
    parts::head(html, &size.name);
    parts::figure_if(html, size.cpu.as_ref());
    parts::kept(html, kept(size.passed, size.failed));
    parts::figure_if(html, size.throughput.as_ref());
    parts::figure_if(html, size.speedup.as_ref());
    parts::figure_if(html, size.per_core.as_ref());
    parts::figure_if(html, size.efficiency.as_ref());
    parts::cell(html, size.limit.as_deref().unwrap_or_default());
}

/// As the verdict sees it.
fn kept(passed: i32, failed: i32) -> Kept {
    match (passed, failed) {
        (0, 0) => Kept::Unknown,
        (passed, failed) if failed > 0 && failed >= passed => Kept::No,
        _ => Kept::Yes,
    }
}

fn fits(found: &ScalabilityResult, html: &mut Markup) {
    let columns = [text("figure"), number("estimate"), text("95 % interval")];
    let mut figures: Vec<(&str, &FittedResult)> = Vec::new();
    if let Some(usl) = &found.usl {
        figures.push(("contention α (Universal Scalability Law)", &usl.contention));
        figures.push(("coherency β (Universal Scalability Law)", &usl.coherency));
        figures.push(("requests per s of one replica γ (Universal Scalability Law)", &usl.single));
    }
    if let Some(amdahl) = &found.amdahl {
        figures.push(("serial share σ (Amdahl)", &amdahl.serial));
        figures.push(("requests per s of one replica γ (Amdahl)", &amdahl.single));
    }
    if !figures.is_empty() {
        parts::table(html, "Fitted laws", Order::Sortable("table-fits"), &columns, |html| {
            for (name, figure) in figures {
                parts::row(html, |html| {
                    parts::head(html, name);
                    parts::figure(html, &figure.estimate);
                    parts::cell(html, &format!("{} to {}", figure.low, figure.high));
                });
            }
        });
    }
    if let Some(peak) = found.usl.as_ref().and_then(|usl| usl.peak.as_ref()) {
        html.tag("p").text(format_args!("Beyond {peak} replicas, more serve less."));
    }
    if let Some(limit) = found.amdahl.as_ref().and_then(|amdahl| amdahl.limit.as_ref()) {
        html.tag("p")
            .text(format_args!("No number of replicas serves more than {limit} times what one does."));
    }
    if let Some(why) = &found.unfitted {
        html.tag("p").class("note").text(format_args!("No Universal Scalability Law: {why}."));
    }
    if !found.doubts.is_empty() {
        html.tag("p").class("note").text(format_args!("Read with care: {}.", found.doubts.join(", ")));
    }
}
