// SPDX-License-Identifier: Apache-2.0
//! The record on disk: one JSON document in one gzip member, so that every program reads it, and a browser unpacks it by itself.
//!
//! Whoever hands a record in is not trusted. No size that it claims is believed: what is unpacked stops at a bound, and room is made only
//! for what has come.

mod file;
mod format;
#[cfg(test)]
mod tests;

use std::io;

use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::format::{bounded, unpack};
pub use self::{
    file::{FileError, Place, read, write},
    format::{decode, encode, is_record},
};

/// Most bytes of a record as it is kept.
pub const MOST_PACKED: u64 = 32 << 20;
/// Most bytes of a record that is unpacked.
pub const MOST_UNPACKED: u64 = 64 << 20;

/// Most values of lists and objects in a record. Each takes several times its bytes in memory.
const MOST_VALUES: usize = 10 << 20;
/// Most lists and objects of a record, which take more.
const MOST_PARTS: usize = 512 << 10;
/// Most bytes of memory for all distributions of a record: a short text can stand for a large one.
pub(crate) const MOST_DISTRIBUTIONS: usize = 512 << 20;

/// First bytes of gzip.
pub(crate) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why bytes are no record that can be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It ends too soon.
    #[error(
        "the record is cut off: its end is missing; if a run was ended while it was written, there may be a file beside it that ends in .part"
    )]
    Truncated,
    /// It was changed, or broken on its way.
    #[error("the record is damaged: {0}")]
    Corrupted(String),
    /// It is something else.
    #[error("this is no record of a run: {0}")]
    NotARecord(String),
    /// Its form is one that came later, or went.
    #[error("the record is of version {found}, and this program reads version {known}: use {tool}")]
    Version {
        /// Its version.
        found: String,
        /// The version that is known.
        known: String,
        /// What to use instead.
        tool: &'static str,
    },
    /// It is larger than any record.
    #[error("the record is larger than {} MiB {what}, which no record is", .most >> 20)]
    Large {
        /// How: as it is kept, or unpacked.
        what: &'static str,
        /// Most bytes.
        most: u64,
    },
    /// It can't be read from where it is.
    #[error("can't read it: {0}")]
    Read(#[from] io::Error),
}

/// Why a record can't be written down.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A number in it is none.
    #[error("the record can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The value of a Secret is one of the words that a record is made of.
    #[error(
        "the value of a Secret is in a place of the record where nothing can be hidden, so it is not written: {0}"
    )]
    Secret(#[source] serde_json::Error),
    /// Compressing failed.
    #[error("the record can't be compressed: {0}")]
    Compress(#[from] io::Error),
    /// It is larger than what is read.
    #[error("the record takes more than {} MiB, even without what can be left out", MOST_PACKED >> 20)]
    Large,
}

/// Packs a document in one gzip member.
pub(crate) fn pack(document: &[u8]) -> io::Result<Vec<u8>> {
    use std::io::Write as _;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(document)?;
    encoder.finish()
}

/// Something as JSON, without values of Secrets, and with its fields in their order.
pub(crate) fn to_json<T: Serialize + DeserializeOwned>(
    value: &T,
    secrets: &[String],
) -> Result<Vec<u8>, EncodeError> {
    if secrets.is_empty() {
        return Ok(serde_json::to_vec(value)?);
    }
    let mut clean = serde_json::to_value(value)?;
    crate::redact::scrub(&mut clean, secrets);
    let clean: T = serde_json::from_value(clean).map_err(EncodeError::Secret)?;
    Ok(serde_json::to_vec(&clean)?)
}
