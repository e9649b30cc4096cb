// SPDX-License-Identifier: Apache-2.0
//! A test with another load than its own.

use upsurge_core::single::{benchmark_of, smoke_of};
use upsurge_crds::{LoadTestSpec, v1alpha1::Load};

/// What is done instead of the test's load.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instead {
    /// Every scenario once.
    Smoke,
    /// Each operation many times.
    Benchmark { repeats: Option<i32>, warm_up: Option<i32> },
}

impl Instead {
    /// The test with that load.
    pub(super) fn of(self, mut spec: LoadTestSpec) -> LoadTestSpec {
        match self {
            Self::Smoke => smoke_of(spec),
            Self::Benchmark { repeats, warm_up } => {
                let is_own = spec.load.benchmark.is_some();
                let mut benchmark = spec.load.benchmark.take().unwrap_or_default();
                benchmark.repeats = repeats.unwrap_or(benchmark.repeats);
                benchmark.warm_up = warm_up.unwrap_or(benchmark.warm_up);
                if !is_own {
                    return benchmark_of(spec, benchmark);
                }
                spec.load = Load { benchmark: Some(benchmark), ..spec.load };
                spec
            }
        }
    }

    /// What is left out of a test for it, if anything is.
    pub(super) fn note(self, spec: &LoadTestSpec) -> Option<String> {
        let is_own = match self {
            Self::Smoke => spec.load.smoke.is_some(),
            Self::Benchmark { .. } => spec.load.benchmark.is_some(),
        };
        let expects = spec.target.workloads.iter().any(|workload| workload.expect.is_some());
        let parts = [
            (!spec.thresholds.is_empty(), "spec.thresholds"),
            (expects, "expect of spec.target.workloads"),
            (!spec.usage.is_empty(), "spec.usage"),
            (spec.prometheus.is_some(), "spec.prometheus"),
        ];
        let parts: Vec<&str> = parts.into_iter().filter(|(given, _)| *given).map(|(_, part)| part).collect();
        (!parts.is_empty() && (!is_own || matches!(self, Self::Smoke)))
            .then(|| format!("{} left out: what they ask is asked of the test's own load", parts.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_asked_of_the_tests_own_load_is_left_out_and_named() {
        let spec: LoadTestSpec = serde_json::from_value(json!({
            "target": {"baseURL": "http://shop", "workloads": [{"name": "shop", "expect": {"scaleUpWithin": "1m"}}]},
            "scenarios": [{"name": "look", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 500, "duration": "1h"}},
            "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}],
            "usage": [{"resource": "Memory", "maxRestarts": 0}],
            "prometheus": {"server": "main", "checks": []}
        }))
        .unwrap();
        let parts = "spec.thresholds, expect of spec.target.workloads, spec.usage, spec.prometheus";
        for instead in [Instead::Smoke, Instead::Benchmark { repeats: None, warm_up: None }] {
            let told = instead.note(&spec).unwrap();
            assert!(told.starts_with(&format!("{parts} left out: ")), "{told}");
            assert_eq!(instead.note(&instead.of(spec.clone())), None, "nothing of it is left");
        }
    }
}
