// SPDX-License-Identifier: Apache-2.0
//! When the next message is due: the operator says how often, and runners take turns within that time, so that hundreds of
//! them don't all speak at once.

use std::{cell::Cell, time::Duration};

use upsurge_core::protocol::DELTA_INTERVAL;

/// Longest time between two messages, whatever the operator says: one that is silent for half a minute counts as lost.
const LONGEST: Duration = Duration::from_secs(10);
/// Part of that time after which one that has told all asks whether it is durable.
const ASKING: u32 = 4;

/// The pace of a runner.
#[derive(Debug)]
pub(super) struct Pace {
    runner: u32,
    /// In multiples of the time from one delta to the next.
    every: Cell<u32>,
    /// Number of the last delta.
    last: Cell<u64>,
    is_due: Cell<bool>,
}

impl Pace {
    /// That of a runner which was told nothing yet: a message for each delta.
    pub(super) fn of(runner: u32) -> Self {
        Self { runner, every: Cell::new(1), last: Cell::new(0), is_due: Cell::new(false) }
    }

    /// The operator says how many milliseconds lie between two messages.
    pub(super) fn learn(&self, milliseconds: u64) {
        let told = Duration::from_millis(milliseconds).clamp(DELTA_INTERVAL, LONGEST);
        self.every.set((told.as_millis() / DELTA_INTERVAL.as_millis()) as u32);
    }

    /// A delta has ended, so long after the start of the load; says whether a message is due.
    pub(super) fn note(&self, end: Duration) -> bool {
        let number = (end.as_secs_f64() / DELTA_INTERVAL.as_secs_f64()).round() as u64;
        // Not only when its number comes: on a busy machine deltas are late, and one may end where two should have.
        let turn = |number: u64| (number + u64::from(self.runner)) / u64::from(self.every.get().max(1));
        self.is_due.set(self.is_due.get() || turn(number) > turn(self.last.replace(number)));
        self.is_due.get()
    }

    /// Something can't wait, or has to be sent again.
    pub(super) fn hurry(&self) {
        self.is_due.set(true);
    }

    /// Whether a message is due; it is sent now.
    pub(super) fn take(&self) -> bool {
        self.is_due.replace(false)
    }

    /// Time between two questions whether the last words are durable.
    pub(super) fn ask_again(&self) -> Duration {
        DELTA_INTERVAL * self.every.get().max(1) / ASKING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runners_take_turns_within_the_time_that_they_are_told() {
        let due = |runner, milliseconds| {
            let pace = Pace::of(runner);
            pace.learn(milliseconds);
            let seconds = (1..=20).filter(|second| {
                pace.note(Duration::from_millis(second * 1_000 + 3));
                pace.take()
            });
            seconds.collect::<Vec<u64>>()
        };
        assert_eq!(due(0, 1_000).len(), 20);
        assert_eq!((due(0, 5_000), due(3, 5_000)), (vec![5, 10, 15, 20], vec![2, 7, 12, 17]));
        assert_eq!((due(0, 0).len(), due(7, 3_600_000)), (20, vec![3, 13]));
    }

    #[test]
    fn a_turn_is_not_missed_when_its_delta_is() {
        let pace = Pace::of(7);
        pace.learn(10_000);
        let due = [2_400, 4_600, 5_500, 12_400, 13_600, 14_500].map(|milliseconds| {
            pace.note(Duration::from_millis(milliseconds));
            pace.take()
        });
        assert_eq!(due, [false, true, false, false, true, false], "the third and the thirteenth never ended");
    }

    #[test]
    fn what_failed_or_is_the_last_is_due_at_once() {
        let pace = Pace::of(1);
        pace.learn(10_000);
        assert!(!pace.note(Duration::from_secs(1)) && !pace.take());
        pace.hurry();
        assert!(pace.take() && !pace.take());
        assert_eq!(pace.ask_again(), Duration::from_millis(2_500));
    }
}
