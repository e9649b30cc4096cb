// SPDX-License-Identifier: Apache-2.0
//! The figures that a run ends with.
//!
//! Times are decimal milliseconds with their unit (`182.4ms`), shares are percentages (`0.13%`),
//! rates are decimal numbers per second. Fixed-point text instead of floats keeps server-side apply
//! free of rounding conflicts.

mod autoscaling;
mod epochs;
mod findings;
mod pinning;
mod scalability;
mod usage;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{autoscaling::*, epochs::*, findings::*, pinning::*, scalability::*, usage::*};
use super::metric::MetricType;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Seen, not begun.
    Pending,
    /// Runner pods are being created.
    Preparing,
    /// Runners are up and agree on a start time.
    Starting,
    /// Load is being generated.
    Running,
    /// Asked to stop; runners drain.
    Stopping,
    /// Load has ended; results and the scale-down come in.
    Collecting,
    /// What the run has set at its target is put back.
    Restoring,
    /// Done; the verdict is set.
    Finished,
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// Everything that was asked for held.
    Passed,
    /// A threshold, check or expectation was not met.
    Failed,
    /// The test system broke, or the target could not be reached at all.
    Error,
    /// The data can't carry a verdict.
    Inconclusive,
    /// Somebody stopped the run.
    Aborted,
}

/// Who or what ends a run before all that was planned is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum EndCauseType {
    /// Somebody set `spec.abort`.
    Aborted,
    /// A step of the test itself ended the run.
    AbortedByTest,
    /// A threshold with `abortOnFail` was breached.
    ThresholdBreached,
    /// Something broke in the test system, for example a runner or one of its pods.
    Breakdown,
}

/// Why a run ends before all that was planned is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndCause {
    /// Who or what ends the run.
    #[serde(rename = "type")]
    pub type_: EndCauseType,

    /// The same more closely, in one word; for example `RunnerOOMKilled`.
    pub reason: String,

    /// What happened, where, and what to do; for example `runner 1 of 3 (pod checkout-g1-9f86d081-1) ran out of memory
    /// and was killed`.
    pub message: String,
}

/// The main figures of a run, stage or request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// Requests finished.
    pub requests: i64,

    /// Requests finished per second of load.
    pub requests_per_second: String,

    /// Share of requests that failed (`http_req_failed`), those without an answer included.
    pub error_rate: String,

    /// Iterations finished. Absent of requests: no iteration belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iterations: Option<i64>,

    /// Planned iterations that could not be started. Absent of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_iterations: Option<i64>,

    /// Requests that were cut off without an answer, though they had all of `spec.load.gracefulStop` for it. They count
    /// as failed in `errorRate`, and not in `requests`, as they were never finished. Absent if there are none, and of
    /// stages and requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered_requests: Option<i64>,

    /// Service time of requests (`http_req_duration`): sending, waiting and receiving.
    pub latency: LatencySummary,

    /// Time of requests from their intended start (`http_req_response_time`). With an open model it
    /// holds what users would have waited when the target stalls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_time: Option<LatencySummary>,
}

/// A distribution of times, each as `182.4ms`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatencySummary {
    /// Shortest.
    pub min: String,
    /// Arithmetic mean.
    pub mean: String,
    /// Median.
    pub p50: String,
    /// 90th percentile.
    pub p90: String,
    /// 95th percentile.
    pub p95: String,
    /// 99th percentile.
    pub p99: String,
    /// 99.9th percentile.
    pub p999: String,
    /// Longest.
    pub max: String,
    /// `mean` as a number of microseconds, for graphs. This and the like are given in `status.summary` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_microseconds: Option<i64>,
    /// `p50` as a number of microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_microseconds: Option<i64>,
    /// `p95` as a number of microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_microseconds: Option<i64>,
    /// `p99` as a number of microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_microseconds: Option<i64>,
    /// `max` as a number of microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_microseconds: Option<i64>,
}

/// The figures of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageResult {
    /// Name of the stage.
    pub name: String,
    /// Start, in seconds from the start of the load.
    pub start_seconds: f64,
    /// Length in seconds.
    pub duration_seconds: f64,
    /// The figures.
    #[serde(flatten)]
    pub summary: RunSummary,
}

/// The figures of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestResult {
    /// Name of the request.
    pub name: String,
    /// Scenario it belongs to.
    pub scenario: String,
    /// The figures.
    #[serde(flatten)]
    pub summary: RunSummary,
}

