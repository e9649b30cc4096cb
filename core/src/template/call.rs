//! Calls of functions: which there are and what they take.

use jiff::{Timestamp, civil::Date};
use serde_json::Value;

use super::{
    Argument, Fake, Function, Names, TemplateError, TextFunction,
    function::LONGEST_STRING,
    names::Segment,
    parse::{literal, path, reference, secret, split_arguments},
};

/// Most words that `words` makes.
const MOST_WORDS: u64 = 1000;

pub(super) fn function(
    name: &str,
    arguments: &str,
    names: &Names,
    wrong: &dyn Fn() -> TemplateError,
) -> Result<Function, TemplateError> {
    let arguments = split_arguments(arguments).ok_or_else(wrong)?;
    let literals = || arguments.iter().map(|argument| literal(argument)).collect::<Option<Vec<Value>>>();
    let none = |function, value| match arguments.as_slice() {
        [] => Ok(value),
        _ => Err(TemplateError::WrongArguments { function, takes: "no arguments" }),
    };
    match name {
        "randomInt" => match literals().as_deref() {
            Some([min, max]) => match (min.as_i64(), max.as_i64()) {
                (Some(min), Some(max)) if min <= max => Some(Function::RandomInt { min, max }),
                _ => None,
            },
            _ => None,
        }
        .ok_or(TemplateError::WrongArguments {
            function: "randomInt",
            takes: "two whole numbers, the lower one first",
        }),
        "randomString" => match literals().as_deref() {
            Some([length]) => length
                .as_i64()
                .filter(|length| (0..=LONGEST_STRING).contains(length))
                .map(|length| Function::RandomString { length: length as usize }),
            _ => None,
        }
        .ok_or(TemplateError::WrongArguments { function: "randomString", takes: "a length from 0 to 65536" }),
        "randomEmail" => none("randomEmail", Function::RandomEmail),
        "uuid" => none("uuid", Function::Uuid),
        "now" => none("now", Function::Now),
        "timestamp" => none("timestamp", Function::Timestamp),
        "pick" => match (arguments.as_slice(), literals()) {
            ([], _) => Err(TemplateError::WrongArguments {
                function: "pick",
                takes: "values, or a variable that holds a list",
            }),
            (_, Some(values)) => Ok(Function::Pick(values)),
            ([argument], None) => {
                let (name, path) = path(argument).ok_or_else(wrong)?;
                reference(name, path, names).map(Function::PickFrom)
            }
            _ => Err(TemplateError::WrongArguments {
                function: "pick",
                takes: "values, or a variable that holds a list",
            }),
        },
        "randomBool" => none("randomBool", Function::RandomBool),
        "randomFloat" => literals().as_deref().and_then(random_float).ok_or(TemplateError::WrongArguments {
            function: "randomFloat",
            takes: "two numbers, the lower one first, and optionally how many decimals (0 to 15)",
        }),
        "randomDate" => literals().as_deref().and_then(random_date).ok_or(TemplateError::WrongArguments {
            function: "randomDate",
            takes: "two dates ('2026-01-31') or times ('2026-01-31T12:00:00Z') in quotes, the earlier one first",
        }),
        "words" => match literals().as_deref() {
            Some([count]) => count.as_u64().filter(|count| (1..=MOST_WORDS).contains(count)),
            _ => None,
        }
        .map(|count| Function::Fake(Fake::Words(count as usize)))
        .ok_or(TemplateError::WrongArguments { function: "words", takes: "a number from 1 to 1000" }),
        _ => match (fake(name), text(name)) {
            (Some((name, fake)), _) => none(name, Function::Fake(fake)),
            (None, Some((name, function))) => match arguments.as_slice() {
                [of] => Ok(Function::Text { function, of: argument(of, names, wrong)? }),
                _ => Err(TemplateError::WrongArguments {
                    function: name,
                    takes: "one value: a variable, secrets.NAME or a literal",
                }),
            },
            (None, None) if name == "hmacSha256" => match arguments.as_slice() {
                [key, of] => Ok(Function::Text {
                    function: TextFunction::HmacSha256 { key: argument(key, names, wrong)? },
                    of: argument(of, names, wrong)?,
                }),
                _ => Err(TemplateError::WrongArguments {
                    function: "hmacSha256",
                    takes: "a key and a value, each a variable, secrets.NAME or a literal",
                }),
            },
            (None, None) => Err(TemplateError::UnknownFunction { name: name.into() }),
        },
    }
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

fn argument(text: &str, names: &Names, wrong: &dyn Fn() -> TemplateError) -> Result<Argument, TemplateError> {
    if let Some(value) = literal(text) {
        return Ok(Argument::Literal(value));
    }
    let (name, path) = path(text).ok_or_else(wrong)?;
    match (name, path.as_slice()) {
        ("secrets", [Segment::Field(name)]) => secret(name, names).map(Argument::Secret),
        ("secrets", _) => Err(wrong()),
        _ => reference(name, path, names).map(Argument::Variable),
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
