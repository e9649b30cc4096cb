// SPDX-License-Identifier: Apache-2.0
//! Calls of functions: which there are and what they take.

use jiff::{Timestamp, civil::Date};
use serde_json::Value;

use super::{
    Argument, Fake, Function, Names, TemplateError, TextFunction,
    error::DEEPEST_CALLS,
    function::LONGEST_STRING,
    names::Segment,
    parse::{call_of, literal, path, reference, secret, split_arguments},
};

/// Most words that `words` makes.
const MOST_WORDS: u64 = 1000;

/// Reads calls.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) names: &'a Names,
    /// The error for what can't be understood.
    pub(super) wrong: &'a dyn Fn() -> TemplateError,
    /// How deep calls are nested, from 1.
    pub(super) depth: usize,
}

impl Reader<'_> {
    pub(super) fn function(self, name: &str, arguments: &str) -> Result<Function, TemplateError> {
        let arguments = split_arguments(arguments).ok_or_else(self.wrong)?;
        let given =
            || arguments.iter().map(|argument| self.argument(argument)).collect::<Result<Vec<Argument>, _>>();
        let wrong = |function, takes| Err(TemplateError::WrongArguments { function, takes });
        if let Some((name, function)) = plain(name) {
            return if arguments.is_empty() { Ok(function) } else { wrong(name, "no arguments") };
        }
        if let Some((name, function)) = text(name) {
            return match arguments.as_slice() {
                [of] => Ok(Function::Text { function, of: self.argument(of)? }),
                _ => wrong(name, "one value: a variable, secrets.NAME, a literal or a call"),
            };
        }
        match name {
            "hmacSha256" => match arguments.as_slice() {
                [key, of] => {
                    let function = TextFunction::HmacSha256 { key: self.argument(key)? };
                    Ok(Function::Text { function, of: self.argument(of)? })
                }
                _ => wrong(
                    "hmacSha256",
                    "a key and a value, each a variable, secrets.NAME, a literal or a call",
                ),
            },
            "pick" => match given()?.as_slice() {
                [] => wrong("pick", "values, or one that is a list"),
                // Of one text there is nothing to choose, but a list may be what it is.
                [only] if !matches!(only, Argument::Literal(_)) => Ok(Function::PickFrom(only.clone())),
                several => {
                    let known = several.iter().map(|argument| match argument {
                        Argument::Literal(value) => Some(value.clone()),
                        _ => None,
                    });
                    let known: Option<Vec<Value>> = known.collect();
                    Ok(known.map_or_else(|| Function::PickOne(several.to_vec()), Function::Pick))
                }
            },
            "concat" => match given()? {
                none if none.is_empty() => wrong("concat", "values"),
                given => Ok(Function::Concat(given)),
            },
            _ => self.of_literals(name, &arguments),
        }
    }

    /// Functions that take literals only.
    fn of_literals(self, name: &str, arguments: &[&str]) -> Result<Function, TemplateError> {
        let literals: Option<Vec<Value>> = arguments.iter().map(|argument| literal(argument)).collect();
        let literals = literals.as_deref();
        let (function, takes, found) = match name {
            "randomInt" => {
                ("randomInt", "two whole numbers, the lower one first", literals.and_then(random_int))
            }
            "randomString" => ("randomString", "a length from 0 to 65536", literals.and_then(random_string)),
            "randomFloat" => (
                "randomFloat",
                "two numbers, the lower one first, and optionally how many decimals (0 to 15)",
                literals.and_then(random_float),
            ),
            "randomDate" => (
                "randomDate",
                "two dates ('2026-01-31') or times ('2026-01-31T12:00:00Z') in quotes, the earlier one first",
                literals.and_then(random_date),
            ),
            "words" => ("words", "a number from 1 to 1000", literals.and_then(words)),
            "sequence" => {
                let takes = "a whole number to start with, and a step that is not 0, or less";
                let (start, step) = literals
                    .and_then(sequence)
                    .ok_or(TemplateError::WrongArguments { function: "sequence", takes })?;
                let index = self.names.sequence(start, step).ok_or(TemplateError::NoSequence)?;
                return Ok(Function::Sequence { index, start, step });
            }
            _ => return Err(TemplateError::UnknownFunction { name: name.into() }),
        };
        found.ok_or(TemplateError::WrongArguments { function, takes })
    }

    /// A literal, a variable, a secret, or what another function gives.
    fn argument(self, text: &str) -> Result<Argument, TemplateError> {
        if let Some(value) = literal(text) {
            return Ok(Argument::Literal(value));
        }
        if let Some((name, arguments)) = call_of(text) {
            if self.depth == DEEPEST_CALLS {
                return Err(TemplateError::TooDeep);
            }
            let function = Self { depth: self.depth + 1, ..self }.function(name, arguments)?;
            return Ok(Argument::Call(Box::new(function)));
        }
        let (name, path) = path(text).ok_or_else(self.wrong)?;
        match (name, path.as_slice()) {
            ("secrets", [Segment::Field(name)]) => secret(name, self.names).map(Argument::Secret),
            ("secrets", _) => Err((self.wrong)()),
            _ => reference(name, path, self.names).map(Argument::Variable),
        }
    }
}

