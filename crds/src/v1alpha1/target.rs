// SPDX-License-Identifier: Apache-2.0
//! What is tested, and how it is spoken to.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The system under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Scheme, host and optional port and path prefix that relative request URLs are joined to.
    /// Example: `http://checkout.shop.svc:8080`.
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://[^\s/]+"))]
    pub base_url: String,

    /// The workload behind the URL, anything with a scale subresource. When it is set, its replicas,
    /// pods and autoscaler are watched during the run. It must live in the test's own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadReference>,

    /// Whether another run may make load on the same target at the same time. A target is the workload, or without one
    /// the scheme, host and port of `baseUrl`; it is the same for the tests of all namespaces. With `Exclusive` a run waits
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

/// Names a workload in the namespace of the test.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadReference {
    /// API group and version of the workload. Default: `apps/v1`.
    #[serde(default = "apps_v1")]
    #[schemars(length(min = 1, max = 253))]
    pub api_version: String,

    /// Kind of the workload, for example `Deployment` or `StatefulSet`. Default: `Deployment`.
    #[serde(default = "deployment")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,

    /// Name of the workload.
    #[schemars(length(min = 1, max = 253))]
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
