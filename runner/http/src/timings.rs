// SPDX-License-Identifier: Apache-2.0
//! How long each phase of a request takes.

use std::time::{Duration, Instant};

/// How long each phase of a request took.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// When it began to ask for a connection.
    pub begun: Instant,
    /// When it first had one, and began to send.
    pub started: Option<Instant>,
    /// When its last byte was handed to the system.
    pub sent: Option<Instant>,
    /// When the head of the response was there.
    pub answered: Option<Instant>,
    /// When all was over.
    pub ended: Instant,
    /// TCP connect.
    pub connecting: Duration,
    /// TLS handshake.
    pub handshaking: Duration,
    /// How often it was sent again. All tries count as one, from the begin of the first.
    pub resent: u32,
}

impl Timings {
    /// Begins now, with everything still to come.
    pub fn begin() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            started: None,
            sent: None,
            answered: None,
            ended: now,
            connecting: Duration::ZERO,
            handshaking: Duration::ZERO,
            resent: 0,
        }
    }

    /// Wait for a connection.
    pub fn blocked(&self) -> Duration {
        self.started.unwrap_or(self.ended).duration_since(self.begun)
    }

    /// Writing the request.
    pub fn sending(&self) -> Duration {
        between(self.started, self.sent)
    }

    /// From the request written to the head of the response, or to the end if there was none.
    pub fn waiting(&self) -> Duration {
        between(self.sent, Some(self.answered.unwrap_or(self.ended)))
    }

    /// From the begin to the head of the response; `None` without one.
    pub fn first_byte(&self) -> Option<Duration> {
        Some(self.answered?.saturating_duration_since(self.begun))
    }

    /// Reading the body.
    pub fn receiving(&self) -> Duration {
        between(self.answered, Some(self.ended))
    }

    /// From the begin of sending to the end; of a request that was never sent, from its begin.
    pub fn service(&self) -> Duration {
        self.ended.duration_since(self.started.unwrap_or(self.begun))
    }
}

fn between(from: Option<Instant>, to: Option<Instant>) -> Duration {
    from.zip(to).map_or(Duration::ZERO, |(from, to)| to.saturating_duration_since(from))
}
