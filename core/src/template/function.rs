// SPDX-License-Identifier: Apache-2.0
//! Functions that templates can call.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _, civil::Date};
use serde_json::Value;

use super::{Argument, Fake, Scope, TextFunction};

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
    /// `pick(a, b, …)` of values that are known: one of them.
    Pick(Vec<Value>),
    /// `pick(a, b, …)`: one of the arguments; the others are not called.
    PickOne(Vec<Argument>),
    /// `pick(list)`: a random element of a list.
    PickFrom(Argument),
    /// `concat(a, b, …)`: the texts of all arguments, one after the other.
    Concat(Vec<Argument>),
    /// `sequence([start[, step]])`: the next number of a sequence over all users.
    Sequence {
        /// Which one.
        index: usize,
        /// Its first number.
        start: i64,
        /// How far apart its numbers are.
        step: i64,
    },
    /// `randomFloat(min, max[, digits])`: a number between both, rounded to that many decimals.
    RandomFloat {
        /// Lowest number.
        min: f64,
        /// Highest number.
        max: f64,
        /// Decimals; as many as there are without it.
        digits: Option<usize>,
    },
    /// `randomBool()`: true or false.
    RandomBool,
    /// `randomDate(from, to)` of dates: a date, both ends included.
    RandomDate {
        /// First date.
        from: Date,
        /// Last date.
        to: Date,
    },
    /// `randomDate(from, to)` of times: a time with milliseconds, both ends included.
    RandomTime {
        /// Earliest time.
        from: Timestamp,
        /// Latest time.
        to: Timestamp,
    },
    /// Something made up.
    Fake(Fake),
    /// A function of a value.
    Text {
        /// Which one.
        function: TextFunction,
        /// The value.
        of: Argument,
    },
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
            Self::PickOne(arguments) => {
                let number = below(scope.random(), arguments.len() as u64) as usize;
                let value = arguments.get(number).and_then(|argument| argument.value(scope));
                value.unwrap_or_else(|| Value::String(String::new()))
            }
            Self::PickFrom(argument) => {
                let random = scope.random();
                let called;
                let list = match argument {
                    // Lists of variables may be long: they stay where they are.
                    Argument::Variable(reference) => reference.get(scope),
                    other => {
                        called = other.value(scope);
                        called.as_ref()
                    }
                };
                match list {
                    Some(Value::Array(values)) => pick(random, values),
                    Some(other) => other.clone(),
                    None => Value::String(String::new()),
                }
            }
            Self::Concat(arguments) => {
                arguments.iter().map(|argument| argument.text(scope)).collect::<String>().into()
            }
            Self::Sequence { index, start, step } => {
                // Beyond the largest number it goes on from the least: still none comes twice.
                let number = scope.sequence(*index).cast_signed();
                start.wrapping_add(step.wrapping_mul(number)).into()
            }
            Self::RandomFloat { min, max, digits } => {
                random_float(scope.random(), *min, *max, *digits).into()
            }
            Self::RandomBool => (scope.random() >> 63 == 1).into(),
            Self::RandomDate { from, to } => {
                let days = i64::from((*to - *from).get_days());
                let day = random_int(scope, 0, days);
                from.checked_add(day.days()).unwrap_or(*to).to_string().into()
            }
            Self::RandomTime { from, to } => {
                let time = random_int(scope, from.as_millisecond(), to.as_millisecond());
                format!("{:.3}", Timestamp::from_millisecond(time).unwrap_or(*to)).into()
            }
            Self::Fake(fake) => fake.text(scope).into(),
            Self::Text { function, of } => function.call(of, scope),
        }
    }

    /// The function with the values of secrets among its arguments filled in.
    pub fn with_secrets(&self, secrets: &BTreeMap<String, String>) -> Self {
        match self {
            Self::Text { function, of } => {
                let (function, of) = function.with_secrets(of, secrets);
                Self::Text { function, of }
            }
            Self::PickOne(arguments) => Self::PickOne(with_secrets(arguments, secrets)),
            Self::PickFrom(argument) => Self::PickFrom(argument.with_secrets(secrets)),
            Self::Concat(arguments) => Self::Concat(with_secrets(arguments, secrets)),
            other => other.clone(),
        }
    }
}

fn with_secrets(arguments: &[Argument], secrets: &BTreeMap<String, String>) -> Vec<Argument> {
    arguments.iter().map(|argument| argument.with_secrets(secrets)).collect()
}

fn random_float(random: u64, min: f64, max: f64, digits: Option<usize>) -> f64 {
    // The upper 53 bits are as many as a double holds exactly.
    let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
    let number = min + share * (max - min);
    let rounded = digits.and_then(|digits| format!("{number:.digits$}").parse().ok());
    rounded.unwrap_or(number).clamp(min, max)
}

fn pick(random: u64, values: &[Value]) -> Value {
    values.get(below(random, values.len() as u64) as usize).cloned().unwrap_or(Value::Null)
}

/// Maps a random number onto 0..`limit` without the bias of the low bits of a remainder.
pub(super) fn below(random: u64, limit: u64) -> u64 {
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
