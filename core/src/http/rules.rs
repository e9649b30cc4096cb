// SPDX-License-Identifier: Apache-2.0
//! Rules in which tools differ: what a timeout spans, where redirects lead, and what is sent again.
//!
//! They are settings of the engine and no fields of a spec. The default is what curl and k6 agree on, and where
//! they don't, what gives no failure away; who runs the tests of another tool sets that tool's rules.

use std::time::Duration;

/// Rules of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What the timeout of a request spans.
    pub timeout: TimeoutScope,
    /// How redirects are followed.
    pub redirects: RedirectRules,
    /// What is sent again.
    pub resend: ResendRules,
}

/// What the timeout of a request spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeoutScope {
    /// All messages of a request: redirects and answers to challenges have what is left of it.
    #[default]
    Request,
    /// Each message for itself.
    Message,
}

/// How redirects are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedirectRules {
    /// Which methods become GET.
    pub rewrites: RedirectRewrites,
    /// What a redirect beyond the limit is.
    pub beyond_limit: BeyondLimit,
}

/// Which methods become GET, with their body left out, when 301, 302 or 303 redirects them. HEAD never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectRewrites {
    /// All of them, as in k6.
    #[default]
    All,
    /// POST, and after 303 all others, as in browsers (RFC 9110 §15.4).
    PostUnlessSeeOther,
}

/// What a redirect beyond the limit is, unless the limit is zero: that asks for the redirect itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BeyondLimit {
    /// A failure, as in curl.
    #[default]
    Fails,
    /// The response, as in k6.
    IsResponse,
}

/// What is sent again over another connection, without being counted as a request of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendRules {
    /// Requests that met a connection which was just being closed, if their method is idempotent.
    pub stale: Option<Stale>,
    /// Requests that the server says, or the connection shows, were not looked at: GOAWAY, REFUSED_STREAM
    /// (RFC 9113 §8.7), whatever their method.
    pub unprocessed: bool,
    /// Most times for one request.
    pub most: u32,
}

/// When the end of a connection is taken for one that was on its way before the request: it was used before, not a
/// byte of the answer came, and the end came this soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Soon enough in any case.
    pub within: Duration,
    /// Or within so many times the least time to the first byte that the connection has shown.
    pub times_first_byte: u32,
}

impl Default for ResendRules {
    fn default() -> Self {
        let stale = Stale { within: Duration::from_millis(20), times_first_byte: 3 };
        Self { stale: Some(stale), unprocessed: true, most: 6 }
    }
}

impl Stale {
    /// Whether an end that came so long after sending began is one of a stale connection, which has shown that least
    /// time to the first byte.
    pub fn covers(&self, waited: Duration, least: Option<Duration>) -> bool {
        let known = least.map_or(Duration::ZERO, |least| least.saturating_mul(self.times_first_byte));
        waited <= self.within.max(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_end_that_comes_soon_is_that_of_a_stale_connection() {
        let stale = ResendRules::default().stale.unwrap();
        let ms = Duration::from_millis;
        for (waited, least, expected) in [
            (20, None, true),
            (21, None, false),
            (20, Some(1), true),
            (21, Some(1), false),
            (300, Some(100), true),
            (301, Some(100), false),
        ] {
            let covers = stale.covers(ms(waited), least.map(ms));
            assert_eq!(covers, expected, "{waited} ms with {least:?} ms to the first byte");
        }
    }
}
