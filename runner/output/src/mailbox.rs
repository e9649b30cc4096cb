// SPDX-License-Identifier: Apache-2.0
//! Hands intervals to an output that may be slower than the load.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use upsurge_engine::Interval;

/// Intervals that may wait. Whatever comes on top is merged into the last of them.
const CAPACITY: usize = 60;
/// About how much memory they may take before the same happens.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Intervals that wait for an output.
#[derive(Debug, Default)]
pub struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Shared with the mailboxes of other outputs.
    waiting: VecDeque<Arc<Interval>>,
    merged: u64,
    /// When the output has to be done; set when nothing more comes.
    until: Option<Instant>,
}

impl Mailbox {
    /// Puts an interval in. Never waits for the output.
    pub(super) fn post(&self, interval: &Arc<Interval>) {
        let mut state = self.state();
        let bytes: usize = state.waiting.iter().map(|waiting| waiting.metrics.bytes()).sum();
        let has_room = state.waiting.len() < CAPACITY && bytes + interval.metrics.bytes() <= MOST_BYTES;
        if has_room || state.waiting.is_empty() {
            state.waiting.push_back(Arc::clone(interval));
        } else {
            state.merged += 1;
            if let Some(last) = state.waiting.back_mut().map(Arc::make_mut) {
                last.to = interval.to;
                last.metrics.merge(&interval.metrics);
                last.losses.merge(&interval.losses);
            }
        }
        self.changed.notify_all();
    }

    /// Says that nothing more comes, and until when the output has to be done.
    pub(super) fn close(&self, until: Instant) {
        self.state().until = Some(until);
        self.changed.notify_all();
    }

    /// The next interval; waits for it. `None` when there are no more.
    pub(super) fn next(&self) -> Option<Arc<Interval>> {
        let state = self.state();
        let empty = |state: &mut State| state.waiting.is_empty() && state.until.is_none();
        let mut state = self.changed.wait_while(state, empty).unwrap_or_else(PoisonError::into_inner);
        state.waiting.pop_front()
    }

    /// Intervals that were merged into others.
    pub(super) fn merged(&self) -> u64 {
        self.state().merged
    }

    /// When the output has to be done, once nothing more comes.
    pub(super) fn until(&self) -> Option<Instant> {
        self.state().until
    }

    /// Waits for a time, but not longer than the output may take.
    pub(super) fn pause(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut state = self.state();
        loop {
            let end = state.until.map_or(end, |until| until.min(end));
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
