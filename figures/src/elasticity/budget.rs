// SPDX-License-Identifier: Apache-2.0
//! How long a HorizontalPodAutoscaler may take by its own settings: defaults of tolerances.
//!
//! Kubernetes' own end-to-end tests allow the same for its reaction (`test/e2e/autoscaling`).

use std::time::Duration;

/// Until a HorizontalPodAutoscaler has seen a change of load and acted on it: 30 s of a window of metrics, 30 s of the one
/// before, 15 s until new pods have metrics, 15 s between two looks, 10 s to act.
pub const REACTION: Duration = Duration::from_secs(30 + 30 + 15 + 15 + 10);

/// What an autoscaler's settings make it take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// `stabilizationWindowSeconds` of the direction.
    pub window: Duration,
    /// Steps that its policy needs to get there; the first one comes at once.
    pub steps: u32,
    /// The policy's period.
    pub period: Duration,
    /// Until a new pod is ready: of a scale-up, the 95th percentile of what was seen; else nothing.
    pub pods: Duration,
}

impl Budget {
    /// The longest that it may take: `window + (steps − 1) · period + reaction + pods`.
    pub fn longest(&self) -> Duration {
        let further = self.period.saturating_mul(self.steps.saturating_sub(1));
        self.window.saturating_add(further).saturating_add(REACTION).saturating_add(self.pods)
    }

    /// The shortest: nothing may happen within the window.
    pub fn shortest(&self) -> Duration {
        self.window
    }
}
