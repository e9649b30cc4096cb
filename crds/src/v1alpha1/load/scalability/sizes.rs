// SPDX-License-Identifier: Apache-2.0
//! Sizes of pods that are compared.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::v1alpha1::TimeSpan;

/// Sizes of the pods of `target.workloads`, a Deployment or StatefulSet. A container gets the requests and limits of one size after
/// the other, at the replicas that are there when the run begins, and its own back at the end; the chart's value
/// `pinning.namespaces` has to name the namespace. Stages are those of `replicas`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SizesLoad {
    /// Container whose size is set. Default: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,

    /// Sizes; the others are compared with the first. Example: `[{name: small, requests: {cpu: 500m}}, {name: large,
    /// requests: {cpu: "2"}}]`.
    #[schemars(
        length(min = 2, max = 8),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub sizes: Vec<Size>,

    /// Users, of every size: so many that the largest can't serve more. Example: `100`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub level: i32,

    /// How often each size is measured; 60 measurements at most. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 30))]
    pub repeats: Option<i32>,

    /// Time under load before figures count. Default: 0s. Example: `30s`.
    #[serde(default)]
    pub warm_up: TimeSpan,

    /// Time in which figures count. Example: `60s`.
    pub measure: TimeSpan,
}

impl SizesLoad {
    /// How often each size is measured.
    pub fn repeats(&self) -> u32 {
        self.repeats.and_then(|repeats| u32::try_from(repeats).ok()).unwrap_or(3)
    }
}

/// What a container requests and may use: all of it, so that what a size does not name, the container does not have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Size {
    /// Name, by which it is told. Example: `small`.
    #[schemars(length(min = 1, max = 50), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: String,

    /// Requests. Default: none, and then Kubernetes takes the limits. Example: `{cpu: 500m, memory: 256Mi}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::v1alpha1::kubernetes::amounts")]
    pub requests: BTreeMap<String, Quantity>,

    /// Limits. Default: none. Example: `{cpu: "1"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::v1alpha1::kubernetes::amounts")]
    pub limits: BTreeMap<String, Quantity>,
}

impl Size {
    /// The CPU that it requests: without a request Kubernetes takes the limit.
    pub fn cpu(&self) -> Option<&str> {
        self.requests.get("cpu").or_else(|| self.limits.get("cpu")).map(|amount| amount.0.as_str())
    }
}
