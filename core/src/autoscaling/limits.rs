// SPDX-License-Identifier: Apache-2.0
//! What kept the workload from growing further.

use std::fmt;

use jiff::Timestamp;

use super::{Observation, doubts::metrics_were_broken, outages::seen, replicas::Replicas};

/// What kept the workload from growing further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// The autoscaler could not read its metrics.
    Metrics,
    /// Pods of the workload found no node.
    Nodes,
    /// The autoscaler's upper bound.
    MaxReplicas,
    /// The autoscaler's scale-up policy.
    Policy,
}

impl Limit {
    /// Finds the limit of a load that lasted from `start` to `fall` and asked for `needed` replicas, which were
    /// there in time or not.
    pub(super) fn find(
        observation: &Observation,
        replicas: &Replicas,
        (start, fall): (Timestamp, Timestamp),
        needed: i32,
        in_time: bool,
    ) -> Option<Self> {
        let bound = observation.autoscaler.as_ref().map(|autoscaler| autoscaler.max_replicas);
        let at_bound = bound.is_some_and(|bound| replicas.most_desired() >= bound && needed > bound);
        let limited = |reason| seen(observation, "ScalingLimited", reason, start, fall);
        if metrics_were_broken(observation, start, fall) {
            Some(Self::Metrics)
        } else if observation.unschedulable && replicas.peak() < replicas.most_desired() {
            Some(Self::Nodes)
        } else if at_bound || limited("TooManyReplicas") {
            Some(Self::MaxReplicas)
        } else if !in_time && limited("ScaleUpLimit") {
            Some(Self::Policy)
        } else {
            None
        }
    }

    /// The limit with its number and its owner, for messages.
    pub(super) fn explain(self, observation: &Observation) -> String {
        let Some(autoscaler) = &observation.autoscaler else { return self.to_string() };
        let owner = format!("{}/{}", autoscaler.kind, autoscaler.name);
        match self {
            Self::MaxReplicas => format!("limited by maxReplicas {} of {owner}", autoscaler.max_replicas),
            Self::Policy => format!("limited by the scale-up policy of {owner}"),
            Self::Metrics => format!("{owner} could not read its metrics"),
            Self::Nodes => "limited by nodes: pods of the workload could not be scheduled".into(),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Metrics => "MetricsBroken",
            Self::Nodes => "Nodes",
            Self::MaxReplicas => "MaxReplicas",
            Self::Policy => "ScaleUpPolicy",
        })
    }
}