/// The times of one operation of a benchmark, each as `182.4ms`. A percentile is absent where no sample is above it: p95 with
/// fewer than 20 samples, p99 with fewer than 100. All are absent without any sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationResult {
    /// Name of the request or group.
    pub name: String,
    /// Scenario that it stands in.
    pub scenario: String,
    /// How many times were measured: of a request those of answers as expected, of a group those in which it came to its end.
    pub samples: i64,
    /// Requests of it that failed.
    pub failures: i64,
    /// Shortest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Arithmetic mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<String>,
    /// Median; of an even number of samples the lower of both in the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<String>,
    /// 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<String>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<String>,
    /// Longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
}

/// How often a check passed and failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckCount {
    /// Name of the check.
    pub name: String,
    /// Request it belongs to.
    pub request: String,
    /// Times it held.
    pub passes: i64,
    /// Times it did not.
    pub fails: i64,
}

/// What was recorded of one of a test's own metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricResult {
    /// Name of the metric.
    pub name: String,
    /// What is made of its values.
    #[serde(rename = "type")]
    pub type_: MetricType,
    /// The figures by name: `count` and `rate` of a counter; `value`, `min` and `max` of a gauge; `rate`, `passes` and
    /// `total` of a rate; `count`, `min`, `avg`, `p50`, `p95`, `p99` and `max` of a trend.
    #[schemars(extend("maxProperties" = 16))]
    pub values: BTreeMap<String, String>,
}

/// A threshold and what was observed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdResult {
    /// The metric, with its selector as `metric{stage:hold}`.
    pub metric: String,
    /// The condition as written.
    pub condition: String,
    /// What was measured, in the metric's unit.
    pub observed: String,
    /// Whether the condition held.
    pub passed: bool,
    /// True when the data can't say whether the condition holds: no samples came (`observed` is then `no data`), or some
    /// can't be told apart from others. `passed` is false then, but nothing was breached: the run is Inconclusive
    /// unless something else failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undecided: bool,
    /// How it came about: the worst window, what was divided by what, how many of the failed requests had no answer, or
    /// that there were no samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A Prometheus check and what was observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusCheckResult {
    /// Name of the check.
    pub name: String,
    /// The condition as written.
    pub condition: String,
    /// The aggregated value, or absent when the server did not give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// Whether the condition held.
    pub passed: bool,
    /// What went wrong, when there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Whether the generator did what was asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorResult {
    /// Whether the figures can be trusted as far as the generator goes.
    pub healthy: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub problems: Vec<String>,
    /// 99th percentile of the time by which the generator was late to start iterations, without the time
    /// that they waited for a free user.
    pub lag_p99: String,
    /// 99th percentile of the time that iterations waited for a free user; absent without `whenBusy: Queue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_wait_p99: Option<String>,
    /// Iterations that the schedule asked for; absent with `unit: Users`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_iterations: Option<i64>,
    /// Iterations started.
    pub started_iterations: i64,
    /// CPU time that all runners used, in seconds.
    pub cpu_seconds: f64,
    /// Share of CPU scheduling periods in which a runner was throttled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<String>,
    /// Share of the iterations that were due which were started, or dropped for lack of a user; absent without arrivals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub achieved: Option<String>,
    /// Highest share of a core that a load thread used over a second; of the CPU limit, where that is less than a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busiest_core: Option<String>,
    /// Share of the time in which a load thread had no time to spare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated: Option<String>,
    /// Fewest file descriptors that a runner had left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_left: Option<i64>,
    /// Fewest local ports that a runner had left for connections to one address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports_left: Option<i64>,
    /// What should be known of the figures, although they can be trusted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub warnings: Vec<String>,
    /// Time between the first and the last runner's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_spread: Option<String>,
}

/// How a server fared that figures were pushed to. What it is sent are totals since the start of the load, so that a push
/// which got lost costs resolution, and figures only if nothing came after it. It changes no verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputResult {
    /// Name of the output.
    pub name: String,
    /// Samples that it took.
    pub delivered_samples: i64,
    /// Samples that it did not take in time.
    pub lost_samples: i64,
    /// Series that were not told apart, because a runner had more than 2,000; their samples are in the series `other` of their
    /// metric. Absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_series: Option<i64>,
    /// What should be known: for example, that a server refused the figures of runner 1, and with what words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A run that made load on the same target at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Company {
    /// Namespace of the run.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Since when both made load.
    pub from: Time,
    /// Until when both did.
    pub until: Time,
}

/// One runner and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunnerResult {
    /// Index of the runner, from 0.
    pub index: i32,
    /// Name of its pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// When it started its load, by the operator's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<MicroTime>,
    /// `Waiting`, `Running`, `Completed` or the reason why it ended early.
    pub state: String,
    /// Details of an early end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
