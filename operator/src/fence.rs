// SPDX-License-Identifier: Apache-2.0
//! Whether this operator may write: only while it holds the lease, and under the lease's term.
//!
//! Everything that changes the cluster asks here first. An operator that was held up (a machine that slept, a process
//! that was stopped) finds its time run out by its own clock before anybody has told it so. What is under way at
//! that moment is caught by resource version and term when a status is written.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Why this operator may not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLeading {
    /// It never led so far.
    #[error("this operator does not lead")]
    Waiting,
    /// It led, and the lease was lost or given back.
    #[error("this operator does not lead any more")]
    Lost,
    /// It led, and could not renew the lease in time.
    #[error("this operator has not renewed its lease in time; another one may lead by now")]
    Expired,
}

#[derive(Clone, Copy, Debug, Default)]
enum Standing {
    #[default]
    Waiting,
    Leading {
        term: i64,
        /// Since when, under this term and without a break.
        since: Instant,
        until: Instant,
    },
    Lost,
}

/// How this operator stands; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Fence {
    standing: Arc<Mutex<Standing>>,
}

impl Fence {
    /// The lease was taken or renewed; it is sure until then. One that was lost stays lost.
    pub fn held(&self, term: i64, until: Instant) {
        let mut standing = self.lock();
        let since = match *standing {
            Standing::Lost => return,
            // Meanwhile it may have been cut off.
            Standing::Leading { term: known, since, until } if known == term && Instant::now() < until => {
                since
            }
            _ => Instant::now(),
        };
        *standing = Standing::Leading { term, since, until };
    }

    /// For how long this operator has led without a break; not at all if it does not.
    pub fn led_for(&self) -> Duration {
        match *self.lock() {
            Standing::Leading { since, .. } => since.elapsed(),
            Standing::Waiting | Standing::Lost => Duration::ZERO,
        }
    }

    /// The lease is lost or given back, for good: whoever wants it again starts anew.
    pub fn lose(&self) {
        *self.lock() = Standing::Lost;
    }

    /// The term under which this operator may write now.
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self) -> Result<i64, NotLeading> {
        match *self.lock() {
            Standing::Waiting => Err(NotLeading::Waiting),
            Standing::Leading { until, .. } if Instant::now() >= until => Err(NotLeading::Expired),
            Standing::Leading { term, .. } => Ok(term),
            Standing::Lost => Err(NotLeading::Lost),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_goes_on_with_the_lead_and_another_term_begins_a_new_one() {
        let fence = Fence::default();
        assert_eq!(fence.led_for(), Duration::ZERO);
        let later = Instant::now() + Duration::from_secs(60);
        fence.held(7, later);
        std::thread::sleep(Duration::from_millis(20));
        fence.held(7, later);
        assert!(fence.led_for() >= Duration::from_millis(20));
        let before = Instant::now();
        fence.held(8, later);
        assert!(fence.led_for() <= before.elapsed(), "another term");
        fence.held(8, Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let before = Instant::now();
        fence.held(8, later);
        assert!(fence.led_for() <= before.elapsed(), "it had not renewed in time");
        fence.lose();
        assert_eq!(fence.led_for(), Duration::ZERO);
    }

    #[test]
    fn only_who_holds_the_lease_in_time_may_write() {
        let fence = Fence::default();
        assert_eq!(fence.check(), Err(NotLeading::Waiting));
        let later = Instant::now() + Duration::from_secs(60);
        fence.held(7, Instant::now());
        assert_eq!(fence.check(), Err(NotLeading::Expired));
        fence.held(7, later);
        assert_eq!(fence.clone().check(), Ok(7));
        fence.lose();
        fence.held(8, later);
        assert_eq!(fence.check(), Err(NotLeading::Lost), "a renewal that comes late changes nothing");
    }
}
