// SPDX-License-Identifier: Apache-2.0
//! Names of built-in metrics, as in k6 where k6 has them.

/// Trend: time of sending, waiting and receiving (service time).
pub const HTTP_REQ_DURATION: &str = "http_req_duration";
/// Trend: time from the intended start to the last byte; free of coordinated omission.
pub const HTTP_REQ_RESPONSE_TIME: &str = "http_req_response_time";
/// Trend: wait for a connection, connecting included.
pub const HTTP_REQ_BLOCKED: &str = "http_req_blocked";
/// Trend: TCP connect.
pub const HTTP_REQ_CONNECTING: &str = "http_req_connecting";
/// Trend: TLS handshake.
pub const HTTP_REQ_TLS_HANDSHAKING: &str = "http_req_tls_handshaking";
/// Trend: writing the request.
pub const HTTP_REQ_SENDING: &str = "http_req_sending";
/// Trend: from the request written to the first byte of the response.
pub const HTTP_REQ_WAITING: &str = "http_req_waiting";
/// Trend: from asking for a connection to the first byte of the response, of requests that got one:
/// blocked, sending and waiting, as browsers and curl count it.
pub const HTTP_REQ_TTFB: &str = "http_req_ttfb";
/// Trend: reading the response.
pub const HTTP_REQ_RECEIVING: &str = "http_req_receiving";
/// The trends of the phases of a request.
pub const PHASES: [&str; 7] = [
    HTTP_REQ_BLOCKED,
    HTTP_REQ_CONNECTING,
    HTTP_REQ_TLS_HANDSHAKING,
    HTTP_REQ_SENDING,
    HTTP_REQ_WAITING,
    HTTP_REQ_TTFB,
    HTTP_REQ_RECEIVING,
];
/// Rate: requests that failed.
pub const HTTP_REQ_FAILED: &str = "http_req_failed";
/// Trend: how long a request had been under way when its iteration was cut off. It has no other figures.
pub const HTTP_REQ_INTERRUPTED: &str = "http_req_interrupted";
/// Counter: how often requests were sent again within themselves: over a connection that was just being closed, or to
/// a server that did not look at them.
pub const HTTP_REQ_RESENT: &str = "http_req_resent";
/// Counter: requests.
pub const HTTP_REQS: &str = "http_reqs";
/// Counter: iterations finished.
pub const ITERATIONS: &str = "iterations";
/// Trend: time of a whole iteration.
pub const ITERATION_DURATION: &str = "iteration_duration";
/// Counter: planned iterations that found no free user.
pub const DROPPED_ITERATIONS: &str = "dropped_iterations";
/// Counter: iterations started.
pub const STARTED_ITERATIONS: &str = "started_iterations";
/// Trend: time of a group.
pub const GROUP_DURATION: &str = "group_duration";
/// Rate: checks that held.
pub const CHECKS: &str = "checks";
/// Counter: bytes sent, as on the wire.
pub const DATA_SENT: &str = "data_sent";
/// Counter: bytes received, as on the wire.
pub const DATA_RECEIVED: &str = "data_received";
/// Gauge: users at work.
pub const VUS: &str = "vus";
/// Gauge: users ready to work.
pub const VUS_MAX: &str = "vus_max";
/// Trend: how late the generator was to start an iteration; the wait for a free user is not its doing.
pub const SCHEDULE_LAG: &str = "schedule_lag";
/// Trend: how long an iteration that may wait for a free user did.
pub const ITERATION_QUEUE_WAIT: &str = "iteration_queue_wait";
/// Counter: transport errors and timeouts, tagged by kind in `check`'s place of the key.
pub const REQUEST_ERRORS: &str = "request_errors";

/// Kind of error of a generator that has no local ports or file descriptors left.
pub const EXHAUSTED: &str = "out of ports or files";

/// Kind of error of a request that was cut off without an answer, after all of the graceful stop.
pub const UNANSWERED: &str = "no answer";

/// All kinds of errors that a runner reports in `request_errors`; [`UNANSWERED`] is made of another metric of its.
pub const ERROR_KINDS: [&str; 20] = [
    "timeout",
    "dns",
    "refused",
    "reset",
    "unreachable",
    "tls",
    "tls unknown authority",
    "tls wrong host",
    "blocked host",
    "blocked address",
    "connect timeout",
    "proxy",
    "http/2",
    "protocol",
    "invalid request",
    "too many redirects",
    "body too large",
    "decompression",
    EXHAUSTED,
    "other",
];

/// Rate, of seconds: those in which enough of the requests that ended in them succeeded. It is made of [`HTTP_REQ_FAILED`] where
/// thresholds ask for it, and no series has it.
pub const AVAILABILITY: &str = "availability";

/// All built-in metrics.
pub const ALL: [&str; 27] = [
    HTTP_REQ_DURATION,
    HTTP_REQ_RESPONSE_TIME,
    HTTP_REQ_BLOCKED,
    HTTP_REQ_CONNECTING,
    HTTP_REQ_TLS_HANDSHAKING,
    HTTP_REQ_SENDING,
    HTTP_REQ_WAITING,
    HTTP_REQ_TTFB,
    HTTP_REQ_RECEIVING,
    HTTP_REQ_FAILED,
    HTTP_REQ_INTERRUPTED,
    HTTP_REQ_RESENT,
    HTTP_REQS,
    ITERATIONS,
    ITERATION_DURATION,
    DROPPED_ITERATIONS,
    STARTED_ITERATIONS,
    GROUP_DURATION,
    CHECKS,
    DATA_SENT,
    DATA_RECEIVED,
    VUS,
    VUS_MAX,
    SCHEDULE_LAG,
    ITERATION_QUEUE_WAIT,
    REQUEST_ERRORS,
    AVAILABILITY,
];

/// Kind of value that a metric holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A distribution of times.
    Trend,
    /// A sum.
    Counter,
    /// A share of events.
    Rate,
    /// A current value.
    Gauge,
}

/// Kind of a built-in metric; `None` for names that are not built in.
pub fn kind_of(metric: &str) -> Option<Kind> {
    Some(match metric {
        HTTP_REQ_DURATION
        | HTTP_REQ_RESPONSE_TIME
        | HTTP_REQ_BLOCKED
        | HTTP_REQ_CONNECTING
        | HTTP_REQ_TLS_HANDSHAKING
        | HTTP_REQ_SENDING
        | HTTP_REQ_WAITING
        | HTTP_REQ_TTFB
        | HTTP_REQ_RECEIVING
        | HTTP_REQ_INTERRUPTED
        | ITERATION_DURATION
        | GROUP_DURATION
        | SCHEDULE_LAG
        | ITERATION_QUEUE_WAIT => Kind::Trend,
        HTTP_REQS | HTTP_REQ_RESENT | ITERATIONS | DROPPED_ITERATIONS | STARTED_ITERATIONS | DATA_SENT
        | DATA_RECEIVED | REQUEST_ERRORS => Kind::Counter,
        HTTP_REQ_FAILED | CHECKS | AVAILABILITY => Kind::Rate,
        VUS | VUS_MAX => Kind::Gauge,
        _ => return None,
    })
}
