// SPDX-License-Identifier: Apache-2.0
//! Numbers that may have a fraction, as Kubernetes writes them: `50`, `"2.5"`, `500m`.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

/// An exact decimal number with up to nine digits behind the point, written as Kubernetes writes quantities: `50`,
/// `"2.5"`, `500m`, `2k`, `1e3`.
///
/// Suffixes are `n`, `u`, `m`, `k`, `M`, `G`, `T`, `P` and `E` (powers of 1000), and `Ki` to `Ei` (powers of 1024).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    /// In billionths.
    nanos: i128,
}

/// Billionths of one.
const ONE: i128 = 1_000_000_000;
/// Largest number, up or down: that of Kubernetes.
const LARGEST: i128 = i64::MAX as i128 * ONE;
/// Accepted by [`Quantity::from_str`]; also the pattern in the schema.
const PATTERN: &str = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$";
/// The same for numbers that can't be below zero.
const LEVEL_PATTERN: &str = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$";
/// The same for amounts of resources, which Kubernetes also takes with a plus.
const AMOUNT_PATTERN: &str = r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$";
/// Longest text.
const LONGEST: usize = 32;

/// Factors of the suffixes as powers of ten, from billionths.
const DECIMAL: [(&str, i32); 9] =
    [("n", -9), ("u", -6), ("m", -3), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
/// Suffixes of powers of 1024, from the first.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

impl Quantity {
    /// Highest level, rate or capacity.
    pub const HIGHEST_LEVEL: i64 = 1_000_000;

    /// A whole number.
    pub const fn whole(number: i64) -> Self {
        Self { nanos: number as i128 * ONE }
    }

    /// The nearest floating point number, to calculate with.
    pub fn as_f64(self) -> f64 {
        // In two parts, as a number of billionths has more digits than fit.
        let (whole, rest) = (self.nanos / ONE, self.nanos % ONE);
        if rest == 0 { whole as f64 } else { self.nanos as f64 / ONE as f64 }
    }

    /// Whether it has no fraction.
    pub const fn is_whole(self) -> bool {
        self.nanos % ONE == 0
    }

    /// Whether it has no more than three digits behind the point.
    pub const fn is_in_thousandths(self) -> bool {
        self.nanos % (ONE / 1_000) == 0
    }
}

impl From<i32> for Quantity {
    fn from(number: i32) -> Self {
        Self::whole(number.into())
    }
}

/// A text that is no quantity, in words.
fn wrong(text: &str) -> String {
    format!(
        "{text:?} is not a quantity: write a number with an optional suffix, for example 50, \"2.5\" or 500m"
    )
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || wrong(text);
        if text.is_empty() || text.len() > LONGEST {
            return Err(wrong());
        }
        let (negative, unsigned) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return Err(wrong());
        }
        let digits: i128 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
        let (power, factor) = Self::scale(suffix).ok_or_else(wrong)?;
        let too_large = || format!("{text:?} is larger than any quantity may be");
        let digits = digits.checked_mul(factor).ok_or_else(too_large)?;
        // So many tens away from billionths.
        let power = power + 9 - i32::try_from(fraction.len()).map_err(|_| wrong())?;
        let nanos = match (digits, power) {
            (0, _) => 0,
            (_, 0..) => u32::try_from(power)
                .ok()
                .and_then(|power| 10_i128.checked_pow(power))
                .and_then(|tens| digits.checked_mul(tens))
                .filter(|nanos| *nanos <= LARGEST)
                .ok_or_else(too_large)?,
            (_, _) => {
                let tens = 10_i128.checked_pow(power.unsigned_abs()).filter(|tens| digits % tens == 0);
                digits / tens.ok_or_else(|| format!("{text:?} is finer than a billionth"))?
            }
        };
        Ok(Self { nanos: if negative { -nanos } else { nanos } })
    }
}

impl Quantity {
    /// What a suffix stands for: a power of ten, and a factor.
    fn scale(suffix: &str) -> Option<(i32, i128)> {
        if suffix.is_empty() {
            return Some((0, 1));
        }
        if let Some((_, power)) = DECIMAL.iter().find(|(known, _)| *known == suffix) {
            return Some((*power, 1));
        }
        if let Some(at) = BINARY.iter().position(|known| *known == suffix) {
            return Some((0, 1 << (10 * (at + 1))));
        }
        let exponent = suffix.strip_prefix(['e', 'E'])?;
        let digits = exponent.trim_start_matches(['+', '-']);
        let plain = (1..=2).contains(&digits.len()) && exponent.len() - digits.len() <= 1;
        exponent.parse().ok().filter(|_| plain).map(|power| (power, 1))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.nanos < 0 { "-" } else { "" };
        let (whole, rest) =
            (self.nanos.unsigned_abs() / ONE as u128, self.nanos.unsigned_abs() % ONE as u128);
        write!(formatter, "{sign}{whole}")?;
        if rest > 0 {
            let digits = format!("{rest:09}");
            write!(formatter, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

/// Whole numbers as such, others as text: so it is written by hand, too.
impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.nanos / ONE) {
            Ok(whole) if self.is_whole() => serializer.serialize_i64(whole),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => text.parse().map_err(de::Error::custom),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Ok(Self::whole(whole)),
                (None, Some(float)) if float.fract() == 0.0 => {
                    format!("{float:.0}").parse().map_err(de::Error::custom)
                }
                _ => Err(de::Error::custom(in_quotes(&number))),
            },
            other => Err(de::Error::custom(wrong(&other.to_string()))),
        }
    }
}

