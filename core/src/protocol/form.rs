// SPDX-License-Identifier: Apache-2.0
//! The two forms of a message with deltas: JSON, which runners of the first version speak, and MessagePack with names. Both hold
//! the same; histograms are compressed text in the one and plain bytes in the other, which takes less time to make and to
//! read. A runner uses the second where the operator's reply to its hello says that it is taken.
//!
//! Each delta is a string of bytes within the message, so that it is read when it is its turn.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Visitor},
};

use super::{DeltaBatch, Introduction};

/// Content type of the binary form.
const BINARY: &str = "application/vnd.upsurge.deltas+msgpack";
/// How deep values may be nested in the binary form. Ours are not as deep by far.
const DEEPEST: usize = 32;

/// The form of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// JSON.
    #[default]
    Json,
    /// MessagePack.
    Binary,
}

impl Form {
    /// The form that a content type names; JSON if it names none of ours.
    pub fn of(content_type: Option<&str>) -> Self {
        if content_type == Some(BINARY) { Self::Binary } else { Self::Json }
    }

    /// Its content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Binary => BINARY,
        }
    }
}

/// Why something can't be written or read in a form.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FormError(String);

impl FormError {
    fn of(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A message with deltas in the binary form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Packed<'a> {
    pub(crate) version: u32,
    pub(crate) runner: u32,
    pub(crate) pod: String,
    #[serde(default = "super::first_epoch")]
    pub(crate) epoch: u32,
    pub(crate) start: i64,
    pub(crate) started_at: i64,
    #[serde(default)]
    pub(crate) session: Option<u64>,
    #[serde(borrow)]
    pub(crate) deltas: Vec<Bytes<'a>>,
}

/// Bytes that are part of a message.
#[derive(Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> Visitor<'de> for Borrowed {
            type Value = &'de [u8];

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the bytes of a delta")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<&'de [u8], E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_bytes(Borrowed).map(Bytes)
    }
}

impl DeltaBatch {
    /// The message in a form.
    ///
    /// # Errors
    /// When it can't be written; ours always can.
    pub fn write(&self, form: Form) -> Result<Vec<u8>, FormError> {
        if form == Form::Json {
            return serde_json::to_vec(self).map_err(FormError::of);
        }
        let deltas: Vec<Vec<u8>> = self
            .deltas
            .iter()
            .map(rmp_serde::to_vec_named)
            .collect::<Result<_, _>>()
            .map_err(FormError::of)?;
        let packed = Packed {
            version: self.version,
            runner: self.runner,
            pod: self.pod.clone(),
            epoch: self.epoch,
            start: self.start,
            started_at: self.started_at,
            session: self.session,
            deltas: deltas.iter().map(|delta| Bytes(delta)).collect(),
        };
        rmp_serde::to_vec_named(&packed).map_err(FormError::of)
    }
}

impl Introduction {
    /// Reads what the first words of every version have in common.
    ///
    /// # Errors
    /// When it is not there.
    pub fn read(form: Form, words: &[u8]) -> Result<Self, FormError> {
        match form {
            Form::Json => serde_json::from_slice(words).map_err(FormError::of),
            Form::Binary => unpack(words),
        }
    }
}

/// Reads something in the binary form.
pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FormError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(DEEPEST);
    T::deserialize(&mut deserializer).map_err(FormError::of)
}

/// Reads a message in the binary form, and leaves its deltas where they are.
pub(crate) fn unpack_batch(bytes: &[u8], most: usize) -> Result<Packed<'_>, FormError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(DEEPEST);
    let packed = Packed::deserialize(&mut deserializer).map_err(FormError::of)?;
    if packed.deltas.len() > most {
        return Err(FormError(format!("there are more than {most} deltas")));
    }
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::{Delta, PROTOCOL_VERSION, RunnerEnd};

    #[test]
    fn a_message_says_who_speaks_in_either_form() {
        let batch = DeltaBatch {
            version: PROTOCOL_VERSION,
            runner: 7,
            pod: "pay-7".into(),
            epoch: 3,
            start: i64::MIN,
            started_at: 5,
            session: None,
            deltas: vec![Delta { number: 1, done: Some(RunnerEnd::Completed), ..Delta::default() }],
        };
        for form in [Form::Json, Form::Binary] {
            let introduction = Introduction::read(form, &batch.write(form).unwrap()).unwrap();
            let said = (introduction.version, introduction.runner, introduction.pod.as_str());
            assert_eq!(said, (PROTOCOL_VERSION, 7, "pay-7"));
            assert_eq!(Form::of(Some(form.content_type())), form);
        }
        assert_eq!(Form::of(None), Form::Json);
        let packed = batch.write(Form::Binary).unwrap();
        let read = unpack_batch(&packed, 1).unwrap();
        assert_eq!((read.epoch, read.start, read.session), (3, i64::MIN, None));
        assert_eq!(unpack::<Delta>(read.deltas[0].0).unwrap(), batch.deltas[0]);
        assert!(unpack_batch(&packed, 0).unwrap_err().to_string().contains("more than 0 deltas"));
    }

    #[test]
    fn what_is_nested_without_end_is_refused() {
        let deep = [0x91; 5_000];
        assert!(unpack::<Delta>(&deep).is_err());
        // Also where nobody reads it.
        let mut message = rmp_serde::to_vec_named(&json!({"runner": 0, "pod": "a"})).unwrap();
        message[0] = 0x83;
        message.extend([0xa1, b'x']);
        message.extend(deep);
        assert!(Introduction::read(Form::Binary, &message).is_err());
    }
}
