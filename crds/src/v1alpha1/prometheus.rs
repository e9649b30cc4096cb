//! Checks on figures that a Prometheus server knows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Prometheus server and the checks it answers after the load has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusSpec {
    /// Base URL of the server. Example: `http://prometheus.monitoring:9090`.
    #[schemars(length(min = 8, max = 2048), regex(pattern = r"^https?://[^\s/]+"))]
    pub url: String,

    /// Queries and the limits on their results.
    #[schemars(length(min = 1, max = 50))]
    pub checks: Vec<PrometheusCheck>,
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
    #[schemars(regex(pattern = r"^(avg|min|max|last|p[0-9]{1,2}(\.[0-9]+)?)$"))]
    pub aggregate: String,

    /// Operator and limit. Example: `< 0.1`.
    #[schemars(
        length(min = 2, max = 64),
        regex(pattern = r"^\s*(<=?|>=?|==|!=)\s*-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?\s*$")
    )]
    pub condition: String,
}

fn avg() -> String {
    "avg".into()
}
