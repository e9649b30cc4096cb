// SPDX-License-Identifier: Apache-2.0
//! Smoke tests: every scenario once, and whatever fails makes the run fail. And how a test becomes one.

use upsurge_crds::v1alpha1::{BenchmarkLoad, Load, LoadTestSpec, Threshold};

use crate::metrics::names;

/// Nothing may fail, and each scenario comes to its end: of one that is cut off nothing has failed yet.
pub(super) fn thresholds(spec: &LoadTestSpec) -> Vec<Threshold> {
    let of = |metric: &str, condition: &str| Threshold {
        metric: metric.to_owned(),
        condition: condition.to_owned(),
        allow_no_data: true,
        ..Threshold::default()
    };
    let scenarios = spec.scenarios.iter().flatten().count().max(1);
    vec![
        of(names::HTTP_REQ_FAILED, "rate <= 0%"),
        of(names::CHECKS, "rate >= 100%"),
        of(names::ITERATIONS, &format!("count >= {scenarios}")),
    ]
}

/// The test with its scenarios once each instead of its own load.
pub fn smoke_of(spec: LoadTestSpec) -> LoadTestSpec {
    let smoke = spec.load.smoke.clone().unwrap_or_default();
    with_load(spec, Load { smoke: Some(smoke), ..Load::default() })
}

/// The test with a benchmark instead of its own load.
pub fn benchmark_of(spec: LoadTestSpec, benchmark: BenchmarkLoad) -> LoadTestSpec {
    with_load(spec, Load { benchmark: Some(benchmark), ..Load::default() })
}

/// The test with another load, without what is asked of its own: thresholds, expectations on autoscalers, limits of usage, Prometheus checks.
fn with_load(mut spec: LoadTestSpec, load: Load) -> LoadTestSpec {
    spec.load = load;
    spec.thresholds.clear();
    spec.target.workloads.iter_mut().for_each(|workload| workload.expect = None);
    spec.usage.clear();
    spec.prometheus = None;
    spec.runner.parallelism = 1;
    spec
}
