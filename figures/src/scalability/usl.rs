// SPDX-License-Identifier: Apache-2.0
//! The Universal Scalability Law.

use serde::{Deserialize, Serialize};

use super::{
    Doubt, FEW, FitError, Point, counts,
    fieller::{around, not_negative, turned},
    linear_until, r_squared,
};
use crate::statistics::Interval;

/// A fit of X(N) = γ·N / (1 + α(N−1) + βN(N−1)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usl {
    /// α, contention: the share of the work that waits for the others. Not below 0.
    pub contention: Interval,
    /// β, coherency: what each pair of replicas costs. Not below 0.
    pub coherency: Interval,
    /// γ, the throughput of one replica.
    pub single: Interval,
    /// Share of the scatter of throughput that the fit explains; 1 is all.
    pub r_squared: f64,
    /// Most replicas of which each serves at least 90 % of what one alone does; at most twice what was measured.
    pub linear_until: u32,
    /// N* = √((1−α)/β), from which on more replicas serve less. Only stated if β is surely above 0 and N* is at most twice the most
    /// replicas that were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
    /// Why the fit is to be read with care.
    pub doubts: Vec<Doubt>,
}

impl Usl {
    /// C(N): as many times the throughput of one.
    pub fn capacity(contention: f64, coherency: f64, replicas: f64) -> f64 {
        replicas / (1.0 + contention * (replicas - 1.0) + coherency * replicas * (replicas - 1.0))
    }

    /// X(N) of the fit.
    pub fn throughput(&self, replicas: f64) -> f64 {
        self.single.estimate * Self::capacity(self.contention.estimate, self.coherency.estimate, replicas)
    }
}

/// Fits the law to measurements with at least three different counts and four measurements.
///
/// # Errors
/// When they can't carry a fit.
pub fn usl(points: &[Point]) -> Result<Usl, FitError> {
    let counts = counts(points, 3)?;
    let pairs = |replicas: f64| replicas * (replicas - 1.0);
    let free = turned(points, |n| [1.0, n - 1.0, pairs(n)]).ok_or(FitError::Scattered)?;
    let (alpha, beta) = free.quotient(1).zip(free.quotient(2)).ok_or(FitError::Scattered)?;
    let gamma = free.single().ok_or(FitError::Scattered)?;
    let [first, second, third] = free.coefficients;
    // Neither can be below 0: the best fit of those that are allowed has 0 instead.
    let (single, contention, coherency) = if second >= 0.0 && third >= 0.0 {
        (1.0 / first, second / first, third / first)
    } else {
        let two = |of: &dyn Fn(f64) -> f64| turned(points, |n| [1.0, of(n)]).ok_or(FitError::Scattered);
        let (only_alpha, only_beta) = (two(&|n| n - 1.0)?, two(&pairs)?);
        let quotient = |of: [f64; 2]| (1.0 / of[0], of[1] / of[0]);
        match (quotient(only_alpha.coefficients), quotient(only_beta.coefficients)) {
            ((single, alpha), _) if third < 0.0 && alpha >= 0.0 => (single, alpha, 0.0),
            (_, (single, beta)) if second < 0.0 && beta >= 0.0 => (single, 0.0, beta),
            _ => {
                let [mean] = turned(points, |_| [1.0]).ok_or(FitError::Scattered)?.coefficients;
                (1.0 / mean, 0.0, 0.0)
            }
        }
    };
    if !(single > 0.0 && single.is_finite()) {
        return Err(FitError::Scattered);
    }
    let mut doubts = Vec::new();
    if counts.len() < FEW {
        doubts.push(Doubt::FewPoints);
    }
    let highest = (1.0 - contention) / coherency;
    let too_far = highest.sqrt() > 2.0 * f64::from(counts.last().copied().unwrap_or(1));
    let peak = match beta.low > 0.0 {
        false => {
            doubts.push(Doubt::CoherencyUncertain);
            None
        }
        true if too_far => {
            doubts.push(Doubt::PeakTooFar);
            None
        }
        true => Some(highest.max(1.0).sqrt()),
    };
    if alpha.high < 0.0 || beta.high < 0.0 {
        doubts.push(Doubt::Superlinear);
    }
    Ok(Usl {
        contention: not_negative(alpha, contention),
        coherency: not_negative(beta, coherency),
        single: around(gamma, single),
        r_squared: r_squared(points, |n| single * Usl::capacity(contention, coherency, n)),
        linear_until: linear_until(&counts, |n| Usl::capacity(contention, coherency, n)),
        peak,
        doubts,
    })
}
