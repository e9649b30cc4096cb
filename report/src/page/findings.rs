// SPDX-License-Identifier: Apache-2.0
//! What only some tests ask for: the probes of a search, counts of replicas, a breaking point, spikes, a soak.

mod growth;
mod scalability;

use upsurge_crds::v1alpha1::{CapacityResult, EpochOutcome, EpochResult, GrowthResult};

use super::{
    Page,
    parts::{self, Order, number, text},
};
use crate::{markup::Markup, verdict::Kept, words};

pub(super) fn shows(page: &Page<'_>) -> bool {
    let record = page.record;
    record.capacity.is_some()
        || record.scalability.is_some()
        || record.stress.is_some()
        || !record.spikes.is_empty()
        || record.soak.is_some()
}

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    capacity(page, html);
    scalability::write(page, html);
    stress(page, html);
    spikes(page, html);
    soak(page, html);
}

fn capacity(page: &Page<'_>, html: &mut Markup) {
    let Some(found) = &page.record.capacity else { return };
    html.tag("h3").text("Capacity");
    let sentence = match (&found.level, &found.failed_level) {
        (Some(level), _) if counts_replicas(page) => fewest(found, level),
        (Some(level), Some(failed)) => format!("All thresholds held at {level}/s, and not at {failed}/s."),
        (Some(level), None) => {
            format!("All thresholds held at {level}/s; no higher rate failed, so it may be more.")
        }
        (None, Some(failed)) => format!("No rate passed; the lowest that failed is {failed}/s."),
        (None, None) => "No rate can be told.".to_owned(),
    };
    html.tag("p").text(sentence);
    if let Some(limit) = &found.limit {
        html.tag("p").with(|html| {
            html.text("What did not hold: ");
            parts::mention(html, limit);
            html.text(".");
        });
    }
    for workload in &found.workloads {
        html.tag("p").text(format_args!(
            "{}: {}/s for each of {}: the value for capacityPerReplica.",
            workload.name,
            workload.per_replica,
            words::counted(u64::from(workload.replicas.unsigned_abs()), "replica", "replicas")
        ));
    }
    for contradiction in &found.contradictions {
        html.tag("p").class("note").text(contradiction);
    }
    let probes: Vec<&EpochResult> = page.record.parts();
    let columns = [
        number("probe"),
        number("rate asked for"),
        text("result"),
        number("requests per s"),
        number("failed"),
        number("p95"),
        number("dropped"),
        number("replicas"),
        text("what did not hold"),
    ];
    parts::table(html, "Probes of the search", Order::Sortable("table-probes"), &columns, |html| {
        for probe in probes {
            parts::row(html, |html| probe_row(probe, html));
        }
    });
}

/// Whether the search was for the fewest replicas at one rate.
fn counts_replicas(page: &Page<'_>) -> bool {
    page.record.parts().iter().any(|result| result.pinned_replicas.is_some())
}

/// What a search for the fewest replicas has found.
fn fewest(found: &CapacityResult, level: &str) -> String {
    match (found.replicas, found.failed_replicas) {
        (Some(replicas), Some(failed)) => {
            format!("At {level}/s all thresholds held with {replicas} replicas, and not with {failed}.")
        }
        (Some(replicas), None) => {
            format!("At {level}/s all thresholds held with {replicas} replicas; no lower number failed.")
        }
        (None, Some(failed)) => {
            format!("At {level}/s no number of replicas passed; the highest that failed is {failed}.")
        }
        (None, None) => format!("How many replicas carry {level}/s can't be told."),
    }
}

