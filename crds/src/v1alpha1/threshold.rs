//! Limits that the measured figures must keep.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::TimeSpan;

/// A limit on a metric. A run passes only if every threshold holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Threshold {
    /// Metric by its k6 name, for example `http_req_duration`, `http_req_failed`, `checks`,
    /// `iterations`, `dropped_iterations`, or Upsurge's own `http_req_response_time` and
    /// `schedule_lag`.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub metric: String,

    /// Limits the threshold to a part of the run. Default: the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<ThresholdSelector>,

    /// Aggregation, operator and limit, in k6's grammar. Aggregations by kind of metric: trend `avg`,
    /// `min`, `max`, `med`, `p(N)`; counter `count`, `rate`; rate `rate`; gauge `value`. Operators: `<`,
    /// `<=`, `>`, `>=`, `==`, `!=`. A trend's limit is in milliseconds unless it has a unit (`us`, `ms`,
    /// `s`, `m`); a rate's limit is a share from 0 to 1, or with `%`. Examples: `p(95) < 200ms`, `rate < 0.1%`.
    #[schemars(
        length(min = 3, max = 128),
        regex(
            pattern = r"^\s*(p\(\s*[0-9]+(\.[0-9]+)?\s*\)|avg|min|max|med|count|rate|value)\s*(<=?|>=?|===?|!=)\s*-?[0-9]+(\.[0-9]+)?\s*(us|ms|s|m|%)?\s*$"
        )
    )]
    pub condition: String,

    /// Stops the run as soon as the threshold is breached. Default: false.
    #[serde(default)]
    pub abort_on_fail: bool,

    /// Time from the start of the load in which `abortOnFail` does not act. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_abort_eval: Option<TimeSpan>,
}

/// A part of the run. All given fields must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdSelector {
    /// Name of a stage, for example `hold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub stage: Option<String>,

    /// Name of a scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub scenario: Option<String>,

    /// Name of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub request: Option<String>,

    /// Name of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub group: Option<String>,

    /// Name of a check, for the metric `checks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub check: Option<String>,
}
