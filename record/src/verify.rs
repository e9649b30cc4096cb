// SPDX-License-Identifier: Apache-2.0
//! Computes what is told in a record once more, from what was measured, and says what differs.
//!
//! Nothing that is told is used to compute it. What can't be computed from a record is named, and not passed over.

mod beyond;
mod capacity;
mod difference;
mod scalability;
mod sums;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::Value;
use upsurge_core::{
    autoscaling::ready_replicas,
    epochs::{self, Epochs},
    metrics::names,
    results, series,
    thresholds::{Recorded, keep_breach},
};
use upsurge_crds::{
    LoadTestSpec,
    read::Unreadable,
    v1alpha1::{CheckCount, RequestResult, RunSummary, StageResult, Verdict},
};

use self::{beyond::beyond, capacity::capacity, difference::compare};
use crate::{
    measure::timeline,
    model::{Epoch, ObservedWorkload, Part, Record},
};

/// What is computed of replicas, in order.
const REPLICAS: [&str; 3] = ["startReplicas", "peakReplicas", "endReplicas"];

/// A figure that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which one, as the path in the record. Example: `epochs[0].figures.summary.latency.p95`.
    pub figure: String,
    /// What is told.
    pub told: String,
    /// What comes out.
    pub computed: String,
}

/// What came of computing a record once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many figures were computed.
    pub figures: usize,
    /// Those that are not what is told.
    pub differences: Vec<Difference>,
    /// What could not be computed, and why.
    pub skipped: Vec<String>,
}

impl Verified {
    /// Compares a figure, or all figures of something.
    fn check(&mut self, path: &str, told: &impl Serialize, computed: &impl Serialize) {
        self.check_within(0.0, path, told, computed);
    }

    /// The same of figures that may be off by a share of them.
    fn check_within(&mut self, bound: f64, path: &str, told: &impl Serialize, computed: &impl Serialize) {
        let value = |value: Result<Value, _>| value.unwrap_or_default();
        let told = value(serde_json::to_value(told));
        let computed = value(serde_json::to_value(computed));
        compare(path, &told, &computed, bound, self);
    }

    fn skip(&mut self, what: impl Into<String>) {
        self.skipped.push(what.into());
    }
}

/// Computes all that can be computed.
pub fn verify(record: &Record) -> Verified {
    let mut verified = Verified::default();
    let test = match record.test.read() {
        Ok(test) => Some(test),
        Err(Unreadable { path, message }) => {
            verified.skip(format!(
                "thresholds and the test's own metrics: its spec can't be read: {path}: {message}"
            ));
            None
        }
    };
    for (index, epoch) in record.epochs.iter().enumerate() {
        let path = format!("epochs[{index}]");
        if epoch.measured.totals.is_empty() && epoch.figures.summary.requests > 0 {
            verified.skip(format!("{path}: what was measured of it was not kept"));
            continue;
        }
        figures(&path, record, epoch, &mut verified);
        sums::check(&path, record, epoch, &mut verified);
        if let Some(test) = &test {
            let metrics = results::custom(
                &epoch.measured.metrics(),
                &test.metrics,
                &timeline(&epoch.plan),
                epoch.elapsed(),
            );
            verified.check(&format!("{path}.figures.metrics"), &epoch.figures.metrics, &metrics);
            thresholds(&path, record, epoch, test, &mut verified);
        }
    }
    verdict(record, &mut verified);
    replicas(record, &mut verified);
    capacity(record, test.as_ref(), &mut verified);
    scalability::check(record, test.as_ref(), &mut verified);
    prometheus_series(record, &mut verified);
    beyond(record, &mut verified);
    verified
}

fn figures(path: &str, record: &Record, epoch: &Epoch, verified: &mut Verified) {
    let path = format!("{path}.figures");
    let (told, measured) = (&epoch.figures, &epoch.measured);
    let counted = match &epoch.counted_stage {
        None => Some(measured.whole()),
        Some(_) => measured.counted.clone(),
    };
    match counted {
        Some(part) => verified.check(&format!("{path}.summary"), &told.summary, &part.total()),
        None => verified.skip(format!("{path}.summary: nothing was measured of the stage that it speaks of")),
    }
    if epoch.counted_stage.is_none() && !record.folded.iter().any(|folded| folded.what == names::CHECKS) {
        let sum = |of: fn(&CheckCount) -> i64| told.checks.iter().map(of).fold(0, i64::saturating_add);
        let (passes, total) = measured.rate(names::CHECKS);
        let computed = (passes as i64, total.saturating_sub(passes) as i64);
        verified.check(
            &format!("{path}.checks"),
            &(sum(|check| check.passes), sum(|check| check.fails)),
            &computed,
        );
    }
    let is_thinned = |part: &Part| part.requests > 0 && part.latency.is_none();
    let bound = record.error_bound.unwrap_or_default();
    if measured.stages.iter().any(|stage| is_thinned(&stage.part)) {
        verified.skip(format!("{path}.stages: their distributions were left out"));
    } else {
        verified.check_within(bound, &format!("{path}.stages"), &told.stages, &stages(epoch));
    }
    if measured.requests.iter().any(|request| is_thinned(&request.part)) {
        return verified.skip(format!("{path}.requests: their distributions were left out"));
    }
    let requests = measured.requests.iter().map(|request| RequestResult {
        name: request.name.clone(),
        scenario: request.scenario.clone(),
        summary: request.part.of_request(),
    });
    let told: Vec<_> = told.requests.iter().map(without_zeros).collect();
    verified.check_within(bound, &format!("{path}.requests"), &told, &requests.collect::<Vec<_>>());
}

