// SPDX-License-Identifier: Apache-2.0
//! Status codes as users write them: `404`, `200-299`.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A status code or a range of them, both ends included: `404`, `200-299`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// First code.
    pub first: u16,
    /// Last code; never less than the first.
    pub last: u16,
}

impl StatusRange {
    /// Whether a code is in the range.
    pub const fn contains(self, status: u16) -> bool {
        self.first <= status && status <= self.last
    }
}

impl FromStr for StatusRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is neither a status code nor a range of them, as 404 or 200-299");
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let code = |text: &str| text.trim().parse().ok().filter(|code| (100..600).contains(code));
        let (first, last) = code(first).zip(code(last)).ok_or_else(wrong)?;
        if first > last {
            return Err(format!("{text:?} begins after its end"));
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(formatter, "{}", self.first)
        } else {
            write!(formatter, "{}-{}", self.first, self.last)
        }
    }
}

impl Serialize for StatusRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Code(u16),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Code(code) => code.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for StatusRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusRange".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 7,
            "pattern": r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$",
            "minimum": 100,
            "maximum": 599
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_ranges_are_read_and_written_in_the_same_form() {
        for text in ["200", "200-299", "100-599"] {
            assert_eq!(text.parse::<StatusRange>().unwrap().to_string(), text);
        }
        let range: StatusRange = serde_json::from_str("404").unwrap();
        assert!(range.contains(404) && !range.contains(403) && !range.contains(405));
        let range: StatusRange = serde_json::from_str("\"200-204\"").unwrap();
        assert!(range.contains(200) && range.contains(204) && !range.contains(205));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "20", "600", "2xx", "299-200", "200-", "-299"] {
            assert!(text.parse::<StatusRange>().is_err(), "{text:?} was accepted");
        }
    }
}
