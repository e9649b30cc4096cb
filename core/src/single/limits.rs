// SPDX-License-Identifier: Apache-2.0
//! What operations of a benchmark must keep to, as thresholds.

use upsurge_crds::v1alpha1::{
    BenchmarkLimit, BenchmarkLoad, LoadTestSpec, Threshold, ThresholdSelector, TimeSpan,
};

use super::{
    figures::is_told,
    operations::{Kind, Operation, operations},
};
use crate::{field_error::Errors, metrics::names, scenario::ScenarioSet, suggest};

/// Most thresholds of a test: the schema says the same.
const MOST: usize = 100;

/// The thresholds: of each operation how many of its requests may fail, and what its limits say.
pub(super) fn thresholds(benchmark: &BenchmarkLoad, set: &ScenarioSet) -> Vec<Threshold> {
    let is_one = set.scenarios.len() == 1;
    let of_operation = |operation: Operation<'_>| {
        let selector = selector(&operation, is_one);
        let limits = || benchmark.limits.iter().filter(|limit| speaks_of(limit, &operation));
        let failures = limits().filter_map(|limit| limit.max_failures).max().unwrap_or_default();
        let failed = Threshold {
            metric: names::HTTP_REQS.to_owned(),
            selector: Some(ThresholdSelector { expected_response: Some(false), ..selector.clone() }),
            condition: format!("count <= {failures}"),
            ..Threshold::default()
        };
        let metric = match operation.kind {
            Kind::Request => names::HTTP_REQ_DURATION,
            Kind::Group => names::GROUP_DURATION,
        };
        // A group has no answer of its own.
        let expected_response = (operation.kind == Kind::Request).then_some(true);
        let selector = ThresholdSelector { expected_response, ..selector };
        let times = limits().flat_map(figures).map(|Figure { aggregation, longest, .. }| Threshold {
            metric: metric.to_owned(),
            selector: Some(selector.clone()),
            condition: format!("{aggregation} <= {}ms", longest.0.as_micros() as f64 / 1e3),
            ..Threshold::default()
        });
        let times: Vec<Threshold> = times.collect();
        std::iter::once(failed).chain(times)
    };
    operations(set).into_iter().flat_map(of_operation).collect()
}

fn selector(operation: &Operation<'_>, is_one: bool) -> ThresholdSelector {
    let name = |kind: Kind| (operation.kind == kind).then(|| operation.name.to_owned());
    ThresholdSelector {
        scenario: (!is_one).then(|| operation.scenario.to_owned()),
        request: name(Kind::Request),
        group: name(Kind::Group),
        ..ThresholdSelector::default()
    }
}

fn speaks_of(limit: &BenchmarkLimit, operation: &Operation<'_>) -> bool {
    let named = match operation.kind {
        Kind::Request => &limit.request,
        Kind::Group => &limit.group,
    };
    named.as_deref() == Some(operation.name)
}

/// A time with its limit.
struct Figure {
    field: &'static str,
    aggregation: &'static str,
    /// Of a percentile, which.
    percent: Option<f64>,
    longest: TimeSpan,
}

fn figures(limit: &BenchmarkLimit) -> Vec<Figure> {
    let figures = [
        ("mean", "avg", None, limit.mean),
        ("median", "med", Some(50.0), limit.median),
        ("p95", "p(95)", Some(95.0), limit.p95),
        ("p99", "p(99)", Some(99.0), limit.p99),
        ("max", "max", None, limit.max),
    ];
    let given = figures.into_iter().filter_map(|(field, aggregation, percent, longest)| {
        Some(Figure { field, aggregation, percent, longest: longest? })
    });
    given.collect()
}

/// A limit speaks of an operation that there is, and of figures that so few samples have.
pub(super) fn check(spec: &LoadTestSpec, benchmark: &BenchmarkLoad, set: &ScenarioSet, errors: &mut Errors) {
    let known = operations(set);
    for (index, limit) in benchmark.limits.iter().enumerate() {
        let path = format!("spec.load.benchmark.limits[{index}]");
        let (field, kind, name) = match (&limit.request, &limit.group) {
            (Some(name), None) => ("request", Kind::Request, name),
            (None, Some(name)) => ("group", Kind::Group, name),
            _ => {
                errors.add(path, "names exactly one of request and group");
                continue;
            }
        };
        let names =
            || known.iter().filter(|operation| operation.kind == kind).map(|operation| operation.name);
        if !names().any(|one| one == name) {
            let meant = suggest::meant(name, names()).map(|one| format!("; did you mean {one:?}?"));
            let message = format_args!(
                "no operation of the benchmark is a {field} named {name:?}{}",
                meant.unwrap_or_else(|| format!("; there are {}", names().collect::<Vec<_>>().join(", ")))
            );
            errors.add(format_args!("{path}.{field}"), message);
        }
        let figures = figures(limit);
        if figures.is_empty() && limit.max_failures.is_none() {
            errors.add(&path, "limits nothing: give mean, median, p95, p99, max or maxFailures");
        }
        let samples = u64::try_from(benchmark.repeats).unwrap_or_default();
        for Figure { field, percent, .. } in figures {
            if let Some(percent) = percent.filter(|percent| !is_told(*percent, samples)) {
                let fewest = (1..=1_000).find(|samples| is_told(percent, *samples)).unwrap_or_default();
                let message = format_args!(
                    "needs at least {fewest} repeats, not {samples}: of fewer it is the longest time"
                );
                errors.add(format_args!("{path}.{field}"), message);
            }
        }
    }
    let all = spec.thresholds.len() + thresholds(benchmark, set).len();
    if all > MOST {
        let message =
            format_args!("makes, with spec.thresholds, {all} limits; at most {MOST} fit into results");
        errors.add("spec.load.benchmark.limits", message);
    }
}
