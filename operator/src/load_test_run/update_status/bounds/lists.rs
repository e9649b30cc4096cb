// SPDX-License-Identifier: Apache-2.0
//! The lists of a status: how long each may be, and what tells most in it.

use serde::Serialize;
use upsurge_crds::v1alpha1::{
    AutoscalingResult, CapacityResult, Company, GeneratorResult, LatencyPart, LimitResult, LoadTestRunStatus,
    RequestResult, RequestsWhileScalingDown, RunSummary, RunnerResult, ScaleDownResult, ScaleUpResult,
    WorkloadResult,
};

use super::keep;

/// A list of the status.
pub struct List {
    /// Its place, as `omitted` names it.
    pub name: &'static str,
    /// Most entries; the schema says the same.
    pub most: usize,
    /// Whether the verdict rests on it.
    pub decides: bool,
    /// Its entries and their bytes of JSON.
    pub measure: fn(&LoadTestRunStatus) -> (usize, usize),
    /// Shortens it; says how many entries were left out.
    keep: fn(&mut LoadTestRunStatus, usize) -> usize,
}

impl List {
    /// Shortens the list to so many entries, and notes what is left out.
    pub fn shorten(&self, status: &mut LoadTestRunStatus, most: usize) {
        let left_out = i32::try_from((self.keep)(status, most)).unwrap_or(i32::MAX);
        if left_out > 0 {
            let count = status.omitted.entry(self.name.into()).or_default();
            *count = count.saturating_add(left_out);
        }
    }
}

