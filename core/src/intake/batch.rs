// SPDX-License-Identifier: Apache-2.0
//! A message with deltas, read without reading the deltas: each is looked at when it is its turn, so that no more than
//! one of them is in memory.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Objection;
use crate::protocol::{
    Form, first_epoch, first_version,
    form::{Packed, unpack, unpack_batch},
};

/// Most deltas in a message; runners send fewer.
pub const MOST_DELTAS: usize = 64;

/// A `DeltaBatch` whose deltas are not read.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Version of the protocol that the runner speaks.
    pub version: u32,
    /// Index of the runner.
    pub runner: u32,
    /// Name of its pod.
    pub pod: String,
    /// Number of the epoch that they are of.
    pub epoch: u32,
    /// T0 that the runner started by.
    pub start: i64,
    /// When the runner really started, by the operator's clock.
    pub started_at: i64,
    /// The session that they are meant for.
    pub session: Option<u64>,
    /// The deltas.
    pub deltas: Vec<Raw<'a>>,
}

/// A delta as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    /// As JSON.
    Text(&'a str),
    /// As MessagePack.
    Binary(&'a [u8]),
}

#[derive(Deserialize)]
struct Number {
    number: u64,
}

impl Raw<'_> {
    /// The number of the delta, without reading the rest.
    ///
    /// # Errors
    /// When it has none.
    pub fn number(&self) -> Result<u64, Objection> {
        self.read().map(|Number { number }| number)
    }

    /// Reads it.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Objection> {
        match self {
            Self::Text(text) => {
                serde_json::from_str(text).map_err(|error| Objection::Form(error.to_string()))
            }
            Self::Binary(bytes) => unpack(bytes).map_err(|error| Objection::Form(error.to_string())),
        }
    }
}

/// A message in JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    #[serde(default = "first_version")]
    version: u32,
    runner: u32,
    pod: String,
    #[serde(default = "first_epoch")]
    epoch: u32,
    start: i64,
    started_at: i64,
    #[serde(default)]
    session: Option<u64>,
    #[serde(borrow, deserialize_with = "few")]
    deltas: Vec<&'a RawValue>,
}

impl<'a> Batch<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(form: Form, bytes: &'a [u8]) -> Result<Self, Objection> {
        if form == Form::Binary {
            let packed = unpack_batch(bytes, MOST_DELTAS);
            let packed = packed.map_err(|error| Objection::Form(error.to_string()))?;
            let Packed { version, runner, pod, epoch, start, started_at, session, deltas } = packed;
            let deltas = deltas.into_iter().map(|delta| Raw::Binary(delta.0)).collect();
            return Ok(Self { version, runner, pod, epoch, start, started_at, session, deltas });
        }
        let text = serde_json::from_slice(bytes).map_err(|error| Objection::Form(error.to_string()))?;
        let Text { version, runner, pod, epoch, start, started_at, session, deltas } = text;
        let deltas = deltas.into_iter().map(|delta| Raw::Text(delta.get())).collect();
        Ok(Self { version, runner, pod, epoch, start, started_at, session, deltas })
    }
}

fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'de RawValue>, D::Error> {
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(formatter, "at most {MOST_DELTAS} deltas")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut deltas = Vec::new();
            while let Some(delta) = list.next_element()? {
                if deltas.len() == MOST_DELTAS {
                    return Err(A::Error::custom(format_args!("there are more than {MOST_DELTAS} deltas")));
                }
                deltas.push(delta);
            }
            Ok(deltas)
        }
    }
    deserializer.deserialize_seq(Few)
}
