// SPDX-License-Identifier: Apache-2.0
//! The report as Markdown, for summaries and comments of GitHub and GitLab: short enough for both, with courses as signs, as pictures are
//! taken out of there. Names stand in code spans, so that they are neither markup nor mentions.

mod noted;
mod scalability;
mod text;

use std::fmt::{self, Write as _};

use upsurge_core::autoscaling::explained;
use upsurge_record::model::Record;

use self::{
    noted::noted,
    scalability::scalability,
    text::{code, plain},
};
use crate::{
    chart::Chart,
    judged::judged,
    speedup, story, timeline,
    verdict::{Kept, sign, word},
    words,
};

/// Most characters of a comment on GitHub.
pub(crate) const MOST: usize = 65_536;
/// Most rows of each table.
const MOST_ROWS: usize = 40;

/// The report of a run as Markdown, of at most 65,536 characters.
pub fn markdown(record: &Record) -> String {
    let chart = story::story(record);
    let parts: [fn(&Record, &Chart, &mut String) -> fmt::Result; 11] =
        [verdict, noted, figures, scalability, course, asked, scale_ups, speedups, errors, requests, notes];
    let mut text = String::new();
    for part in parts {
        let mut own = String::new();
        // Writing to a text can't fail.
        let _ = part(record, &chart, &mut own);
        // Each is bounded, so this is for names that escaping made longer than anybody thought of.
        if text.chars().count() + own.chars().count() > MOST {
            break;
        }
        text += &own;
    }
    text
}

fn verdict(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    let outcome = &record.outcome;
    writeln!(text, "## {} {}: {}\n", sign(outcome.verdict), word(outcome.verdict), code(&record.run.name))?;
    writeln!(text, "{} (`{}`)\n", plain(&outcome.message, 4_000), outcome.reason)?;
    if let Some(incomplete) = &record.incomplete {
        writeln!(
            text,
            "> This record does not cover the whole run: {}\n",
            plain(&incomplete.message, 1_000)
        )?;
    }
    for sentence in record.autoscaling.iter().flat_map(explained) {
        writeln!(text, "- {}", plain(&sentence, 1_000))?;
    }
    if record.autoscaling.iter().flat_map(explained).next().is_some() {
        writeln!(text)?;
    }
    Ok(())
}

fn figures(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    let Some(epoch) = record.shown() else {
        return writeln!(text, "No load was made.\n");
    };
    let summary = &epoch.figures.summary;
    let latency = &summary.latency;
    let replicas = record.autoscaling.as_ref().map_or("–", |result| result.replicas.as_str());
    writeln!(text, "| requests | per second | failed | median | p95 | p99 | slowest | ready replicas |")?;
    writeln!(text, "|---:|---:|---:|---:|---:|---:|---:|:---:|")?;
    let requests = words::grouped(summary.requests.unsigned_abs());
    let times = [&latency.p50, &latency.p95, &latency.p99, &latency.max];
    let times = times.map(|time| if summary.requests > 0 { time.as_str() } else { "–" }).join(" | ");
    writeln!(
        text,
        "| {requests} | {} | {} | {times} | {replicas} |\n",
        summary.requests_per_second, summary.error_rate
    )
}

/// Each pane as a line of signs.
fn course(_: &Record, chart: &Chart, text: &mut String) -> fmt::Result {
    let rows = timeline::of_chart(chart);
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(text, "```text\n{rows}```\n")
}

fn asked(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    let all = judged(record);
    if all.is_empty() {
        return Ok(());
    }
    let held = all.iter().filter(|one| one.kept == Kept::Yes).count();
    writeln!(text, "### Asked for: {held} of {} held\n", all.len())?;
    writeln!(text, "| | what | asked for | observed | margin |")?;
    writeln!(text, "|:---:|---|---|---:|---:|")?;
    for one in all.iter().take(MOST_ROWS) {
        let (what, asked) = (code(&one.what), code(&one.asked));
        let observed = plain(&one.observed, 200);
        writeln!(
            text,
            "| {} | {what} | {asked} | {observed} | {} |",
            one.kept.sign(),
            one.margin_in_words()
        )?;
    }
    more(all.len(), text)
}