fn probe_row(probe: &EpochResult, html: &mut Markup) {
    parts::count(html, i64::from(probe.number));
    parts::figure(html, &probe.level);
    match probe.outcome {
        Some(EpochOutcome::Passed) => parts::kept(html, Kept::Yes),
        Some(EpochOutcome::Failed) => parts::kept(html, Kept::No),
        Some(EpochOutcome::Inconclusive) | None => parts::kept(html, Kept::Unknown),
    }
    parts::figure_if(html, probe.requests_per_second.as_ref());
    parts::figure_if(html, probe.error_rate.as_ref());
    parts::figure_if(html, probe.p95.as_ref());
    let dropped = probe.dropped_iterations.map(|count| count.to_string());
    parts::figure_if(html, dropped.as_ref());
    let replicas = probe.replicas.or(probe.pinned_replicas).map(|count| count.to_string());
    parts::figure_if(html, replicas.as_ref());
    parts::cell(
        html,
        probe.message.as_ref().or(probe.limit.as_ref()).map(String::as_str).unwrap_or_default(),
    );
}

fn stress(page: &Page<'_>, html: &mut Markup) {
    let Some(stress) = &page.record.stress else { return };
    html.tag("h3").text("Breaking point");
    html.tag("p").text(&stress.message);
    if let Some(point) = &stress.breaking_point {
        let good = point.last_good_step.as_ref().zip(point.last_good_level.as_ref());
        let good = good.map(|(step, level)| format!(" The step before, {step} with {level}, was good."));
        html.tag("p").text(format_args!(
            "It broke at {} with a level of {}: {} of its requests failed.{}",
            point.step,
            point.level,
            point.error_rate,
            good.unwrap_or_default()
        ));
    }
    if stress.expectations.is_empty() {
        return;
    }
    let columns = [text("what"), text("asked for"), text("observed"), text("result"), text("in words")];
    parts::table(html, "Beyond the breaking point", Order::Fixed, &columns, |html| {
        for one in &stress.expectations {
            parts::row(html, |html| {
                parts::head(html, &one.name);
                parts::cell(html, &one.expected);
                parts::cell(html, &one.observed);
                parts::kept(html, Kept::of(one.passed, one.undecided));
                parts::cell(html, one.message.as_deref().unwrap_or_default());
            });
        }
    });
}

fn spikes(page: &Page<'_>, html: &mut Markup) {
    let spikes = &page.record.spikes;
    if spikes.is_empty() {
        return;
    }
    html.tag("h3").text("Spikes");
    let columns = [
        text("spike"),
        text("result"),
        number("requests"),
        number("failed"),
        number("p95"),
        number("p99"),
        number("max"),
        text("ready replicas"),
        text("in words"),
    ];
    parts::table(html, "Spikes", Order::Sortable("table-spikes"), &columns, |html| {
        for spike in spikes {
            parts::row(html, |html| {
                parts::head(html, &spike.name);
                parts::kept(html, Kept::of(spike.passed, spike.undecided));
                parts::count(html, spike.requests);
                for figure in [&spike.error_rate, &spike.p95, &spike.p99, &spike.max] {
                    parts::figure(html, figure);
                }
                html.tag("td").text(spike.replicas.as_deref().unwrap_or("–"));
                parts::cell(html, &spike.message);
            });
        }
    });
}

fn soak(page: &Page<'_>, html: &mut Markup) {
    let Some(soak) = &page.record.soak else { return };
    html.tag("h3").text("Soak");
    let growth = |what: &str, growth: &GrowthResult| {
        format!(
            "{what} grew by {} per hour; with 95 % confidence between {} and {}.",
            growth.estimate, growth.low, growth.high
        )
    };
    match &soak.latency_growth_per_hour {
        Some(found) => {
            let first = soak.first_latency.as_ref().map(|first| format!(" At first it was {first}."));
            let sentence = growth("The 95th percentile of the service time", found);
            html.tag("p").text(format_args!("{sentence}{}", first.unwrap_or_default()));
        }
        None => {
            html.tag("p").text("How latency grew can't be told: there were too few seconds with requests.");
        }
    }
    for usage in page.record.usage.iter().filter(|usage| usage.pod.is_none()) {
        if let Some(found) = &usage.memory_growth_per_hour {
            html.tag("p").text(growth(&format!("Memory of {}", usage.workload), found));
        }
    }
}
