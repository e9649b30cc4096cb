// SPDX-License-Identifier: Apache-2.0
//! Whether the data can be trusted: one line when they can; else what is wrong with the generator, what was not seen, and what
//! there was no room for.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::GeneratorResult;

use super::{
    Page,
    parts::{self, Order, number, text},
};
use crate::{markup::Markup, story, words};

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let notes = notes(page);
    let generator = page.shown.and_then(|epoch| epoch.generator.as_ref());
    let is_healthy = generator.is_some_and(|generator| generator.healthy);
    let sentence = match (generator, notes.is_empty()) {
        (None, _) => {
            "How the generator fared is not known: no load was made, or the record was recovered.".to_owned()
        }
        (Some(_), true) if is_healthy => {
            "Yes: the generator did what was asked of it, and nothing was left unseen.".to_owned()
        }
        (Some(_), _) if is_healthy => {
            "The generator did what was asked of it. What else should be known:".to_owned()
        }
        (Some(_), _) => "No: the generator did not do what was asked of it.".to_owned(),
    };
    html.tag("p").set("id", "sound").text(sentence);
    for note in notes {
        html.tag("p").class("note").text(note);
    }
    if let Some(generator) = generator {
        parts::folded(html, "The generator in figures", |html| figures(generator, html));
    }
    runners(page, html);
    outputs(page, html);
}

/// Everything that should be known of the data.
fn notes(page: &Page<'_>) -> Vec<String> {
    let record = page.record;
    let at = |instant: Timestamp| words::clock(story::seconds(record, instant));
    let generator = page.shown.and_then(|epoch| epoch.generator.as_ref());
    let mut notes: Vec<String> = Vec::new();
    if let Some(generator) = generator {
        notes.extend(generator.problems.iter().map(|problem| format!("Generator: {problem}.")));
        notes.extend(generator.warnings.iter().map(|warning| format!("Generator: {warning}.")));
    }
    for gap in &record.gaps {
        let until = gap.to.map_or_else(|| "the end".to_owned(), at);
        let of = gap.workload.as_ref().map(|workload| format!(" of {workload}")).unwrap_or_default();
        notes.push(format!("Not seen: {}{of} from {} to {until}: {}.", gap.what, at(gap.from), gap.message));
    }
    let problems = record.autoscaling.iter().flat_map(|result| &result.problems);
    notes.extend(problems.map(|problem| format!("Autoscaling: {problem}.")));
    notes.extend(record.not_judged.iter().map(|reason| format!("Not judged: {reason}.")));
    for company in &record.company {
        notes.push(format!(
            "Run {}/{} made load on the same target from {} to {}.",
            company.namespace,
            company.name,
            at(company.from.0),
            at(company.until.0)
        ));
    }
    for folded in &record.folded {
        let count = folded.count.map(|count| format!(" ({})", words::grouped(count))).unwrap_or_default();
        notes.push(format!("Joined or left out: {}{count}: {}", folded.what, folded.message));
    }
    notes.extend(record.warnings.iter().cloned());
    for note in &mut notes {
        while note.ends_with("..") {
            note.pop();
        }
    }
    notes
}

fn figures(generator: &GeneratorResult, html: &mut Markup) {
    let count = |count: i64| words::grouped(count.unsigned_abs());
    let rows = [
        ("started late by (p99)", Some(generator.lag_p99.clone())),
        ("waited for a free user (p99)", generator.queue_wait_p99.clone()),
        ("iterations that were due", generator.planned_iterations.map(count)),
        ("iterations that were started", Some(count(generator.started_iterations))),
        ("of what was due", generator.achieved.clone()),
        ("CPU time of all runners", Some(format!("{} s", words::significant(generator.cpu_seconds)))),
        ("throttled", generator.throttled.clone()),
        ("busiest core", generator.busiest_core.clone()),
        ("time at full load", generator.saturated.clone()),
        ("fewest file descriptors left", generator.files_left.map(count)),
        ("fewest ports left", generator.ports_left.map(count)),
        ("between first and last runner's start", generator.start_spread.clone()),
    ];
    parts::table(html, "Generator", Order::Fixed, &[text("figure"), number("value")], |html| {
        for (name, value) in rows {
            let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
            parts::row(html, |html| {
                parts::head(html, name);
                parts::figure(html, &value);
            });
        }
    });
}

fn runners(page: &Page<'_>, html: &mut Markup) {
    let runners = &page.record.runners;
    if runners.is_empty() {
        return;
    }
    parts::folded(html, words::counted(runners.len() as u64, "runner", "runners"), |html| {
        let columns = [number("runner"), text("pod"), text("state"), text("more")];
        parts::table(html, "Runners", Order::Fixed, &columns, |html| {
            for runner in runners {
                parts::row(html, |html| {
                    parts::count(html, i64::from(runner.index));
                    parts::cell(html, runner.pod.as_deref().unwrap_or("–"));
                    parts::cell(html, &runner.state);
                    parts::cell(html, runner.message.as_deref().unwrap_or_default());
                });
            }
        });
    });
}

fn outputs(page: &Page<'_>, html: &mut Markup) {
    let outputs = &page.record.outputs;
    if outputs.is_empty() {
        return;
    }
    parts::folded(html, "Servers that figures were pushed to", |html| {
        let columns = [text("output"), number("samples taken"), number("samples lost"), text("more")];
        parts::table(html, "Outputs", Order::Fixed, &columns, |html| {
            for output in outputs {
                parts::row(html, |html| {
                    parts::head(html, &output.name);
                    parts::count(html, output.delivered_samples);
                    parts::count(html, output.lost_samples);
                    parts::cell(html, output.message.as_deref().unwrap_or_default());
                });
            }
        });
    });
}
