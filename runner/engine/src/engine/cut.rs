//! Work that is cut off at an instant.
//!
//! Work that goes on after each response would have the clock read each time to see that the end is far away.
//! Only the core's timer and a stop bring the end nearer, so only they are heeded.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::{Duration, Instant},
};

use super::context::Context;

impl Context {
    /// Does work until it is done, until an instant, or until some time after the load is stopped. The work stands
    /// where the caller has it: handed over, it would be in each user's memory twice.
    pub(crate) async fn cut_off(
        &self,
        at: Instant,
        graceful_stop: Duration,
        mut work: Pin<&mut impl Future<Output = ()>>,
    ) {
        let mut end = pin!(self.wait_to_cut(at, graceful_stop));
        let mut heeded = None;
        poll_fn(|task| {
            if work.as_mut().poll(task).is_ready() {
                return Poll::Ready(());
            }
            let news = Some((self.timer.rings(), self.stopping()));
            if heeded == news {
                return Poll::Pending;
            }
            heeded = news;
            end.as_mut().poll(task)
        })
        .await;
    }

    /// Waits until iterations under way must be cut: at an instant, or some time after the load is stopped.
    pub(crate) async fn wait_to_cut(&self, at: Instant, graceful_stop: Duration) {
        self.wait_to_start(at).await;
        if let Some(stopped) = self.stopped() {
            self.timer.wait_until(at.min(stopped + graceful_stop)).await;
        }
    }
}
