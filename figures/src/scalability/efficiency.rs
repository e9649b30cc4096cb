// SPDX-License-Identifier: Apache-2.0
//! What each replica serves, beside what it served in the smallest measurement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Point;

/// A count of replicas as it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Efficiency {
    /// Replicas N.
    pub replicas: u32,
    /// X(N), the mean of its measurements.
    pub throughput: f64,
    /// E(N) = (X(N)/N) / (X(N₀)/N₀), N₀ the smallest count: 1 is linear.
    pub efficiency: f64,
}

/// The efficiency at each count, ascending.
pub fn efficiencies(points: &[Point]) -> Vec<Efficiency> {
    let mut sums: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for point in points.iter().filter(|point| point.replicas > 0) {
        let (sum, count) = sums.entry(point.replicas).or_default();
        (*sum, *count) = (*sum + point.throughput, *count + 1.0);
    }
    let each = |(replicas, (sum, count)): (&u32, &(f64, f64))| (*replicas, sum / count);
    let Some((fewest, throughput)) = sums.first_key_value().map(each) else { return Vec::new() };
    let base = throughput / f64::from(fewest);
    let efficiency = |(replicas, throughput): (u32, f64)| Efficiency {
        replicas,
        throughput,
        efficiency: throughput / f64::from(replicas) / base,
    };
    sums.iter().map(each).map(efficiency).collect()
}
