// SPDX-License-Identifier: Apache-2.0
//! A connection as those behind the door see it: how it is spoken over, and until when it may stay.
//!
//! It stays for a short time until the first request of a runner is let in over it, and from then on as long as such
//! requests come. What else goes over it counts for nothing: a byte now and then must not keep a place.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::Waker,
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::request::Parts,
};
use futures::task::AtomicWaker;
use tokio::time::Instant;

/// Longest time from one request that was let in to the next. Runners speak every ten seconds at least, and are answered within
/// some twenty.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// How somebody speaks to the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Readable by whoever is in between.
    Plain,
    /// By TLS.
    Tls,
}

/// A connection; clones share it.
#[derive(Clone, Debug)]
pub struct Line {
    shared: Arc<Shared>,
}

/// The same for those who don't need it to be there.
#[derive(Clone, Debug)]
pub struct Glimpse {
    shared: Weak<Shared>,
}

#[derive(Debug)]
struct Shared {
    transport: Transport,
    stay: Mutex<Stay>,
    connection: AtomicWaker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    /// Nobody was let in over it.
    Stranger(Instant),
    /// A runner was.
    Runner(Instant),
    Over,
}

impl Line {
    /// One over which somebody has to be let in until then.
    pub fn new(transport: Transport, until: Instant) -> Self {
        let stay = Mutex::new(Stay::Stranger(until));
        Self { shared: Arc::new(Shared { transport, stay, connection: AtomicWaker::new() }) }
    }

    /// How it is spoken over.
    pub fn transport(&self) -> Transport {
        self.shared.transport
    }

    /// Until when it may stay, as things are; `None` if it may not.
    pub fn until(&self) -> Option<Instant> {
        match *self.stay() {
            Stay::Stranger(until) | Stay::Runner(until) => Some(until),
            Stay::Over => None,
        }
    }

    /// Whether it may stay, and nobody was let in over it.
    pub fn is_stranger(&self) -> bool {
        matches!(*self.stay(), Stay::Stranger(_))
    }

    /// A request of a runner was let in over it.
    pub fn let_in(&self) {
        let mut stay = self.stay();
        if *stay != Stay::Over {
            *stay = Stay::Runner(Instant::now() + LONGEST_SILENCE);
        }
    }

    /// It may not stay any longer.
    pub fn end(&self) {
        *self.stay() = Stay::Over;
        self.shared.connection.wake();
    }

    /// Whom to wake when it may not stay any longer.
    pub fn wake_at_end(&self, waker: &Waker) {
        self.shared.connection.register(waker);
    }

    /// Whether both are one.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// For who keeps a list of them.
    pub fn glimpse(&self) -> Glimpse {
        Glimpse { shared: Arc::downgrade(&self.shared) }
    }

    fn stay(&self) -> MutexGuard<'_, Stay> {
        self.shared.stay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Glimpse {
    /// The connection, if it is still there.
    pub fn line(&self) -> Option<Line> {
        self.shared.upgrade().map(|shared| Line { shared })
    }
}

/// What is not known to have come by TLS has not.
impl<S: Send + Sync> FromRequestParts<S> for Line {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let known = parts.extensions.get::<ConnectInfo<Self>>().map(|ConnectInfo(line)| line.clone());
        Ok(known.unwrap_or_else(|| Self::new(Transport::Plain, Instant::now() + LONGEST_SILENCE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_for_a_while_and_longer_once_a_runner_was_let_in_over_it() {
        let first = Instant::now() + Duration::from_secs(10);
        let line = Line::new(Transport::Tls, first);
        assert!(line.is_stranger() && line.until() == Some(first));
        for _ in 0..3 {
            let before = Instant::now();
            line.let_in();
            let until = line.until().unwrap();
            assert!(!line.is_stranger());
            assert!(before + LONGEST_SILENCE <= until && until <= Instant::now() + LONGEST_SILENCE);
        }
        let glimpse = line.glimpse();
        line.end();
        line.let_in();
        assert!(line.until().is_none() && !line.is_stranger(), "over is over");
        assert!(glimpse.line().is_some_and(|same| same.is(&line)));
        drop(line);
        assert!(glimpse.line().is_none());
    }
}
