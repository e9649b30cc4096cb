//! Limits on metrics, in k6's grammar and with k6's semantics.
//!
//! Evaluated on all that was recorded so far, never on windows. While the load runs, a metric without
//! samples says nothing yet; at the end it reads as zeros, as in k6.

mod condition;
#[cfg(test)]
mod tests;

use std::time::Duration;

use upsurge_crds::v1alpha1::{Threshold, ThresholdResult, ThresholdSelector};

pub use self::condition::{Aggregation, Condition, ConditionError};
use crate::{
    metrics::{
        Metrics, Selector, Sink, Trend,
        names::{self, Kind},
    },
    plan::Timeline,
    results::{self, decimal, milliseconds, percent},
};

/// Evaluates thresholds on all that was recorded. While the load runs (`finished` false), those
/// without any samples yet are left out.
pub fn evaluate(
    thresholds: &[Threshold],
    metrics: &Metrics,
    timeline: &Timeline,
    elapsed: Duration,
    finished: bool,
) -> Vec<ThresholdResult> {
    let evaluated = thresholds.iter().map(|threshold| one(threshold, metrics, timeline, elapsed, finished));
    evaluated.flatten().collect()
}

/// The first breached threshold that stops the run.
pub fn breached_abort(
    thresholds: &[Threshold],
    metrics: &Metrics,
    timeline: &Timeline,
    elapsed: Duration,
) -> Option<ThresholdResult> {
    thresholds
        .iter()
        .filter(|threshold| threshold.abort_on_fail)
        .filter(|threshold| threshold.delay_abort_eval.is_none_or(|delay| elapsed >= delay.0))
        .filter_map(|threshold| one(threshold, metrics, timeline, elapsed, false))
        .find(|result| !result.passed)
}

/// The metric with its selector, as `http_req_duration{stage:hold,request:log in}`.
pub fn display_name(threshold: &Threshold) -> String {
    let Some(selector) = &threshold.selector else { return threshold.metric.clone() };
    let ThresholdSelector { stage, scenario, request, group, check, status, method, expected_response, tags } =
        selector;
    let named = [
        ("stage", stage.clone()),
        ("scenario", scenario.clone()),
        ("group", group.clone()),
        ("request", request.clone()),
        ("check", check.clone()),
        ("status", status.map(|status| status.to_string())),
        ("method", method.clone()),
        ("expected_response", expected_response.map(|expected| expected.to_string())),
    ];
    let named = named.into_iter().filter_map(|(tag, value)| Some(format!("{tag}:{}", value?)));
    let tags: Vec<String> = named.chain(tags.iter().map(|(tag, value)| format!("{tag}:{value}"))).collect();
    if tags.is_empty() {
        threshold.metric.clone()
    } else {
        format!("{}{{{}}}", threshold.metric, tags.join(","))
    }
}

fn one(
    threshold: &Threshold,
    metrics: &Metrics,
    timeline: &Timeline,
    elapsed: Duration,
    finished: bool,
) -> Option<ThresholdResult> {
    let result = |observed, passed| ThresholdResult {
        metric: display_name(threshold),
        condition: threshold.condition.clone(),
        observed,
        passed,
    };
    // Validation has refused what can't be read; should one slip through, it must not pass.
    let condition = match Condition::for_metric(&threshold.condition, &threshold.metric) {
        Ok(condition) => condition,
        Err(error) => return Some(result(error.to_string(), false)),
    };
    let selector = threshold.selector.clone().unwrap_or_default();
    let recorded = metrics.sum(&threshold.metric, &selector);
    if recorded.is_none() && !finished {
        return None;
    }
    let kind = names::kind_of(&threshold.metric)?;
    let sink = recorded.unwrap_or_else(|| nothing(kind));
    if kind == Kind::Rate && matches!(sink, Sink::Rate { total: 0, .. }) {
        return Some(result("no samples".into(), true));
    }
    let time = time_of(&selector, timeline, elapsed);
    let value = value(condition.aggregation, &sink, time);
    Some(result(shown(condition.aggregation, kind, value), condition.holds(value)))
}

/// Time that counters per second refer to: the stage's, if one is selected.
fn time_of(selector: &Selector, timeline: &Timeline, elapsed: Duration) -> Duration {
    match selector.stage.as_deref().and_then(|name| timeline.stage(name)) {
        Some(stage) => results::part(stage, elapsed),
        None => results::whole(timeline, elapsed),
    }
}

fn nothing(kind: Kind) -> Sink {
    match kind {
        Kind::Trend => Sink::Trend(Trend::default()),
        Kind::Counter => Sink::Counter(0.0),
        Kind::Rate => Sink::Rate { passes: 0, total: 0 },
        Kind::Gauge => Sink::Gauge { value: 0.0, min: 0.0, max: 0.0 },
    }
}

fn value(aggregation: Aggregation, sink: &Sink, time: Duration) -> f64 {
    match (aggregation, sink) {
        (Aggregation::Average, Sink::Trend(trend)) => trend.mean(),
        (Aggregation::Minimum, Sink::Trend(trend)) => trend.min(),
        (Aggregation::Maximum, Sink::Trend(trend)) => trend.max(),
        (Aggregation::Percentile(percent), Sink::Trend(trend)) => trend.percentile(percent),
        (Aggregation::Count, Sink::Counter(count)) => *count,
        (Aggregation::Rate, Sink::Counter(count)) => results::rate_of(*count, time),
        (Aggregation::Rate, Sink::Rate { passes, total }) => *passes as f64 / *total as f64,
        (Aggregation::Value, Sink::Gauge { value, .. } | Sink::Latest { value, .. }) => *value,
        // A series whose kind is not that of its metric: not a number, which keeps no limit.
        (_, _) => f64::NAN,
    }
}

fn shown(aggregation: Aggregation, kind: Kind, value: f64) -> String {
    match (kind, aggregation) {
        (Kind::Trend, _) => milliseconds(value),
        (Kind::Rate, _) => percent(value),
        (Kind::Counter, Aggregation::Rate) => format!("{}/s", decimal(value, 3)),
        (Kind::Counter | Kind::Gauge, _) => decimal(value, 3),
    }
}
