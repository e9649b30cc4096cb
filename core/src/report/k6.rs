// SPDX-License-Identifier: Apache-2.0
//! k6's summary: `root_group`, `options`, `state` and `metrics`, as scripts and CI plugins read them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};
use upsurge_crds::v1alpha1::Threshold;

use super::{
    Report,
    counted::{Counted, lasted},
};
use crate::{
    metrics::{
        Catalog, Contains, Definition, Selector, Sink,
        names::{self, Kind},
    },
    results::{part, rate_of, whole},
    thresholds::Target,
};

/// Statistics of trends, by k6's names.
const TREND_STATISTICS: [&str; 8] = ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)", "p(99.9)"];

pub(super) fn summary(report: &Report<'_>) -> Value {
    let counted = Counted::of(report);
    let shown = counted.as_ref().map_or(*report, |counted| counted.report(report));
    json!({
        "root_group": root_group(&shown),
        "options": {"summaryTrendStats": TREND_STATISTICS, "summaryTimeUnit": "", "noColor": true},
        "state": {
            "isStdOutTTY": false,
            "isStdErrTTY": false,
            "testRunDurationMs": lasted(report).as_secs_f64() * 1e3,
        },
        "metrics": metrics(&shown),
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
        "warnings": report.warnings,
    })
}

/// Every metric that was recorded, the part of `http_req_duration` that k6 always shows, and each part of a
/// metric that a threshold selects.
pub(super) fn metrics(report: &Report<'_>) -> Value {
    let whole = whole(report.timeline, report.elapsed);
    let catalog = Catalog::new(&report.test.metrics);
    let mut metrics = Map::new();
    let expected = Selector { expected_response: Some(true), ..Selector::default() };
    let whole_ones = catalog.names().map(|name| Target { metric: name.into(), ..Target::default() });
    let shown_always = Target { metric: names::HTTP_REQ_DURATION.into(), selector: expected };
    for target in whole_ones.chain([shown_always]) {
        if let (Some(sink), Some(known)) =
            (report.metrics.sum(&target.metric, &target.selector), catalog.get(&target.metric))
        {
            metrics.insert(target.to_string(), metric(known, &sink, whole));
        }
    }
    for (threshold, result) in report.test.thresholds.iter().zip(report.thresholds) {
        let Ok(target) = Target::new(&threshold.metric, threshold.selector.as_ref()) else { continue };
        let Some(known) = catalog.get(&target.metric) else { continue };
        let stage = target.selector.stage.as_deref().and_then(|stage| report.timeline.stage(stage));
        let time = stage.map_or(whole, |stage| part(stage, report.elapsed));
        let entry = metrics.entry(target.to_string()).or_insert_with(|| {
            match report.metrics.sum(&target.metric, &target.selector) {
                Some(sink) => metric(known, &sink, time),
                None => json!({"type": kind(known), "contains": contains(known), "values": {}}),
            }
        });
        entry["thresholds"][expression(threshold)] = json!({"ok": result.passed});
    }
    Value::Object(metrics)
}

/// The condition, with what makes it another one than the same condition on the whole series.
fn expression(threshold: &Threshold) -> String {
    let mut text = threshold.condition.clone();
    if let Some(window) = threshold.window {
        text += &format!(" in every {window}");
    }
    if let Some(reference) = &threshold.ratio_to {
        let metric = reference.metric.as_ref().unwrap_or(&threshold.metric);
        if let Ok(target) = Target::new(metric, reference.selector.as_ref()) {
            text += &format!(" of {target}");
        }
    }
    text
}

fn metric(known: Definition, sink: &Sink, time: Duration) -> Value {
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
    json!({"type": kind(known), "contains": contains(known), "values": values})
}

fn kind(known: Definition) -> &'static str {
    match known.kind {
        Kind::Trend => "trend",
        Kind::Rate => "rate",
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
    }
}

fn contains(known: Definition) -> &'static str {
    match known.contains {
        Contains::Time => "time",
        Contains::Data => "data",
        Contains::Numbers => "default",
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
