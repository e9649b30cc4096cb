// SPDX-License-Identifier: Apache-2.0
//! Limits that the measured figures must keep.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::TimeSpan;

/// A limit on a metric. A run passes only if every threshold holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    cel,
    // What needs the text of the metric would cost the API server too much: the operator looks at that.
    validation = (
        "!has(self.minSucceededPercent) || !(has(self.window) || has(self.ratioTo))",
        "availability looks at each second by itself: it has no window and no ratioTo"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Threshold {
    /// Metric by its k6 name, for example `http_req_duration`, `http_req_failed`, `checks`,
    /// `iterations`, `dropped_iterations`, or Upsurge's own `http_req_response_time`,
    /// `schedule_lag` and `availability`, or the name of one of `spec.metrics`. k6's form with a selector is
    /// understood, too: `http_req_duration{scenario:pay,expected_response:true}`. `availability` is the share of good
    /// seconds among those in which requests ended, over all runners; see `minSucceededPercent`.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*(\{[^{}]*\})?$"))]
    pub metric: String,

    /// Limits the threshold to a part of the run. Default: the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<ThresholdSelector>,

    /// Aggregation, operator and limit, in k6's grammar. Aggregations by kind of metric: trend `avg`,
    /// `min`, `max`, `med`, `p(N)`; counter `count`, `rate`; rate `rate`; gauge `value`. Operators: `<`,
    /// `<=`, `>`, `>=`, `==`, `!=`. A trend's limit is in milliseconds unless it has a unit (`us`, `ms`,
    /// `s`, `m`); a rate's limit is a share from 0 to 1, or with `%`, and one that always or never holds is refused. Examples: `p(95) < 200ms`, `rate < 0.1%`.
    #[schemars(
        length(min = 3, max = 128),
        regex(
            pattern = r"^\s*(p\(\s*[0-9]+(\.[0-9]+)?\s*\)|avg|min|max|med|count|rate|value)\s*(<=?|>=?|===?|!=)\s*-?[0-9]+(\.[0-9]+)?\s*(us|ms|s|m|%)?\s*$"
        )
    )]
    pub condition: String,

    /// Length of the windows in which the condition must hold: in each of the consecutive stretches of
    /// that length, counted from the start of the load or of the selected stage. At least 1s. Default:
    /// the condition is put to all samples at once, as in k6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<TimeSpan>,

    /// Puts the condition to the ratio of the metric to another series: the value of the metric divided
    /// by the value of that series under the same aggregation. The limit is a plain number or has `%`. Example:
    /// `p(95) < 1.5` with selector `{stage: hold}` and ratioTo `{selector: {stage: baseline}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio_to: Option<SeriesReference>,

    /// With `availability`: how many of the requests that end in a second have to succeed for it to be a good one, in percent.
    /// Default: 99. Example: `{metric: availability, minSucceededPercent: 95, condition: "rate >= 99.9%"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub min_succeeded_percent: Option<i32>,

    /// Lets the threshold pass when there is no data for it: when no sample of a trend, rate or gauge came that it
    /// selects. Counters need it not: what did not happen counts as zero. Default: false, a threshold
    /// without data makes the run Inconclusive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_no_data: bool,

    /// Stops the run as soon as the threshold is breached. Default: false.
    #[serde(default)]
    pub abort_on_fail: bool,

    /// Time from the start of the load in which `abortOnFail` does not act. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_abort_eval: Option<TimeSpan>,
}

/// The series that a threshold compares with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesReference {
    /// The metric. Default: that of the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*(\{[^{}]*\})?$"))]
    pub metric: Option<String>,

    /// The part of the run. Default: the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<ThresholdSelector>,
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

    /// Status code of the response, for metrics of requests; 0 stands for no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 999))]
    pub status: Option<i32>,

    /// Method of the request, for metrics of requests. Example: `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub method: Option<String>,

    /// Whether the response was an expected one (k6's `expected_response`), for metrics of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_response: Option<bool>,

    /// Code of what went wrong (k6's `error_code`), for metrics of requests: 1000 and the status from
    /// 400 on, else what kept the response from coming. Examples: `1503`; `1050` for a timeout, `1212` for a
    /// connection that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1000, max = 1999))]
    pub error_code: Option<i32>,

    /// Tags that the test gave to its load, scenarios, requests or records; all must match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub tags: BTreeMap<String, String>,
}
