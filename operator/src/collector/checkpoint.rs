//! The checkpoint as bytes: compressed JSON, bounded in size.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Deserialize, Serialize};
use upsurge_core::autoscaling::Observation;

use super::session::Durable;

/// Most bytes of a checkpoint: a ConfigMap holds 1 MiB, names and labels included.
pub const MOST_BYTES: usize = 900 * 1024;
/// Form of the checkpoint. Another number means that it was written by a version that can't be understood.
const FORM: u32 = 1;
/// Most bytes that a checkpoint may have unpacked; beyond that it is no checkpoint of ours.
const MOST_UNPACKED: u64 = 256 * 1024 * 1024;

/// Why bytes are no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Can't be compressed or decompressed.
    #[error("checkpoint can't be unpacked")]
    Packing(#[from] std::io::Error),
    /// Not what is expected inside.
    #[error("checkpoint can't be understood: {0}")]
    Content(#[from] serde_json::Error),
    /// Of another form.
    #[error("checkpoint has form {0}, but this version of the operator knows form {FORM} only")]
    Form(u32),
}

#[derive(Serialize)]
struct Written<'a> {
    form: u32,
    session: &'a Durable,
    observation: &'a Observation,
}

#[derive(Deserialize)]
struct Form {
    form: u32,
}

#[derive(Deserialize)]
struct Read {
    session: Durable,
    observation: Observation,
}

/// Packs a session and its observation.
///
/// # Errors
/// When they can't be written as JSON.
pub fn pack(session: &Durable, observation: &Observation) -> Result<Vec<u8>, CheckpointError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    // A buffer before the encoder: JSON comes in very small pieces.
    let mut buffer = std::io::BufWriter::new(&mut encoder);
    serde_json::to_writer(&mut buffer, &Written { form: FORM, session, observation })?;
    buffer.flush()?;
    drop(buffer);
    Ok(encoder.finish()?)
}

/// Unpacks what [`pack`] made.
///
/// # Errors
/// When the bytes are no checkpoint, or one of another form.
pub fn unpack(bytes: &[u8]) -> Result<(Durable, Observation), CheckpointError> {
    let mut json = Vec::new();
    ZlibDecoder::new(bytes).take(MOST_UNPACKED).read_to_end(&mut json)?;
    let Form { form } = serde_json::from_slice(&json)?;
    if form != FORM {
        return Err(CheckpointError::Form(form));
    }
    let Read { session, observation } = serde_json::from_slice(&json)?;
    Ok((session, observation))
}
