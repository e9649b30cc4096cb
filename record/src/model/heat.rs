// SPDX-License-Identifier: Apache-2.0
//! How long requests took, over time: a distribution in exponential buckets for each stretch of time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long requests took, over time. Each doubling of time has 32 buckets: bucket n holds the times above 2^((n−1)/32) ms, up to
/// 2^(n/32) ms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeatMap {
    /// Seconds of a column: 10, or twice as many as often as it takes to have no more than 720 columns.
    pub step_seconds: u32,
    /// The columns, in order of time. A time without requests has none.
    pub columns: Vec<HeatColumn>,
}

/// A stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeatColumn {
    /// Its start, in milliseconds from the start of the load.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
    /// Requests that took no time, by the microsecond.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub zeros: u64,
    /// Number and count of each bucket in which something is, in ascending order.
    pub buckets: Vec<(i32, u64)>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
