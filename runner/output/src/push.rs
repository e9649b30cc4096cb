// SPDX-License-Identifier: Apache-2.0
//! Pushes figures to a server: every few seconds, again when it fails, and never for longer than allowed.
//!
//! What is sent are totals since the start of the load, so that a push that got lost costs resolution
//! but no counts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use reqwest::{
    Client, StatusCode, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use tokio::runtime::{Builder, Runtime};
use upsurge_core::{http::Reach, metrics::Metrics};
use upsurge_engine::Interval;
use upsurge_http::tls;
use upsurge_prometheus::guard;

use super::{Mailbox, Output, OutputError};

/// Intervals are not exactly a second long: what is due so soon is pushed at once.
const NEARLY: Duration = Duration::from_millis(100);
/// Longest time for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for one push with all its attempts.
const PUSH_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after the first failure; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// What a Prometheus says that was not told to take native histograms.
const NEVER: &str = "native histograms are disabled";
/// Most that is kept of a server's words.
const LONGEST_WORDS: usize = 300;
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Puts figures into the form that a server takes.
pub(super) trait Encoder: Send + 'static {
    /// Headers of every message.
    const HEADERS: &'static [(&'static str, &'static str)];

    /// Whether it looks at what was recorded since the last push.
    fn looks_at_recent(&self) -> bool {
        false
    }

    /// Messages with the figures at an instant: the totals, and what was recorded since the last push.
    fn encode(&mut self, totals: &Metrics, since: &Metrics, at: Timestamp) -> Vec<Message>;
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) body: Vec<u8>,
    /// Samples in it.
    pub(super) samples: u64,
    /// What is in it, in words.
    pub(super) what: &'static str,
}

/// Pushes what an encoder makes.
pub(super) struct Pusher<E> {
    encoder: E,
    line: Line,
    /// Instant of the start of the load.
    start: Timestamp,
    /// Time between two pushes.
    every: Duration,
    /// End of what was pushed, from the start of the load.
    pushed: Duration,
    /// End of what was taken.
    taken: Duration,
    totals: Metrics,
    since: Metrics,
    delivered: u64,
    lost: u64,
}

impl<E: Encoder> Pusher<E> {
    /// Pushes every so often to a server. With rules for what may be reached, nothing else is, by no redirect either.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub(super) fn new(
        encoder: E,
        url: Url,
        mut headers: HeaderMap,
        start: Timestamp,
        every: Duration,
        reach: Option<Arc<Reach>>,
    ) -> Result<Self, OutputError> {
        for (name, value) in E::HEADERS {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Ok(Self {
            encoder,
            line: Line::new(url, headers, reach)?,
            start,
            every,
            pushed: Duration::ZERO,
            taken: Duration::ZERO,
            totals: Metrics::default(),
            since: Metrics::default(),
            delivered: 0,
            lost: 0,
        })
    }

    fn push(&mut self, mailbox: &Mailbox) -> Result<(), OutputError> {
        let messages = self.encoder.encode(&self.totals, &self.since, self.start + self.taken);
        self.pushed = self.taken;
        self.since = Metrics::default();
        let mut result = Ok(());
        let begun = Instant::now();
        for message in messages {
            match self.line.deliver(&message, begun, mailbox) {
                Ok(()) => self.delivered += message.samples,
                Err(error) => {
                    if self.lost == 0 {
                        // Said once and at once; the end tells how much it was.
                        tracing::warn!("{}: {error}", self.line.place());
                    }
                    self.lost += message.samples;
                    // The first one: what comes after it may fail only because of what it is.
                    result = result.and(Err(error));
                }
            }
        }
        result
    }
}

impl<E: Encoder> Output for Pusher<E> {
    fn take(&mut self, interval: &Interval, mailbox: &Mailbox) -> Result<(), OutputError> {
        self.totals.merge(&interval.metrics);
        if self.encoder.looks_at_recent() {
            self.since.merge(&interval.metrics);
        }
        self.taken = interval.to;
        if self.taken.saturating_sub(self.pushed) + NEARLY < self.every {
            return Ok(());
        }
        self.push(mailbox)
    }

    fn finish(&mut self, mailbox: &Mailbox) -> Result<(), OutputError> {
        if self.taken > self.pushed { self.push(mailbox) } else { Ok(()) }
    }

