// SPDX-License-Identifier: Apache-2.0
//! Adds a note to a record that is written already.
//!
//! All else stays as it is, byte for byte: fields that came with a later version are not lost, and no number is read and written again.
//! So what adds up before adds up after. Whoever calls this puts the outcome in the place of the record as a whole.

pub mod of_run;

use std::{borrow::Cow, fmt, slice};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    disk::{DecodeError, EncodeError, GZIP, MOST_PACKED, decode, pack, unpack},
    model::Note,
};

/// Most characters of a note.
pub const MOST_CHARACTERS: usize = 4_000;
/// Most notes of a record.
pub const MOST_NOTES: usize = 100;

/// Where a record has its notes.
const FIELD: &str = "notes";

/// Why there is no note.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// It says nothing.
    #[error("the note is empty: say what was found or done")]
    Empty,
    /// It is too long.
    #[error(
        "the note has {count} characters, and {} are the most: name a page that has the rest",
        MOST_CHARACTERS
    )]
    Long {
        /// How many it has.
        count: usize,
    },
    /// There are too many.
    #[error("the record has {} notes, which are the most", MOST_NOTES)]
    Many,
    /// There is no record.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It can't be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// The record with one more note, packed if it was. Gives how many it has, too.
///
/// # Errors
/// When there is no record that can be read, or no room for the note.
pub fn add(bytes: &[u8], note: &Note) -> Result<(Vec<u8>, usize), NoteError> {
    let count = note.text.chars().count();
    if note.text.trim().is_empty() {
        return Err(NoteError::Empty);
    }
    if count > MOST_CHARACTERS {
        return Err(NoteError::Long { count });
    }
    // What can't be read, or only by another version, is not written to either.
    if decode(bytes)?.notes.len() >= MOST_NOTES {
        return Err(NoteError::Many);
    }
    append(bytes, slice::from_ref(note))
}

/// The record with notes that stand elsewhere, but for those that it has.
///
/// # Errors
/// When there is no record that can be read, or no room for them.
pub fn merge(bytes: &[u8], notes: &[Note]) -> Result<Vec<u8>, NoteError> {
    let known = decode(bytes)?.notes;
    let news: Vec<Note> = notes.iter().filter(|note| !known.contains(note)).cloned().collect();
    if news.is_empty() {
        return Ok(bytes.to_vec());
    }
    append(bytes, &news).map(|(record, _)| record)
}

fn append(bytes: &[u8], news: &[Note]) -> Result<(Vec<u8>, usize), NoteError> {
    let is_packed = bytes.starts_with(&GZIP);
    let document = if is_packed { Cow::Owned(unpack(bytes)?.0) } else { Cow::Borrowed(bytes) };
    let Fields(mut fields): Fields = serde_json::from_slice(&document).map_err(EncodeError::Json)?;
    let place = fields.iter().position(|(name, _)| name == FIELD);
    let before = place.map(|place| fields.remove(place).1);
    let mut notes: Vec<Box<RawValue>> = match &before {
        Some(before) => serde_json::from_str(before.get()).map_err(EncodeError::Json)?,
        None => Vec::new(),
    };
    for note in news {
        notes.push(to_raw_value(note).map_err(EncodeError::Json)?);
    }
    fields.push((FIELD.to_owned(), to_raw_value(&notes).map_err(EncodeError::Json)?));
    let document = serde_json::to_vec(&Fields(fields)).map_err(EncodeError::Json)?;
    if document.len() as u64 > MOST_PACKED {
        return Err(EncodeError::Large.into());
    }
    let written = if is_packed { pack(&document).map_err(EncodeError::Compress)? } else { document };
    Ok((written, notes.len()))
}

/// The fields of a document in their order, each as it stands there.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{disk::encode, sample, verify::verify};

    fn note(text: &str) -> Note {
        Note { time: "2030-01-02T08:00:00Z".parse().unwrap(), text: text.into() }
    }

    #[test]
    fn a_record_keeps_its_notes_in_their_order_and_still_adds_up() {
        let record = sample::record();
        let (once, first) = add(&encode(&record, &[]).unwrap(), &note("the pool had 5 connections")).unwrap();
        let (twice, second) = add(&once, &note("raised it to 50")).unwrap();
        assert_eq!((first, second), (1, 2));
        let read = decode(&twice).unwrap();
        let texts: Vec<&str> = read.notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(texts, ["the pool had 5 connections", "raised it to 50"]);
        let verified = verify(&read);
        assert!(verified.differences.is_empty(), "{:?}", verified.differences);
    }

    #[test]
    fn notes_from_elsewhere_are_merged_once() {
        let (record, notes) = (encode(&sample::record(), &[]).unwrap(), [note("first"), note("second")]);
        let merged = merge(&record, &notes).unwrap();
        assert_eq!(decode(&merged).unwrap().notes, notes);
        assert_eq!(merge(&merged, &notes).unwrap(), merged);
        assert_eq!(merge(&record, &[]).unwrap(), record);
    }

    #[test]
    fn all_else_stays_as_it_is_also_what_only_a_later_version_knows() {
        let mut document = serde_json::to_value(sample::record()).unwrap();
        document["version"] = json!("1.99");
        document["weather"] = json!({"wind": 0.1});
        document["notes"] = json!([{"time": "2030-01-01T00:00:00Z", "text": "first", "mood": "good"}]);
        let before = document.to_string();
        let (after, count) = add(before.as_bytes(), &note("second")).unwrap();
        // Both are read from text, as reading and writing need not give the same number.
        let [mut expected, after]: [Value; 2] =
            [before.as_bytes(), &after].map(|text| serde_json::from_slice(text).unwrap());
        let notes = expected["notes"].as_array_mut().unwrap();
        notes.push(json!({"time": "2030-01-02T08:00:00Z", "text": "second"}));
        assert_eq!((after, count), (expected, 2));
    }

    #[test]
    fn numbers_are_not_written_in_another_way() {
        let sample = serde_json::to_string(&sample::record()).unwrap();
        let odd =
            sample.replacen("\"elapsedSeconds\":30.003", "\"elapsedSeconds\":30.00300000000000000001", 1);
        assert_ne!(sample, odd);
        let (after, _) = add(odd.as_bytes(), &note("as it was")).unwrap();
        assert!(String::from_utf8(after).unwrap().contains("30.00300000000000000001"));
    }

    #[test]
    fn a_note_says_something_and_there_is_room_for_it() {
        let record = sample::record();
        let packed = encode(&record, &[]).unwrap();
        assert!(matches!(add(&packed, &note(" \n")), Err(NoteError::Empty)));
        let long = "ñ".repeat(MOST_CHARACTERS + 1);
        assert!(matches!(add(&packed, &note(&long)), Err(NoteError::Long { count: 4_001 })));
        let full = crate::Record { notes: vec![note("again"); MOST_NOTES], ..record };
        assert!(matches!(add(&encode(&full, &[]).unwrap(), &note("more")), Err(NoteError::Many)));
        assert!(matches!(add(b"{}", &note("x")), Err(NoteError::Decode(DecodeError::NotARecord(_)))));
    }
}
