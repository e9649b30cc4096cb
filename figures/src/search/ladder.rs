// SPDX-License-Identifier: Apache-2.0
//! The levels that a search may probe.

use serde::{Deserialize, Serialize};

/// Most levels of a ladder.
const MOST: usize = 100_000;

/// Levels, rising from the first to the last that may be probed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ladder(Vec<f64>);

/// Bounds between which there are no levels.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LadderError {
    /// Not a range.
    #[error("a search goes from a level above 0 to one that is not lower, not from {from} to {to}")]
    Range {
        /// First level.
        from: f64,
        /// Last level.
        to: f64,
    },
    /// A precision that can't be had.
    #[error("levels must lie more than 0 % and at most 100 % apart, not {percent} %")]
    Precision {
        /// Percent.
        percent: f64,
    },
    /// Too fine.
    #[error("there are more than {MOST} levels from {from} to {to}: ask for less precision")]
    TooMany {
        /// First level.
        from: f64,
        /// Last level.
        to: f64,
    },
}

impl Ladder {
    /// Levels of which each is higher than the one before by so many percent, to a thousandth; the last one is `to`.
    ///
    /// # Errors
    /// When there is no such ladder.
    pub fn by_percent(from: f64, to: f64, percent: f64) -> Result<Self, LadderError> {
        if !(percent > 0.0 && percent <= 100.0) {
            return Err(LadderError::Precision { percent });
        }
        let factor = 1.0 + percent / 100.0;
        Self::build(from, to, |level| level * factor)
    }

    /// Levels that lie so far apart; the last one is `to`. Replicas are 1 apart.
    ///
    /// # Errors
    /// When there is no such ladder.
    pub fn by_step(from: f64, to: f64, step: f64) -> Result<Self, LadderError> {
        if !(step > 0.0 && step.is_finite()) {
            return Err(LadderError::Precision { percent: step });
        }
        Self::build(from, to, |level| level + step)
    }

    fn build(from: f64, to: f64, next: impl Fn(f64) -> f64) -> Result<Self, LadderError> {
        if !(from > 0.0 && to >= from && to.is_finite()) {
            return Err(LadderError::Range { from, to });
        }
        let rounded = |level: f64| (level * 1e3).round() / 1e3;
        let (mut levels, mut level) = (vec![from], next(from));
        while level < to {
            // What rounding makes the same is one level.
            if levels.last().is_some_and(|last| rounded(level) > *last) && rounded(level) < to {
                levels.push(rounded(level));
            }
            if levels.len() >= MOST || next(level) <= level {
                return Err(LadderError::TooMany { from, to });
            }
            level = next(level);
        }
        if to > from {
            levels.push(to);
        }
        Ok(Self(levels))
    }

    /// The levels.
    pub fn levels(&self) -> &[f64] {
        &self.0
    }

    /// The step to go to from one that has been passed: the highest that is no more than twice its level, at least the next
    /// one.
    pub(super) fn doubled(&self, step: usize) -> usize {
        let level = self.0.get(step).copied().unwrap_or(f64::MAX);
        let beyond = self.0.partition_point(|other| *other <= 2.0 * level);
        beyond.saturating_sub(1).max(step + 1)
    }
}
