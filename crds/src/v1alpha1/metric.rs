// SPDX-License-Identifier: Apache-2.0
//! Metrics of one's own, beside those that every test has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A metric that steps record with `record`. Thresholds, results and outputs treat it like a built-in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomMetric {
    /// Name, unlike that of any built-in metric. Letters, digits and underscores. Example: `order_value`.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,

    /// What it tells, for those who read results: `upsurge validate` shows it, and OpenTelemetry gets it.
    /// Example: `Value of orders, in EUR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,

    /// What is made of the recorded values.
    #[serde(rename = "type")]
    pub type_: MetricType,

    /// Whether the values of a `Trend` are times in milliseconds; thresholds may then have units, and
    /// results show them as times. Default: false.
    #[serde(default)]
    pub time: bool,
}

/// What a metric makes of recorded values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MetricType {
    /// The sum of all values. Aggregations: `count`, `rate` (per second).
    Counter,
    /// The latest value, with the lowest and the highest. Aggregation: `value`.
    Gauge,
    /// The share of values that are neither zero nor false. Aggregation: `rate`.
    Rate,
    /// The distribution of all values, in steps of 0.001 and with three significant digits; values below zero
    /// count as zero. Aggregations: `avg`, `min`, `max`, `med`, `p(N)`.
    Trend,
}
