// SPDX-License-Identifier: Apache-2.0
//! Error codes of k6, for those whose dashboards and scripts know them.

use std::io;

use super::{
    error::{ErrorKind, TransportError},
    h2::H2Error,
};

/// First code of each kind of HTTP/2 error; the reason is added when it is known.
const GO_AWAY: u16 = 1610;
const STREAM: u16 = 1630;
const CONNECTION: u16 = 1650;
/// Reasons of RFC 9113 §7 that have a code of their own.
const LAST_REASON: u32 = 13;

/// The code that k6 gives a response; 0 when it is no error.
pub const fn of_status(status: u16) -> u16 {
    if status < 400 { 0 } else { 1000 + status }
}

impl TransportError {
    /// The code that k6 gives such an error.
    pub fn code(&self) -> u16 {
        match (self, self.kind()) {
            (Self::H2(H2Error::Protocol(error) | H2Error::NotSent(error)), ErrorKind::Http2) => of_h2(error),
            (Self::Dns { source, .. }, _) if is_unknown(source) => 1101,
            (Self::Connect(_), ErrorKind::Refused) => 1212,
            (Self::Connect(_), ErrorKind::Timeout) => 1211,
            (Self::Connect(_), _) => 1210,
            (_, kind) => kind.code(),
        }
    }
}

impl ErrorKind {
    /// The code that k6 gives errors of the kind in general.
    const fn code(self) -> u16 {
        match self {
            Self::Timeout => 1050,
            Self::Dns => 1100,
            Self::BlockedIp => 1110,
            Self::BlockedHost => 1111,
            Self::Unreachable | Self::Exhausted => 1210,
            Self::ConnectTimeout => 1211,
            Self::Refused => 1212,
            Self::Reset => 1220,
            Self::Tls => 1300,
            Self::UnknownAuthority => 1310,
            Self::WrongHost => 1311,
            Self::Invalid => 1020,
            Self::Http2 => 1600,
            Self::Decompression => 1701,
            Self::Proxy | Self::Protocol | Self::TooManyRedirects | Self::TooLarge | Self::Other => 1000,
        }
    }
}

/// Resolvers say it in words only.
fn is_unknown(error: &io::Error) -> bool {
    let text = error.to_string();
    error.kind() == io::ErrorKind::NotFound || text.contains("not known") || text.contains("No address")
}

fn of_h2(error: &::h2::Error) -> u16 {
    let base = if error.is_go_away() {
        GO_AWAY
    } else if error.is_reset() {
        STREAM
    } else {
        CONNECTION
    };
    match error.reason().map(u32::from) {
        Some(reason) if reason <= LAST_REASON => base + 1 + reason as u16,
        _ => base,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::CertificateError;

    use super::{super::coding::DecodeError, *};

    fn tls(error: CertificateError) -> TransportError {
        TransportError::Tls(io::Error::new(
            io::ErrorKind::InvalidData,
            rustls::Error::InvalidCertificate(error),
        ))
    }

    #[test]
    fn errors_have_the_codes_of_k6() {
        let connect = |kind: io::ErrorKind| TransportError::Connect(kind.into());
        let dns = |text: &str| TransportError::Dns { host: "x".into(), source: io::Error::other(text) };
        for (error, code) in [
            (TransportError::Timeout, 1050),
            (TransportError::Invalid("x".into()), 1020),
            (dns("failed to lookup address information: Name or service not known"), 1101),
            (dns("Temporary failure in name resolution"), 1100),
            (TransportError::BlockedIp([127, 0, 0, 1].into()), 1110),
            (TransportError::BlockedHost("x".into()), 1111),
            (connect(io::ErrorKind::ConnectionRefused), 1212),
            (connect(io::ErrorKind::TimedOut), 1211),
            (connect(io::ErrorKind::HostUnreachable), 1210),
            (TransportError::ConnectTimeout(Duration::ZERO), 1211),
            (tls(CertificateError::UnknownIssuer), 1310),
            (tls(CertificateError::NotValidForName), 1311),
            (tls(CertificateError::Expired), 1300),
            (TransportError::H2(H2Error::Protocol(::h2::Reason::REFUSED_STREAM.into())), 1658),
            (TransportError::TooManyRedirects(10), 1000),
            (TransportError::Decompression(DecodeError::TooLarge { limit: 1 }), 1000),
            (
                TransportError::Decompression(DecodeError::Malformed {
                    coding: "gzip".into(),
                    source: io::Error::other("x"),
                }),
                1701,
            ),
        ] {
            assert_eq!(error.code(), code, "{error}");
        }
    }
}