/// What is told of a request. The first programs that wrote records told 0 iterations of each.
fn without_zeros(request: &RequestResult) -> RequestResult {
    let told = |count: Option<i64>| count.filter(|count| *count != 0);
    let summary = &request.summary;
    let summary = RunSummary {
        iterations: told(summary.iterations),
        dropped_iterations: told(summary.dropped_iterations),
        ..summary.clone()
    };
    RequestResult { summary, ..request.clone() }
}

/// The figures of each stage, from what was measured of it.
fn stages(epoch: &Epoch) -> Vec<StageResult> {
    let planned = |name: &str| epoch.plan.stages.iter().find(|stage| stage.name == name);
    let stages = epoch.measured.stages.iter().map(|stage| {
        let planned = planned(&stage.name);
        StageResult {
            name: stage.name.clone(),
            start_seconds: planned.map_or(0.0, |stage| stage.start_seconds),
            duration_seconds: planned.map_or(0.0, |stage| stage.duration_seconds),
            summary: stage.part.summary(),
        }
    });
    stages.collect()
}

fn thresholds(path: &str, record: &Record, epoch: &Epoch, test: &LoadTestSpec, verified: &mut Verified) {
    let path = format!("{path}.thresholds");
    if record.incomplete.is_some() {
        return verified.skip(format!("{path}: the run was cut off, and none was judged"));
    }
    let test = match of_epoch(epoch, test) {
        Ok(test) => test,
        Err(error) => return verified.skip(format!("{path}: {error}")),
    };
    if test.thresholds.iter().any(|threshold| threshold.window.is_some_and(|window| window.0.is_zero())) {
        return verified.skip(format!("{path}: one has windows of no time"));
    }
    let (metrics, timeline) = (epoch.measured.metrics(), timeline(&epoch.plan));
    let recorded = Recorded {
        test: &test,
        timeline: &timeline,
        metrics: &metrics,
        windows: &epoch.accumulators,
        elapsed: epoch.elapsed(),
    };
    let mut computed = recorded.evaluate(true);
    if let Some(breached) = &epoch.breached {
        keep_breach(&mut computed, breached);
    }
    verified.check(&path, &epoch.thresholds, &computed);
}

/// The test of an epoch: that of the run, unless it is a probe.
fn of_epoch(epoch: &Epoch, test: &LoadTestSpec) -> Result<LoadTestSpec, String> {
    let Some(result) = &epoch.result else { return Ok(test.clone()) };
    let level = result.level.parse().map_err(|_| format!("the level {:?} is no number", result.level))?;
    let epochs = Epochs::of(&test.load).map_err(|error| error.to_string())?;
    let replicas = result.pinned_replicas.and_then(|replicas| u32::try_from(replicas).ok());
    let size = result.size.clone();
    Ok(epochs.test(test, &epochs::Epoch { number: epoch.number, level: Some(level), replicas, size }))
}

/// A run whose thresholds did not hold has not passed.
fn verdict(record: &Record, verified: &mut Verified) {
    // That none of an incomplete one was judged is said of its thresholds. `capacity` checks the verdict of a search, and `beyond` says
    // that nobody does that of a test of scalability.
    if record.incomplete.is_some() || record.capacity.is_some() || record.scalability.is_some() {
        return;
    }
    let Some(epoch) = record.shown() else {
        return verified.skip("outcome.verdict: there was no load from which it could be computed");
    };
    let told = record.outcome.verdict;
    let breached = epoch.thresholds.iter().any(|threshold| !threshold.passed);
    let told_in_words = format!("{told:?}");
    let computed = match told {
        Verdict::Passed if breached => "another one, as a threshold did not hold".to_owned(),
        _ => told_in_words.clone(),
    };
    verified.check("outcome.verdict", &told_in_words, &computed);
}

/// Replicas at the start, most of them, and those at the end, by the log of events.
fn replicas(record: &Record, verified: &mut Verified) {
    let (Some(told), Some(epoch)) = (&record.autoscaling, record.shown()) else { return };
    if record.workloads.is_empty() {
        return verified.skip("autoscaling: there is no log of events");
    }
    let of = |workload: &ObservedWorkload| ready_replicas(&workload.log(), epoch.start_time, workload.until);
    if told.workloads.len() < 2 {
        let numbers = [told.start_replicas, told.peak_replicas, told.end_replicas];
        if let Some(workload) = record.workloads.first() {
            compared("autoscaling", numbers, of(workload), verified);
        }
        return;
    }
    for (index, told) in told.workloads.iter().enumerate() {
        let path = format!("autoscaling.workloads[{index}]");
        let numbers = [told.start_replicas, told.peak_replicas, told.end_replicas];
        match record.workloads.iter().find(|workload| workload.name == told.name) {
            Some(workload) => compared(&path, numbers, of(workload), verified),
            None => verified.skip(format!("{path}: there is no log of its events")),
        }
    }
}

/// The figures of each series of Prometheus, from its values.
fn prometheus_series(record: &Record, verified: &mut Verified) {
    for (index, one) in record.prometheus_series.iter().enumerate() {
        let told = &one.figures;
        let mut computed = series::figures(&told.name, told.unit.as_deref(), &one.values);
        if one.values.is_empty() {
            // Why nobody answered is known to nobody else.
            computed.message.clone_from(&told.message);
        }
        verified.check(&format!("prometheusSeries[{index}].figures"), told, &computed);
    }
}

fn compared(path: &str, told: [Option<i32>; 3], computed: [Option<i32>; 3], verified: &mut Verified) {
    for (field, (told, computed)) in REPLICAS.iter().zip(told.iter().zip(&computed)) {
        verified.check(&format!("{path}.{field}"), told, computed);
    }
}
