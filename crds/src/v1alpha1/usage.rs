// SPDX-License-Identifier: Apache-2.0
//! Limits on the CPU and memory that the target's pods use.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A limit on what the pods of a workload use while the load lasts. Each pod has to keep it. Usage comes from the cluster's metrics
/// API (metrics-server); where that does not tell enough, the run is Inconclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = (
        "has(self.maxPercent) == has(self.relativeTo)",
        "maxPercent and relativeTo belong together: percent of what?"
    ),
    validation = (
        "self.resource == 'Memory' || (!has(self.maxGrowthPercentPerHour) && !has(self.maxRestarts))",
        "maxGrowthPercentPerHour and maxRestarts go with resource: Memory"
    ),
    validation = (
        "has(self.maxPercent) || has(self.maxGrowthPercentPerHour) || has(self.maxRestarts)",
        "a limit on usage needs at least one of maxPercent, maxGrowthPercentPerHour and maxRestarts"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct UsageLimit {
    /// What is used: `CPU` or `Memory`.
    pub resource: UsageResource,

    /// Name of the workload in `spec.target.workloads`. Default: all of them. Example: `checkout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub workload: Option<String>,

    /// What `maxPercent` is of. `Request`: what all containers of a pod ask for together, as an autoscaler counts. `Limit`: of each
    /// container its own limit. Default: none, needed with `maxPercent`. Example: `Limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_to: Option<UsageBound>,

    /// Most that may be used, in percent of `relativeTo`, in any measurement. The metrics API tells CPU as the mean over some 10
    /// to 30 seconds; shorter peaks don't show. Default: any. Example: `70`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_percent: Option<i32>,

    /// Most that the memory of a pod may grow, in percent per hour of what it was at first. It is missed if the pod surely
    /// grew more, and held if it surely grew less, each with 95 % confidence; a load too short to tell makes the run
    /// Inconclusive, and says how long it must be. With `load.soak` the stage `soak` is looked at, else the whole load. Default: any
    /// growth. Example: `5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_growth_percent_per_hour: Option<i32>,

    /// How often containers of all pods together may end by themselves while the load lasts, for lack of memory or any other
    /// reason. Default: any number. Example: `0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_restarts: Option<i32>,
}

/// Something that pods use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum UsageResource {
    /// Processor time.
    CPU,
    /// Memory.
    Memory,
}

/// What `maxPercent` is of. `Request`: what all containers of a pod ask for together, as an autoscaler counts. `Limit`: of each
/// container its own limit. Default: none, needed with `maxPercent`. Example: `Limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum UsageBound {
    /// What is asked for.
    Request,
    /// What is allowed.
    Limit,
}
