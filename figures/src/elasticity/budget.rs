// SPDX-License-Identifier: Apache-2.0
//! How long a HorizontalPodAutoscaler may take by its own settings: defaults of tolerances.
//!
//! Kubernetes' own end-to-end tests allow the same for its reaction (`test/e2e/autoscaling`).

use std::time::Duration;

use super::Pace;

/// Until a HorizontalPodAutoscaler has seen a change of load and acted on it: 30 s of a window of metrics, 30 s of the one
/// before, 15 s until new pods have metrics, 15 s between two looks, 10 s to act.
pub const REACTION: Duration = Duration::from_secs(30 + 30 + 15 + 15 + 10);

/// What an autoscaler's settings make it take, part by part. Parts are whole seconds, rounded up, so that their sum is what
/// it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Until the load asks for those replicas: a ramp is not the autoscaler's time.
    pub load: Duration,
    /// `stabilizationWindowSeconds` of the direction.
    pub window: Duration,
    /// The steps by which its policies let it get there.
    pub pace: Pace,
    /// Until a new pod serves: of a scale-up, the 95th percentile of what was seen; else nothing.
    pub pods: Duration,
}

impl Budget {
    /// The longest that it may take, from the change of the load on: all parts, and its reaction.
    pub fn longest(&self) -> Duration {
        let further = [self.pace.length, REACTION, self.pods];
        let begin = self.load.saturating_add(self.window);
        further.into_iter().fold(begin, Duration::saturating_add)
    }
}

/// A part of a budget in whole seconds.
pub fn in_seconds(part: Duration) -> Duration {
    Duration::from_secs(part.as_secs().saturating_add(u64::from(part.subsec_nanos() > 0)))
}
