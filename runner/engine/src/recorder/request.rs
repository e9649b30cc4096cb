// SPDX-License-Identifier: Apache-2.0
//! The series of one request within one stage: one set of figures per status code, and where there is none, per
//! error code.
//!
//! Nearly all responses of a request have the same status, so the sets are a short list in the order in which
//! statuses first came, and the first look finds the right one. The list is bounded: a server that makes up
//! status codes can't make the generator grow.

use std::time::{Duration, Instant};

use upsurge_core::metrics::{Metrics, Sink, Tags, Trend, names};
use upsurge_http::{
    error::{ErrorKind, TransportError},
    timings::Timings,
};

use super::key;
use crate::program::Request;

/// Most statuses of a request that are told apart; what comes after them is counted without a status.
const MOST_STATUSES: usize = 16;

/// What is recorded of a request.
pub(crate) struct Sample<'a> {
    /// Its phases.
    pub(crate) timings: &'a Timings,
    /// Service time; the timeout for a request that was not complete in time.
    pub(crate) duration: Duration,
    /// From its intended start to its end.
    pub(crate) response_time: Duration,
    /// Whether it counts as failed.
    pub(crate) failed: bool,
    /// Status of the response; 0 without one.
    pub(crate) status: u16,
    /// What went wrong on the way.
    pub(crate) error: Option<ErrorKind>,
    /// k6's code of what went wrong, on the way or at the server; 0 when nothing did.
    pub(crate) code: u16,
    /// Bytes sent and received.
    pub(crate) traffic: (u64, u64),
}

impl<'a> Sample<'a> {
    /// A request that could not be put together, and so was never sent.
    pub(crate) fn unsent(timings: &'a Timings, intended: Instant, error: &TransportError) -> Self {
        Self {
            timings,
            duration: Duration::ZERO,
            response_time: timings.ended.saturating_duration_since(intended),
            failed: true,
            status: 0,
            error: Some(error.kind()),
            code: error.code(),
            traffic: (0, 0),
        }
    }
}

/// Times that are nearly always zero: those are counted, the others recorded.
#[derive(Debug, Default)]
struct Rare {
    zeros: u64,
    others: Option<Box<Trend>>,
}

impl Rare {
    fn record(&mut self, time: Duration) {
        if time.is_zero() { self.zeros += 1 } else { self.others.get_or_insert_default().record(time) }
    }

    fn clear(&mut self) {
        self.zeros = 0;
        match &mut self.others {
            Some(trend) if !trend.is_empty() => trend.clear(),
            others => *others = None,
        }
    }

    fn trend(&self) -> Trend {
        let mut trend = self.others.as_deref().cloned().unwrap_or_default();
        trend.record_many(Duration::ZERO, self.zeros);
        trend
    }
}

/// The figures of responses of one status.
#[derive(Debug, Default)]
struct StatusSeries {
    /// `None` takes what is left over when there are too many.
    status: Option<u16>,
    failed: bool,
    /// Code of what went wrong; 0 when nothing did, and in what takes what is left over.
    code: u16,
    count: u64,
    /// Duration and time to the first byte, where they are the same: no wait for a connection, and all of
    /// the response at once. Such are nearly all, and recording costs more than reading most responses.
    prompt: Trend,
    /// Durations that are not the time to the first byte.
    duration: Trend,
    /// Times to the first byte that are not the duration.
    first_byte: Trend,
    response_time: Trend,
    blocked: Rare,
    connecting: Rare,
    handshaking: Rare,
    sending: Trend,
    waiting: Trend,
    receiving: Rare,
}

impl StatusSeries {
    fn record(&mut self, sample: &Sample<'_>) {
        let timings = sample.timings;
        self.count += 1;
        match timings.first_byte() {
            Some(first_byte) if first_byte == sample.duration => self.prompt.record(sample.duration),
            first_byte => {
                self.duration.record(sample.duration);
                first_byte.into_iter().for_each(|time| self.first_byte.record(time));
            }
        }
        self.response_time.record(sample.response_time);
        self.blocked.record(timings.blocked());
        self.connecting.record(timings.connecting);
        self.handshaking.record(timings.handshaking);
        self.sending.record(timings.sending());
        self.waiting.record(timings.waiting());
        self.receiving.record(timings.receiving());
    }

    fn clear(&mut self) {
        self.count = 0;
        let rare = [&mut self.blocked, &mut self.connecting, &mut self.handshaking, &mut self.receiving];
        rare.into_iter().for_each(Rare::clear);
        let trends = [
            &mut self.prompt,
            &mut self.duration,
            &mut self.first_byte,
            &mut self.response_time,
            &mut self.sending,
            &mut self.waiting,
        ];
        trends.into_iter().for_each(Trend::clear);
    }

