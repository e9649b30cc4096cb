// SPDX-License-Identifier: Apache-2.0
//! Replicas that a load asks for: d = demand(load). Never the autoscaler's `desiredReplicas`, which its own bounds, policies
//! and windows have cut already.

use serde::{Deserialize, Serialize};

/// How much fewer than a whole replica is none: 0.3 / 0.1 is 2.9999999999999996.
const HAIR: f64 = 1e-9;

/// Where the demand comes from; a verdict names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum DemandSource {
    /// A capacity search measured it: the best.
    Calibrated,
    /// `capacityPerReplica` of the spec.
    Declared,
    /// Nobody knows what a replica serves: figures that need a demand are unknown.
    None,
}

/// A capacity that is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CapacityError {
    /// Nothing can be divided by it.
    #[error("a replica must serve more than 0, not {0}")]
    NotPositive(f64),
    /// More replicas served less.
    #[error("capacity must rise with the replicas, and {1} after {0} does not")]
    Falls(f64, f64),
}

/// Demand as a function of the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Demand {
    /// `capacities[n - 1]` is the highest load that n replicas served.
    Calibrated {
        /// Rising.
        capacities: Vec<f64>,
    },
    /// Each replica serves this much.
    Declared {
        /// Above 0, in the unit of the load.
        capacity: f64,
    },
    /// Not known.
    None,
}

impl Demand {
    /// From what each replica serves.
    ///
    /// # Errors
    /// When that isn't above 0.
    pub fn declared(capacity: f64) -> Result<Self, CapacityError> {
        if capacity > 0.0 {
            Ok(Self::Declared { capacity })
        } else {
            Err(CapacityError::NotPositive(capacity))
        }
    }

    /// From the highest loads that 1, 2, 3 … replicas served.
    ///
    /// # Errors
    /// When the first isn't above 0, or one isn't above the one before.
    pub fn calibrated(capacities: Vec<f64>) -> Result<Self, CapacityError> {
        match capacities.first() {
            Some(first) if *first > 0.0 => {}
            first => return Err(CapacityError::NotPositive(first.copied().unwrap_or_default())),
        }
        match capacities
            .windows(2)
            .find(|pair| pair[1].partial_cmp(&pair[0]) != Some(std::cmp::Ordering::Greater))
        {
            Some(pair) => Err(CapacityError::Falls(pair[0], pair[1])),
            None => Ok(Self::Calibrated { capacities }),
        }
    }

    /// Where it comes from.
    pub fn source(&self) -> DemandSource {
        match self {
            Self::Calibrated { .. } => DemandSource::Calibrated,
            Self::Declared { .. } => DemandSource::Declared,
            Self::None => DemandSource::None,
        }
    }

    /// Replicas that a load asks for, at least 1; `None` if that isn't known. Beyond what was measured, each further replica is
    /// taken to serve as much as the average of all of those.
    pub fn replicas(&self, load: f64) -> Option<u32> {
        let replicas = match self {
            Self::None => return None,
            Self::Declared { capacity } => (load / capacity - HAIR).ceil(),
            Self::Calibrated { capacities } => {
                match capacities.iter().position(|served| load <= *served + HAIR) {
                    Some(index) => index as f64 + 1.0,
                    None => {
                        let measured = capacities.len() as f64;
                        (load / (capacities.last()? / measured) - HAIR).ceil().max(measured)
                    }
                }
            }
        };
        // Saturates, and turns what is no number into 0.
        Some((replicas as u32).max(1))
    }
}
