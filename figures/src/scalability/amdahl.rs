// SPDX-License-Identifier: Apache-2.0
//! Amdahl's law.

use serde::{Deserialize, Serialize};

use super::{
    Doubt, FEW, FitError, Point, counts,
    fieller::{around, not_negative, turned},
    linear_until, r_squared,
};
use crate::statistics::Interval;

/// A fit of X(N) = γ / (σ + (1−σ)/N).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amdahl {
    /// σ, the share of the work that can't be done side by side. Not below 0.
    pub serial: Interval,
    /// γ, the throughput of one replica.
    pub single: Interval,
    /// Share of the scatter of throughput that the fit explains; 1 is all.
    pub r_squared: f64,
    /// Most replicas of which each serves at least 90 % of what one alone does; at most twice what was measured.
    pub linear_until: u32,
    /// 1/σ: no number of replicas serves more than so many times what one does. Only stated if σ is surely above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Why the fit is to be read with care.
    pub doubts: Vec<Doubt>,
}

impl Amdahl {
    /// S(N) = 1 / (σ + (1−σ)/N): as many times the throughput of one.
    pub fn speedup(serial: f64, replicas: f64) -> f64 {
        1.0 / (serial + (1.0 - serial) / replicas)
    }

    /// X(N) of the fit.
    pub fn throughput(&self, replicas: f64) -> f64 {
        self.single.estimate * Self::speedup(self.serial.estimate, replicas)
    }
}

/// Fits the law to measurements with at least two different counts and three measurements.
///
/// # Errors
/// When they can't carry a fit.
pub fn amdahl(points: &[Point]) -> Result<Amdahl, FitError> {
    let counts = counts(points, 2)?;
    let free = turned(points, |n| [1.0, n - 1.0]).ok_or(FitError::Scattered)?;
    let (sigma, gamma) = free.quotient(1).zip(free.single()).ok_or(FitError::Scattered)?;
    let [first, second] = free.coefficients;
    let (single, serial) = if second >= 0.0 {
        (1.0 / first, second / first)
    } else {
        let [mean] = turned(points, |_| [1.0]).ok_or(FitError::Scattered)?.coefficients;
        (1.0 / mean, 0.0)
    };
    let mut doubts = Vec::new();
    if counts.len() < FEW {
        doubts.push(Doubt::FewPoints);
    }
    if sigma.high < 0.0 {
        doubts.push(Doubt::Superlinear);
    }
    Ok(Amdahl {
        serial: not_negative(sigma, serial),
        single: around(gamma, single),
        r_squared: r_squared(points, |n| single * Amdahl::speedup(serial, n)),
        linear_until: linear_until(&counts, |n| Amdahl::speedup(serial, n)),
        limit: (sigma.low > 0.0).then(|| 1.0 / serial),
        doubts,
    })
}