    fn delivered(&self) -> u64 {
        self.delivered
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}

/// The way to a server.
struct Line {
    runtime: Runtime,
    client: Client,
    url: Url,
    headers: HeaderMap,
    reach: Option<Arc<Reach>>,
}

/// Why one attempt failed.
enum Failure {
    /// It may work the next time.
    Passing(String),
    /// The same, and there was no connection.
    Away(String),
    /// It never will.
    Final(String),
}

impl Line {
    fn new(url: Url, headers: HeaderMap, reach: Option<Arc<Reach>>) -> Result<Self, OutputError> {
        let setup = |error: &dyn std::fmt::Display| OutputError::Setup(error.to_string());
        let runtime = Builder::new_current_thread().enable_all().build().map_err(OutputError::Thread)?;
        let tls = tls::client_config(tls::roots(), false).map_err(|error| setup(&error))?;
        let builder = reach.clone().map_or_else(Client::builder, guard::builder);
        let client = builder.tls_backend_preconfigured(tls).build().map_err(|error| setup(&error))?;
        Ok(Self { runtime, client, url, headers, reach })
    }

    /// The server, without what is secret in its URL.
    fn place(&self) -> String {
        let mut url = self.url.clone();
        // Fails only for URLs without host, which have no login either.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.set_query(None);
        url.to_string()
    }

    /// Sends a message, again if need be, until it has arrived or the time is up.
    fn deliver(&self, message: &Message, begun: Instant, mailbox: &Mailbox) -> Result<(), OutputError> {
        let what = message.what;
        if let Some(reach) = &self.reach
            && let Err(forbidden) = guard::check(&self.url, reach)
        {
            let (place, message) = (self.place(), forbidden.to_string());
            return Err(OutputError::Undelivered { place, what, message });
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let end = begun + PUSH_TIMEOUT;
            let end = mailbox.until().map_or(end, |until| until.min(end));
            let left = end.saturating_duration_since(Instant::now()).min(ATTEMPT_TIMEOUT);
            let failure = match self.attempt(message.body.clone(), left, mailbox) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let place = self.place();
            return Err(match failure {
                Failure::Passing(message) | Failure::Away(message) if Instant::now() + pause < end => {
                    tracing::debug!("{place}: {message}; trying again");
                    mailbox.pause(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
                Failure::Away(message) => OutputError::Unreachable { place, message },
                Failure::Passing(message) | Failure::Final(message) => {
                    OutputError::Undelivered { place, what, message }
                }
            });
        }
    }

    /// Tries once. An attempt that began before the end of the load is given up when the output has to be done, so that
    /// what it had is counted as lost.
    fn attempt(&self, body: Vec<u8>, within: Duration, mailbox: &Mailbox) -> Result<(), Failure> {
        let request =
            self.client.post(self.url.clone()).headers(self.headers.clone()).timeout(within).body(body);
        let attempt = async {
            let mut response = request.send().await.map_err(|error| match error.is_connect() {
                true => Failure::Away(chain(error)),
                false => Failure::Passing(chain(error)),
            })?;
            let status = response.status();
            if status.is_success() {
                return Ok(());
            }
            // Of an answer that may have no end, no more than its beginning.
            let mut words = Vec::new();
            while words.len() < LONGEST_WORDS
                && let Ok(Some(chunk)) = response.chunk().await
            {
                words.extend_from_slice(&chunk[..chunk.len().min(LONGEST_WORDS)]);
            }
            let words = String::from_utf8_lossy(&words);
            let words: String =
                words.trim().chars().filter(|c| !c.is_control()).take(LONGEST_WORDS).collect();
            let message = format!("it answered {status}: {words}");
            // Prometheus says so with status 500, and would hold up all else that is pushed.
            let passing = (status.is_server_error() && !words.contains(NEVER))
                || status == StatusCode::TOO_MANY_REQUESTS;
            Err(if passing { Failure::Passing(message) } else { Failure::Final(message) })
        };
        let ended = async {
            while mailbox.until().is_none_or(|until| Instant::now() < until) {
                tokio::time::sleep(NEARLY).await;
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                result = attempt => result,
                () = ended => Err(Failure::Passing("it did not answer until the end".to_owned())),
            }
        })
    }
}

/// An error with its causes, without the URL, which may hold a password.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
