// SPDX-License-Identifier: Apache-2.0
//! The outcome of a run for CI systems: the same as the run itself writes, from its record.

use std::time::Duration;

use upsurge_core::{findings::Findings, report::Junit, verdict};
use upsurge_crds::v1alpha1::RunSummary;
use upsurge_record::model::{Part, Record};

/// The outcome of a run as JUnit XML.
pub fn junit(record: &Record) -> String {
    let shown = record.shown();
    let findings = Findings {
        stress: record.stress.clone(),
        spikes: record.spikes.clone(),
        verification: record.verification.clone(),
    };
    // Without a load there is nothing, which is what a run tells as well.
    let nothing: RunSummary = Part::default().total();
    let notes: Vec<String> = record.notes.iter().map(|note| note.text.clone()).collect();
    let report = Junit {
        name: &record.run.name,
        target: &record.environment.target,
        started: record.epochs.first().map_or(record.run.start_time, |epoch| epoch.start_time),
        elapsed: shown.map(|epoch| before_last(record) + epoch.elapsed()).unwrap_or_default(),
        outcome: verdict::Outcome {
            verdict: record.outcome.verdict,
            reason: record.outcome.reason.clone(),
            message: record.outcome.message.clone(),
        },
        summary: Some(shown.map_or(&nothing, |epoch| &epoch.figures.summary)),
        thresholds: shown.map_or(&[], |epoch| &epoch.thresholds),
        findings: &findings,
        autoscaling: record.autoscaling.as_ref(),
        usage: &record.usage_expectations,
        soak: record.soak.as_ref().map_or(&[], |soak| &soak.expectations),
        prometheus: &record.prometheus_checks,
        checks: shown.map_or(&[], |epoch| &epoch.figures.checks),
        not_judged: &record.not_judged,
        warnings: &record.warnings,
        notes: &notes,
    };
    report.render()
}

/// From the start of the first load to that of the last one, of a search that has several; all of them are as long as the one shown.
fn before_last(record: &Record) -> Duration {
    let ends = record.epochs.first().zip(record.epochs.last());
    let before = ends.map(|(first, last)| last.start_time.duration_since(first.start_time));
    before.and_then(|before| Duration::try_from(before).ok()).unwrap_or_default()
}
