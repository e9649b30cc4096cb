// SPDX-License-Identifier: Apache-2.0
//! The figures, each with its formula. T is the length of the period that is known, d the demand, s the supply.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DemandSource, Figure};

/// Figures that depend on the demand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provisioning {
    /// (1/T)·∫(d−s)⁺dt, in replicas: how many were missing on average. BUNGEE.
    pub accuracy_under: Figure,
    /// (1/T)·∫(s−d)⁺dt, in replicas: how many were too many on average. BUNGEE.
    pub accuracy_over: Figure,
    /// θ_U = (100/T)·∫(d−s)⁺/d dt, in percent, 0 to 100: the share of the demand that was missing. SPEC RG.
    pub theta_under: Figure,
    /// θ_O = (100/T)·∫(s−d)⁺/d dt, in percent, without an upper bound: what was too much, by the demand. SPEC RG.
    pub theta_over: Figure,
    /// τ_U, percent of the time with s < d. SPEC RG.
    pub tau_under: Figure,
    /// τ_O, percent of the time with s > d. SPEC RG.
    pub tau_over: Figure,
    /// υ, percent of the steps of a grid over which s and d did not move in the same direction. SPEC RG. Its grid stands in
    /// [`Elasticity::grid`]: another one gives another number.
    pub upsilon: Figure,
    /// (E_S − E_D)/T per minute, E the replicas by which each went up and down: below 0 too sluggish, above 0 restless. BUNGEE.
    pub jitter: Figure,
    /// max s − max d, in replicas; below 0 if supply never got there.
    pub overshoot: Figure,
    /// The same in percent of max d.
    pub overshoot_percent: Figure,
    /// ∫s dt: what was paid for.
    pub replica_seconds: Figure,
    /// ∫d dt: what an ideal autoscaler would have used.
    pub ideal_replica_seconds: Figure,
    /// The one divided by the other; 1 is ideal.
    pub cost: Figure,
}

/// How long a scale-down waited after the demand had fallen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleDownDelay {
    /// How often demand fell and replicas followed.
    pub count: u64,
    /// How often nobody saw all of the time between.
    pub unknown: u64,
    /// Longest wait in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<f64>,
    /// Shortest wait in seconds. Below `window` something else than the autoscaler took replicas away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortest: Option<f64>,
    /// The autoscaler's window for scaling down in seconds, as it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<f64>,
    /// When demand fell, if nothing has followed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
}

/// All elasticity figures of a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Elasticity {
    /// The period.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Where the demand comes from.
    pub demand_source: DemandSource,
    /// The grid of υ, in seconds.
    pub grid: f64,
    /// By the demand as it is: what the service was short of, for whatever reason.
    pub unclamped: Provisioning,
    /// By the demand within the autoscaler's bounds: what the autoscaler could have done better.
    pub clamped: Provisioning,
    /// Longest time, in seconds, from a change of demand until supply stayed within one replica of it; of the demand within the
    /// autoscaler's bounds.
    pub settling: Figure,
    /// Whether supply was still on its way at the end.
    pub unsettled: bool,
    /// Changes of direction of `spec.replicas`: going up once and down once is one.
    pub direction_changes: Figure,
    /// Those of them that no change of demand in the same direction came before: flapping.
    pub flapping: Figure,
    /// How long scaling down waited.
    pub scale_down_delay: ScaleDownDelay,
    /// Percent of the time in which a threshold was not met.
    pub violations: Figure,
}
