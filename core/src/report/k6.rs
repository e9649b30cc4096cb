//! k6's summary: `root_group`, `options`, `state` and `metrics`, as scripts and CI plugins read them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use super::Report;
use crate::{
    metrics::{Selector, Sink, names},
    results::{rate_of, whole},
    thresholds::display_name,
};

/// Statistics of trends, by k6's names.
const TREND_STATISTICS: [&str; 8] = ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)", "p(99.9)"];

pub(super) fn summary(report: &Report<'_>) -> Value {
    json!({
        "root_group": root_group(report),
        "options": {"summaryTrendStats": TREND_STATISTICS, "summaryTimeUnit": "", "noColor": true},
        "state": {
            "isStdOutTTY": false,
            "isStdErrTTY": false,
            "testRunDurationMs": report.elapsed.as_secs_f64() * 1e3,
        },
        "metrics": metrics(report),
        "name": report.name,
        "verdict": report.outcome.verdict,
        "reason": report.outcome.reason,
        "message": report.outcome.message,
        "summary": report.figures.summary,
        "stages": report.figures.stages,
        "requests": report.figures.requests,
        "thresholds": report.thresholds,
        "generator": report.generator,
        "notJudged": report.not_judged,
    })
}

/// Every metric that was recorded, and each part of one that a threshold selects.
fn metrics(report: &Report<'_>) -> Value {
    let time = whole(report.timeline, report.elapsed);
    let mut metrics = Map::new();
    let everything = Selector::default();
    for name in names::ALL {
        if let Some(sink) = report.metrics.sum(name, &everything) {
            metrics.insert(name.into(), metric(name, &sink, time));
        }
    }
    for (threshold, result) in report.test.thresholds.iter().zip(report.thresholds) {
        let selector = threshold.selector.clone().unwrap_or_default();
        let name = display_name(threshold);
        let stage = selector.stage.as_deref().and_then(|stage| report.timeline.stage(stage));
        let time = stage.map_or(time, |stage| report.elapsed.min(stage.end()).saturating_sub(stage.start));
        let entry = metrics.entry(name).or_insert_with(|| match report.metrics.sum(&threshold.metric, &selector) {
            Some(sink) => metric(&threshold.metric, &sink, time),
            None => json!({"type": kind(&threshold.metric), "contains": contains(&threshold.metric), "values": {}}),
        });
        entry["thresholds"][&threshold.condition] = json!({"ok": result.passed});
    }
    Value::Object(metrics)
}

fn metric(name: &str, sink: &Sink, time: Duration) -> Value {
    let values = match sink {
        Sink::Counter(count) => json!({"count": count, "rate": rate_of(*count, time)}),
        Sink::Gauge { value, min, max } | Sink::Latest { value, min, max, .. } => {
            json!({"value": value, "min": min, "max": max})
        }
        Sink::Rate { passes, total } => {
            let rate = if *total == 0 { 0.0 } else { *passes as f64 / *total as f64 };
            json!({"rate": rate, "passes": passes, "fails": total.saturating_sub(*passes)})
        }
        Sink::Trend(trend) => {
            let values = [
                trend.mean(),
                trend.min(),
                trend.percentile(50.0),
                trend.max(),
                trend.percentile(90.0),
                trend.percentile(95.0),
                trend.percentile(99.0),
                trend.percentile(99.9),
            ];
            TREND_STATISTICS
                .into_iter()
                .zip(values)
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect()
        }
    };
    json!({"type": kind(name), "contains": contains(name), "values": values})
}

fn kind(metric: &str) -> &'static str {
    match names::kind_of(metric) {
        Some(names::Kind::Trend) => "trend",
        Some(names::Kind::Rate) => "rate",
        Some(names::Kind::Gauge) => "gauge",
        Some(names::Kind::Counter) | None => "counter",
    }
}

fn contains(metric: &str) -> &'static str {
    match names::kind_of(metric) {
        Some(names::Kind::Trend) => "time",
        _ if metric == names::DATA_SENT || metric == names::DATA_RECEIVED => "data",
        _ => "default",
    }
}

/// Checks by group. k6's ids are digests of the path; here the path itself is the id.
fn root_group(report: &Report<'_>) -> Value {
    let mut counts: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    let everything = Selector::default();
    for (tags, sink) in report.metrics.select(names::CHECKS, &everything) {
        let (Sink::Rate { passes, total }, Some(check)) = (sink, &tags.check) else { continue };
        let sum = counts.entry((tags.group.as_deref().unwrap_or_default(), check)).or_default();
        *sum = (sum.0 + passes, sum.1 + total);
    }
    let group = |name: &str, groups: Vec<Value>| {
        let path = if name.is_empty() { String::new() } else { format!("::{name}") };
        let checks = counts.iter().filter(|((group, _), _)| *group == name).map(|((_, check), (passes, total))| {
            let path = format!("{path}::{check}");
            json!({"name": check, "path": path, "id": path, "passes": passes, "fails": total.saturating_sub(*passes)})
        });
        json!({"name": name, "path": path, "id": path, "groups": groups, "checks": checks.collect::<Vec<_>>()})
    };
    let mut names: Vec<&str> =
        counts.keys().map(|(group, _)| *group).filter(|name| !name.is_empty()).collect();
    names.dedup();
    group("", names.into_iter().map(|name| group(name, Vec::new())).collect())
}
