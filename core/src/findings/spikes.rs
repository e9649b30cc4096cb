// SPDX-License-Identifier: Apache-2.0
//! How the target stood each of several spikes over one baseline: each is judged by itself, so that a bad one does not hide among good ones.

use std::time::Duration;

use upsurge_crds::v1alpha1::{AutoscalingResult, NamedSpike, ReplicaPoint, SpikeResult, ThresholdResult};

use super::Recorded;
use crate::{
    autoscaling::hides_replicas,
    metrics::{Metrics, Selector, Trend, names},
    plan::{PARTS_OF_SPIKE, Stage},
    results::{milliseconds, percent},
    thresholds::{Target, over_stages},
};

/// Why a spike that nobody asks anything of does not pass.
const SILENCE: &str = "no threshold speaks of it: add one on http_req_duration or http_req_failed that selects nothing and has no window, or \
                       one that selects a stage of the spike";

pub(super) fn found(recorded: &Recorded<'_>) -> Vec<SpikeResult> {
    let spikes = recorded.test.load.spike.iter().flat_map(|spike| spike.spikes.iter().flatten());
    spikes.filter_map(|spike| one(recorded, spike)).collect()
}

fn one(recorded: &Recorded<'_>, spike: &NamedSpike) -> Option<SpikeResult> {
    let stages: Vec<&Stage> = PARTS_OF_SPIKE
        .iter()
        .filter_map(|part| recorded.timeline.stage(&format!("{}-{part}", spike.name)))
        .collect();
    let (from, to) = (stages.first()?.start, stages.last()?.end());
    let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    let measured = Measured::of(recorded.metrics, &names);
    let mut result = SpikeResult {
        name: spike.name.clone(),
        requests: measured.requests as i64,
        error_rate: percent(measured.error_rate()),
        p95: milliseconds(measured.latency.percentile(95.0)),
        p99: milliseconds(measured.latency.percentile(99.0)),
        max: milliseconds(measured.latency.max()),
        replicas: recorded.autoscaling.and_then(|seen| replicas(seen, from, to)),
        ..SpikeResult::default()
    };
    let judged = judged(recorded, &names);
    let breached: Vec<String> =
        judged.iter().filter(|one| !one.passed && !one.undecided).map(in_words).collect();
    let open: Vec<String> = judged.iter().filter(|one| one.undecided).map(in_words).collect();
    let is_told_apart = stages_are_known(recorded.metrics);
    let is_measured = is_told_apart && measured.requests + measured.failed.1 as f64 > 0.0;
    let doubt = if !is_told_apart {
        Some("there were too many series: figures are known of the whole run only".to_owned())
    } else if recorded.elapsed < to {
        Some("the load ended before it was over".to_owned())
    } else if !is_measured {
        Some("no request ended in it".to_owned())
    } else if judged.is_empty() {
        Some(SILENCE.to_owned())
    } else {
        (!open.is_empty()).then(|| open.join(", "))
    };
    result.undecided = breached.is_empty() && doubt.is_some();
    result.passed = breached.is_empty() && doubt.is_none();
    let verdict = match (breached.is_empty(), doubt) {
        (false, _) => format!("failed: {}", breached.join(", ")),
        (true, Some(doubt)) => format!("can't be judged: {doubt}"),
        (true, None) => format!("{} thresholds held", judged.len()),
    };
    let figures = figures(&result, is_measured, measured.latency.count() > 0).join(", ");
    result.message = if figures.is_empty() { verdict } else { format!("{verdict}; {figures}") };
    Some(result)
}

/// What is known of a spike, in words.
fn figures(result: &SpikeResult, is_measured: bool, is_timed: bool) -> Vec<String> {
    let mut figures = Vec::new();
    if is_measured {
        figures.push(format!("{} requests", result.requests));
        if is_timed {
            figures.push(format!("p95 {}, p99 {}", result.p95, result.p99));
        }
        figures.push(format!("{} failed", result.error_rate));
    }
    figures.extend(result.replicas.as_ref().map(|replicas| format!("replicas {replicas}")));
    figures
}

/// The thresholds that a spike is judged by.
fn judged(recorded: &Recorded<'_>, stages: &[&str]) -> Vec<ThresholdResult> {
    let thresholds = recorded.test.thresholds.iter().zip(recorded.thresholds);
    let own = thresholds.filter(|(threshold, _)| {
        let target = Target::new(&threshold.metric, threshold.selector.as_ref());
        target.is_ok_and(|target| target.selector.stage.is_some_and(|stage| stages.contains(&stage.as_str())))
    });
    let own = own.map(|(_, result)| result.clone());
    own.chain(over_stages(recorded.test, recorded.metrics, stages)).collect()
}

fn in_words(one: &ThresholdResult) -> String {
    format!("{} {}: observed {}", one.metric, one.condition, one.observed)
}

struct Measured {
    requests: f64,
    failed: (u64, u64),
    latency: Trend,
}

impl Measured {
    fn of(metrics: &Metrics, stages: &[&str]) -> Self {
        let mut all = Self { requests: 0.0, failed: (0, 0), latency: Trend::default() };
        for stage in stages {
            let selector = Selector { stage: Some((*stage).to_owned()), ..Selector::default() };
            all.requests += metrics.count(names::HTTP_REQS, &selector);
            let (failed, total) = metrics.rate(names::HTTP_REQ_FAILED, &selector);
            all.failed = (all.failed.0 + failed, all.failed.1 + total);
            all.latency.merge(&metrics.trend(names::HTTP_REQ_DURATION, &selector));
        }
        all
    }

    fn error_rate(&self) -> f64 {
        let (failed, total) = self.failed;
        if total == 0 { 0.0 } else { failed as f64 / total as f64 }
    }
}

/// Whether what was recorded can be told apart by stages.
fn stages_are_known(metrics: &Metrics) -> bool {
    let everything = Selector::default();
    let lost = |metric| metrics.select(metric, &everything).any(|(tags, _)| tags.stage.is_none());
    !lost(names::HTTP_REQ_DURATION) && !lost(names::HTTP_REQ_FAILED)
}

/// Ready replicas at the begin, most of them, and at the end, as `2→6→2`; nothing if they were not seen all the time. Of several
/// workloads, each with its name.
fn replicas(seen: &AutoscalingResult, from: Duration, to: Duration) -> Option<String> {
    let span = [from.as_secs_f64(), to.as_secs_f64()];
    if seen.workloads.len() < 2 {
        return course(seen.problems.iter().map(String::as_str), &seen.timeline, span);
    }
    let each = seen.workloads.iter().filter_map(|workload| {
        let begin = format!("{}: ", workload.name);
        let problems = seen.problems.iter().filter_map(|problem| problem.strip_prefix(begin.as_str()));
        let course = course(problems, &workload.timeline, span)?;
        Some(format!("{} {course}", workload.name))
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| each.join(", "))
}

fn course<'a>(
    mut problems: impl Iterator<Item = &'a str>,
    timeline: &[ReplicaPoint],
    [from, to]: [f64; 2],
) -> Option<String> {
    if problems.any(|problem| hides_replicas(problem, from, to)) {
        return None;
    }
    let before = timeline.iter().rev().find(|point| point.seconds <= from)?;
    let within = timeline.iter().filter(|point| point.seconds > from && point.seconds <= to);
    let ready: Vec<i32> = std::iter::once(before).chain(within).map(|point| point.ready).collect();
    let most = ready.iter().max()?;
    Some(format!("{}→{most}→{}", ready.first()?, ready.last()?))
}

#[cfg(test)]
mod tests;