/// All of them. A test compares them with the schema.
pub static LISTS: [List; 25] = [
    List {
        name: "requests",
        most: 50,
        decides: false,
        measure: |status| measure(&status.requests),
        // Those that a breached threshold selects, then those that fail most and the slowest.
        keep: |status, most| {
            let breached = breached(status);
            let urgent = |request: &RequestResult| selected(&breached, "request", &request.name);
            keep::worst(
                &mut status.requests,
                most,
                urgent,
                &[|request| number(&request.summary.error_rate), |request| p95(&request.summary)],
            )
        },
    },
    List {
        name: "stages",
        most: 50,
        decides: false,
        measure: |status| measure(&status.stages),
        // Those that a breached threshold selects, then those that fail most, the slowest, and those with most load.
        keep: |status, most| {
            let breached = breached(status);
            keep::worst(
                &mut status.stages,
                most,
                |stage| selected(&breached, "stage", &stage.name),
                &[
                    |stage| number(&stage.summary.error_rate),
                    |stage| p95(&stage.summary),
                    |stage| number(&stage.summary.requests_per_second),
                ],
            )
        },
    },
    List {
        name: "expectations",
        most: 50,
        decides: false,
        measure: |status| measure(&status.expectations),
        // Those that failed, in share and in number.
        keep: |status, most| {
            keep::worst(
                &mut status.expectations,
                most,
                |check| check.fails > 0,
                &[
                    |check| check.fails as f64 / (check.passes + check.fails).max(1) as f64,
                    |check| check.fails as f64,
                ],
            )
        },
    },
    List {
        name: "metrics",
        most: 50,
        decides: false,
        measure: |status| measure(&status.metrics),
        // Those of breached thresholds.
        keep: |status, most| {
            let breached = breached(status);
            let is_of = |name: &str| {
                breached.iter().any(|metric| metric.split('{').next().is_some_and(|metric| metric == name))
            };
            keep::worst(&mut status.metrics, most, |metric| is_of(&metric.name), &[])
        },
    },
    List {
        name: "thresholds",
        most: 100,
        decides: true,
        measure: |status| measure(&status.thresholds),
        keep: |status, most| keep::worst(&mut status.thresholds, most, |threshold| !threshold.passed, &[]),
    },
    List {
        name: "epochs",
        most: 60,
        decides: true,
        measure: |status| measure(&status.epochs),
        // Those at the end, where a search comes to its answer.
        keep: |status, most| {
            keep::worst(&mut status.epochs, most, |_| false, &[|epoch| f64::from(epoch.number)])
        },
    },
    List {
        name: "capacity.contradictions",
        most: 20,
        decides: true,
        measure: |status| of(status.capacity.as_deref(), |result: &CapacityResult| &result.contradictions),
        keep: |status, most| {
            let list = status.capacity.as_mut().map(|capacity| &mut capacity.contradictions);
            list.map_or(0, |list| keep::worst(list, most, |_| false, &[]))
        },
    },
    List {
        name: "capacity.workloads",
        most: 16,
        decides: true,
        measure: |status| of(status.capacity.as_deref(), |result: &CapacityResult| &result.workloads),
        keep: |status, most| {
            let list = status.capacity.as_mut().map(|capacity| &mut capacity.workloads);
            list.map_or(0, |list| keep::worst(list, most, |_| false, &[]))
        },
    },
    List {
        name: "checks",
        most: 50,
        decides: true,
        measure: |status| measure(&status.checks),
        keep: |status, most| keep::worst(&mut status.checks, most, |check| !check.passed, &[]),
    },
    List {
        name: "runners",
        most: 50,
        decides: false,
        measure: |status| measure(&status.runners),
        // Those that did not end well, then the latest and the earliest to start.
        keep: |status, most| {
            keep::worst(&mut status.runners, most, has_trouble, &[start, |runner| -start(runner)])
        },
    },
    List {
        name: "outputs",
        most: 8,
        decides: false,
        measure: |status| measure(&status.outputs),
        // Those that did not get all.
        keep: |status, most| keep::worst(&mut status.outputs, most, |output| output.message.is_some(), &[]),
    },
    List {
        name: "company",
        most: 20,
        decides: false,
        measure: |status| measure(&status.company),
        // Those that were there longest.
        keep: |status, most| {
            let lasted: keep::Aspect<Company> = |run| run.until.0.duration_since(run.from.0).as_secs_f64();
            keep::worst(&mut status.company, most, |_| false, &[lasted])
        },
    },
    List {
        name: "warnings",
        most: 20,
        decides: true,
        measure: |status| measure(&status.warnings),
        keep: |status, most| keep::worst(&mut status.warnings, most, |_| false, &[]),
    },
    List {
        name: "autoscaling.timeline",
        most: 100,
        decides: false,
        measure: |status| of(status.autoscaling.as_deref(), |result: &AutoscalingResult| &result.timeline),
        keep: |status, most| within(status, |result| keep::course(&mut result.timeline, most)),
    },
    List {
        name: "autoscaling.workloads",
        most: 16,
        // What stands in their own lists goes before they do.
        decides: true,
        measure: |status| of(status.autoscaling.as_deref(), |result: &AutoscalingResult| &result.workloads),
        keep: |status, most| {
            within(status, |result| {
                // Those that something limited.
                let limited = |workload: &WorkloadResult| workload.limited_by.is_some();
                keep::worst(&mut result.workloads, most, limited, &[])
            })
        },
    },
    List {
        name: "autoscaling.workloads[].scaleUps",
        most: 50,
        decides: false,
        measure: |status| of_workloads(status, |workload| measure(&workload.scale_ups)),
        keep: |status, most| {
            each_workload(status, |workload| {
                let size: keep::Aspect<ScaleUpResult> = |event| f64::from(event.to.abs_diff(event.from));
                // The largest steps, then the last and the first.
                let aspects: [keep::Aspect<ScaleUpResult>; 3] =
                    [size, |event| event.seconds, |event| -event.seconds];
                keep::worst(&mut workload.scale_ups, most, |up| up.limited_by.is_some(), &aspects)
            })
        },
    },
    List {
        name: "autoscaling.workloads[].scaleDowns",
        most: 50,
        decides: false,
        measure: |status| of_workloads(status, |workload| measure(&workload.scale_downs)),
        keep: |status, most| {
            each_workload(status, |workload| {
                let size: keep::Aspect<ScaleDownResult> = |event| f64::from(event.to.abs_diff(event.from));
                let aspects: [keep::Aspect<ScaleDownResult>; 3] =
                    [size, |event| event.seconds, |event| -event.seconds];
                keep::worst(&mut workload.scale_downs, most, |_| false, &aspects)
            })
        },
    },
    List {
        name: "autoscaling.workloads[].latency",
        most: 7,
        decides: false,
        measure: |status| of_workloads(status, |workload| measure(&workload.latency)),
        // Those that took longest.
        keep: |status, most| {
            each_workload(status, |workload| {
                keep::worst(&mut workload.latency, most, |_| false, &[|part: &LatencyPart| number(&part.max)])
            })
        },
    },
    List {
        name: "autoscaling.workloads[].limits",
        most: 20,
        decides: false,
        measure: |status| of_workloads(status, |workload| measure(&workload.limits)),
        // Those that were in force longest.
        keep: |status, most| {
            each_workload(status, |workload| {
                keep::worst(&mut workload.limits, most, |_| false, &[|limit: &LimitResult| limit.seconds])
            })
        },
    },
    List {
        name: "autoscaling.workloads[].gaps",
        most: 10,
        decides: false,
        measure: |status| of_workloads(status, |workload| measure(&workload.gaps)),
        keep: |status, most| {
            each_workload(status, |workload| keep::worst(&mut workload.gaps, most, |_| false, &[]))
        },
    },
    List {
        name: "autoscaling.problems",
        most: 20,
        decides: true,
        measure: |status| of(status.autoscaling.as_deref(), |result: &AutoscalingResult| &result.problems),
        keep: |status, most| within(status, |result| keep::worst(&mut result.problems, most, |_| false, &[])),
    },
    List {
        name: "autoscaling.requestsWhileScalingDown.gaps",
        most: 10,
        decides: true,
        measure: |status| {
            let result = status.autoscaling.as_deref();
            let found = result.and_then(|result| result.requests_while_scaling_down.as_ref());
            of(found, |found: &RequestsWhileScalingDown| &found.gaps)
        },
        keep: |status, most| {
            within(status, |result| {
                let gaps = result.requests_while_scaling_down.as_mut().map(|found| &mut found.gaps);
                gaps.map_or(0, |gaps| keep::worst(gaps, most, |_| false, &[]))
            })
        },
    },
    List {
        name: "autoscaling.expectations",
        most: 50,
        decides: true,
        measure: |status| {
            of(status.autoscaling.as_deref(), |result: &AutoscalingResult| &result.expectations)
        },
        keep: |status, most| {
            within(status, |result| {
                keep::worst(&mut result.expectations, most, |expectation| !expectation.passed, &[])
            })
        },
    },
    List {
        name: "generator.problems",
        most: 20,
        decides: true,
        measure: |status| of(status.generator.as_deref(), |result: &GeneratorResult| &result.problems),
        keep: |status, most| {
            let problems = status.generator.as_mut().map(|generator| &mut generator.problems);
            problems.map_or(0, |problems| keep::worst(problems, most, |_| false, &[]))
        },
    },
    List {
        name: "generator.warnings",
        most: 20,
        decides: true,
        measure: |status| of(status.generator.as_deref(), |result: &GeneratorResult| &result.warnings),
        keep: |status, most| {
            let warnings = status.generator.as_mut().map(|generator| &mut generator.warnings);
            warnings.map_or(0, |warnings| keep::worst(warnings, most, |_| false, &[]))
        },
    },
];

