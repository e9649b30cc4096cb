// SPDX-License-Identifier: Apache-2.0
//! What can go wrong while a message and its answer pass over an HTTP/1 connection.

use std::io;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum H1Error {
    /// The socket, or TLS on it, reported an error.
    #[error("connection error: {0}")]
    Io(#[from] io::Error),
    /// The connection ended before the response was complete.
    #[error("connection closed before the response was complete")]
    Closed,
    /// What came is no head of a response.
    #[error("malformed response: {0}")]
    Head(#[from] httparse::Error),
    /// The status is not between 100 and 999.
    #[error("malformed response: {0} is no status code")]
    Status(u16),
    /// More headers, or longer ones, than are read.
    #[error("the head of the response is larger than {limit} bytes")]
    HeadTooLarge {
        /// Most bytes that are read.
        limit: usize,
    },
    /// A header name or value that can't be kept.
    #[error("malformed response: header {0:?} is not valid")]
    Header(String),
    /// `Content-Length` is no number, or several that differ.
    #[error("malformed response: Content-Length is not valid")]
    ContentLength,
    /// `Transfer-Encoding` in a response of HTTP/1.0.
    #[error("malformed response: HTTP/1.0 has no Transfer-Encoding")]
    TransferEncoding,
    /// The chunks of the body are not well-formed.
    #[error("malformed chunked body: {0}")]
    Chunk(&'static str),
    /// The body is larger than what is kept.
    #[error("the body is larger than {limit} bytes, the most that this request takes (maxResponseSize)")]
    TooLarge {
        /// Most bytes that are kept.
        limit: u64,
    },
}

impl H1Error {
    /// Whether the server answered, but not with HTTP.
    pub(crate) fn is_malformed(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Closed | Self::TooLarge { .. })
    }
}
