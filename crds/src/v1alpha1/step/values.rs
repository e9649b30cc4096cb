// SPDX-License-Identifier: Apache-2.0
//! Steps that handle values: variables, custom metrics and the log.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::v1alpha1::request::any_value;

/// Gives a variable of the user a new value, for the rest of the iteration. Exactly one of `value` and
/// `expression` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetVariable {
    /// The variable.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,

    /// The value; texts in it may hold templates. A text that is nothing but one template takes the type
    /// of its value. Example: `{{ uuid() }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub value: Option<Value>,

    /// CEL expression over the variables of the user. Example: `price * quantity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub expression: Option<String>,
}

/// A value for a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordStep {
    /// Name of a metric in `spec.metrics`.
    #[schemars(length(min = 1, max = 128))]
    pub metric: String,

    /// CEL expression over the variables of the user; a number, true or false. Default: `1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub value: Option<String>,

    /// Tags of the value, besides those of the scenario.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub tags: BTreeMap<String, String>,
}

/// A line for the log of the runner. Each load thread writes at most 100 of them per run, so that a log
/// can't fill a disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogStep {
    /// The line. May hold templates. Secrets in it are written as they are.
    #[schemars(length(min = 1, max = 4096))]
    pub message: String,
}
