// SPDX-License-Identifier: Apache-2.0
//! Where the body of a response ends (RFC 9112 §6.3).

use super::{chunked::Chunked, error::H1Error};

/// What of a body is still to come.
#[derive(Debug)]
pub(super) enum Rest {
    /// So many bytes.
    Bytes(u64),
    /// Chunks.
    Chunks(Box<Chunked>),
    /// All until the server closes the connection.
    UntilClosed,
}

impl Rest {
    /// Takes what belongs to the body from the front of `bytes` and hands it to `part`; gives how many
    /// bytes that were.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut part: impl FnMut(&[u8]) -> Result<(), H1Error>,
    ) -> Result<usize, H1Error> {
        match self {
            Self::Bytes(remaining) => {
                let length = usize::try_from(*remaining).unwrap_or(usize::MAX).min(bytes.len());
                *remaining -= length as u64;
                part(bytes.get(..length).unwrap_or_default())?;
                Ok(length)
            }
            Self::Chunks(chunked) => chunked.take(bytes, part),
            Self::UntilClosed => part(bytes).map(|()| bytes.len()),
        }
    }

    /// Whether nothing is to come any more.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Bytes(remaining) => *remaining == 0,
            Self::Chunks(chunked) => chunked.is_done(),
            Self::UntilClosed => false,
        }
    }

    /// Whether the body may end here because the connection did.
    pub(super) fn may_be_closed(&self) -> bool {
        matches!(self, Self::UntilClosed)
    }

    /// How long the body is, if that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Bytes(length) => Some(*length),
            Self::Chunks(_) | Self::UntilClosed => None,
        }
    }
}
