// SPDX-License-Identifier: Apache-2.0
//! What goes wrong between a request and its response.

use std::{io, net::IpAddr, time::Duration};

use rustls::CertificateError;
use upsurge_core::{http::Forbidden, losses::LossKind, metrics::names};
use upsurge_system::generator::is_exhausted;

use super::{coding::DecodeError, h1::H1Error, h2::H2Error};

/// Kinds of errors, as `request_errors` counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The response was not complete in time.
    Timeout,
    /// The host name does not resolve.
    Dns,
    /// Nothing listens at the address.
    Refused,
    /// The connection was reset, or closed before the response was complete.
    Reset,
    /// There is no way to the address.
    Unreachable,
    /// The TLS handshake failed.
    Tls,
    /// The server's certificate is of no known authority.
    UnknownAuthority,
    /// The server's certificate is for another host.
    WrongHost,
    /// The test, or the platform's policy, forbids the host.
    BlockedHost,
    /// The test, or the platform's policy, forbids the address.
    BlockedIp,
    /// There was no connection in time.
    ConnectTimeout,
    /// The proxy did not help.
    Proxy,
    /// The server broke off an HTTP/2 stream or connection.
    Http2,
    /// The answer is not HTTP.
    Protocol,
    /// The URL or a header is not valid once its templates are filled in.
    Invalid,
    /// There were more redirects than are followed.
    TooManyRedirects,
    /// The body is larger than what is kept for captures and checks.
    TooLarge,
    /// The body can't be decompressed.
    Decompression,
    /// The generator itself is out of ports or file descriptors.
    Exhausted,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// How many kinds there are.
    pub const COUNT: usize = 20;

    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Timeout,
        Self::Dns,
        Self::Refused,
        Self::Reset,
        Self::Unreachable,
        Self::Tls,
        Self::UnknownAuthority,
        Self::WrongHost,
        Self::BlockedHost,
        Self::BlockedIp,
        Self::ConnectTimeout,
        Self::Proxy,
        Self::Http2,
        Self::Protocol,
        Self::Invalid,
        Self::TooManyRedirects,
        Self::TooLarge,
        Self::Decompression,
        Self::Exhausted,
        Self::Other,
    ];

    /// The kind in one or few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::UnknownAuthority => "tls unknown authority",
            Self::WrongHost => "tls wrong host",
            Self::BlockedHost => "blocked host",
            Self::BlockedIp => "blocked address",
            Self::ConnectTimeout => "connect timeout",
            Self::Proxy => "proxy",
            Self::Http2 => "http/2",
            Self::Protocol => "protocol",
            Self::Invalid => "invalid request",
            Self::TooManyRedirects => "too many redirects",
            Self::TooLarge => "body too large",
            Self::Decompression => "decompression",
            Self::Exhausted => names::EXHAUSTED,
            Self::Other => "other",
        }
    }

    /// How a request with such an error was lost, if it is one that a server which ends can cause.
    pub const fn loss(self) -> Option<LossKind> {
        match self {
            Self::Reset => Some(LossKind::Reset),
            Self::Refused => Some(LossKind::Refused),
            Self::Timeout => Some(LossKind::Unanswered),
            _ => None,
        }
    }

    /// The kind of an error of the operating system.
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            _ if is_exhausted(error) => Self::Exhausted,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::Reset,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => Self::Exhausted,
            io::ErrorKind::InvalidData => Self::Tls,
            _ => Self::Other,
        }
    }
}

