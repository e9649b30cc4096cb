// SPDX-License-Identifier: Apache-2.0
//! A test of what more of the target bring: more replicas, or larger ones.

mod sizes;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::sizes::{Size, SizesLoad};
use crate::v1alpha1::TimeSpan;

/// What more of the target bring: a load on one count of `replicas` after the other, or on one of the `sizes` after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = ("has(self.replicas) != has(self.sizes)", "scalability needs exactly one of replicas and sizes")
)]
#[serde(rename_all = "camelCase")]
pub struct ScalabilityLoad {
    /// Counts of replicas that are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<ReplicaCounts>,

    /// Sizes of pods that are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<SizesLoad>,
}

/// Counts of replicas of `target.workloads`, which are set for each measurement and put back at the end; the chart's value
/// `pinning.namespaces` has to name the namespace. The stages of a measurement are named `warm-up` and `measure`; thresholds are
/// judged by `measure`, unless they select the other one. What users still ask for after that, to finish their iteration, is in `finish`,
/// and does not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaCounts {
    /// Counts, each from 1 to 1,000. Six that double tell most. Example: `[1, 2, 4, 8, 16, 32]`.
    #[schemars(length(min = 2, max = 20), inner(range(min = 1, max = 1_000)), extend("x-kubernetes-list-type" = "atomic"))]
    pub counts: Vec<i32>,

    /// Users for each replica: so many that one replica can't serve more. Example: `20`.
    #[schemars(range(min = 1, max = 500_000))]
    pub level_per_replica: i32,

    /// How often each count is measured; 60 measurements at most. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 30))]
    pub repeats: Option<i32>,

    /// Time under load before figures count. Default: 0s. Example: `30s`.
    #[serde(default)]
    pub warm_up: TimeSpan,

    /// Time in which figures count. Example: `60s`.
    pub measure: TimeSpan,
}

impl ReplicaCounts {
    /// How often each count is measured.
    pub fn repeats(&self) -> u32 {
        self.repeats.and_then(|repeats| u32::try_from(repeats).ok()).unwrap_or(3)
    }
}
