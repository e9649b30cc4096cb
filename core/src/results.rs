//! From recorded series to the figures in the status.
//!
//! Every figure is computed from the merged series alone, so that figures of many runners equal those of
//! one. Lists are bounded, because the status of a run must stay far below what the API server stores.

mod custom;
mod format;
mod generator;
#[cfg(test)]
mod tests;
mod unanswered;

use std::{collections::BTreeMap, time::Duration};

use upsurge_crds::v1alpha1::{CheckCount, LatencySummary, RequestResult, RunSummary, StageResult};

pub(crate) use self::unanswered::as_failed;
pub use self::{
    custom::custom,
    format::{decimal, milliseconds, per_second, percent},
    generator::{Asked, generator},
    unanswered::{Counting, Unanswered},
};
use crate::{
    metrics::{Metrics, Selector, Sink, Trend, names},
    plan::{Stage, Timeline},
};

/// Most requests in the figures; those with most traffic are kept.
const MOST_REQUESTS: usize = 100;
/// Most checks in the figures; those that failed most often are kept.
const MOST_CHECKS: usize = 100;

/// The figures of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Of the whole load.
    pub summary: RunSummary,
    /// Of each stage that has begun.
    pub stages: Vec<StageResult>,
    /// Of each request.
    pub requests: Vec<RequestResult>,
    /// Of each check.
    pub expectations: Vec<CheckCount>,
}

/// The figures after a time of load. `metrics` have their unanswered requests counted ([`Unanswered`]).
pub fn figures(metrics: &Metrics, timeline: &Timeline, elapsed: Duration) -> Figures {
    let summary = summary(metrics, &Selector::default(), whole(timeline, elapsed));
    Figures {
        summary: RunSummary { unanswered_requests: unanswered::of(metrics), ..summary },
        stages: timeline
            .stages
            .iter()
            .filter(|stage| stage.start < elapsed)
            .map(|stage| stage_result(metrics, stage, elapsed))
            .collect(),
        requests: requests(metrics, whole(timeline, elapsed)),
        expectations: checks(metrics),
    }
}

/// Time of load that whole-run rates refer to: what has passed, but not the watching that comes after.
pub(crate) fn whole(timeline: &Timeline, elapsed: Duration) -> Duration {
    elapsed.min(timeline.duration().saturating_add(timeline.graceful_stop))
}

/// Time of a stage that has passed.
pub(crate) fn part(stage: &Stage, elapsed: Duration) -> Duration {
    elapsed.min(stage.end()).saturating_sub(stage.start)
}

/// A count per second; 0 when no time has passed.
pub(crate) fn rate_of(count: f64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count / time.as_secs_f64() }
}

fn stage_result(metrics: &Metrics, stage: &Stage, elapsed: Duration) -> StageResult {
    let selector = Selector { stage: Some(stage.name.clone()), ..Selector::default() };
    StageResult {
        name: stage.name.clone(),
        start_seconds: stage.start.as_secs_f64(),
        duration_seconds: stage.duration.as_secs_f64(),
        summary: summary(metrics, &selector, part(stage, elapsed)),
    }
}

fn summary(metrics: &Metrics, selector: &Selector, time: Duration) -> RunSummary {
    let requests = metrics.count(names::HTTP_REQS, selector);
    let (failed, all) = metrics.rate(names::HTTP_REQ_FAILED, selector);
    let response_time = metrics.trend(names::HTTP_REQ_RESPONSE_TIME, selector);
    RunSummary {
        requests: requests as i64,
        requests_per_second: per_second(rate_of(requests, time)),
        error_rate: percent(if all == 0 { 0.0 } else { failed as f64 / all as f64 }),
        iterations: metrics.count(names::ITERATIONS, selector) as i64,
        dropped_iterations: metrics.count(names::DROPPED_ITERATIONS, selector) as i64,
        unanswered_requests: None,
        latency: latency(&metrics.trend(names::HTTP_REQ_DURATION, selector)),
        response_time: (!response_time.is_empty()).then(|| latency(&response_time)),
    }
}

fn latency(trend: &Trend) -> LatencySummary {
    LatencySummary {
        min: milliseconds(trend.min()),
        mean: milliseconds(trend.mean()),
        p50: milliseconds(trend.percentile(50.0)),
        p90: milliseconds(trend.percentile(90.0)),
        p95: milliseconds(trend.percentile(95.0)),
        p99: milliseconds(trend.percentile(99.0)),
        p999: milliseconds(trend.percentile(99.9)),
        max: milliseconds(trend.max()),
    }
}

fn requests(metrics: &Metrics, time: Duration) -> Vec<RequestResult> {
    let mut counts: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let everything = Selector::default();
    for (tags, sink) in metrics.select(names::HTTP_REQS, &everything) {
        let (Sink::Counter(count), Some(request)) = (sink, &tags.request) else { continue };
        *counts.entry((tags.scenario.as_deref().unwrap_or_default(), request)).or_default() += count;
    }
    let kept = busiest(counts, MOST_REQUESTS, |count| *count);
    kept.into_iter()
        .map(|((scenario, request), _)| {
            let selector = Selector {
                scenario: (!scenario.is_empty()).then(|| scenario.into()),
                request: Some(request.into()),
                ..Selector::default()
            };
            RequestResult {
                name: request.into(),
                scenario: scenario.into(),
                summary: summary(metrics, &selector, time),
            }
        })
        .collect()
}

fn checks(metrics: &Metrics) -> Vec<CheckCount> {
    let mut counts: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    let everything = Selector::default();
    for (tags, sink) in metrics.select(names::CHECKS, &everything) {
        let (Sink::Rate { passes, total }, Some(check)) = (sink, &tags.check) else { continue };
        let sum = counts.entry((tags.request.as_deref().unwrap_or_default(), check)).or_default();
        *sum = (sum.0 + passes, sum.1 + total);
    }
    let fails = |(passes, total): &(u64, u64)| total.saturating_sub(*passes);
    busiest(counts, MOST_CHECKS, |count| fails(count) as f64)
        .into_iter()
        .map(|((request, check), count)| CheckCount {
            name: check.into(),
            request: request.into(),
            passes: count.0 as i64,
            fails: fails(&count) as i64,
        })
        .collect()
}

/// The entries with the highest weights, in the order of their keys.
fn busiest<K: Ord, V>(entries: BTreeMap<K, V>, most: usize, weight: impl Fn(&V) -> f64) -> Vec<(K, V)> {
    let mut entries: Vec<(K, V)> = entries.into_iter().collect();
    if entries.len() > most {
        entries.sort_by(|a, b| weight(&b.1).total_cmp(&weight(&a.1)));
        entries.truncate(most);
        entries.sort_by(|a, b| a.0.cmp(&b.0));
    }
    entries
}
