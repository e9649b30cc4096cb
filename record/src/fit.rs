// SPDX-License-Identifier: Apache-2.0
//! Makes a record small enough for a place that holds little, such as an object in a cluster. Pure.
//!
//! What tells least goes first, in the order of `STEPS`, and no more than it takes. Verdict, what thresholds rest on, and the log of
//! events never go: a record that is too large with these alone is not kept at all.

#[cfg(test)]
mod tests;

use upsurge_core::metrics::{COARSE, Trend};

use crate::{
    disk::{EncodeError, encode},
    model::{Detail, Folded, Latency, Part, Point, Record, Series},
    thin::join,
};

/// Fewest points of a series that is made shorter: of fewer, no course can be seen.
const FEWEST_POINTS: usize = 30;

/// Why a record has no place.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// It can't be written at all.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It is too large.
    #[error(
        "the record has {bytes} bytes where {most} are allowed, though all was left out that can be: the test, the log of events and what \
         thresholds rest on stay"
    )]
    Large {
        /// Its size.
        bytes: usize,
        /// What is allowed.
        most: usize,
    },
}

/// Leaves something out; false if there is nothing of it.
type Step = fn(&mut Record) -> bool;

/// What is left out, in this order.
const STEPS: [Step; 8] = [heat_maps, coarse_requests, usage, series, coarse_stages, requests, stages, setups];

/// Packs a record into so many bytes, and leaves out what it must for that.
///
/// # Errors
/// When it is larger even without all that can be left out.
pub fn fit(mut record: Record, most: usize) -> Result<Vec<u8>, FitError> {
    let mut packed = encode(&record, &[])?;
    for step in STEPS {
        // Series are halved as often as it takes; the other steps find nothing the second time.
        while packed.len() > most && step(&mut record) {
            record.detail = Detail::Thinned;
            packed = encode(&record, &[])?;
        }
    }
    if packed.len() > most { Err(FitError::Large { bytes: packed.len(), most }) } else { Ok(packed) }
}

/// Notes what is missing, once.
fn fold(record: &mut Record, what: &str, message: &str) {
    let folded = Folded { what: what.into(), count: None, message: message.into() };
    match record.folded.iter_mut().find(|known| known.what == what) {
        Some(known) => *known = folded,
        None => record.folded.push(folded),
    }
}

fn heat_maps(record: &mut Record) -> bool {
    if record.epochs.iter().all(|epoch| epoch.heat_map.columns.is_empty()) {
        return false;
    }
    record.epochs.iter_mut().for_each(|epoch| epoch.heat_map.columns.clear());
    fold(record, "heatMap", "heat maps were left out for lack of room");
    true
}

fn coarse_requests(record: &mut Record) -> bool {
    let parts = record.epochs.iter_mut().flat_map(|epoch| &mut epoch.measured.requests);
    if !coarse(parts.map(|request| &mut request.part)) {
        return false;
    }
    record.error_bound = Some(COARSE);
    fold(
        record,
        "measured.requests",
        "distributions of single requests have wider buckets for lack of room: percentiles that are computed from them may be 2.3 % higher",
    );
    true
}

fn coarse_stages(record: &mut Record) -> bool {
    let parts = record.epochs.iter_mut().flat_map(|epoch| &mut epoch.measured.stages);
    if !coarse(parts.map(|stage| &mut stage.part)) {
        return false;
    }
    record.error_bound = Some(COARSE);
    fold(
        record,
        "measured.stages",
        "distributions of stages have wider buckets for lack of room: percentiles that are computed from them may be 2.3 % higher",
    );
    true
}

/// Gives the distributions of parts wider buckets; false if that changes none of them.
fn coarse<'a>(parts: impl Iterator<Item = &'a mut Part>) -> bool {
    let mut changed = false;
    let mut widen = |trend: &mut Option<Trend>| {
        if let Some(exact) = trend {
            let coarse = exact.coarse();
            changed |= coarse != *exact;
            *exact = coarse;
        }
    };
    parts.for_each(|part| {
        widen(&mut part.latency);
        widen(&mut part.response_time);
    });
    changed
}

/// Of the usage of pods, that of all pods of a workload together stays.
fn usage(record: &mut Record) -> bool {
    let before = record.usage.len();
    record.usage.retain(|usage| usage.pod.is_none());
    let changed = record.usage.len() < before;
    if changed {
        fold(record, "usage", "usage of single pods was left out for lack of room");
    }
    changed
}

/// Makes one point of each two.
fn series(record: &mut Record) -> bool {
    let mut changed = false;
    for epoch in &mut record.epochs {
        if epoch.series.points.len() >= 2 * FEWEST_POINTS {
            halve(&mut epoch.series);
            changed = true;
        }
    }
    if changed {
        fold(
            record,
            "series",
            "points of the series were joined for lack of room: percentiles of a point are the highest of those that it was joined of",
        );
    }
    changed
}

/// Makes one point of each two of a series. Counts add up, and no maximum is lost.
fn halve(series: &mut Series) {
    let joined = series.points.chunks(2).filter_map(|pair| {
        let (first, rest) = pair.split_first()?;
        let mut point = first.clone();
        rest.iter().for_each(|next| join_worst(&mut point, next));
        Some(point)
    });
    series.points = joined.collect();
    series.step_seconds = series.step_seconds.saturating_mul(2);
}

fn join_worst(mine: &mut Point, next: &Point) {
    let latency = match (mine.latency, next.latency) {
        (Some(one), Some(other)) => Some(Latency {
            min: one.min.min(other.min),
            p50: one.p50.max(other.p50),
            p95: one.p95.max(other.p95),
            p99: one.p99.max(other.p99),
            max: one.max.max(other.max),
            peak_p99: one.peak_p99.max(other.peak_p99),
        }),
        (one, other) => one.or(other),
    };
    join(mine, next);
    mine.latency = latency;
}

fn requests(record: &mut Record) -> bool {
    let parts = record.epochs.iter_mut().flat_map(|epoch| &mut epoch.measured.requests);
    let changed = leave_out(parts.map(|request| &mut request.part));
    if changed {
        fold(record, "measured.requests", "distributions of single requests were left out for lack of room");
    }
    changed
}

fn stages(record: &mut Record) -> bool {
    let parts = record.epochs.iter_mut().flat_map(|epoch| &mut epoch.measured.stages);
    let changed = leave_out(parts.map(|stage| &mut stage.part));
    if changed {
        fold(record, "measured.stages", "distributions of stages were left out for lack of room");
    }
    changed
}

/// How the workloads were set up. It takes little, unless somebody has filled it on purpose: then it must not cost the record.
fn setups(record: &mut Record) -> bool {
    let mut changed = false;
    for workload in &mut record.environment.workloads {
        changed |=
            !workload.images.is_empty() || !workload.resources.is_empty() || workload.autoscaler.is_some();
        workload.images.clear();
        workload.resources.clear();
        workload.autoscaler = None;
    }
    if changed {
        fold(
            record,
            "environment.workloads",
            "images, resources and autoscalers of the workloads were left out for lack of room",
        );
    }
    changed
}

/// Takes the distributions out of parts; false if there are none.
fn leave_out<'a>(parts: impl Iterator<Item = &'a mut Part>) -> bool {
    let mut changed = false;
    parts.for_each(|part| {
        changed |= part.latency.take().is_some();
        changed |= part.response_time.take().is_some();
    });
    changed
}
