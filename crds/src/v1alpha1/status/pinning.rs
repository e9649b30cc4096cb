// SPDX-License-Identifier: Apache-2.0
//! What a run sets at its target for as long as it lasts, and what it found there.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Verdict;

/// Replicas that the run holds its target at, or the size of its pods, and what it found there, which it puts back before it ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinningStatus {
    /// Replicas that the target is held at. It is written before anything is changed.
    pub replicas: i32,

    /// Number of the epoch that they are for.
    pub epoch: i32,

    /// Those that it was held at before. What could not be changed yet still has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<i32>,

    /// Requests and limits that a container is held at; absent where the run sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<PinnedContainer>,

    /// Those that it was held at before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_size: Option<PinnedContainer>,

    /// Since when all of this is asked for, for that epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,

    /// What the run found, and puts back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub originals: Vec<PinnedObject>,

    /// What somebody else has changed while the run went on. It is what is put back in place of what the run had found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub changed: Vec<String>,

    /// The verdict that the run will have once all is put back, where it is known before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<PendingOutcome>,

    /// Whether all is put back, or left to those who have changed it.
    #[serde(default)]
    pub restored: bool,

    /// What was not put back, and why: somebody else has changed it meanwhile, or it may not be changed any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub left: Vec<String>,
}

/// An object that decides on the replicas of the target, and what it says of them: a workload, a HorizontalPodAutoscaler or a
/// ScaledObject. Or a workload once more, with what a container of its pods requests and may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinnedObject {
    /// Its API group and version.
    pub api_version: String,

    /// Its kind.
    pub kind: String,

    /// Its name.
    pub name: String,

    /// Replicas of a workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// `minReplicas` of a HorizontalPodAutoscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,

    /// `maxReplicas` of a HorizontalPodAutoscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<i32>,

    /// Annotation `autoscaling.keda.sh/paused-replicas` of a ScaledObject; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_replicas: Option<String>,

    /// A container of a workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<PinnedContainer>,
}

/// What a container requests and may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PinnedContainer {
    /// Its name.
    pub name: String,

    /// Its requests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub requests: BTreeMap<String, String>,

    /// Its limits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub limits: BTreeMap<String, String>,
}

/// A verdict that is not given yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingOutcome {
    /// The verdict.
    pub verdict: Verdict,

    /// Why, in one word.
    pub reason: String,

    /// The same in a sentence, with numbers.
    pub message: String,
}
