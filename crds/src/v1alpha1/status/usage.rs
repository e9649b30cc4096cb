// SPDX-License-Identifier: Apache-2.0
//! What the target's pods used, how latency went over a soak, what Prometheus showed beside it, and what was scarce.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ExpectationResult;

/// CPU and memory of a pod while the load lasted, or of all pods of a workload together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageResult {
    /// Name of the workload.
    pub workload: String,
    /// Name of the pod; absent if this is of all pods together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// How many pods were measured; given for all pods together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<i32>,
    /// How many measurements there were.
    pub samples: i64,
    /// CPU in cores, as `0.25`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<UsageFigures>,
    /// Memory that can't be taken back (the working set), as `118.2 MiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<UsageFigures>,
    /// How fast memory grew, in percent per hour of what it was at first; absent if there were too few measurements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_growth_per_hour: Option<GrowthResult>,
    /// How often containers ended by themselves, and so were started again.
    pub restarts: i32,
    /// How many of `restarts` were for lack of memory.
    pub oom_kills: i32,
    /// The newest ends of containers that nobody asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "atomic"))]
    pub ends: Vec<ContainerEnd>,
    /// What could not be seen, and for how long; given for all pods together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub gaps: Vec<String>,
}

/// How much of a resource was used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageFigures {
    /// On average.
    pub mean: String,
    /// At most.
    pub max: String,
    /// At most, in percent of what all containers ask for; absent if one asks for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_of_request: Option<String>,
    /// At most, in percent of the limit: of a pod, of the container that was nearest to its own. Absent if none has a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_of_limit: Option<String>,
    /// Container nearest to its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest_container: Option<String>,
}

/// How fast a figure grew, with the 95 % confidence interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrowthResult {
    /// The estimate, as `31%`.
    pub estimate: String,
    /// Lower end of the interval.
    pub low: String,
    /// Upper end of the interval.
    pub high: String,
}

/// An end of a container that nobody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerEnd {
    /// When it ended.
    pub at: Time,
    /// Why, as the kubelet says. Example: `OOMKilled`.
    pub reason: String,
    /// Its exit code.
    pub exit_code: i32,
}

/// How latency went over a soak.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SoakResult {
    /// How fast the 95th percentile of the service time grew, in percent per hour of what it was at first. Absent if there were
    /// too few seconds with requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_growth_per_hour: Option<GrowthResult>,
    /// The 95th percentile at first, by the fitted line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_latency: Option<String>,
    /// What `spec.load.soak` asks for, with what was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "atomic"))]
    pub expectations: Vec<ExpectationResult>,
}

/// A series of Prometheus over the load, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusSeriesResult {
    /// Name of the series.
    pub name: String,
    /// Its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Lowest value; absent, as all figures, if there are no values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Mean of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<String>,
    /// Highest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Last value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Why there are no values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What was scarce, as far as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BottleneckResult {
    /// What it was. `None` says that nothing of what was looked at was scarce, and not that nothing was.
    pub name: Bottleneck,
    /// What was seen, in a sentence with numbers, and what was not looked at.
    pub evidence: String,
}

/// What can be scarce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Bottleneck {
    /// A container used all of the CPU that it may use.
    CPU,
    /// Containers were held back by their CPU limit, as a check of Prometheus told.
    CPUThrottling,
    /// A container was killed for lack of memory, or used nearly all that it may use.
    Memory,
    /// The target answered with errors.
    Errors,
    /// The database took too long, as a check of Prometheus told.
    Database,
    /// The network, as a check of Prometheus told.
    Network,
    /// A series of `spec.prometheus.series` stayed at its `saturatedAt`; the evidence begins with its name.
    Series,
    /// The runners could not make the load.
    Generator,
    /// Nothing that was looked at.
    None,
}
