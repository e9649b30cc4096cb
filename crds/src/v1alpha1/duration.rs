// SPDX-License-Identifier: Apache-2.0
//! Durations as users write them: `90s`, `1h30m`, `500ms`.

use std::{fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A span of time, written as decimal numbers with units: `500ms`, `90s`, `6m`, `1h30m`, `2d`.
///
/// Units are `us`, `ms`, `s`, `m`, `h` and `d`. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpan(pub Duration);

/// Accepted by [`TimeSpan::from_str`]; also the pattern in schemas.
pub(super) const SPAN: &str = r"([0-9]+(\.[0-9]+)?(us|ms|s|m|h|d))+";
/// The longest span accepted, so that sums of spans stay far from overflow.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

impl TimeSpan {
    /// A span of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    /// The span as seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            format!(
                "{text:?} is not a duration: write numbers with units us, ms, s, m, h or d, for example 90s or 1h30m"
            )
        };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong());
        }
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let (_, microseconds) =
                UNITS.iter().find(|(unit, _)| *unit == &rest[..letters]).ok_or_else(wrong)?;
            rest = &rest[letters..];
            let part =
                Duration::try_from_secs_f64(number * *microseconds as f64 / 1e6).map_err(|_| wrong())?;
            total = total
                .checked_add(part)
                .filter(|sum| *sum <= LONGEST)
                .ok_or_else(|| format!("{text:?} is longer than 366 days"))?;
        }
        Ok(Self(total))
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_micros() as u64;
        if rest == 0 {
            return formatter.write_str("0s");
        }
        for (unit, size) in UNITS {
            if rest >= size {
                write!(formatter, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for TimeSpan {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeSpan".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema_of(SPAN)
    }
}

/// The schema of a text that is as a whole what a pattern says, such as a span of time.
pub(super) fn schema_of(pattern: &str) -> Schema {
    json_schema!({"type": "string", "maxLength": 40, "pattern": format!("^{pattern}$")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_in_the_same_form() {
        for text in ["500ms", "1m30s", "6m", "1h", "2d", "250us", "0s"] {
            assert_eq!(text.parse::<TimeSpan>().unwrap().to_string(), text);
        }
        assert_eq!("1.5s".parse::<TimeSpan>().unwrap(), TimeSpan::from_millis(1_500));
        assert_eq!("90s".parse::<TimeSpan>().unwrap(), "1m30s".parse().unwrap());
    }

    #[test]
    fn what_is_no_span_is_refused_with_a_hint() {
        for text in ["", "5", "5 minutes", "-1s", "s", "1x", "9999999d", "1..2s"] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text:?} was accepted");
        }
    }
}
