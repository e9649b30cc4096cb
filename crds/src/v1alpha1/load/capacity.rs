// SPDX-License-Identifier: Apache-2.0
//! A search for what a target carries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TimeSpan;
use crate::v1alpha1::quantity::{Quantity, level};

/// A search for the highest rate at which all thresholds hold, or for the fewest replicas with which they do. It is made of probes: each one is a load at one level for
/// `warmUp` and `measure`, after which runners stay up and wait for the next one. The search doubles the level until a probe
/// fails, and then halves what lies between, so that the target never gets more than twice what it has shown to carry.
/// From 10 to 1,000 within 5 percent it probes at most 12 levels. The stages of a probe are named `warm-up` and `measure`;
/// thresholds are judged by `measure`, unless they select the other one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapacityLoad {
    /// What is looked for. `MaxRate`: the highest rate of iterations per second. `MinReplicas`: the fewest replicas of
    /// `target.workloads` that carry `rate`, which are set for each probe and put back at the end; the chart's value
    /// `pinning.namespaces` has to name the namespace.
    pub find: Find,

    /// With `MinReplicas`, and only there: the rate that is to be carried, in iterations per second. Example: `200`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "level")]
    pub rate: Option<Quantity>,

    /// Lowest rate, where the search begins, in iterations per second: a quantity above 0. It should be one that the target
    /// surely carries; if it fails there, the run has failed. With `MinReplicas`: fewest replicas. Example: `10`.
    #[schemars(schema_with = "level")]
    pub from: Quantity,

    /// Highest rate that may be asked for, in iterations per second, at most 1,000,000. If the target carries it, its
    /// capacity is at least that. With `MinReplicas`: most replicas, at most 1,000. Example: `1000`.
    #[schemars(schema_with = "level")]
    pub to: Quantity,

    /// How close the answer has to be, in percent: the level that is found and the next one, which failed, lie so far apart.
    /// From 1 to 100. Not with `MinReplicas`, which is exact. Default: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub within: Option<i32>,

    /// How often each of the two levels at the end of the search is probed, unless fewer make a majority already. From 1 to
    /// 9. More make the answer surer where the target is noisy. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9))]
    pub repeats: Option<i32>,

    /// Time at the level of a probe before its figures count. Default: 0s. Example: `30s`.
    #[serde(default)]
    pub warm_up: TimeSpan,

    /// Time at the level of a probe in which its figures count. Example: `60s`.
    pub measure: TimeSpan,
}

/// What a search looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Find {
    /// The highest rate of iterations per second at which all thresholds hold.
    MaxRate,
    /// The fewest replicas with which all thresholds hold at one rate.
    MinReplicas,
}

impl CapacityLoad {
    /// How close the answer has to be, in percent.
    pub fn within(&self) -> i32 {
        self.within.unwrap_or(5)
    }

    /// Whether replicas are counted, at one rate.
    pub fn counts_replicas(&self) -> bool {
        self.find == Find::MinReplicas
    }

    /// How often each of the two levels at the end is probed.
    pub fn repeats(&self) -> u32 {
        self.repeats.and_then(|repeats| u32::try_from(repeats).ok()).unwrap_or(3)
    }
}
