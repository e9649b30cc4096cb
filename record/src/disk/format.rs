// SPDX-License-Identifier: Apache-2.0
//! Bytes and documents: packing, unpacking within bounds, and which versions are read.

use std::io::{ErrorKind, Read as _};

use flate2::bufread::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, error::Category};
use upsurge_core::metrics::with_room;
use upsurge_figures::observation::Event;

use super::{
    DecodeError, EncodeError, GZIP, MOST_DISTRIBUTIONS, MOST_PACKED, MOST_PARTS, MOST_UNPACKED, MOST_VALUES,
    pack, to_json,
};
use crate::model::{Detail, FORMAT, Folded, FormatVersion, Record, VERSION};

/// Packs a record. Values of Secrets are taken out of it, and if it is larger than what is read, what tells least is left out.
///
/// # Errors
/// When it can't be written as JSON, or is too large in any case.
pub fn encode(record: &Record, secrets: &[String]) -> Result<Vec<u8>, EncodeError> {
    let mut document = to_json(record, secrets)?;
    let mut thinned = None;
    for leave_out in [heat_maps, requests] {
        if fits(&document) {
            break;
        }
        let record = thinned.get_or_insert_with(|| Record { detail: Detail::Thinned, ..record.clone() });
        leave_out(record);
        document = to_json(record, secrets)?;
    }
    if !fits(&document) {
        return Err(EncodeError::Large);
    }
    Ok(pack(&document)?)
}

fn fits(document: &[u8]) -> bool {
    // What can't be compressed fits as well, and what is written can be read.
    document.len() as u64 <= MOST_PACKED && bounded(document).is_ok()
}

/// Refuses a document of so many small parts that they would take many times its own room. What is not JSON is found later.
pub(crate) fn bounded(document: &[u8]) -> Result<(), DecodeError> {
    let (mut values, mut parts) = (0_usize, 0_usize);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in document {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b',' => values += 1,
            b'{' | b'[' => parts += 1,
            _ => {}
        }
    }
    for (found, most, what) in [(values, MOST_VALUES, "values"), (parts, MOST_PARTS, "lists and objects")] {
        if found > most {
            return Err(DecodeError::NotARecord(format!(
                "it has more than {most} {what}, which no record has"
            )));
        }
    }
    Ok(())
}

fn heat_maps(record: &mut Record) {
    record.epochs.iter_mut().for_each(|epoch| epoch.heat_map.columns = Vec::new());
    let message = "heat maps were left out, as the record would have been too large".into();
    record.folded.push(Folded { what: "heatMap".into(), count: None, message });
}

fn requests(record: &mut Record) {
    for part in record.epochs.iter_mut().flat_map(|epoch| &mut epoch.measured.requests) {
        (part.part.latency, part.part.response_time) = (None, None);
    }
    let message =
        "distributions of single requests were left out, as the record would have been too large".into();
    record.folded.push(Folded { what: "measured.requests".into(), count: None, message });
}

/// What is looked at first.
#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    version: Option<String>,
}

/// Reads a record, packed or not.
///
/// # Errors
/// When it is none that can be read, with the reason.
pub fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
    if bytes.len() as u64 > MOST_PACKED {
        return Err(DecodeError::Large { what: "as it is", most: MOST_PACKED });
    }
    if bytes.starts_with(&GZIP) {
        let (document, rest) = unpack(bytes)?;
        if !rest.is_empty() {
            let message = if rest.starts_with(&GZIP) {
                "it has several parts, as what a run leaves that was cut off: upsurge report --recover makes a record of it"
            } else {
                "there is something after its end"
            };
            return Err(DecodeError::Corrupted(message.into()));
        }
        return document_of(&document);
    }
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => document_of(bytes),
        None => Err(DecodeError::NotARecord("it is empty".into())),
        Some(_) => Err(DecodeError::NotARecord("it is neither gzip nor JSON".into())),
    }
}

/// Whether bytes are a record by all appearances: packed, or JSON that says so.
pub fn is_record(bytes: &[u8]) -> bool {
    let says_so =
        || serde_json::from_slice::<Head>(bytes).is_ok_and(|head| head.format.as_deref() == Some(FORMAT));
    bytes.starts_with(&GZIP) || (bytes.starts_with(b"{") && says_so())
}

/// Unpacks the first gzip member, and gives what comes after it.
pub(crate) fn unpack(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), DecodeError> {
    let mut decoder = GzDecoder::new(bytes);
    let mut document = Vec::new();
    let read = decoder.by_ref().take(MOST_UNPACKED + 1).read_to_end(&mut document);
    match read {
        Ok(_) if document.len() as u64 > MOST_UNPACKED => {
            Err(DecodeError::Large { what: "unpacked", most: MOST_UNPACKED })
        }
        Ok(_) => Ok((document, decoder.into_inner())),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(DecodeError::Truncated),
        Err(error) => Err(DecodeError::Corrupted(error.to_string())),
    }
}

fn document_of(document: &[u8]) -> Result<Record, DecodeError> {
    let head: Head = serde_json::from_slice(document).map_err(|error| unreadable(&error))?;
    let found = match head.format.as_deref() {
        Some(FORMAT) => head.version.unwrap_or_default(),
        Some(other) => {
            let other: String = other.chars().take(60).collect();
            return Err(DecodeError::NotARecord(format!("it says that it is {other:?}, and not {FORMAT}")));
        }
        None => return Err(DecodeError::NotARecord(format!("it does not say that it is {FORMAT}"))),
    };
    let version: FormatVersion = found
        .parse()
        .map_err(|error| DecodeError::Corrupted(format!("its version can't be read: {error}")))?;
    if !version.is_readable() {
        let tool = if version.major > VERSION.major { "a newer one" } else { "an older one" };
        return Err(DecodeError::Version { found, known: format!("{}.x", VERSION.major), tool });
    }
    bounded(document)?;
    let damaged = |error: serde_json::Error| DecodeError::Corrupted(error.to_string());
    let is_newer = version.minor.checked_sub(VERSION.minor).is_some_and(|later| later > 0);
    if !is_newer {
        return with_room(MOST_DISTRIBUTIONS, || serde_json::from_slice(document)).map_err(damaged);
    }
    // Events may be of kinds that came later: they are passed over, as unknown fields are.
    let mut value: Value = serde_json::from_slice(document).map_err(damaged)?;
    let mut unknown = 0;
    for workload in value.get_mut("workloads").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(events) = workload.get_mut("events").and_then(Value::as_array_mut) else { continue };
        let before = events.len();
        events.retain(|event| Event::deserialize(event).is_ok());
        unknown += (before - events.len()) as u64;
    }
    let mut record: Record =
        with_room(MOST_DISTRIBUTIONS, || serde_json::from_value(value)).map_err(damaged)?;
    if unknown > 0 {
        let message = format!("events of kinds that came with version {version} were passed over");
        record.folded.push(Folded { what: "events".into(), count: Some(unknown), message });
    }
    Ok(record)
}

fn unreadable(error: &serde_json::Error) -> DecodeError {
    match error.classify() {
        Category::Eof => DecodeError::Truncated,
        Category::Io | Category::Syntax => DecodeError::Corrupted(format!("it is not JSON: {error}")),
        Category::Data => DecodeError::NotARecord(error.to_string()),
    }
}