/// An error between a request and its response.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Not complete in time.
    #[error("no complete response in time")]
    Timeout,
    /// The host name does not resolve.
    #[error("{host} does not resolve: {source}")]
    Dns {
        /// The host.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// No connection.
    #[error("can't connect: {0}")]
    Connect(#[source] io::Error),
    /// No connection in time.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// The test forbids the host.
    #[error("{0} is blocked (spec.http.blockHosts)")]
    BlockedHost(String),
    /// The test forbids the address.
    #[error("{0} is blocked (spec.http.blockIPs)")]
    BlockedIp(IpAddr),
    /// The platform's policy forbids the host or the address.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The proxy did not help.
    #[error("{0}")]
    Proxy(String),
    /// The server does not speak the only version that is allowed.
    #[error("the server does not speak HTTP/2 (spec.http.version: HTTP2)")]
    NoHttp2,
    /// Not HTTP/2, or broken off.
    #[error(transparent)]
    H2(#[from] H2Error),
    /// No TLS session.
    #[error("TLS handshake failed: {0}")]
    Tls(#[source] io::Error),
    /// Not HTTP/1, or cut off.
    #[error(transparent)]
    H1(#[from] H1Error),
    /// Not a request that can be sent.
    #[error("{0}")]
    Invalid(String),
    /// A redirect beyond the limit.
    #[error("redirected again after {0} redirects, the most that are followed (maxRedirects)")]
    TooManyRedirects(usize),
    /// The body can't be decompressed, or is too large then.
    #[error("{0}")]
    Decompression(#[from] DecodeError),
}

impl TransportError {
    /// Whether the connection broke, or was closed, before anything came that is not HTTP.
    pub fn is_connection_loss(&self) -> bool {
        match self {
            Self::H1(error) => !error.is_malformed(),
            Self::H2(H2Error::Protocol(error)) => error.is_io(),
            _ => false,
        }
    }

    /// Whether it is certain that the server did not look at the request (RFC 9113 §8.7).
    pub fn is_unprocessed(&self) -> bool {
        match self {
            Self::H2(H2Error::NotSent(_)) => true,
            // Of a GOAWAY only those are told whose stream is beyond the last one that it names.
            Self::H2(H2Error::Protocol(error)) if error.is_remote() => {
                error.is_go_away()
                    || (error.is_reset() && error.reason() == Some(::h2::Reason::REFUSED_STREAM))
            }
            _ => false,
        }
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Timeout => ErrorKind::Timeout,
            Self::Dns { .. } => ErrorKind::Dns,
            Self::Connect(error) => ErrorKind::of_io(error),
            Self::Tls(error) => match certificate_error(error) {
                Some(CertificateError::UnknownIssuer) => ErrorKind::UnknownAuthority,
                Some(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
                    ErrorKind::WrongHost
                }
                Some(_) => ErrorKind::Tls,
                None => match ErrorKind::of_io(error) {
                    kind @ (ErrorKind::Reset | ErrorKind::Timeout) => kind,
                    _ => ErrorKind::Tls,
                },
            },
            Self::ConnectTimeout(_) => ErrorKind::ConnectTimeout,
            Self::BlockedHost(_) => ErrorKind::BlockedHost,
            Self::BlockedIp(_) | Self::Forbidden(Forbidden::Address(_) | Forbidden::Blocked(_)) => {
                ErrorKind::BlockedIp
            }
            Self::Forbidden(Forbidden::Host(_)) => ErrorKind::BlockedHost,
            Self::Proxy(_) => ErrorKind::Proxy,
            Self::NoHttp2 => ErrorKind::Protocol,
            Self::H2(error) => of_h2(error),
            Self::H1(error) => of_h1(error),
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::TooManyRedirects(_) => ErrorKind::TooManyRedirects,
            Self::Decompression(DecodeError::TooLarge { .. }) => ErrorKind::TooLarge,
            Self::Decompression(_) => ErrorKind::Decompression,
        }
    }
}

/// Whether a server speaks none of the protocols that were offered to it (RFC 7301 §3.2).
pub(crate) fn is_refused_protocol(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)))
}

fn certificate_error(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

fn of_h2(error: &H2Error) -> ErrorKind {
    match error {
        H2Error::Protocol(error) | H2Error::NotSent(error) => match error.get_io() {
            Some(error) => ErrorKind::of_io(error),
            None => ErrorKind::Http2,
        },
        H2Error::NotHttp2 => ErrorKind::Protocol,
        H2Error::Invalid(_) => ErrorKind::Invalid,
        H2Error::TooLarge { .. } => ErrorKind::TooLarge,
    }
}

fn of_h1(error: &H1Error) -> ErrorKind {
    match error {
        H1Error::Io(error) => ErrorKind::of_io(error),
        H1Error::Closed => ErrorKind::Reset,
        H1Error::TooLarge { .. } => ErrorKind::TooLarge,
        _ => ErrorKind::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collector_knows_all_kinds() {
        assert_eq!(ErrorKind::ALL.map(ErrorKind::as_str), names::ERROR_KINDS);
    }
}
