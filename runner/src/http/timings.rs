//! How long each phase of a request takes.

use std::time::{Duration, Instant};

/// How long each phase of a request took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timings {
    /// When it began to ask for a connection.
    pub(crate) begun: Instant,
    /// When it first had one, and began to send.
    pub(crate) started: Option<Instant>,
    /// When its last byte was handed to the system.
    pub(crate) sent: Option<Instant>,
    /// When the head of the response was there.
    pub(crate) answered: Option<Instant>,
    /// When all was over.
    pub(crate) ended: Instant,
    /// TCP connect.
    pub(crate) connecting: Duration,
    /// TLS handshake.
    pub(crate) handshaking: Duration,
    /// How often it was sent again. All tries count as one, from the begin of the first.
    pub(crate) resent: u32,
}

impl Timings {
    /// Begins now, with everything still to come.
    pub(crate) fn begin() -> Self {
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
    pub(crate) fn blocked(&self) -> Duration {
        self.started.unwrap_or(self.ended).duration_since(self.begun)
    }

    /// Writing the request.
    pub(crate) fn sending(&self) -> Duration {
        between(self.started, self.sent)
    }

    /// From the request written to the head of the response, or to the end if there was none.
    pub(crate) fn waiting(&self) -> Duration {
        between(self.sent, Some(self.answered.unwrap_or(self.ended)))
    }

    /// From the begin to the head of the response; `None` without one.
    pub(crate) fn first_byte(&self) -> Option<Duration> {
        Some(self.answered?.saturating_duration_since(self.begun))
    }

    /// Reading the body.
    pub(crate) fn receiving(&self) -> Duration {
        between(self.answered, Some(self.ended))
    }

    /// From the begin of sending to the end; of a request that was never sent, from its begin.
    pub(crate) fn service(&self) -> Duration {
        self.ended.duration_since(self.started.unwrap_or(self.begun))
    }
}

fn between(from: Option<Instant>, to: Option<Instant>) -> Duration {
    from.zip(to).map_or(Duration::ZERO, |(from, to)| to.saturating_duration_since(from))
}