/// What to say of a fraction that is not in quotes: there is no floating point in a spec.
pub fn in_quotes(number: &serde_json::Number) -> String {
    format!("a number with a fraction is written in quotes: \"{number}\" instead of {number}")
}

impl JsonSchema for Quantity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-int-or-string": true, "maxLength": LONGEST, "pattern": PATTERN})
    }
}

/// The schema of a level, a rate or a capacity: from 0 to a million. What is written as text is held against the upper
/// limit when the load is compiled.
pub(crate) fn level(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "maxLength": LONGEST,
        "pattern": LEVEL_PATTERN,
        "minimum": 0,
        "maximum": Quantity::HIGHEST_LEVEL
    })
}

/// Bounds the schema of a quantity of Kubernetes' own: an amount of a resource, which is none below zero. Kubernetes' schema
/// takes any text, so that a slip would only be found once a pod is to be made.
pub(crate) fn amount(schema: &mut Value) {
    schema["maxLength"] = LONGEST.into();
    schema["pattern"] = AMOUNT_PATTERN.into();
    schema["minimum"] = 0.into();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Quantity, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn quantities_are_read_exactly() {
        for (text, nanos) in [
            ("50", 50 * ONE),
            ("2.5", 5 * ONE / 2),
            ("500m", ONE / 2),
            ("0.1", ONE / 10),
            ("2k", 2_000 * ONE),
            ("1e3", 1_000 * ONE),
            ("1E-9", 1),
            ("1n", 1),
            ("1.5u", 1_500),
            ("-1.5", -3 * ONE / 2),
            ("+.5", ONE / 2),
            ("5.", 5 * ONE),
            ("1Ki", 1_024 * ONE),
            ("0.5Ki", 512 * ONE),
            ("9223372036854775807", LARGEST),
            ("0.000", 0),
            ("2.50000000000", 5 * ONE / 2),
        ] {
            assert_eq!(text.parse::<Quantity>().unwrap().nanos, nanos, "{text}");
            assert_eq!(read(json!(text)).unwrap().nanos, nanos, "{text}");
        }
        assert_eq!(read(json!(7)).unwrap(), 7.into());
        // How JavaScript may write a whole number.
        assert_eq!(read(json!(100.0)).unwrap(), 100.into());
    }

    #[test]
    fn quantities_are_written_as_people_write_them() {
        for (text, value) in [
            ("50", json!(50)),
            ("2500m", json!("2.5")),
            ("1e3", json!(1000)),
            ("-0.000000001", json!("-0.000000001")),
            ("100m", json!("0.1")),
        ] {
            let quantity: Quantity = text.parse().unwrap();
            assert_eq!(serde_json::to_value(quantity).unwrap(), value, "{text}");
            assert_eq!(read(value).unwrap(), quantity, "{text}");
        }
        assert_eq!("0.1".parse::<Quantity>().unwrap().as_f64().to_bits(), 0.1_f64.to_bits());
        assert_eq!("2.5".parse::<Quantity>().unwrap().as_f64().to_bits(), 2.5_f64.to_bits());
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_a_hint() {
        for text in [
            "", "-", ".", "5 m", "1..2", "1.2.3", "five", "1x", "1mm", "1e", "1e123", "1e+-3", "Ki", "١",
            "NaN", "inf",
        ] {
            let message = text.parse::<Quantity>().unwrap_err();
            assert!(message.contains("is not a quantity") && message.contains("500m"), "{text:?}: {message}");
        }
        for text in ["10E", "1e19", "99999999999999999999", "9000000000000000000000000000000E"] {
            let message = text.parse::<Quantity>().unwrap_err();
            assert!(message.contains("larger than any quantity"), "{text:?}: {message}");
        }
        assert!("1.5n".parse::<Quantity>().unwrap_err().contains("finer than a billionth"));
        let message = read(json!(2.5)).unwrap_err();
        assert_eq!(message, "a number with a fraction is written in quotes: \"2.5\" instead of 2.5");
        assert!(read(json!([1])).unwrap_err().contains("is not a quantity"));
    }
}
