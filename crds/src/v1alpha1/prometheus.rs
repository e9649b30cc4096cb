// SPDX-License-Identifier: Apache-2.0
//! Checks on figures that a Prometheus server knows, and series of it that are shown beside the load.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Quantity, target::SecretKeyRef};

/// A Prometheus server, and what it is asked after the load has ended: checks, series, or both. Exactly one of `server` and `url` is
/// given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    validation = ("has(self.server) != has(self.url)", "spec.prometheus has exactly one of server and url"),
    validation = ("has(self.checks) || has(self.series)", "spec.prometheus needs checks or series"),
    validation = (
        "has(self.url) || !has(self.headers)",
        "spec.prometheus.headers belong to url; what a server of the platform needs, its policy says"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusSpec {
    /// Name of a server that the platform team offers in its policy. The operator asks it. Example: `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub server: Option<String>,

    /// Base URL of a server of your own. Runner 0 asks it from the namespace of the test, when the load of all runners
    /// has ended: what the runners may not reach is not asked either. Redirects are not followed. Example:
    /// `http://prometheus.monitoring:9090`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://[^\s/]+"))]
    pub url: Option<String>,

    /// Headers that are sent to `url`, with values from Secrets. Example:
    /// `[{name: Authorization, valueFrom: {secretKeyRef: {name: prometheus, key: authorization}}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub headers: Vec<SecretHeader>,

    /// Queries and the limits on their results. All of them together get 30 seconds. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub checks: Vec<PrometheusCheck>,

    /// Queries whose course over the load goes into the record and the report. They decide no verdict: one without an answer
    /// is a warning. Default: none. Example: `[{name: connections, query: "sum(pg_stat_activity_count)", saturatedAt: 100}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub series: Vec<PrometheusSeries>,
}

/// One query, whose values over the whole load are kept: at most 250, a second or more apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusSeries {
    /// Name by which results show the series. Example: `database connections`.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,

    /// PromQL expression; it must give a scalar or exactly one series.
    #[schemars(length(min = 1, max = 4096))]
    pub query: String,

    /// Unit of the values, shown behind them. Default: none. Example: `ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub unit: Option<String>,

    /// Value from which on it is full, as a quantity. If the series stays there while the target failed or demand was above
    /// supply, `status.bottleneck` names it. Default: nothing is concluded. Example: `100`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated_at: Option<Quantity>,
}

/// A header whose value stands in a Secret. It reaches the runners as an environment variable; the operator never
/// reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretHeader {
    /// Name of the header. Example: `Authorization`.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"))]
    pub name: String,

    /// Where its value stands.
    pub value_from: SecretValue,
}

/// A value that stands in a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretValue {
    /// Key of a Secret in the namespace of the test.
    pub secret_key_ref: SecretKeyRef,
}

/// One query, evaluated over a stage or the whole load, and its limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusCheck {
    /// Name by which results show the check.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,

    /// PromQL expression; it must give a scalar or exactly one series.
    #[schemars(length(min = 1, max = 4096))]
    pub query: String,

    /// Stage over which the query is evaluated. Default: the whole load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub stage: Option<String>,

    /// How the values over time become one: `avg`, `min`, `max`, `last` or a percentile as `p95`. Default: avg.
    #[serde(default = "avg")]
    #[schemars(length(min = 2, max = 32), regex(pattern = r"^(avg|min|max|last|p[0-9]{1,2}(\.[0-9]+)?)$"))]
    pub aggregate: String,

    /// Operator and limit. Example: `< 0.1`.
    #[schemars(
        length(min = 2, max = 64),
        regex(pattern = r"^\s*(<=?|>=?|==|!=)\s*-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?\s*$")
    )]
    pub condition: String,

    /// What is scarce if the check does not hold; `status.bottleneck` then names it, with what was observed. Default: nothing is
    /// concluded. Example: `Database`, of a check on the time that queries take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tells: Option<CheckTells>,
}

/// What is scarce if the check does not hold; `status.bottleneck` then names it, with what was observed. `CPUThrottling`: containers
/// are held back by their CPU limit. `Database`: it takes too long. `Network`: it loses packets, or is full. Default: nothing
/// is concluded. Example: `Database`, of a check on the time that queries take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CheckTells {
    /// Containers are held back by their CPU limit.
    CPUThrottling,
    /// The database takes too long.
    Database,
    /// The network loses packets, or is full.
    Network,
}

fn avg() -> String {
    "avg".into()
}
