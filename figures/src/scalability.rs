// SPDX-License-Identifier: Apache-2.0
//! What more replicas bring: fits of the Universal Scalability Law and of Amdahl's law to measured throughput.
//!
//! USL (Gunther): X(N) = γ·N / (1 + α(N−1) + βN(N−1)), α contention, β coherency, γ what one replica serves. Amdahl: the same
//! with β = 0. Both become straight lines when turned around: N/X = 1/γ + (α/γ)(N−1) + (β/γ)N(N−1). So they are fitted by
//! linear least squares, with weights 1/(N/X)² since throughput is off by percents, and α and β are quotients of coefficients, of
//! which Fieller's theorem gives the 95 % interval: exact but for the weights, where the usual ± of a nonlinear fit is
//! not.
//!
//! A test of scalability (`core::epochs`) feeds one point per measurement: the throughput of a load that met the thresholds.
//! Points for which the generator was the limit don't belong in here.

mod amdahl;
mod efficiency;
mod fieller;
#[cfg(test)]
mod published;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod usl;

pub use amdahl::{Amdahl, amdahl};
pub use efficiency::{Efficiency, efficiencies, sublinear_from};
pub use usl::{Usl, usl};

use serde::{Deserialize, Serialize};

/// Different counts of replicas below which a fit is to be doubted.
const FEW: usize = 6;
/// Share of a perfect throughput down to which scaling is called linear.
const LINEAR: f64 = 0.9;

/// Throughput with a count of replicas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Replicas, at least 1.
    pub replicas: u32,
    /// Requests per second, above 0.
    pub throughput: f64,
}

/// Why there is no fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// A point that can't be.
    #[error("{replicas} replicas with a throughput that is not above 0 can't be part of a fit")]
    Point {
        /// Its replicas.
        replicas: u32,
    },
    /// Too few points for as many unknowns.
    #[error(
        "a fit needs {needed} different counts of replicas and one measurement more than that; there are {counts} counts and {points} measurements"
    )]
    TooFew {
        /// Different counts that are needed.
        needed: usize,
        /// Different counts.
        counts: usize,
        /// Measurements.
        points: usize,
    },
    /// The points don't say what one replica serves.
    #[error(
        "the measurements scatter so much that not even the throughput of one replica can be told from nothing"
    )]
    Scattered,
}

/// Why a fit is to be read with care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Doubt {
    /// Fewer than six different counts of replicas.
    FewPoints,
    /// The interval of β holds 0: there may be no peak at all.
    CoherencyUncertain,
    /// The peak would be at more than twice the most replicas that were measured.
    PeakTooFar,
    /// More replicas served more than their share: something else changed between the measurements.
    Superlinear,
}

/// Checks points; the different counts, ascending.
fn counts(points: &[Point], needed: usize) -> Result<Vec<u32>, FitError> {
    if let Some(point) = points
        .iter()
        .find(|point| point.replicas == 0 || !(point.throughput > 0.0 && point.throughput.is_finite()))
    {
        return Err(FitError::Point { replicas: point.replicas });
    }
    let mut counts: Vec<u32> = points.iter().map(|point| point.replicas).collect();
    counts.sort_unstable();
    counts.dedup();
    if counts.len() < needed || points.len() <= needed {
        return Err(FitError::TooFew { needed, counts: counts.len(), points: points.len() });
    }
    Ok(counts)
}

/// Share of the scatter of throughput that a fit explains; 0 if there is none.
fn r_squared(points: &[Point], fitted: impl Fn(f64) -> f64) -> f64 {
    let mean = points.iter().map(|point| point.throughput).sum::<f64>() / points.len() as f64;
    let squares = |of: &dyn Fn(&Point) -> f64| {
        points.iter().map(|point| (point.throughput - of(point)).powi(2)).sum::<f64>()
    };
    let all = squares(&|_| mean);
    if all > 0.0 { 1.0 - squares(&|point| fitted(f64::from(point.replicas))) / all } else { 0.0 }
}

/// The most replicas, up to twice the measured range, of which each serves at least 90 % of what one alone does.
fn linear_until(counts: &[u32], capacity: impl Fn(f64) -> f64) -> u32 {
    let most = counts.last().copied().unwrap_or(1).saturating_mul(2);
    // Efficiency only falls, so the last one can be found by halving.
    let (mut low, mut high) = (1, most.saturating_add(1));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let replicas = f64::from(middle);
        if capacity(replicas) / replicas >= LINEAR { low = middle } else { high = middle }
    }
    low
}
