// SPDX-License-Identifier: Apache-2.0
//! Why a server gave no values. The texts stand in the status of a run: they tell of an answer that is not one of
//! Prometheus no more than its status code, so that nobody learns what else answers at an address.

use std::time::Duration;

use upsurge_core::http::Forbidden;

/// Why there is no way to a server.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The URL is none.
    #[error("its URL can't be used: {0}")]
    Url(String),
    /// A header can't be sent.
    #[error("header {name} can't be sent: its {what} has characters that a header may not have")]
    Header {
        /// Its name.
        name: String,
        /// Name or value.
        what: &'static str,
    },
    /// The certificate authority is none.
    #[error("its certificate authority can't be read: {0}")]
    Authority(String),
    /// TLS can't be set up.
    #[error("can't set TLS up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client can't be.
    #[error("can't set up an HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Why a question has no values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The load has no such stage.
    #[error("the load has no stage {0:?}")]
    NoStage(String),
    /// The load ended before.
    #[error("the load ended before stage {0:?}")]
    StageNotReached(String),
    /// The policy does not allow the server's host or address.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The host name does not resolve.
    #[error("the host name does not resolve; check the name of the Service and its namespace")]
    Unresolved,
    /// Nobody listens.
    #[error("the connection was refused; check host and port")]
    Refused,
    /// No connection, for any other reason.
    #[error("no connection could be made, or it was lost")]
    Connection,
    /// No TLS session.
    #[error("the TLS handshake failed; check the server's certificate")]
    Tls,
    /// Not complete in time.
    #[error("the answer was not complete within {} s", .0.as_secs())]
    Timeout(Duration),
    /// All questions together took too long.
    #[error("all questions together were not answered within {} s", .0.as_secs())]
    Deadline(Duration),
    /// It wants to be asked elsewhere.
    #[error("it answered with a redirect (status {0}), which is not followed; name the URL it leads to")]
    Redirect(u16),
    /// It wants to know who asks.
    #[error("it answered with status {0}; check the credentials that it wants")]
    Unauthorized(u16),
    /// Not good, and not in the form of Prometheus.
    #[error("it answered with status {0} and not as Prometheus does; check the URL")]
    Status(u16),
    /// More than is read.
    #[error("the answer is larger than {0} bytes; aggregate the query")]
    TooLarge(usize),
    /// A good status, and something else.
    #[error("the answer is not one of Prometheus; check the URL")]
    Foreign,
    /// Prometheus does not want the query.
    #[error("it refused the query ({kind}): {message}")]
    Query {
        /// What kind of error it says it is.
        kind: &'static str,
        /// What it says.
        message: String,
    },
    /// Nothing matches.
    #[error("the query gave no series: correct it, or see to it that the metric is scraped")]
    NoSeries,
    /// Too much matches.
    #[error("the query gave {0} series instead of one: aggregate them, as in sum(…) or max(…)")]
    ManySeries(usize),
}

impl AskError {
    /// Whether it may be over in a moment.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unresolved | Self::Refused | Self::Connection | Self::Timeout(_) => true,
            Self::Status(status) => matches!(status, 502..=504),
            Self::Query { kind, .. } => {
                matches!(*kind, "timeout" | "canceled" | "internal" | "unavailable")
            }
            _ => false,
        }
    }

    /// What an error of the client means.
    pub(crate) fn of_client(error: &reqwest::Error, limit: Duration) -> Self {
        use std::error::Error as _;
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(own) = cause.downcast_ref::<Self>() {
                return own.clone();
            }
            if let Some(io) = cause.downcast_ref::<std::io::Error>() {
                let inner = io.get_ref();
                if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
                    return Self::Tls;
                }
                if let Some(own) = inner.and_then(|inner| inner.downcast_ref::<Self>()) {
                    return own.clone();
                }
                if io.kind() == std::io::ErrorKind::ConnectionRefused {
                    return Self::Refused;
                }
            }
            source = cause.source();
        }
        if error.is_timeout() { Self::Timeout(limit) } else { Self::Connection }
    }
}
