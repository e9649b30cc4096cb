// SPDX-License-Identifier: Apache-2.0
//! What is tested, and how it is spoken to.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    autoscaling::AutoscalingExpectations,
    quantity::{Quantity, level},
};

/// The system under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Scheme, host and optional port and path prefix that relative request URLs are joined to.
    /// Example: `http://checkout.shop.svc:8080`.
    #[serde(rename = "baseURL")]
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://[^\s/]+"))]
    pub base_url: String,

    /// The workloads behind the URL: anything with a scale subresource, in the test's own namespace. The replicas, pods
    /// and autoscaler of each are watched during the run, 8 at most. Default: none, nothing is watched. Example:
    /// `[{name: checkout, expect: {scaleUpWithin: 90s}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub workloads: Vec<Workload>,

    /// Whether another run may make load on the same target at the same time. A target is the workloads, or without any
    /// the scheme, host and port of `baseURL`; it is the same for the tests of all namespaces. With `Exclusive` a run waits
    /// until the target is free, as Pending with the reason TargetBusy, and uses up no deadline; others wait for it. Runs
    /// whose tests all say `Shared` go on side by side; `status.company` and the verdict then name the others.
    /// Default: `Exclusive`. Example: `Shared`, for two loads that are meant to meet.
    #[serde(default, skip_serializing_if = "Sharing::is_exclusive")]
    pub sharing: Sharing,
}

/// Whether a target is shared with the load of other runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Sharing {
    /// One run at a time.
    #[default]
    Exclusive,
    /// All runs that say so at the same time.
    Shared,
}

impl Sharing {
    /// Whether it is the default. It is left out when a test is written, so that the digest of older tests stays.
    pub fn is_exclusive(&self) -> bool {
        *self == Self::Exclusive
    }
}

impl Target {
    /// The workload that is named first. What is asked of only one (replicas that are set) is asked of it.
    pub fn workload(&self) -> Option<&Workload> {
        self.workloads.first()
    }

    /// Whether several workloads are watched, so that what is told has to say of which.
    pub fn has_several(&self) -> bool {
        self.workloads.len() > 1
    }
}

/// A workload in the namespace of the test, and what is expected of its autoscaler, which is found by `scaleTargetRef`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Name of the workload.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Kind of the workload, for example `Deployment` or `StatefulSet`. Default: `Deployment`.
    #[serde(default = "deployment")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,

    /// API group and version of the workload. Default: `apps/v1`.
    #[serde(default = "apps_v1")]
    #[schemars(length(min = 1, max = 253))]
    pub api_version: String,

    /// Iterations per second (or users, with `unit: Users`) that one replica serves while it meets its thresholds. It
    /// turns the load into the number of replicas that were needed. A quantity above 0. Default: not known. Example: `50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "level")]
    pub capacity_per_replica: Option<Quantity>,

    /// What the autoscaler must do for the run to pass. Default: nothing, replicas are only reported. Example:
    /// `{scaleUpWithin: 90s, minPeakReplicas: 4}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<AutoscalingExpectations>,
}

impl Workload {
    /// What it is called in the cluster.
    pub fn reference(&self) -> WorkloadReference {
        WorkloadReference {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
        }
    }
}

/// A Deployment of that name, of which nothing is expected.
impl From<&str> for Workload {
    fn from(name: &str) -> Self {
        Self {
            name: name.into(),
            kind: deployment(),
            api_version: apps_v1(),
            capacity_per_replica: None,
            expect: None,
        }
    }
}

/// What a workload is called in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkloadReference {
    /// API group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

fn apps_v1() -> String {
    "apps/v1".into()
}

fn deployment() -> String {
    "Deployment".into()
}

/// A secret value that steps use as `{{ secrets.NAME }}`. It reaches the runners as an environment
/// variable from the Secret; the operator never reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVariable {
    /// Name by which templates refer to the value. Letters, digits and underscores.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,

    /// Key of a Secret in the namespace of the test.
    pub secret_key_ref: SecretKeyRef,
}

/// A key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Key within the Secret's data.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}