    fn fill(&self, tags: &Tags, metrics: &mut Metrics) {
        let mut tags = tags.clone();
        (tags.status, tags.expected_response) = (self.status, Some(!self.failed));
        tags.error_code = (self.code > 0).then_some(self.code);
        let tags = &tags;
        let with_prompt = |trend: &Trend| {
            let mut trend = trend.clone();
            trend.merge(&self.prompt);
            trend
        };
        let trends = [
            (names::HTTP_REQ_DURATION, with_prompt(&self.duration)),
            (names::HTTP_REQ_RESPONSE_TIME, self.response_time.clone()),
            (names::HTTP_REQ_BLOCKED, self.blocked.trend()),
            (names::HTTP_REQ_CONNECTING, self.connecting.trend()),
            (names::HTTP_REQ_TLS_HANDSHAKING, self.handshaking.trend()),
            (names::HTTP_REQ_SENDING, self.sending.clone()),
            (names::HTTP_REQ_WAITING, self.waiting.clone()),
            (names::HTTP_REQ_RECEIVING, self.receiving.trend()),
        ];
        for (name, trend) in trends {
            metrics.add(key(name, tags), &Sink::Trend(trend));
        }
        let first_byte = with_prompt(&self.first_byte);
        if !first_byte.is_empty() {
            metrics.add(key(names::HTTP_REQ_TTFB, tags), &Sink::Trend(first_byte));
        }
        metrics.add(key(names::HTTP_REQS, tags), &Sink::Counter(self.count as f64));
        let failed = Sink::Rate { passes: if self.failed { self.count } else { 0 }, total: self.count };
        metrics.add(key(names::HTTP_REQ_FAILED, tags), &failed);
    }
}

/// The series of a request.
#[derive(Debug, Default)]
pub(super) struct RequestSeries {
    statuses: Vec<StatusSeries>,
    sent: u64,
    received: u64,
    /// How often they were sent again.
    resent: u64,
    errors: [u64; ErrorKind::COUNT],
    /// Passes and all of each check.
    checks: Vec<(u64, u64)>,
    /// How long those that were cut off had been under way.
    pub(super) interrupted: Trend,
}

impl RequestSeries {
    pub(super) fn record(&mut self, sample: &Sample<'_>) {
        self.sent += sample.traffic.0;
        self.received += sample.traffic.1;
        self.resent += u64::from(sample.timings.resent);
        if let Some(kind) = sample.error {
            self.errors[kind as usize] += 1;
        }
        self.of_status(sample).record(sample);
    }

    /// The figures of the sample's status.
    fn of_status(&mut self, sample: &Sample<'_>) -> &mut StatusSeries {
        let failed = sample.failed;
        let found = |(status, code): (Option<u16>, u16), statuses: &[StatusSeries]| {
            statuses.iter().position(|one| one.status == status && one.code == code && one.failed == failed)
        };
        let wanted = (Some(sample.status), sample.code);
        let place = found(wanted, &self.statuses).unwrap_or_else(|| {
            let kept = if self.statuses.len() < MOST_STATUSES { wanted } else { (None, 0) };
            found(kept, &self.statuses).unwrap_or_else(|| {
                let (status, code) = kept;
                self.statuses.push(StatusSeries { status, code, failed, ..StatusSeries::default() });
                self.statuses.len() - 1
            })
        });
        &mut self.statuses[place]
    }

    pub(super) fn check(&mut self, checks: usize, check: usize, passed: bool) {
        if self.checks.is_empty() {
            self.checks.resize(checks, (0, 0));
        }
        if let Some((passes, total)) = self.checks.get_mut(check) {
            *passes += u64::from(passed);
            *total += 1;
        }
    }

    /// Nothing was recorded. Checks may come without their request: that is counted first, perhaps just before the
    /// figures so far were taken.
    pub(super) fn is_empty(&self) -> bool {
        self.statuses.iter().all(|status| status.count == 0)
            && self.checks.iter().all(|(_, total)| *total == 0)
            && self.interrupted.is_empty()
    }

    pub(super) fn clear(&mut self) {
        (self.sent, self.received, self.resent) = (0, 0, 0);
        self.errors = [0; ErrorKind::COUNT];
        self.checks.fill((0, 0));
        self.interrupted.clear();
        // Those that did not come this time may not come again.
        self.statuses.retain(|status| status.count > 0);
        self.statuses.iter_mut().for_each(|status| status.clear());
    }

    pub(super) fn fill(&self, request: &Request, tags: &Tags, metrics: &mut Metrics) {
        if self.is_empty() {
            return;
        }
        metrics.add(key(names::DATA_SENT, tags), &Sink::Counter(self.sent as f64));
        metrics.add(key(names::DATA_RECEIVED, tags), &Sink::Counter(self.received as f64));
        if self.resent > 0 {
            metrics.add(key(names::HTTP_REQ_RESENT, tags), &Sink::Counter(self.resent as f64));
        }
        let mut tags = tags.clone();
        tags.method = Some(request.method.as_str().to_owned());
        if !self.interrupted.is_empty() {
            metrics.add(key(names::HTTP_REQ_INTERRUPTED, &tags), &Sink::Trend(self.interrupted.clone()));
        }
        for status in self.statuses.iter().filter(|status| status.count > 0) {
            status.fill(&tags, metrics);
        }
        for (kind, count) in ErrorKind::ALL.iter().zip(self.errors).filter(|(_, count)| *count > 0) {
            tags.check = Some(kind.as_str().to_owned());
            metrics.add(key(names::REQUEST_ERRORS, &tags), &Sink::Counter(count as f64));
        }
        tags.method = None;
        let expectations = request.expectations.iter().map(|expectation| expectation.name.clone());
        let names = expectations.chain(request.captures.iter().map(|capture| capture.check_name()));
        for (name, (passes, total)) in names.zip(&self.checks).filter(|(_, (_, total))| *total > 0) {
            tags.check = Some(name);
            metrics.add(key(names::CHECKS, &tags), &Sink::Rate { passes: *passes, total: *total });
        }
    }
}