/// Functions without arguments.
fn plain(name: &str) -> Option<(&'static str, Function)> {
    Some(match name {
        "randomEmail" => ("randomEmail", Function::RandomEmail),
        "uuid" => ("uuid", Function::Uuid),
        "now" => ("now", Function::Now),
        "timestamp" => ("timestamp", Function::Timestamp),
        "randomBool" => ("randomBool", Function::RandomBool),
        _ => {
            let (name, fake) = fake(name)?;
            (name, Function::Fake(fake))
        }
    })
}

fn fake(name: &str) -> Option<(&'static str, Fake)> {
    Some(match name {
        "firstName" => ("firstName", Fake::FirstName),
        "lastName" => ("lastName", Fake::LastName),
        "fullName" => ("fullName", Fake::FullName),
        "city" => ("city", Fake::City),
        "country" => ("country", Fake::Country),
        "phone" => ("phone", Fake::Phone),
        "company" => ("company", Fake::Company),
        "word" => ("word", Fake::Word),
        "sentence" => ("sentence", Fake::Sentence),
        "paragraph" => ("paragraph", Fake::Paragraph),
        _ => return None,
    })
}

/// Functions of one value.
fn text(name: &str) -> Option<(&'static str, TextFunction)> {
    Some(match name {
        "upper" => ("upper", TextFunction::Upper),
        "lower" => ("lower", TextFunction::Lower),
        "base64" => ("base64", TextFunction::Base64),
        "base64Decode" => ("base64Decode", TextFunction::Base64Decode),
        "urlEncode" => ("urlEncode", TextFunction::UrlEncode),
        "json" => ("json", TextFunction::Json),
        "md5" => ("md5", TextFunction::Md5),
        "sha256" => ("sha256", TextFunction::Sha256),
        "length" => ("length", TextFunction::Length),
        _ => return None,
    })
}

fn random_int(arguments: &[Value]) -> Option<Function> {
    let [min, max] = arguments else { return None };
    let (min, max) = (min.as_i64()?, max.as_i64()?);
    (min <= max).then_some(Function::RandomInt { min, max })
}

fn random_string(arguments: &[Value]) -> Option<Function> {
    let [length] = arguments else { return None };
    let length = length.as_i64().filter(|length| (0..=LONGEST_STRING).contains(length))?;
    Some(Function::RandomString { length: length as usize })
}

fn words(arguments: &[Value]) -> Option<Function> {
    let [count] = arguments else { return None };
    let count = count.as_u64().filter(|count| (1..=MOST_WORDS).contains(count))?;
    Some(Function::Fake(Fake::Words(count as usize)))
}

/// First number and step.
fn sequence(arguments: &[Value]) -> Option<(i64, i64)> {
    match arguments {
        [] => Some((1, 1)),
        [start] => Some((start.as_i64()?, 1)),
        [start, step] => Some((start.as_i64()?, step.as_i64().filter(|step| *step != 0)?)),
        _ => None,
    }
}

fn random_float(arguments: &[Value]) -> Option<Function> {
    let (min, max, digits) = match arguments {
        [min, max] => (min.as_f64()?, max.as_f64()?, None),
        [min, max, digits] => {
            let digits = digits.as_u64().filter(|digits| *digits <= 15)?;
            (min.as_f64()?, max.as_f64()?, Some(digits as usize))
        }
        _ => return None,
    };
    (min <= max && (max - min).is_finite()).then_some(Function::RandomFloat { min, max, digits })
}

fn random_date(arguments: &[Value]) -> Option<Function> {
    let [from, to] = arguments else { return None };
    let (from, to) = (from.as_str()?, to.as_str()?);
    let times = || Some((from.parse::<Timestamp>().ok()?, to.parse::<Timestamp>().ok()?));
    if let Some((from, to)) = times() {
        return (from <= to).then_some(Function::RandomTime { from, to });
    }
    if from.len() != to.len() || from.contains(['T', 't', ' ']) {
        // A date with a time but without an offset would be taken for the date.
        return None;
    }
    let (from, to) = (from.parse::<Date>().ok()?, to.parse::<Date>().ok()?);
    (from <= to).then_some(Function::RandomDate { from, to })
}
