// SPDX-License-Identifier: Apache-2.0
//! Whether the course of a load adds up to its totals.

use upsurge_core::metrics::names;

use super::Verified;
use crate::model::{Epoch, Latency, Point, Record};

/// What points count, the metric that it is of, and where a point has it.
type Count = (&'static str, &'static str, fn(&Point) -> u64);

const COUNTS: [Count; 6] = [
    ("requests", names::HTTP_REQS, |point| point.requests),
    ("iterations", names::ITERATIONS, |point| point.iterations),
    ("started", names::STARTED_ITERATIONS, |point| point.started),
    ("dropped", names::DROPPED_ITERATIONS, |point| point.dropped),
    ("sent", names::DATA_SENT, |point| point.sent_bytes),
    ("received", names::DATA_RECEIVED, |point| point.received_bytes),
];

/// Compares sums and extremes of the course with what was measured of the whole.
pub(super) fn check(path: &str, record: &Record, epoch: &Epoch, verified: &mut Verified) {
    let (series, measured) = (&epoch.series, &epoch.measured);
    let path = format!("{path}.series");
    if record.incomplete.is_some() {
        // The second under way when it was cut off is in the totals only.
        return verified.skip(format!("{path}: the run was cut off within a second"));
    }
    if series.points.is_empty() && record.folded.iter().any(|folded| folded.what == "series") {
        return verified.skip(format!("{path}: it was left out"));
    }
    let sum = |of: fn(&Point) -> u64| series.points.iter().map(of).fold(0, u64::saturating_add);
    for (name, metric, of) in COUNTS {
        verified.check(&format!("{path}.{name}"), &sum(of), &measured.count(metric));
    }
    verified.check(&format!("{path}.failed"), &sum(|point| point.failed), &measured.whole().failed);
    for (kind, count) in &measured.errors {
        let Some(place) = series.kinds.iter().position(|known| known == kind) else {
            if *count > 0 {
                verified.skip(format!("{path}: {kind:?} is counted together with other failures"));
            }
            continue;
        };
        let of_kind = series.points.iter().filter_map(|point| point.errors.get(place));
        verified.check(
            &format!("{path}.error:{kind}"),
            &of_kind.copied().fold(0, u64::saturating_add),
            count,
        );
    }
    let Some(trend) = measured.trend(names::HTTP_REQ_DURATION) else { return };
    let microseconds = |milliseconds: f64| (milliseconds * 1e3).round() as u64;
    let all = || series.points.iter().filter_map(|point| point.latency);
    let longest = all().map(|Latency { max, .. }| max).max().unwrap_or_default();
    verified.check(&format!("{path}.max"), &longest, &microseconds(trend.max()));
    let shortest = all().map(|Latency { min, .. }| min).min().unwrap_or_default();
    verified.check(&format!("{path}.min"), &shortest, &microseconds(trend.min()));
    let columns = &epoch.heat_map.columns;
    if columns.is_empty() {
        return;
    }
    let in_columns = columns
        .iter()
        .flat_map(|column| column.buckets.iter().map(|(_, count)| *count).chain([column.zeros]));
    let count = in_columns.fold(0, u64::saturating_add);
    let path = path.replace(".series", ".heatMap");
    verified.check(&path, &count, &trend.count());
}
