// SPDX-License-Identifier: Apache-2.0
//! Elastic speedup: how much better an autoscaler is than another one, or than none, under the same load.
//!
//! ε = [(θ_U,n/θ_U,a)·(θ_O,n/θ_O,a)·(τ_U,n/τ_U,a)·(τ_O,n/τ_O,a)]^¼, n the baseline and a the autoscaler (SPEC RG Cloud). Above 1
//! is better.

use serde::{Deserialize, Serialize};

use super::Provisioning;

/// Percentages below this are taken for it, of both runs: a quotient with 0 says nothing.
const FLOOR: f64 = 0.1;

/// An elastic speedup.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speedup {
    /// ε.
    pub value: f64,
    /// How many of the eight percentages were below 0.1 % and taken for that; then the value is to be read with care.
    pub floored: u32,
}

/// The speedup against a baseline; `None` unless all eight figures are of their whole periods.
pub fn elastic_speedup(baseline: &Provisioning, autoscaler: &Provisioning) -> Option<Speedup> {
    let terms = |of: &Provisioning| [of.theta_under, of.theta_over, of.tau_under, of.tau_over];
    let (mut product, mut floored) = (1.0, 0);
    for (before, after) in terms(baseline).into_iter().zip(terms(autoscaler)) {
        let (before, after) = (before.whole()?, after.whole()?);
        floored += u32::from(before < FLOOR) + u32::from(after < FLOOR);
        product *= before.max(FLOOR) / after.max(FLOOR);
    }
    Some(Speedup { value: product.powf(0.25), floored })
}
