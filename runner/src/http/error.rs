//! What goes wrong between a request and its response.

use std::io;

use super::{coding::DecodeError, h1::H1Error};

/// Kinds of errors, as `request_errors` counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
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
    /// The answer is not HTTP.
    Protocol,
    /// The URL or a header is not valid once its templates are filled in.
    Invalid,
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
    pub(crate) const COUNT: usize = 12;

    /// All kinds, in the order of their numbers.
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Timeout,
        Self::Dns,
        Self::Refused,
        Self::Reset,
        Self::Unreachable,
        Self::Tls,
        Self::Protocol,
        Self::Invalid,
        Self::TooLarge,
        Self::Decompression,
        Self::Exhausted,
        Self::Other,
    ];

    /// The kind in one or few words.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Invalid => "invalid request",
            Self::TooLarge => "body too large",
            Self::Decompression => "decompression",
            Self::Exhausted => "out of ports or files",
            Self::Other => "other",
        }
    }

    /// The kind of an error of the operating system.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        // EMFILE and ENFILE have no kind of their own.
        const TOO_MANY_FILES: [i32; 2] = [24, 23];
        if error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code)) {
            return Self::Exhausted;
        }
        match error.kind() {
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
pub(crate) enum TransportError {
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
    /// No TLS session.
    #[error("TLS handshake failed: {0}")]
    Tls(#[source] io::Error),
    /// Not HTTP/1, or cut off.
    #[error(transparent)]
    H1(#[from] H1Error),
    /// Not a request that can be sent.
    #[error("{0}")]
    Invalid(String),
    /// The body can't be decompressed, or is too large then.
    #[error("{0}")]
    Decompression(#[from] DecodeError),
}

impl TransportError {
    /// Whether the connection broke, or was closed, before anything came that is not HTTP.
    pub(crate) fn is_connection_loss(&self) -> bool {
        match self {
            Self::H1(error) => !error.is_malformed(),
            _ => false,
        }
    }

    /// What kind it is.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Timeout => ErrorKind::Timeout,
            Self::Dns { .. } => ErrorKind::Dns,
            Self::Connect(error) => ErrorKind::of_io(error),
            Self::Tls(error) => match ErrorKind::of_io(error) {
                kind @ (ErrorKind::Reset | ErrorKind::Timeout) => kind,
                _ => ErrorKind::Tls,
            },
            Self::H1(error) => of_h1(error),
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Decompression(DecodeError::TooLarge { .. }) => ErrorKind::TooLarge,
            Self::Decompression(_) => ErrorKind::Decompression,
        }
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
