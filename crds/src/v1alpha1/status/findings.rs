// SPDX-License-Identifier: Apache-2.0
//! What came of what only some tests ask for: a breaking point, several spikes, a verification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ExpectationResult;

/// How the target stood a staircase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StressResult {
    /// Where the target broke; absent if it did not, or if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaking_point: Option<BreakingPoint>,
    /// The step after which the load turned back, as the target had broken and nothing higher was to be judged; absent if it went on to
    /// its highest step. Example: `step-12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned_back_after: Option<String>,
    /// The result in a sentence, with numbers; also says how far the load went if the target did not break.
    pub message: String,
    /// What was asked for beyond the breaking point, with what was observed: `minGoodPercent`, `minAnsweredPercent` and
    /// `maxRestarts` of `degradation`, and `recoverWithin`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub expectations: Vec<ExpectationResult>,
}

/// The first step of a staircase in which too many requests failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakingPoint {
    /// Name of the step. Example: `step-8`.
    pub step: String,
    /// Its level, in users or iterations per second. Example: `80`.
    pub level: String,
    /// Share of its requests that failed. Example: `12.4%`.
    pub error_rate: String,
    /// The step before it, in which few enough failed; absent if the first step was the one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good_step: Option<String>,
    /// Level of `lastGoodStep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good_level: Option<String>,
}

/// How the target stood one of several spikes: from the rise of its load to the end of its recovery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpikeResult {
    /// Name of the spike.
    pub name: String,
    /// Requests that were started in it and finished.
    pub requests: i64,
    /// Share of its requests that failed. Example: `0.13%`.
    pub error_rate: String,
    /// 95th percentile of their time. Example: `182.4ms`.
    pub p95: String,
    /// 99th percentile of their time.
    pub p99: String,
    /// Longest time.
    pub max: String,
    /// Ready replicas at its start, most of them, and at its end, as `2→6→2`; absent if nobody watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<String>,
    /// Whether all thresholds held that select one of its stages, and those on `http_req_duration` and `http_req_failed` that select
    /// nothing, put to this spike alone.
    pub passed: bool,
    /// Whether that can't be told: a threshold has no data, or the load ended before. `passed` is false then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undecided: bool,
    /// The result in a sentence, with numbers.
    pub message: String,
}

/// What came of `spec.verify`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerificationResult {
    /// Whether all of its steps went well and all that they expect held.
    pub passed: bool,
    /// Whether that is not known: the steps were not done, or whoever did them was lost. `passed` is false then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undecided: bool,
    /// What did not hold, or why it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
