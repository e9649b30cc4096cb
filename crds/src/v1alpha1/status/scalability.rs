// SPDX-License-Identifier: Apache-2.0
//! What more replicas have brought, or larger ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `spec.load.scalability` has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalabilityResult {
    /// Each count of replicas, ascending; of a run that was stopped, those that were measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub counts: Vec<CountResult>,

    /// The smallest count of which all of `efficiencyInterval` is below 0.9: scaling is surely not linear there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sublinear_from: Option<i32>,

    /// The fit of the Universal Scalability Law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usl: Option<UslResult>,

    /// Why there is no `usl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfitted: Option<String>,

    /// The fit of Amdahl's law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amdahl: Option<AmdahlResult>,

    /// Why the fits are to be read with care: FewPoints, CoherencyUncertain, PeakTooFar or Superlinear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub doubts: Vec<String>,

    /// Each size, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub sizes: Vec<SizeResult>,
}

/// What pods of a size served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SizeResult {
    /// Name of the size.
    pub name: String,

    /// CPU cores that its container requests in all replicas; absent if it requests none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,

    /// Measurements in which all thresholds held; the figures are of these.
    pub passed: i32,

    /// Measurements in which one did not.
    pub failed: i32,

    /// Measurements that said nothing.
    pub inconclusive: i32,

    /// Requests per second that were answered well, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<String>,

    /// `throughput` as a multiple of that of the first size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speedup: Option<String>,

    /// `throughput` by each of the CPU cores in `cpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_core: Option<String>,

    /// `perCore` as a share of that of the first size: 1 is linear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<String>,

    /// What kept a measurement from passing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
}

/// What a count of replicas served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CountResult {
    /// Replicas.
    pub replicas: i32,

    /// Users at work.
    pub users: i32,

    /// Measurements in which all thresholds held; the figures are of these.
    pub passed: i32,

    /// Measurements in which one did not.
    pub failed: i32,

    /// Measurements that said nothing.
    pub inconclusive: i32,

    /// Requests per second that were answered well, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<String>,

    /// `throughput` as a multiple of that with the fewest replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speedup: Option<String>,

    /// What each replica served, as a share of what each of the fewest did: 1 is linear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<String>,

    /// The 95 % interval of `efficiency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency_interval: Option<ConfidenceInterval>,

    /// What kept a measurement from passing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
}

/// A 95 % interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfidenceInterval {
    /// Lower end.
    pub low: String,
    /// Upper end.
    pub high: String,
}

/// A figure of a fit, with its 95 % interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FittedResult {
    /// The estimate.
    pub estimate: String,
    /// Lower end of the interval.
    pub low: String,
    /// Upper end of the interval.
    pub high: String,
}

/// X(N) = γ·N ÷ (1 + α(N−1) + βN(N−1)).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UslResult {
    /// Contention α.
    pub contention: FittedResult,
    /// Coherency β.
    pub coherency: FittedResult,
    /// Requests per second of one replica, γ.
    pub single: FittedResult,
    /// Most replicas, up to twice the most measured, that serve at least 0.9 each.
    pub linear_until: i32,
    /// Replicas beyond which more serve less. Absent if the interval of β holds 0, or if they are more than twice the most measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<String>,
    /// R² of the fit.
    pub r_squared: String,
}

/// X(N) = γ ÷ (σ + (1−σ)/N).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AmdahlResult {
    /// Share of the work that can't be done side by side, σ.
    pub serial: FittedResult,
    /// Requests per second of one replica, γ.
    pub single: FittedResult,
    /// No number of replicas serves more than so many times what one does. Absent if the interval of σ holds 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// R² of the fit.
    pub r_squared: String,
}
