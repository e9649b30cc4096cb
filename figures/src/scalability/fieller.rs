// SPDX-License-Identifier: Apache-2.0
//! The turned-around fit N/X = c₀ + c₁·x₁ + …, and intervals of cₖ/c₀ and 1/c₀.

use super::Point;
use crate::statistics::{Fit, Interval, least_squares, two_sided_95};

/// Rounds of finding the weights; they hardly change after three.
const ROUNDS: usize = 8;

/// A fit of N/X with K coefficients.
pub(super) struct Turned<const K: usize> {
    pub(super) coefficients: [f64; K],
    inverse: [[f64; K]; K],
    /// Variance of a value of weight 1.
    variance: f64,
    degrees: f64,
}

/// Fits N/X to columns of N, of which the first is 1; `None` if the points don't determine them.
pub(super) fn turned<const K: usize>(
    points: &[Point],
    columns: impl Fn(f64) -> [f64; K],
) -> Option<Turned<K>> {
    let rows: Vec<([f64; K], f64)> = points
        .iter()
        .map(|point| (columns(f64::from(point.replicas)), f64::from(point.replicas) / point.throughput))
        .collect();
    let fitted = |fit: &Fit<K>, row: &([f64; K], f64)| -> f64 {
        let value: f64 =
            fit.coefficients.iter().zip(row.0).map(|(coefficient, column)| coefficient * column).sum();
        if value > 0.0 { value } else { row.1 }
    };
    let mut weights: Vec<f64> = rows.iter().map(|row| row.1.powi(-2)).collect();
    let mut fit = None;
    for _ in 0..ROUNDS {
        let found = least_squares(rows.iter().zip(&weights).map(|(row, weight)| (row.0, row.1, *weight)))?;
        weights = rows.iter().map(|row| fitted(&found, row).powi(-2)).collect();
        fit = Some(found);
    }
    let fit = fit?;
    let degrees = rows.len() as f64 - K as f64;
    let squares: f64 =
        rows.iter().zip(&weights).map(|(row, weight)| weight * (row.1 - fitted(&fit, row)).powi(2)).sum();
    Some(Turned {
        coefficients: fit.coefficients,
        inverse: fit.inverse,
        variance: squares / degrees,
        degrees,
    })
}

impl<const K: usize> Turned<K> {
    /// The 95 % interval of coefficient k divided by the first one; `None` if the first one may be 0. All ρ with
    /// (cₖ − ρc₀)² ≤ t²·Var(cₖ − ρc₀).
    pub(super) fn quotient(&self, k: usize) -> Option<Interval> {
        let square = two_sided_95(self.degrees).powi(2) * self.variance;
        let (divisor, dividend) = (self.coefficients[0], self.coefficients[k]);
        let a = divisor * divisor - square * self.inverse[0][0];
        let b = divisor * dividend - square * self.inverse[0][k];
        let c = dividend * dividend - square * self.inverse[k][k];
        if !(a > 0.0 && divisor > 0.0) {
            return None;
        }
        let root = (b * b - a * c).max(0.0).sqrt();
        Some(Interval { estimate: dividend / divisor, low: (b - root) / a, high: (b + root) / a })
    }

    /// 1/c₀ with its 95 % interval, which is that of c₀ turned around; `None` if c₀ may be 0.
    pub(super) fn single(&self) -> Option<Interval> {
        let first = self.coefficients[0];
        let half = two_sided_95(self.degrees) * (self.variance * self.inverse[0][0]).sqrt();
        (first > half).then(|| Interval {
            estimate: 1.0 / first,
            low: 1.0 / (first + half),
            high: 1.0 / (first - half),
        })
    }
}

/// An interval of what can't be below 0, with the estimate that a fit under that condition gave.
pub(super) fn not_negative(interval: Interval, estimate: f64) -> Interval {
    around(Interval { low: interval.low.max(0.0), high: interval.high.max(0.0), ..interval }, estimate)
}

/// An interval with the estimate of another fit, which it is made to hold.
pub(super) fn around(interval: Interval, estimate: f64) -> Interval {
    Interval { estimate, low: interval.low.min(estimate), high: interval.high.max(estimate) }
}
