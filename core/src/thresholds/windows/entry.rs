// SPDX-License-Identifier: Apache-2.0
//! One threshold with windows: how a window is judged, and which of several was the worst.

use std::time::Duration;

use super::{
    course::{Course, Worst},
    grid::Grid,
};
use crate::{
    comparison::Comparison,
    metrics::Sink,
    plan::Timeline,
    thresholds::{
        condition::Aggregation,
        parts::Source,
        rule::{Observed, Rule},
    },
};

/// A threshold with windows, ready to take samples.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) index: usize,
    pub(super) rule: Rule,
    pub(super) grid: Grid,
    /// Time from the start of the load in which a breach does not stop the run.
    pub(super) delay: Duration,
}

impl Entry {
    pub(super) fn holds(&self, observed: &Observed) -> bool {
        self.rule.condition.holds(observed.value)
    }

    pub(super) fn observe(
        &self,
        window: u32,
        sink: &Sink,
        source: Source<'_>,
        timeline: &Timeline,
        elapsed: Duration,
    ) -> Option<Observed> {
        let time = self.grid.finish(window).min(elapsed).saturating_sub(self.grid.begin(window));
        self.rule.of(sink, time, source, timeline, elapsed)
    }

    /// Judges an open window and forgets its samples.
    pub(super) fn judge(
        &self,
        course: &mut Course,
        window: u32,
        source: Source<'_>,
        timeline: &Timeline,
        elapsed: Duration,
    ) {
        let Some(sink) = course.open.remove(&window) else { return };
        course.next = course.next.max(window.saturating_add(1));
        let Some(observed) = self.observe(window, &sink, source, timeline, elapsed) else { return };
        course.judged += 1;
        if !self.holds(&observed) {
            course.breached += 1;
            course.stops |= self.grid.finish(window) >= self.delay;
        }
        if course.worst.is_none_or(|worst| self.is_worse(observed.value, worst.value)) {
            course.worst = Some(Worst { window, value: observed.value, parts: observed.parts });
        }
    }

    /// Judges what is left at the end. A window that was cut short is judged if at least half of it has passed, or if
    /// there is no other: a moment says too little. A sum says nothing unless its window is whole.
    pub(super) fn finish(
        &self,
        course: &mut Course,
        source: Source<'_>,
        timeline: &Timeline,
        elapsed: Duration,
    ) {
        let open: Vec<u32> = course.open.keys().copied().collect();
        for window in open {
            let whole = self.grid.finish(window) <= elapsed;
            let passed = elapsed.saturating_sub(self.grid.begin(window));
            let telling =
                passed >= self.grid.length / 2 && self.rule.condition.aggregation != Aggregation::Count;
            if whole || telling || course.judged == 0 {
                self.judge(course, window, source, timeline, elapsed);
            }
        }
    }

    /// Whether a value is farther from what is asked for than another.
    fn is_worse(&self, value: f64, other: f64) -> bool {
        let off = |value: f64| (value - self.rule.condition.limit).abs();
        match self.rule.condition.comparison {
            Comparison::Less | Comparison::AtMost => value > other,
            Comparison::More | Comparison::AtLeast => value < other,
            Comparison::Equal => off(value) > off(other),
            Comparison::NotEqual => off(value) < off(other),
        }
    }
}
