// SPDX-License-Identifier: Apache-2.0
//! Which values a series may have: numbers that can be added up for as long as a run lasts.
//!
//! The bounds are far beyond what a runner can do, and so far below what a sum can hold that no number of deltas fills
//! it.

use super::{Objection, short};
use crate::metrics::{Sink, Trend, WireSink, names::Kind};

/// Most events of one kind in one delta: a runner that had no operator for an hour sends fewer.
pub const MOST_EVENTS: u64 = 10_000_000_000;
/// Most that a counter may grow by in one delta, which may be bytes.
const MOST_COUNTED: f64 = 1e15;
/// Furthest from zero that a value of the test's own may be.
const FURTHEST: f64 = 1e18;

/// What else bounds values.
pub struct Bounds {
    /// Latest time at which a value can be recorded.
    pub latest_microseconds: u128,
}

impl Bounds {
    /// What a series holds, decoded.
    pub fn check(
        &self,
        metric: &str,
        kind: Kind,
        is_built_in: bool,
        sink: WireSink,
    ) -> Result<Sink, Objection> {
        let other = |kind| Err(Objection::Kind { metric: short(metric), kind });
        match (sink, kind) {
            (WireSink::Trend(encoded), Kind::Trend) => {
                let read = Trend::from_wire(&encoded);
                let trend = read.map_err(|source| Objection::Histogram { metric: short(metric), source })?;
                within(metric, trend.count() as f64, 0.0, MOST_EVENTS as f64)?;
                Ok(Sink::Trend(trend))
            }
            (WireSink::Counter(count), Kind::Counter) => {
                // A counter of the test's own may go down.
                let (least, most) = if is_built_in { (0.0, MOST_COUNTED) } else { (-FURTHEST, FURTHEST) };
                Ok(Sink::Counter(within(metric, count, least, most)?))
            }
            (WireSink::Rate { passes, total }, Kind::Rate) => {
                if passes > total || total > MOST_EVENTS {
                    return Err(Objection::Rate { metric: short(metric), passes, total });
                }
                Ok(Sink::Rate { passes, total })
            }
            (WireSink::Gauge { value, min, max }, Kind::Gauge) if is_built_in => {
                for value in [value, min, max] {
                    within(metric, value, -MOST_COUNTED, MOST_COUNTED)?;
                }
                in_order(metric, min, max)?;
                Ok(Sink::Gauge { value, min, max })
            }
            (WireSink::Latest { at, value, min, max }, Kind::Gauge) if !is_built_in => {
                for value in [value, min, max] {
                    within(metric, value, -f64::MAX, f64::MAX)?;
                }
                in_order(metric, min, max)?;
                within(metric, at as f64, 0.0, self.latest_microseconds as f64)?;
                Ok(Sink::Latest { at, value, min, max })
            }
            (WireSink::Trend(_), _) => other("a trend"),
            (WireSink::Counter(_), _) => other("a counter"),
            (WireSink::Rate { .. }, _) => other("a rate"),
            (WireSink::Gauge { .. }, _) => other("a gauge that adds up"),
            (WireSink::Latest { .. }, _) => other("a gauge of the test's own"),
        }
    }
}

/// A number within bounds; neither NaN nor an infinity is.
pub fn within(metric: &str, value: f64, least: f64, most: f64) -> Result<f64, Objection> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Objection::Value { metric: short(metric), value, least, most })
}

fn in_order(metric: &str, min: f64, max: f64) -> Result<(), Objection> {
    if min <= max { Ok(()) } else { Err(Objection::Range { metric: short(metric) }) }
}
