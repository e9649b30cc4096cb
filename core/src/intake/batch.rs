//! A message with deltas, read without reading the deltas: each is looked at when it is its turn, so that no more than
//! one of them is in memory.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Objection;
use crate::protocol::first_version;

/// Most deltas in a message; runners send fewer.
pub const MOST_DELTAS: usize = 64;

/// A `DeltaBatch` whose deltas are still text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch<'a> {
    /// Version of the protocol that the runner speaks.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Index of the runner.
    pub runner: u32,
    /// Name of its pod.
    pub pod: String,
    /// T0 that the runner started by.
    pub start: i64,
    /// When the runner really started, by the operator's clock.
    pub started_at: i64,
    /// The session that they are meant for.
    #[serde(default)]
    pub session: Option<u64>,
    /// The deltas.
    #[serde(borrow, deserialize_with = "few")]
    pub deltas: Vec<&'a RawValue>,
}

impl<'a> Batch<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Objection> {
        serde_json::from_slice(bytes).map_err(|error| Objection::Form(error.to_string()))
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
