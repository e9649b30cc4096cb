// SPDX-License-Identifier: Apache-2.0
//! `TargetLease`: who may make load on a target, and who waits for that.

#![allow(clippy::duplicated_attributes, reason = "each column states its type")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::v1alpha1::Sharing;

/// Who may make load on a target, and who waits for that. The operator writes this by itself, in its own namespace, and
/// deletes it when nobody has or wants the target. Deleting it by hand lets waiting runs begin beside those under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, JsonSchema)]
#[kube(
    group = "internal.upsurge.dev",
    version = "v1alpha1",
    kind = "TargetLease",
    namespaced,
    derive = "PartialEq",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.target"),
    printcolumn(name = "In", type_ = "string", json_path = ".spec.holders[0].namespace"),
    printcolumn(name = "Run", type_ = "string", json_path = ".spec.holders[0].name"),
    printcolumn(name = "Next", type_ = "string", json_path = ".spec.waiting[0].name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct TargetLeaseSpec {
    /// The target: a workload as `Deployment.apps shop/checkout`, or an address as `http://checkout.shop:8080`. The
    /// lease's name is a digest of this.
    pub target: String,

    /// The runs that have the target: one, or several that share it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub holders: Vec<TargetUser>,

    /// The runs that wait for it, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub waiting: Vec<TargetUser>,

    /// Loads that have ended, for as long as there are holders that were beside them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub past: Vec<PastLoad>,
}

/// A run that has a target or waits for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetUser {
    /// Namespace of the run.
    pub namespace: String,

    /// Its name.
    pub name: String,

    /// Its UID.
    pub uid: String,

    /// When it was made: the older one is first.
    pub created: Time,

    /// Since when it has the target, or waits for it.
    pub since: Time,

    /// Whether its test shares the target.
    #[serde(default)]
    pub sharing: Sharing,

    /// Whether it uses only a part of an address: the workload behind it that its test names, and of which it has another
    /// lease. Such runs are not in each other's way here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub part: bool,
}

/// The load of a run that has left the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastLoad {
    /// Namespace of the run.
    pub namespace: String,

    /// Its name.
    pub name: String,

    /// Its UID.
    pub uid: String,

    /// Whether it used only a part of an address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub part: bool,

    /// When its load began.
    pub from: Time,

    /// When it ended.
    pub until: Time,
}
