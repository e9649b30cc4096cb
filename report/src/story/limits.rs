// SPDX-License-Identifier: Apache-2.0
//! Limits of latency that thresholds set, as lines across a chart.

use upsurge_core::{
    comparison::Comparison,
    thresholds::{Aggregation, Condition},
};
use upsurge_crds::v1alpha1::Threshold;
use upsurge_record::model::Record;

use crate::chart::Limit;

/// Most lines: a chart with more can't be read.
const MOST: usize = 3;

/// The upper limits of the time of requests, in milliseconds. One that is put to a quotient is no time, and one of a part of the
/// requests says which part that is.
pub(super) fn of_latency(record: &Record) -> Vec<Limit> {
    let Ok(test) = record.test.read() else { return Vec::new() };
    let mut limits: Vec<Limit> = Vec::new();
    for limit in test.thresholds.iter().filter_map(limit) {
        if !limits.iter().any(|known| known.name == limit.name && known.value == limit.value) {
            limits.push(limit);
        }
    }
    limits.truncate(MOST);
    limits
}

fn limit(threshold: &Threshold) -> Option<Limit> {
    let (metric, selector) = match threshold.metric.split_once('{') {
        Some((metric, rest)) => (metric, Some(rest.trim_end_matches('}'))),
        None => (threshold.metric.as_str(), None),
    };
    if !matches!(metric, "http_req_duration" | "http_req_response_time") || threshold.ratio_to.is_some() {
        return None;
    }
    let condition = Condition::parse(&threshold.condition).ok()?;
    if !matches!(condition.comparison, Comparison::Less | Comparison::AtMost) {
        return None;
    }
    let of = match condition.aggregation {
        Aggregation::Percentile(percent) => format!("p{percent}"),
        Aggregation::Average => "average".to_owned(),
        Aggregation::Maximum => "longest".to_owned(),
        _ => return None,
    };
    let part = threshold.selector.as_ref().and_then(|selector| {
        let request = selector.request.as_ref().map(|name| format!(" of {name}"));
        request.or_else(|| selector.stage.as_ref().map(|name| format!(" in {name}")))
    });
    let part = part.or_else(|| selector.map(|selector| format!(" of {selector}"))).unwrap_or_default();
    let name = format!("limit of {of}{part}:");
    Some(Limit { name: crate::words::beginning(&name, 60).unwrap_or(name), value: condition.limit })
}
