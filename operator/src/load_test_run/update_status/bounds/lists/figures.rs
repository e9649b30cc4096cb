// SPDX-License-Identifier: Apache-2.0
//! The lists of what was measured of the load.

use upsurge_crds::v1alpha1::{LoadTestRunStatus, RequestResult, RunSummary};

use super::{super::keep, List, measure, number};

/// One for each request.
pub(super) const REQUESTS: List = List {
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
};

/// One for each stage.
pub(super) const STAGES: List = List {
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
};

/// Of a benchmark.
pub(super) const OPERATIONS: List = List {
    name: "operations",
    most: 50,
    decides: true,
    measure: |status| measure(&status.operations),
    // Those with failures, then the slowest.
    keep: |status, most| {
        keep::worst(
            &mut status.operations,
            most,
            |operation| operation.failures > 0,
            &[|operation| operation.mean.as_deref().map_or(0.0, number)],
        )
    },
};

/// What answers are expected to be.
pub(super) const EXPECTATIONS: List = List {
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
};

/// The test's own metrics.
pub(super) const METRICS: List = List {
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
};

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
