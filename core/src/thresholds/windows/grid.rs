// SPDX-License-Identifier: Apache-2.0
//! Where windows begin and end.

use std::time::Duration;

use crate::{plan::Timeline, thresholds::rule::Rule};

/// Where windows begin and end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) origin: Duration,
    pub(super) end: Duration,
    pub(super) length: Duration,
    count: u32,
}

impl Grid {
    pub(super) fn new(rule: &Rule, length: Duration, timeline: &Timeline) -> Self {
        let stage = rule.target.selector.stage.as_deref().and_then(|name| timeline.stage(name));
        let (origin, end) =
            stage.map_or((Duration::ZERO, timeline.duration()), |stage| (stage.start, stage.end()));
        let length = length.max(Duration::from_millis(1));
        let whole = (end.saturating_sub(origin).as_nanos() / length.as_nanos()).max(1);
        Self { origin, end, length, count: u32::try_from(whole).unwrap_or(u32::MAX) }
    }

    pub(super) fn last(&self) -> u32 {
        self.count.saturating_sub(1)
    }

    fn at(&self, time: Duration) -> u32 {
        let number = time.saturating_sub(self.origin).as_nanos() / self.length.as_nanos();
        u32::try_from(number).unwrap_or(u32::MAX).min(self.last())
    }

    /// The window to which what comes from a time counts: the next one to be judged, if its own was.
    pub(super) fn place(&self, time: Duration, next: u32) -> u32 {
        self.at(time).max(next).min(self.last())
    }

    pub(super) fn begin(&self, window: u32) -> Duration {
        self.origin.saturating_add(self.length.saturating_mul(window))
    }

    /// End of a window; the last one also has what is left over.
    pub(super) fn finish(&self, window: u32) -> Duration {
        if window >= self.last() { self.end } else { self.begin(window + 1) }
    }
}
