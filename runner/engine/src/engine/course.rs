// SPDX-License-Identifier: Apache-2.0
//! From the plan of a load to instants and back. They lie as far apart as planned, unless the load turns back: then a stretch of the plan
//! is left out, and what comes after it comes sooner. Whoever waits for something planned has to hear of that.

use std::time::{Duration, Instant};

use upsurge_core::plan::Skip;

use super::context::Context;

impl Context {
    /// The instant of what is planned for a time of the load.
    pub(crate) fn instant(&self, planned: Duration) -> Instant {
        self.start + self.skip.get().map_or(planned, |skip| skip.real(planned))
    }

    /// The time of the load for which was planned what is done at an instant.
    pub(super) fn planned(&self, at: Instant) -> Duration {
        let real = at.saturating_duration_since(self.start);
        self.skip.get().map_or(real, |skip| skip.planned(real))
    }

    /// The load turns back: this is left out, or what lies as far ahead from now on, if that is later. Told again, nothing happens.
    pub(super) fn turn(&self, skip: Skip) {
        let real = Instant::now().saturating_duration_since(self.start);
        if let Some(skip) = skip.heard(real).filter(|_| self.skip.get().is_none()) {
            self.skip.set(Some(skip));
            self.turned.notify_waiters();
        }
    }

    /// What of the plan is left out that something planned for a time is part of.
    pub(crate) fn left_out(&self, planned: Duration) -> Option<Skip> {
        self.skip.get().filter(|skip| skip.leaves_out(planned))
    }

    /// Waits for what is planned for a time of the load, or less long when the load is stopped. Of what is left out, until the load
    /// turns back.
    pub(crate) async fn wait_for(&self, planned: Duration) {
        self.wait_as_planned(|| self.instant(planned)).await;
    }

    /// Waits until an instant that may come sooner when the load turns back.
    pub(crate) async fn wait_as_planned(&self, until: impl Fn() -> Instant) {
        if self.may_turn && self.skip.get().is_none() {
            // On the heap: few loads turn back, and each user would keep the place.
            let heard = Box::pin(async {
                tokio::select! {
                    biased;
                    () = self.wait_to_start(until()) => {}
                    () = self.turned.notified() => {}
                }
            });
            heard.await;
        }
        self.wait_to_start(until()).await;
    }
}
