// SPDX-License-Identifier: Apache-2.0
//! What came out of a probe, by what was measured of it: its warm-up doesn't count.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use upsurge_crds::{
    names::reasons,
    v1alpha1::{
        EpochOutcome, EpochResult, GeneratorResult, LoadTestSpec, RunSummary, ThresholdResult, Verdict,
    },
};

use super::{Epoch, written};
use crate::{
    autoscaling::Doubt,
    findings::NO_FINDINGS,
    metrics::Metrics,
    plan::{MEASURE, Stage, Timeline},
    results::{self, Figures},
    verdict::{Evidence, Outcome, judge},
};

/// Longest message of a probe: a status holds many.
const LONGEST: usize = 300;
/// The limit of a probe that failed without a threshold that did not hold.
pub(super) const UNANSWERED: &str = "requests had no answer when they were cut off";

/// All that is known of a probe whose load has ended.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Its test.
    pub test: &'a LoadTestSpec,
    /// Its load over time.
    pub timeline: &'a Timeline,
    /// All that was recorded of it.
    pub metrics: &'a Metrics,
    /// Requests without an answer that no threshold on failures speaks of.
    pub unlimited: u64,
    /// When its load started.
    pub start: Timestamp,
    /// How the generator fared.
    pub generator: &'a GeneratorResult,
    /// Its thresholds, evaluated at the end.
    pub thresholds: &'a [ThresholdResult],
    /// Doubts about what was observed of the target.
    pub doubts: &'a [Doubt],
    /// Replicas that traffic went to, if their number stood still.
    pub replicas: Option<u32>,
}

/// Judges a probe.
pub fn judged(epoch: &Epoch, seen: &Seen<'_>) -> EpochResult {
    let summary = measured(seen);
    let Outcome { verdict, reason, message } = judge(&Evidence {
        test: seen.test,
        aborted: None,
        breakdown: None,
        doubts: seen.doubts,
        summary: Some(&summary),
        unlimited: seen.unlimited,
        thresholds: seen.thresholds,
        autoscaling: None,
        findings: &NO_FINDINGS,
        checks: &[],
        limits: &[],
        generator: Some(seen.generator),
    });
    let outcome = match verdict {
        Verdict::Passed => EpochOutcome::Passed,
        Verdict::Failed => EpochOutcome::Failed,
        // Without a request there is nothing to judge, which says nothing about the target.
        Verdict::Error | Verdict::Inconclusive | Verdict::Aborted => EpochOutcome::Inconclusive,
    };
    let failed = outcome != EpochOutcome::Passed;
    EpochResult {
        number: i32::try_from(epoch.number).unwrap_or(i32::MAX),
        level: epoch.level.map(written).unwrap_or_default(),
        start_time: Some(MicroTime(seen.start)),
        outcome: Some(outcome),
        limit: failed.then(|| limit(outcome, &reason, seen.thresholds)),
        message: failed.then(|| message.chars().take(LONGEST).collect()),
        requests_per_second: Some(summary.requests_per_second),
        error_rate: Some(summary.error_rate),
        p95: (summary.requests > 0).then_some(summary.latency.p95),
        dropped_iterations: summary.dropped_iterations.filter(|dropped| *dropped > 0),
        replicas: seen.replicas.and_then(|replicas| i32::try_from(replicas).ok()),
        pinned_replicas: epoch.replicas.and_then(|replicas| i32::try_from(replicas).ok()),
        size: epoch.size.clone(),
    }
}

/// The figures of a probe: those of the measured part, as if nothing else had been, and each of its stages.
pub fn figures(metrics: &Metrics, timeline: &Timeline, elapsed: Duration) -> Figures {
    let Figures { stages, .. } = results::figures(metrics, timeline, elapsed);
    match alone(metrics, timeline) {
        Some((metrics, timeline)) => {
            Figures { stages, ..results::figures(&metrics, &timeline, timeline.duration()) }
        }
        None => Figures { stages, ..Figures::default() },
    }
}

fn measured(seen: &Seen<'_>) -> RunSummary {
    let alone = alone(seen.metrics, seen.timeline);
    alone.map_or_else(RunSummary::default, |(metrics, timeline)| {
        results::total(&metrics, &timeline, timeline.duration())
    })
}

/// The measured part of a probe, as if nothing else had been; `None` without such a part.
pub fn alone(recorded: &Metrics, timeline: &Timeline) -> Option<(Metrics, Timeline)> {
    let stage = timeline.stage(MEASURE)?;
    let mut metrics = Metrics::default();
    let of_stage = recorded.iter().filter(|(key, _)| key.tags.stage.as_deref() == Some(MEASURE));
    of_stage.for_each(|(key, sink)| metrics.add(key.clone(), sink));
    let stage = Stage { start: Duration::ZERO, ..stage.clone() };
    Some((metrics, Timeline { stages: vec![stage], graceful_stop: Duration::ZERO }))
}

/// What kept a probe from passing, in words that are the same each time.
fn limit(outcome: EpochOutcome, reason: &str, thresholds: &[ThresholdResult]) -> String {
    let breached = thresholds.iter().find(|threshold| !threshold.passed && !threshold.undecided);
    match (outcome, breached, reason) {
        (EpochOutcome::Failed, Some(threshold), _) => format!("{} {}", threshold.metric, threshold.condition),
        (_, _, reasons::ITERATIONS_DROPPED) => "iterations were dropped for lack of free users".into(),
        (_, _, reasons::REQUESTS_UNANSWERED) => UNANSWERED.into(),
        (_, _, reasons::GENERATOR_LIMITED) => "the generator could not keep up".into(),
        (_, _, reasons::TARGET_NOT_IDLE) => "the target had not come to rest before it".into(),
        (_, _, reasons::NO_DATA) => "there was nothing to judge".into(),
        _ => reason.to_owned(),
    }
}

/// A probe in a line.
pub fn line(probe: &EpochResult) -> String {
    let EpochResult { number, level, .. } = probe;
    let none = || "—".to_owned();
    let outcome = match probe.outcome {
        Some(EpochOutcome::Passed) => "passed",
        Some(EpochOutcome::Failed) => "failed",
        Some(EpochOutcome::Inconclusive) => "says nothing",
        None => "under way",
    };
    let p95 = probe.p95.clone().unwrap_or_else(none);
    let errors = probe.error_rate.clone().unwrap_or_else(none);
    let held = probe.pinned_replicas.map(|replicas| format!(" with {replicas} replicas")).unwrap_or_default();
    let mut text =
        format!("probe {number}: {level} iterations/s{held} {outcome} (p95 {p95}, {errors} failed)");
    if let Some(limit) = &probe.limit {
        text += &format!(": {limit}");
    }
    text
}
