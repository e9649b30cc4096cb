//! The series of one request, and of the iterations of one scenario, within one stage.

use std::time::{Duration, Instant};

use upsurge_core::metrics::{Metrics, Sink, Tags, Trend, names};

use super::key;
use crate::{
    http::{error::ErrorKind, timings::Timings},
    program::Request,
};

/// What is recorded of a request.
pub(crate) struct Sample {
    /// Its phases.
    pub(crate) timings: Timings,
    /// Service time; the timeout for a request that was not complete in time.
    pub(crate) duration: Duration,
    /// From its intended start to its end.
    pub(crate) response_time: Duration,
    /// Whether it counts as failed.
    pub(crate) failed: bool,
    /// What went wrong on the way.
    pub(crate) error: Option<ErrorKind>,
    /// Bytes sent and received.
    pub(crate) traffic: (u64, u64),
}

impl Sample {
    /// A request that could not be put together, and so was never sent.
    pub(crate) fn unsent(intended: Instant, error: ErrorKind) -> Self {
        let timings = Timings::begin();
        Self {
            timings,
            duration: Duration::ZERO,
            response_time: timings.ended.saturating_duration_since(intended),
            failed: true,
            error: Some(error),
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

/// The series of a request.
#[derive(Debug, Default)]
pub(super) struct RequestSeries {
    count: u64,
    failed: u64,
    sent: u64,
    received: u64,
    errors: [u64; ErrorKind::COUNT],
    /// Passes and all of each check.
    checks: Vec<(u64, u64)>,
    duration: Trend,
    response_time: Trend,
    blocked: Trend,
    connecting: Rare,
    handshaking: Rare,
    sending: Trend,
    waiting: Trend,
    receiving: Trend,
}

impl RequestSeries {
    pub(super) fn record(&mut self, sample: &Sample) {
        self.count += 1;
        self.failed += u64::from(sample.failed);
        self.sent += sample.traffic.0;
        self.received += sample.traffic.1;
        if let Some(kind) = sample.error {
            self.errors[kind as usize] += 1;
        }
        let timings = &sample.timings;
        self.duration.record(sample.duration);
        self.response_time.record(sample.response_time);
        self.blocked.record(timings.blocked());
        self.connecting.record(timings.connecting);
        self.handshaking.record(timings.handshaking);
        self.sending.record(timings.sending());
        self.waiting.record(timings.waiting());
        self.receiving.record(timings.receiving());
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

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn clear(&mut self) {
        (self.count, self.failed, self.sent, self.received) = (0, 0, 0, 0);
        self.errors = [0; ErrorKind::COUNT];
        self.checks.fill((0, 0));
        [&mut self.connecting, &mut self.handshaking].into_iter().for_each(Rare::clear);
        let trends = [
            &mut self.duration,
            &mut self.response_time,
            &mut self.blocked,
            &mut self.sending,
            &mut self.waiting,
            &mut self.receiving,
        ];
        trends.into_iter().for_each(Trend::clear);
    }

    pub(super) fn fill(&self, request: &Request, tags: &Tags, metrics: &mut Metrics) {
        if self.is_empty() {
            return;
        }
        let trends = [
            (names::HTTP_REQ_DURATION, &self.duration),
            (names::HTTP_REQ_RESPONSE_TIME, &self.response_time),
            (names::HTTP_REQ_BLOCKED, &self.blocked),
            (names::HTTP_REQ_SENDING, &self.sending),
            (names::HTTP_REQ_WAITING, &self.waiting),
            (names::HTTP_REQ_RECEIVING, &self.receiving),
        ];
        for (name, trend) in trends {
            metrics.add(key(name, tags), &Sink::Trend(trend.clone()));
        }
        metrics.add(key(names::HTTP_REQ_CONNECTING, tags), &Sink::Trend(self.connecting.trend()));
        metrics.add(key(names::HTTP_REQ_TLS_HANDSHAKING, tags), &Sink::Trend(self.handshaking.trend()));
        metrics.add(key(names::HTTP_REQS, tags), &Sink::Counter(self.count as f64));
        let failed = Sink::Rate { passes: self.failed, total: self.count };
        metrics.add(key(names::HTTP_REQ_FAILED, tags), &failed);
        metrics.add(key(names::DATA_SENT, tags), &Sink::Counter(self.sent as f64));
        metrics.add(key(names::DATA_RECEIVED, tags), &Sink::Counter(self.received as f64));
        let mut tags = tags.clone();
        for (kind, count) in ErrorKind::ALL.iter().zip(self.errors).filter(|(_, count)| *count > 0) {
            tags.check = Some(kind.as_str().to_owned());
            metrics.add(key(names::REQUEST_ERRORS, &tags), &Sink::Counter(count as f64));
        }
        let expectations = request.expectations.iter().map(|expectation| expectation.name.clone());
        let names = expectations.chain(request.captures.iter().map(|capture| capture.check_name()));
        for (name, (passes, total)) in names.zip(&self.checks).filter(|(_, (_, total))| *total > 0) {
            tags.check = Some(name);
            metrics.add(key(names::CHECKS, &tags), &Sink::Rate { passes: *passes, total: *total });
        }
    }
}

/// The series of a scenario's iterations.
#[derive(Debug, Default)]
pub(super) struct IterationSeries {
    pub(super) started: u64,
    pub(super) finished: u64,
    pub(super) dropped: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) duration: Trend,
    pub(super) lag: Trend,
}

impl IterationSeries {
    pub(super) fn is_empty(&self) -> bool {
        self.started + self.finished + self.dropped + self.sent + self.received == 0
    }

    pub(super) fn clear(&mut self) {
        (self.started, self.finished, self.dropped) = (0, 0, 0);
        (self.sent, self.received) = (0, 0);
        self.duration.clear();
        self.lag.clear();
    }

    pub(super) fn fill(&self, tags: &Tags, metrics: &mut Metrics) {
        let counters = [
            (names::STARTED_ITERATIONS, self.started),
            (names::ITERATIONS, self.finished),
            (names::DROPPED_ITERATIONS, self.dropped),
            (names::DATA_SENT, self.sent),
            (names::DATA_RECEIVED, self.received),
        ];
        for (name, count) in counters.into_iter().filter(|(_, count)| *count > 0) {
            metrics.add(key(name, tags), &Sink::Counter(count as f64));
        }
        for (name, trend) in [(names::ITERATION_DURATION, &self.duration), (names::SCHEDULE_LAG, &self.lag)] {
            if !trend.is_empty() {
                metrics.add(key(name, tags), &Sink::Trend(trend.clone()));
            }
        }
    }
}
