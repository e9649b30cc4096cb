// SPDX-License-Identifier: Apache-2.0
//! How well supply followed demand: the elasticity figures.
//!
//! Demand d(t) is the replicas that the measured load asks for, supply s(t) those that traffic goes to. Both are step functions;
//! integrals are exact between events. A [`Meter`] is fed each event as it comes and stays small however long a run is,
//! so the operator can keep it in the checkpoint; nothing is computed from a log that may have left something out. Formulas
//! are those of SPEC RG Cloud ("Ready for Rain?", arXiv:1604.03470) and of BUNGEE; each field says its own. Zero
//! is ideal for all percentages.
//!
//! [`crate::workload`] feeds it; `elasticity` of the status is made of [`Meter::figures`].

mod budget;
mod changes;
mod demand;
mod figure;
mod figures;
mod meter;
mod pace;
mod provision;
mod settling;
mod speedup;
#[cfg(test)]
mod tests;

pub use budget::{Budget, REACTION, in_seconds};
pub use demand::{CapacityError, Demand, DemandSource};
pub use figure::Figure;
pub use figures::{Elasticity, Provisioning, ScaleDownDelay};
pub use meter::{GRID, Meter};
pub use pace::{Pace, Policies};
pub use speedup::{Speedup, elastic_speedup};
