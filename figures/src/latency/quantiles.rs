// SPDX-License-Identifier: Apache-2.0
//! Percentiles of a few values: each is one of the values (nearest rank), none is made up between two.

use serde::{Deserialize, Serialize};

/// Percentiles of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half of the values are at most this.
    pub p50: f64,
    /// 95 % of the values are at most this.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

/// Percentiles of values in any order; `None` of no values.
pub fn quantiles(values: &[f64]) -> Option<Quantiles> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Some(Quantiles { p50: rank(50)?, p95: rank(95)?, max: rank(100)? })
}
