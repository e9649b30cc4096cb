// SPDX-License-Identifier: Apache-2.0
//! The checkpoint as bytes: compressed JSON, bounded in size.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Deserialize, Serialize};
use tracing::warn;
use upsurge_crds::internal::checkpoint::{FORM, MOST_UNPACKED};

use super::session::Durable;
use crate::recording::Kept;

/// Most bytes of a checkpoint: 1.2 MiB in base64, where etcd takes 1.5 MiB with everything.
pub const MOST_BYTES: usize = 900 * 1024;
/// Oldest form that is read: that of the version before.
pub const OLDEST_FORM: i32 = 1;

/// Why bytes are no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Can't be compressed or decompressed.
    #[error("checkpoint can't be unpacked")]
    Packing(#[from] std::io::Error),
    /// Not what is expected inside.
    #[error("checkpoint can't be understood: {0}")]
    Content(#[from] serde_json::Error),
    /// Larger than anything that was packed.
    #[error("checkpoint has {0} bytes unpacked or more, and {most} MiB are read at most", most = MOST_UNPACKED >> 20)]
    Large(usize),
    /// Too large to be kept, whatever can be given up.
    #[error(
        "what the run has measured does not fit into a checkpoint: {0} bytes, of {MOST_BYTES}, though all was given up that can \
         be; use fewer thresholds on parts of distributions"
    )]
    Oversized(usize),
    /// Of another form.
    #[error("checkpoint has form {0}; {known}", known = known())]
    Form(i32),
}

/// The forms that are read, in words.
pub fn known() -> String {
    if OLDEST_FORM == FORM {
        format!("this version of the operator knows form {FORM} only")
    } else {
        format!("this version of the operator knows the forms {OLDEST_FORM} to {FORM}")
    }
}

/// Whether what has this form can be read.
pub fn is_known(form: i32) -> bool {
    (OLDEST_FORM..=FORM).contains(&form)
}

#[derive(Serialize)]
struct Written<'a> {
    form: i32,
    session: &'a Durable,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a Kept>,
}

#[derive(Deserialize)]
struct Form {
    form: i32,
}

#[derive(Deserialize)]
struct Read {
    session: Durable,
    /// As it is: a run must not be lost because another version wrote this in another form.
    #[serde(default)]
    record: Option<serde_json::Value>,
}

/// Packs a session and what was recorded of the workload.
///
/// # Errors
/// When they can't be written as JSON, or are more than is unpacked.
pub fn pack(session: &Durable, record: Option<&Kept>) -> Result<Vec<u8>, CheckpointError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    // A buffer before the encoder: JSON comes in very small pieces.
    let mut buffer = std::io::BufWriter::new(&mut encoder);
    serde_json::to_writer(&mut buffer, &Written { form: FORM, session, record })?;
    buffer.flush()?;
    drop(buffer);
    // Or nobody could unpack it.
    if encoder.total_in() > MOST_UNPACKED {
        return Err(CheckpointError::Large(usize::try_from(encoder.total_in()).unwrap_or(usize::MAX)));
    }
    Ok(encoder.finish()?)
}

/// Unpacks what [`pack`] made. Without the record if it has a form that is not known.
///
/// # Errors
/// When the bytes are no checkpoint, or one of another form.
pub fn unpack(bytes: &[u8]) -> Result<(Durable, Option<Kept>), CheckpointError> {
    let mut json = Vec::new();
    ZlibDecoder::new(bytes).take(MOST_UNPACKED + 1).read_to_end(&mut json)?;
    if json.len() as u64 > MOST_UNPACKED {
        return Err(CheckpointError::Large(json.len()));
    }
    let Form { form } = serde_json::from_slice(&json)?;
    if !is_known(form) {
        return Err(CheckpointError::Form(form));
    }
    let Read { session, record } = serde_json::from_slice(&json)?;
    let record = record.and_then(|record| {
        let known = serde_json::from_value(record);
        known.inspect_err(|error| warn!(%error, "what was recorded of the workload is left out")).ok()
    });
    Ok((session, record))
}

#[cfg(test)]
mod tests;
