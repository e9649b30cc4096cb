// SPDX-License-Identifier: Apache-2.0
//! The operator's clock, as seen from here.
//!
//! Each exchange of stamps gives an offset that is wrong by at most half of its round trip; the one
//! with the shortest round trip is believed. Between exchanges the monotonic clock counts, so that a
//! step of this machine's wall clock moves nothing.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// An estimate of the operator's clock.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    anchor: Instant,
    anchor_nanoseconds: i64,
    best: Option<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    offset: i64,
    round_trip: i64,
}

impl Clock {
    /// A clock that knows only this machine's time.
    pub(super) fn new() -> Self {
        Self { anchor: Instant::now(), anchor_nanoseconds: nanoseconds(Timestamp::now()), best: None }
    }

    /// This machine's time, in nanoseconds since the epoch.
    pub(super) fn local(&self, at: Instant) -> i64 {
        let since = at.saturating_duration_since(self.anchor).as_nanos();
        let before = self.anchor.saturating_duration_since(at).as_nanos();
        self.anchor_nanoseconds + since as i64 - before as i64
    }

    /// Learns from an exchange: sent and answered by this machine's time, received and sent back by
    /// the operator's.
    pub(super) fn learn(&mut self, sent: i64, received: i64, sent_back: i64, answered: i64) {
        let round_trip = (answered - sent) - (sent_back - received);
        if round_trip >= 0 && self.best.is_none_or(|best| round_trip < best.round_trip) {
            let offset = ((received - sent) + (sent_back - answered)) / 2;
            self.best = Some(Sample { offset, round_trip });
        }
    }

    /// The instant at which the operator's clock shows `at`.
    pub(super) fn instant_of(&self, at: i64) -> Instant {
        let from_anchor = at - self.offset() - self.anchor_nanoseconds;
        let span = Duration::from_nanos(from_anchor.unsigned_abs());
        let instant =
            if from_anchor >= 0 { self.anchor.checked_add(span) } else { self.anchor.checked_sub(span) };
        instant.unwrap_or(self.anchor)
    }

    /// Operator's time less this machine's.
    pub(super) fn offset(&self) -> i64 {
        self.best.map_or(0, |best| best.offset)
    }

    /// How far off the estimate may be.
    pub(super) fn uncertainty(&self) -> Option<Duration> {
        self.best.map(|best| Duration::from_nanos(best.round_trip.unsigned_abs() / 2))
    }
}

fn nanoseconds(at: Timestamp) -> i64 {
    // Fits until the year 2262.
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchange_with_the_shortest_round_trip_is_believed() {
        let mut clock = Clock::new();
        let now = clock.local(Instant::now());
        // The operator is 5 s ahead. A slow exchange, all of whose delay is on the way there, …
        clock.learn(now, now + 5_000_000_000 + 80_000_000, now + 5_080_000_000, now + 80_000_000);
        assert_eq!(clock.offset(), 5_040_000_000);
        // … a quick one, and again a slow one.
        clock.learn(now, now + 5_000_100_000, now + 5_000_300_000, now + 400_000);
        clock.learn(now, now + 5_000_000_000, now + 5_000_000_000, now + 90_000_000);
        assert_eq!(clock.offset(), 5_000_000_000);
        assert_eq!(clock.uncertainty(), Some(Duration::from_micros(100)));
    }

    #[test]
    fn instants_and_operator_times_convert_into_each_other() {
        let mut clock = Clock::new();
        let now = Instant::now();
        let local = clock.local(now);
        clock.learn(local, local - 3_000_000_000, local - 3_000_000_000, local);
        let at = local - 3_000_000_000 + 400_000_000;
        assert_eq!(clock.instant_of(at), now + Duration::from_millis(400));
    }
}
