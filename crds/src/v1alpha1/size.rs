// SPDX-License-Identifier: Apache-2.0
//! Sizes as users write them: `64Mi`, `10k`, `1048576`.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of bytes, written as a number with an optional unit: `64Mi`, `10k`, `1048576`.
///
/// Units are `k`, `M` and `G` (powers of 1000) and `Ki`, `Mi` and `Gi` (powers of 1024).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// Accepted by [`ByteSize::from_str`]; also the pattern in the schema.
const PATTERN: &str = r"^[0-9]{1,12}(k|M|G|Ki|Mi|Gi)?$";

const UNITS: [(&str, u64); 6] =
    [("Gi", 1 << 30), ("G", 1_000_000_000), ("Mi", 1 << 20), ("M", 1_000_000), ("Ki", 1 << 10), ("k", 1_000)];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            format!(
                "{text:?} is not a size: write a number of bytes with an optional unit k, M, G, Ki, Mi or Gi, for example 64Mi"
            )
        };
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit {
            "" => 1,
            unit => UNITS.iter().find(|(known, _)| *known == unit).ok_or_else(wrong)?.1,
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(factor).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        match unit {
            Some((unit, factor)) => write!(formatter, "{}{unit}", self.0 / factor),
            None => write!(formatter, "{}", self.0),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-int-or-string": true, "maxLength": 16, "pattern": PATTERN, "minimum": 0})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_in_the_same_form() {
        for text in ["64Mi", "10k", "1", "3Ki", "2G", "0", "1500"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        assert_eq!("1Mi".parse::<ByteSize>().unwrap(), ByteSize(1_048_576));
        assert_eq!(serde_json::from_str::<ByteSize>("4096").unwrap(), ByteSize(4096));
        assert_eq!(serde_json::from_str::<ByteSize>("\"4Ki\"").unwrap(), ByteSize(4096));
    }

    #[test]
    fn what_is_no_size_is_refused_with_a_hint() {
        for text in ["", "-1", "1.5Mi", "Mi", "1 Mi", "1KiB", "99999999999999999999"] {
            assert!(text.parse::<ByteSize>().unwrap_err().contains("64Mi"), "{text:?} was accepted");
        }
    }
}
