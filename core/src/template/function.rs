//! Functions that templates can call.

use serde_json::Value;

use super::{Scope, names::Reference};

/// Longest text that `randomString` makes.
pub(super) const LONGEST_STRING: i64 = 65_536;

const ALPHANUMERIC: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A function with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum Function {
    /// `randomInt(min, max)`: a whole number, both ends included.
    RandomInt {
        /// Lowest number.
        min: i64,
        /// Highest number.
        max: i64,
    },
    /// `randomString(length)`: letters and digits.
    RandomString {
        /// How many.
        length: usize,
    },
    /// `randomEmail()`: an address at example.com.
    RandomEmail,
    /// `uuid()`: a random UUID (version 4).
    Uuid,
    /// `now()`: the time as RFC 3339 in UTC with milliseconds.
    Now,
    /// `timestamp()`: milliseconds since the Unix epoch.
    Timestamp,
    /// `pick(a, b, …)`: one of the arguments.
    Pick(Vec<Value>),
    /// `pick(list)`: a random element of a variable that holds a list.
    PickFrom(Reference),
}

impl Function {
    /// Evaluates the function.
    pub fn call(&self, scope: &mut dyn Scope) -> Value {
        match self {
            Self::RandomInt { min, max } => random_int(scope, *min, *max).into(),
            Self::RandomString { length } => random_string(scope, *length).into(),
            Self::RandomEmail => {
                format!("user-{}@example.com", random_string(scope, 10).to_lowercase()).into()
            }
            Self::Uuid => uuid(scope.random(), scope.random()).into(),
            Self::Now => format!("{:.3}", scope.now()).into(),
            Self::Timestamp => scope.now().as_millisecond().into(),
            Self::Pick(values) => pick(scope.random(), values),
            Self::PickFrom(reference) => {
                let random = scope.random();
                match reference.get(scope) {
                    Some(Value::Array(values)) => pick(random, values),
                    Some(other) => other.clone(),
                    None => Value::String(String::new()),
                }
            }
        }
    }
}

fn pick(random: u64, values: &[Value]) -> Value {
    values.get(below(random, values.len() as u64) as usize).cloned().unwrap_or(Value::Null)
}

/// Maps a random number onto 0..`limit` without the bias of the low bits of a remainder.
fn below(random: u64, limit: u64) -> u64 {
    ((u128::from(random) * u128::from(limit)) >> 64) as u64
}

fn random_int(scope: &mut dyn Scope, min: i64, max: i64) -> i64 {
    let width = max.wrapping_sub(min) as u64;
    let offset = match width.checked_add(1) {
        Some(count) => below(scope.random(), count),
        None => scope.random(),
    };
    min.wrapping_add(offset as i64)
}

fn random_string(scope: &mut dyn Scope, length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut bits = 0;
    for index in 0..length {
        // Ten characters per random number: 62^10 is well below 2^64.
        if index % 10 == 0 {
            bits = scope.random();
        }
        text.push(char::from(ALPHANUMERIC[(bits % 62) as usize]));
        bits /= 62;
    }
    text
}

fn uuid(high: u64, low: u64) -> String {
    // Version 4 and variant 10 as RFC 9562 §5.4 lays them out.
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
