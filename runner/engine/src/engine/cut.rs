// SPDX-License-Identifier: Apache-2.0
//! Work that is cut off at an instant.
//!
//! Work that goes on after each response would have the clock read each time to see that the end is far away.
//! Only the core's timer, a stop and a turn of the load bring the end nearer, so only they are heeded.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::{Duration, Instant},
};

use upsurge_core::losses::LossKind;

use super::context::Context;

impl Context {
    /// Does work until it is done, until a time of the planned load, or until some time after the load is stopped. The work stands
    /// where the caller has it: handed over, it would be in each user's memory twice.
    pub(crate) async fn cut_off(
        &self,
        at: Duration,
        graceful_stop: Duration,
        mut work: Pin<&mut impl Future<Output = ()>>,
    ) {
        let mut end = pin!(self.wait_to_cut(at, graceful_stop));
        let mut heeded = None;
        poll_fn(|task| {
            if work.as_mut().poll(task).is_ready() {
                return Poll::Ready(());
            }
            let news = Some((self.timer.rings(), self.stopping(), self.skip.get().is_some()));
            if heeded == news {
                return Poll::Pending;
            }
            heeded = news;
            end.as_mut().poll(task)
        })
        .await;
    }

    /// Whether a request that was cut off after a time had all of the graceful stop: of loads with different ones, the
    /// longest.
    pub(crate) fn is_unanswered(&self, waited: Duration) -> bool {
        let longest = self.loads().iter().map(|load| load.graceful_stop).max().unwrap_or_default();
        // A hair less counts as all of it, as where it is decided whether the request has failed.
        !longest.is_zero() && waited >= longest.mul_f64(0.997)
    }

    /// Notes when a request was under way that was lost.
    pub(crate) fn lost(&self, begun: Instant, ended: Instant, kind: LossKind) {
        let from_start = |instant: Instant| instant.saturating_duration_since(self.start);
        self.recorder.borrow_mut().losses.record(from_start(begun), from_start(ended), kind);
    }

    /// Waits until iterations under way must be cut: at a time of the planned load, or some time after the load is stopped.
    pub(crate) async fn wait_to_cut(&self, at: Duration, graceful_stop: Duration) {
        self.wait_for(at).await;
        if let Some(stopped) = self.stopped() {
            self.timer.wait_until(self.instant(at).min(stopped + graceful_stop)).await;
        }
    }
}