fn measure<T: Serialize>(list: &[T]) -> (usize, usize) {
    (list.len(), serde_json::to_string(list).map_or(0, |text| text.len()))
}

/// Measures a list of a part of the status that may be absent.
fn of<P, T: Serialize>(part: Option<&P>, list: fn(&P) -> &Vec<T>) -> (usize, usize) {
    part.map_or((0, 0), |part| measure(list(part)))
}

fn within(status: &mut LoadTestRunStatus, shorten: impl FnOnce(&mut AutoscalingResult) -> usize) -> usize {
    status.autoscaling.as_deref_mut().map_or(0, shorten)
}

/// Measures a list of each workload: entries of the longest, and bytes of all.
fn of_workloads(
    status: &LoadTestRunStatus,
    list: impl Fn(&WorkloadResult) -> (usize, usize),
) -> (usize, usize) {
    let workloads = status.autoscaling.iter().flat_map(|result| &result.workloads);
    workloads.map(list).fold((0, 0), |(most, sum), (entries, bytes)| (most.max(entries), sum + bytes))
}

/// Shortens a list of each workload.
fn each_workload(status: &mut LoadTestRunStatus, shorten: impl Fn(&mut WorkloadResult) -> usize) -> usize {
    let workloads = status.autoscaling.iter_mut().flat_map(|result| &mut result.workloads);
    workloads.map(shorten).sum()
}

/// Metrics of the thresholds that did not hold, with their selectors.
fn breached(status: &LoadTestRunStatus) -> Vec<String> {
    let breached = status.thresholds.iter().filter(|threshold| !threshold.passed);
    breached.map(|threshold| threshold.metric.clone()).collect()
}

/// Whether one of these selects something by its name, as `metric{request:log in,stage:hold}`.
fn selected(metrics: &[String], label: &str, name: &str) -> bool {
    let ends = [format!("{label}:{name},"), format!("{label}:{name}}}")];
    metrics.iter().any(|metric| ends.iter().any(|end| metric.contains(end)))
}

fn p95(summary: &RunSummary) -> f64 {
    number(&summary.latency.p95)
}

/// The number of a figure with its unit, as `182.4ms` or `0.13%`.
fn number(figure: &str) -> f64 {
    let end = figure.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(figure.len());
    figure.get(..end).and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn has_trouble(runner: &RunnerResult) -> bool {
    !matches!(runner.state.as_str(), "Completed" | "Running" | "Waiting")
}

fn start(runner: &RunnerResult) -> f64 {
    runner.start_time.as_ref().map_or(0.0, |time| time.0.as_millisecond() as f64)
}
