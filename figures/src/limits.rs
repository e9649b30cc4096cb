// SPDX-License-Identifier: Apache-2.0
//! What kept the workload from having the replicas that the load asked for, from when to when, by what evidence, and what to
//! change.
//!
//! A [`Watch`] is fed each event, as the elasticity meter is, and stays small. At each moment at which demand exceeds supply
//! exactly one [`Limit`] is in force, by the rules in `in_force.rs`. `limitedBy` and `limits[]` of the run's status are made of
//! [`Limits`], and `recommendation` of [`recommend`].

mod in_force;
mod recommendation;
#[cfg(test)]
mod tests;
mod watch;

pub use in_force::READINESS_PATIENCE;
pub use recommendation::{Facts, Recommendation, recommend};
pub use watch::{Limits, Stretch, Watch};

use serde::{Deserialize, Serialize};

/// What limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Limit {
    /// The autoscaler's upper bound.
    MaxReplicas,
    /// The autoscaler's policy for scaling up.
    ScaleUpPolicy,
    /// The autoscaler's stabilization window for scaling up.
    Stabilization,
    /// Pods use all of their CPU limit, so that the autoscaler sees less than there is to do.
    CPULimit,
    /// No node has room for a pod.
    Nodes,
    /// A quota forbids a pod.
    Quota,
    /// The autoscaler can't read its metrics.
    MetricsBroken,
    /// An image can't be pulled.
    ImagePull,
    /// Pods have started and are long not ready.
    Readiness,
    /// Nothing of these: the time that an autoscaler and pods take.
    None,
}
