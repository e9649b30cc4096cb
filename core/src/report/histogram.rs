// SPDX-License-Identifier: Apache-2.0
//! Whole distributions for programs: the histogram of each trend, which can be drawn, and added to that of another run.
//!
//! Buckets are those that runners push ([`crate::metrics::exponential`]): the same bounds for every run, at most 1,100 or so for all times up to an hour.

use serde_json::{Map, Value, json};

use super::Report;
use crate::metrics::{
    Catalog, Contains, Selector, Sink, Trend,
    exponential::{Exponential, bound},
};

/// A histogram for each trend of which there is a record, by metric.
pub(super) fn histograms(report: &Report<'_>) -> Map<String, Value> {
    let catalog = Catalog::new(&report.test.metrics);
    let recorded = catalog.names().filter_map(|name| {
        let contains = catalog.get(name)?.contains;
        match report.metrics.sum(name, &Selector::default())? {
            Sink::Trend(trend) if !trend.is_empty() => Some((name.to_owned(), histogram(&trend, contains))),
            _ => None,
        }
    });
    recorded.collect()
}

fn histogram(trend: &Trend, contains: Contains) -> Value {
    let unit = if contains == Contains::Time { "Milliseconds" } else { "" };
    let up_to = format!("upTo{unit}");
    let Exponential { zeros, counts } = Exponential::of(trend, 1e-3);
    let zeros = (zeros > 0).then_some((0.0, zeros));
    let counts = counts.into_iter().map(|(number, count)| (bound(number), count));
    let buckets = zeros
        .into_iter()
        .chain(counts)
        .map(|(bound, count)| json!({&up_to: millionths(bound), "count": count}));
    json!({
        "count": trend.count(),
        format!("sum{unit}"): millionths(trend.sum()),
        format!("min{unit}"): trend.min(),
        format!("max{unit}"): trend.max(),
        "buckets": buckets.collect::<Vec<_>>(),
    })
}

/// Bounds are the same texts in every file, and those of single microseconds still differ.
fn millionths(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
