// SPDX-License-Identifier: Apache-2.0
//! How well a workload was scaled, against another run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The elastic speedup of a workload against a baseline run: the geometric mean of the quotients of θ_U, θ_O, τ_U and τ_O, baseline ÷ this
/// run. Above 1, this run was scaled better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElasticSpeedup {
    /// Name of the baseline run.
    pub baseline: String,
    /// Kind of the workload.
    pub kind: String,
    /// Name of the workload.
    pub workload: String,
    /// By what the load asked for. Absent if it can't be told. Example: `1.41`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclamped: Option<String>,
    /// By what the load asked for, within the bounds of each run's autoscaler. Absent if one of the runs had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clamped: Option<String>,
    /// Why a value is absent, or to be read with care.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}
