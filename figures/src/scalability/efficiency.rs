// SPDX-License-Identifier: Apache-2.0
//! What each replica serves, beside what it served in the smallest measurement.
//!
//! Measurements of one count scatter by a share that is taken to be the same for all counts, so it is found from all of them
//! together. The interval of a quotient of two means follows from it by Fieller's theorem, as those of the fits do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LINEAR, Point};
use crate::statistics::{Interval, two_sided_95};

/// A count of replicas as it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Efficiency {
    /// Replicas N.
    pub replicas: u32,
    /// X(N), the mean of its measurements.
    pub throughput: f64,
    /// E(N) = (X(N)/N) / (X(N₀)/N₀), N₀ the smallest count: 1 is linear.
    pub efficiency: f64,
    /// E(N) with its 95 % interval. Absent of N₀, of which it is 1 by definition; where no count was measured twice; and where
    /// measurements scatter so much that X(N₀) may be nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// The measurements of one count.
struct Count {
    replicas: u32,
    measurements: f64,
    mean: f64,
    /// Σ(x/mean − 1)².
    squares: f64,
}

impl Count {
    fn of(replicas: u32, values: &[f64]) -> Self {
        let measurements = values.len() as f64;
        let mean = values.iter().sum::<f64>() / measurements;
        let squares = values.iter().map(|value| (value / mean - 1.0).powi(2)).sum();
        Self { replicas, measurements, mean, squares }
    }

    fn of_each(&self) -> f64 {
        self.mean / f64::from(self.replicas)
    }
}

/// The efficiency at each count, ascending.
pub fn efficiencies(points: &[Point]) -> Vec<Efficiency> {
    let mut measured: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for point in points.iter().filter(|point| point.replicas > 0) {
        measured.entry(point.replicas).or_default().push(point.throughput);
    }
    let counts: Vec<Count> = measured.iter().map(|(replicas, values)| Count::of(*replicas, values)).collect();
    let Some(fewest) = counts.first() else { return Vec::new() };
    let scatter = scatter(&counts);
    let efficiency = |count: &Count| {
        let efficiency = count.of_each() / fewest.of_each();
        let is_base = count.replicas == fewest.replicas;
        let interval =
            scatter.filter(|_| !is_base).and_then(|scatter| interval(count, fewest, efficiency, scatter));
        Efficiency { replicas: count.replicas, throughput: count.mean, efficiency, interval }
    };
    counts.iter().map(efficiency).collect()
}

/// The smallest count that is surely not linear any more: all of the interval of its efficiency lies below 0.9.
pub fn sublinear_from(efficiencies: &[Efficiency]) -> Option<u32> {
    let is_below = |each: &&Efficiency| each.interval.is_some_and(|interval| interval.high < LINEAR);
    efficiencies.iter().find(is_below).map(|each| each.replicas)
}

/// t² times the variance of one measurement divided by what it should be; `None` if no count was measured twice.
fn scatter(counts: &[Count]) -> Option<f64> {
    let measurements: f64 = counts.iter().map(|count| count.measurements).sum();
    let degrees = measurements - counts.len() as f64;
    let squares: f64 = counts.iter().map(|count| count.squares).sum();
    (degrees >= 1.0).then(|| two_sided_95(degrees).powi(2) * squares / degrees)
}

/// All ρ = E·u with (1 − u)² ≤ g + g₀·u², g and g₀ the scatter of the two means.
fn interval(count: &Count, fewest: &Count, efficiency: f64, scatter: f64) -> Option<Interval> {
    let (own, base) = (1.0 - scatter / count.measurements, 1.0 - scatter / fewest.measurements);
    let root = (1.0 - own * base).max(0.0).sqrt();
    let low = efficiency * ((1.0 - root) / base).max(0.0);
    let high = efficiency * (1.0 + root) / base;
    (base > 0.0).then_some(Interval { estimate: efficiency, low, high })
}
