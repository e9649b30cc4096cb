// SPDX-License-Identifier: Apache-2.0
//! Whether a pod's memory grows: slope, confidence, and what that says about a limit.
//!
//! Memory as a process has it is a trend on top of much else: a wave of the day, the saw of a garbage collector, noise that
//! hangs together, spikes, and a fall at each restart. So: samples become at most 96 medians per run; all of
//! them together are fitted with one slope, a level of their own after each restart, and (from 18 hours on) a wave of
//! 24 hours, by Huber's regression, which single spikes don't move; the standard error counts only as many independent
//! values as the autocorrelation of the residuals leaves (Santer et al. 2000, J. Geophys. Res. 105). A shorter run can't
//! tell a wave of the day from growth.
//!
//! [`crate::usage`] gives one series per pod, with the starts of its containers. Latency over a soak is looked at in the same way.

mod blocks;
mod huber;
#[cfg(test)]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::statistics::Interval;

/// Fewest medians that a slope is taken from.
const FEWEST: usize = 8;
/// Longest time to settle in, in hours.
const LONGEST_SETTLING: f64 = 0.5;

/// A value at an instant: memory, or any other figure that may grow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Hours from the start of the observation.
    pub hours: f64,
    /// Bytes, or whatever the figure is in.
    pub value: f64,
}

/// What growth is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Percent of the level at the begin, per hour. Example: 5.
    pub percent_per_hour: f64,
    /// Hours after each start of a container that don't count: caches fill then.
    pub settle_hours: f64,
}

impl Limit {
    /// Percent per hour against which growth is held where no limit is set. Only the estimate is told then, which does not
    /// depend on it.
    pub const ANY: f64 = 5.0;

    /// A limit for growth over so many seconds: a tenth of them is to settle in, and half an hour at most.
    pub fn over(seconds: f64, percent_per_hour: f64) -> Self {
        Self { percent_per_hour, settle_hours: (seconds / 10.0 / 3_600.0).min(LONGEST_SETTLING) }
    }
}

/// What is known of the growth of a pod's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Growth {
    /// Percent of the level at the begin, per hour, with its 95 % interval; absent if there are too few samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent_per_hour: Option<Interval>,
    /// The level at the begin, and after each restart, in the unit of the values: what the percentages are of.
    pub level: f64,
    /// How often its containers were started again.
    pub restarts: u32,
    /// Whether the run was long enough to take a wave of the day out.
    pub day_removed: bool,
    /// What that says about the limit.
    pub finding: Finding,
}

/// What growth says about a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Finding {
    /// The whole interval is above the limit: it leaks.
    Above,
    /// The whole interval is below the limit.
    Below,
    /// The interval holds the limit: nothing can be said.
    Undecided {
        /// How long a run must be, in hours, to tell half of the limit from one and a half times the limit; absent if this one is
        /// long enough for that, and growth is simply close to the limit.
        needed_hours: Option<f64>,
    },
}

/// Judges the growth of one pod. `starts` are the instants, in hours, at which its containers were started while it was
/// watched; each ends what was before.
pub fn growth(samples: &[Sample], starts: &[f64], limit: Limit) -> Growth {
    let series = blocks::blocks(samples, starts, limit.settle_hours);
    let restarts = u32::try_from(starts.len()).unwrap_or(u32::MAX);
    let trend = huber::trend(&series, FEWEST).filter(|trend| trend.level > 0.0);
    let Some(trend) = trend else {
        let needed_hours =
            Some(series.span() * FEWEST as f64 / (series.len().max(1) as f64)).filter(|hours| *hours > 0.0);
        let finding = Finding::Undecided { needed_hours };
        return Growth { percent_per_hour: None, level: 0.0, restarts, day_removed: false, finding };
    };
    let percent = |slope: f64| 100.0 * slope / trend.level;
    let half = percent(trend.half_width);
    let estimate = percent(trend.slope);
    let interval = Interval { estimate, low: estimate - half, high: estimate + half };
    let finding = if interval.low > limit.percent_per_hour {
        Finding::Above
    } else if interval.high < limit.percent_per_hour {
        Finding::Below
    } else {
        // The error of a slope falls with the length to the power of one and a half.
        let factor = (2.0 * half / limit.percent_per_hour).powf(2.0 / 3.0);
        // Where not even the error is known, twice as much may tell.
        let factor = if factor.is_finite() { factor } else { 2.0 };
        Finding::Undecided { needed_hours: (factor > 1.0).then(|| series.span() * factor) }
    };
    Growth {
        percent_per_hour: Some(interval).filter(|interval| interval.high.is_finite()),
        level: trend.level,
        restarts,
        day_removed: trend.day_removed,
        finding,
    }
}
