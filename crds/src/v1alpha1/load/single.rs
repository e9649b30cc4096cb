// SPDX-License-Identifier: Apache-2.0
//! Loads of a single user: a benchmark of operations, and a smoke test.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TimeSpan;

/// How long single operations take: one user goes through each scenario once, and does each request and each group that
/// stands directly in its steps (or in a block that does) many times in a row. Its only stage is named `benchmark`.
///
/// What is captured by one operation is known to the next ones. Other steps are done once. One user is one runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkLoad {
    /// How often each operation is measured. A percentile needs enough samples that at least one of them is above it: p95 at
    /// least 20, p99 at least 100. Default: 100.
    #[serde(default = "repeats")]
    #[schemars(range(min = 1, max = 100_000))]
    pub repeats: i32,

    /// How often each operation is done before it is measured, right before. Nothing of that counts in any figure.
    /// Default: 10.
    #[serde(default = "warm_up")]
    #[schemars(range(min = 0, max = 100_000))]
    pub warm_up: i32,

    /// Longest time that all of it may take. With what is missing then, the run is Inconclusive. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<TimeSpan>,

    /// What operations must keep to. Example: `[{request: pay, p95: 200ms}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25), extend("x-kubernetes-list-type" = "atomic"))]
    pub limits: Vec<BenchmarkLimit>,
}

impl Default for BenchmarkLoad {
    fn default() -> Self {
        Self { repeats: repeats(), warm_up: warm_up(), max_duration: None, limits: Vec::new() }
    }
}

const fn repeats() -> i32 {
    100
}

const fn warm_up() -> i32 {
    10
}

/// What an operation of a benchmark must keep to. Times are those of requests that did not fail (`http_req_duration`), or of the
/// whole group (`group_duration`); a time that equals its limit keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "has(self.request) != has(self.group)",
        "a limit names exactly one of request and group"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkLimit {
    /// Name of a request that is an operation of the benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub request: Option<String>,

    /// Name of a group that is an operation of the benchmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub group: Option<String>,

    /// Longest arithmetic mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<TimeSpan>,

    /// Longest median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<TimeSpan>,

    /// Longest 95th percentile. Example: `200ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<TimeSpan>,

    /// Longest 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<TimeSpan>,

    /// Longest time of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<TimeSpan>,

    /// Most requests of the operation that may fail. Default: 0, also for operations without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_failures: Option<i32>,
}

/// Every scenario once, by one user, before a large load: any request, check, capture or `fail` step that fails makes the run
/// fail. Weights and pacing say nothing here. Its only stage is named `smoke`. One user is one runner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmokeLoad {
    /// Longest time that all of it may take; a scenario that was not begun by then makes the run fail. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<TimeSpan>,
}