/// Says how many rows there was no room for, and ends a table.
fn more(count: usize, text: &mut String) -> fmt::Result {
    if count > MOST_ROWS {
        writeln!(text, "\n{} more are in the page and in the record.", count - MOST_ROWS)?;
    }
    writeln!(text)
}

fn scale_ups(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    let ups: Vec<_> = record
        .autoscaling
        .iter()
        .flat_map(|result| &result.workloads)
        .flat_map(|workload| workload.scale_ups.iter().map(move |up| (workload, up)))
        .collect();
    if ups.is_empty() {
        return Ok(());
    }
    writeln!(text, "### Scale-ups\n")?;
    writeln!(
        text,
        "| workload | at | replicas | decision | created | scheduled | started | ready | in endpoints | recovered | largest |"
    )?;
    writeln!(text, "|---|---:|:---:|---:|---:|---:|---:|---:|---:|---:|---|")?;
    for (workload, up) in ups.iter().take(MOST_ROWS) {
        let split = &up.split;
        let parts = [
            &split.decided,
            &split.created,
            &split.scheduled,
            &split.started,
            &split.ready,
            &split.in_endpoints,
            &split.recovered,
        ];
        let parts = parts.map(|part| part.as_deref().unwrap_or("–")).join(" | ");
        let at = words::clock(up.seconds);
        let largest = up.largest.as_deref().unwrap_or("–");
        writeln!(
            text,
            "| {} | {at} | {} → {} | {parts} | {largest} |",
            code(&workload.name),
            up.from,
            up.to
        )?;
    }
    more(ups.len(), text)
}

fn speedups(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    for sentence in speedup::sentences(record).take(MOST_ROWS) {
        writeln!(text, "{}\n", plain(&sentence, 1_000))?;
    }
    Ok(())
}

fn errors(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    let Some(epoch) = record.shown() else { return Ok(()) };
    let mut counts: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for point in &epoch.series.points {
        for (kind, count) in epoch.series.errors(point) {
            *counts.entry(kind).or_default() += count;
        }
    }
    if counts.is_empty() {
        return Ok(());
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    writeln!(text, "### Failed requests\n")?;
    writeln!(text, "| what went wrong | how often |")?;
    writeln!(text, "|---|---:|")?;
    for (kind, count) in counts.iter().take(MOST_ROWS) {
        writeln!(text, "| {} | {} |", code(kind), words::grouped(*count))?;
    }
    more(counts.len(), text)
}

/// The slowest requests first.
fn requests(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    let Some(epoch) = record.shown().filter(|epoch| !epoch.figures.requests.is_empty()) else {
        return Ok(());
    };
    let slow = |text: &str| text.trim_end_matches("ms").parse::<f64>().unwrap_or_default();
    let mut requests: Vec<_> = epoch.figures.requests.iter().collect();
    requests
        .sort_by(|one, other| slow(&other.summary.latency.p95).total_cmp(&slow(&one.summary.latency.p95)));
    let count = words::counted(requests.len() as u64, "request", "requests");
    writeln!(text, "<details>\n<summary>{count}, the slowest first</summary>\n")?;
    writeln!(text, "| request | requests | per second | failed | median | p95 | p99 | slowest |")?;
    writeln!(text, "|---|---:|---:|---:|---:|---:|---:|---:|")?;
    for request in requests.iter().take(MOST_ROWS) {
        let (summary, latency) = (&request.summary, &request.summary.latency);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            code(&request.name),
            words::grouped(summary.requests.unsigned_abs()),
            summary.requests_per_second,
            summary.error_rate,
            latency.p50,
            latency.p95,
            latency.p99,
            latency.max
        )?;
    }
    more(requests.len(), text)?;
    writeln!(text, "</details>\n")
}

fn notes(record: &Record, _: &Chart, text: &mut String) -> fmt::Result {
    let generator = record.shown().and_then(|epoch| epoch.generator.as_ref());
    let problems =
        generator.into_iter().flat_map(|generator| generator.problems.iter().chain(&generator.warnings));
    let gaps = record.gaps.iter().map(|gap| format!("{} was not seen for a time: {}", gap.what, gap.message));
    let others = record.not_judged.iter().chain(&record.warnings);
    let notes: Vec<String> = problems.chain(others).cloned().chain(gaps).collect();
    for note in notes.iter().take(MOST_ROWS) {
        writeln!(text, "> {}\n", plain(note, 500))?;
    }
    Ok(())
}
