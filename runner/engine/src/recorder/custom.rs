// SPDX-License-Identifier: Apache-2.0
//! The series of a place that records a custom metric.

use std::time::Instant;

use upsurge_core::metrics::{Sink, Trend, names::Kind};

/// What was recorded; the first value decides which one it is.
#[derive(Debug, Default)]
pub(super) enum CustomSeries {
    #[default]
    Empty,
    Counter(f64),
    Rate {
        passes: u64,
        total: u64,
    },
    Gauge {
        at: Instant,
        value: f64,
        min: f64,
        max: f64,
    },
    Trend(Trend),
}

impl CustomSeries {
    pub(super) fn record(&mut self, kind: Kind, value: f64) {
        match (&mut *self, kind) {
            (Self::Counter(sum), _) => *sum += value,
            (Self::Rate { passes, total }, _) => {
                *passes += u64::from(value != 0.0);
                *total += 1;
            }
            (Self::Gauge { at, value: latest, min, max }, _) => {
                (*at, *latest) = (Instant::now(), value);
                (*min, *max) = (min.min(value), max.max(value));
            }
            (Self::Trend(trend), _) => trend.record_value(value),
            (Self::Empty, Kind::Counter) => *self = Self::Counter(value),
            (Self::Empty, Kind::Rate) => *self = Self::Rate { passes: u64::from(value != 0.0), total: 1 },
            (Self::Empty, Kind::Gauge) => {
                *self = Self::Gauge { at: Instant::now(), value, min: value, max: value };
            }
            (Self::Empty, Kind::Trend) => {
                let mut trend = Trend::default();
                trend.record_value(value);
                *self = Self::Trend(trend);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty) || matches!(self, Self::Trend(trend) if trend.is_empty())
    }

    pub(super) fn clear(&mut self) {
        match self {
            // The one that is dear to make anew.
            Self::Trend(trend) => trend.clear(),
            _ => *self = Self::Empty,
        }
    }

    /// What was recorded; `None` if nothing was.
    pub(super) fn sink(&self, start: Instant) -> Option<Sink> {
        Some(match self {
            _ if self.is_empty() => return None,
            Self::Empty => return None,
            Self::Counter(sum) => Sink::Counter(*sum),
            Self::Rate { passes, total } => Sink::Rate { passes: *passes, total: *total },
            Self::Gauge { at, value, min, max } => Sink::Latest {
                at: u64::try_from(at.saturating_duration_since(start).as_micros()).unwrap_or(u64::MAX),
                value: *value,
                min: *min,
                max: *max,
            },
            Self::Trend(trend) => Sink::Trend(trend.clone()),
        })
    }
}
