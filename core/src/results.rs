// SPDX-License-Identifier: Apache-2.0
//! From recorded series to the figures in the status.
//!
//! Every figure is computed from the merged series alone, so that figures of many runners equal those of
//! one. Lists are whole: what a status has no room for is left out, and counted, where the status is written.

mod counts;
mod custom;
mod generator;
#[cfg(test)]
mod tests;
mod unanswered;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use upsurge_crds::v1alpha1::{CheckCount, LatencySummary, RequestResult, RunSummary, StageResult};

pub(crate) use self::unanswered::as_failed;
pub use self::{
    counts::{Counts, errors, failures, statuses},
    custom::custom,
    generator::{Asked, generator},
    unanswered::{Counting, Unanswered},
};
pub use crate::format::{bytes, decimal, milliseconds, per_second, percent};
use crate::{
    metrics::{Metrics, Selector, Sink, Trend, names},
    plan::{Stage, Timeline},
};

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

/// The figures of the whole load alone: with many requests, theirs take far more time.
pub fn total(metrics: &Metrics, timeline: &Timeline, elapsed: Duration) -> RunSummary {
    Measured::of(metrics, &Selector::default(), whole(timeline, elapsed)).total(unanswered::of(metrics))
}

/// The figures after a time of load. `metrics` have their unanswered requests counted ([`Unanswered`]).
pub fn figures(metrics: &Metrics, timeline: &Timeline, elapsed: Duration) -> Figures {
    Figures {
        summary: total(metrics, timeline, elapsed),
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
pub fn whole(timeline: &Timeline, elapsed: Duration) -> Duration {
    elapsed.min(timeline.duration().saturating_add(timeline.graceful_stop))
}

/// Time of a stage that has passed.
pub fn part(stage: &Stage, elapsed: Duration) -> Duration {
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

/// What was measured of a run or a part of it, as numbers.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Requests finished.
    pub requests: f64,
    /// The same per second of load.
    pub requests_per_second: f64,
    /// Requests that failed, and all that could.
    pub failed: (u64, u64),
    /// Iterations finished.
    pub iterations: f64,
    /// Planned iterations that could not be started.
    pub dropped: f64,
    /// Bytes sent and received.
    pub traffic: (f64, f64),
    /// Service time of requests.
    pub latency: Trend,
    /// Time of requests from their intended start.
    pub response_time: Trend,
}

impl Measured {
    /// What was measured of the selected series over a time of load.
    pub fn of(metrics: &Metrics, selector: &Selector, time: Duration) -> Self {
        let count = |metric| metrics.count(metric, selector);
        let requests = count(names::HTTP_REQS);
        Self {
            requests,
            requests_per_second: rate_of(requests, time),
            failed: metrics.rate(names::HTTP_REQ_FAILED, selector),
            iterations: count(names::ITERATIONS),
            dropped: count(names::DROPPED_ITERATIONS),
            traffic: (count(names::DATA_SENT), count(names::DATA_RECEIVED)),
            latency: metrics.trend(names::HTTP_REQ_DURATION, selector),
            response_time: metrics.trend(names::HTTP_REQ_RESPONSE_TIME, selector),
        }
    }

    /// Share of requests that failed; 0 if there were none.
    pub(crate) fn error_rate(&self) -> f64 {
        let (failed, all) = self.failed;
        if all == 0 { 0.0 } else { failed as f64 / all as f64 }
    }

    /// The figures of a part of a run, as a status has them.
    pub fn summary(&self) -> RunSummary {
        RunSummary {
            requests: self.requests as i64,
            requests_per_second: per_second(self.requests_per_second),
            error_rate: percent(self.error_rate()),
            iterations: Some(self.iterations as i64),
            dropped_iterations: Some(self.dropped as i64),
            unanswered_requests: None,
            latency: latency(&self.latency),
            response_time: (!self.response_time.is_empty()).then(|| latency(&self.response_time)),
        }
    }

    /// The figures of a request. No iteration belongs to one, and a count of 0 would read as nothing done.
    pub fn of_request(&self) -> RunSummary {
        RunSummary { iterations: None, dropped_iterations: None, ..self.summary() }
    }

    /// The figures of a whole run: also as numbers, and with its requests without an answer.
    pub fn total(&self, unanswered_requests: Option<i64>) -> RunSummary {
        let mut summary = RunSummary { unanswered_requests, ..self.summary() };
        count_microseconds(&mut summary.latency, &self.latency);
        if let Some(response_time) = &mut summary.response_time {
            count_microseconds(response_time, &self.response_time);
        }
        summary
    }
}

fn summary(metrics: &Metrics, selector: &Selector, time: Duration) -> RunSummary {
    Measured::of(metrics, selector, time).summary()
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
        ..LatencySummary::default()
    }
}

/// The figures that people graph, as numbers.
fn count_microseconds(latency: &mut LatencySummary, trend: &Trend) {
    let microseconds = |milliseconds: f64| Some((milliseconds * 1e3).round() as i64);
    latency.mean_microseconds = microseconds(trend.mean());
    latency.p50_microseconds = microseconds(trend.percentile(50.0));
    latency.p95_microseconds = microseconds(trend.percentile(95.0));
    latency.p99_microseconds = microseconds(trend.percentile(99.0));
    latency.max_microseconds = microseconds(trend.max());
}

fn requests(metrics: &Metrics, time: Duration) -> Vec<RequestResult> {
    let everything = Selector::default();
    let series = metrics.select(names::HTTP_REQS, &everything);
    let known: BTreeSet<(&str, &str)> = series
        .filter_map(|(tags, _)| {
            Some((tags.scenario.as_deref().unwrap_or_default(), tags.request.as_deref()?))
        })
        .collect();
    known
        .into_iter()
        .map(|(scenario, request)| {
            let selector = Selector {
                scenario: (!scenario.is_empty()).then(|| scenario.into()),
                request: Some(request.into()),
                ..Selector::default()
            };
            RequestResult {
                name: request.into(),
                scenario: scenario.into(),
                summary: Measured::of(metrics, &selector, time).of_request(),
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
    counts
        .into_iter()
        .map(|((request, check), count)| CheckCount {
            name: check.into(),
            request: request.into(),
            passes: count.0 as i64,
            fails: fails(&count) as i64,
        })
        .collect()
}
