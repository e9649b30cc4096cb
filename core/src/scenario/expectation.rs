// SPDX-License-Identifier: Apache-2.0
//! From an expectation of a spec to a check with a name.

use upsurge_crds::v1alpha1::{self as api, ExpectWhen, Quantity};

use super::{
    Comparison, Expectation, Matcher, Subject, Wanted,
    capture::{attribute, cookie_name, flag, header_name, json_path, regex, selector},
    compile::Compiler,
};

/// What an expectation may be of.
const KINDS: &str = "an expectation is exactly one of status, contentType, jsonPath, header, selector, cookie, body, \
    bodyContains, bodyMatches, responseTime and condition";
/// What goes together with a value.
const OF_VALUES: &str = "equals, exists, contains, matches, comparisons and lengths belong to jsonPath, header, \
    selector, cookie or body";

pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    expected: &api::Expectation,
    path: &str,
) -> Option<Expectation> {
    let of_value = [
        expected.json_path.is_some(),
        expected.header.is_some(),
        expected.selector.is_some(),
        expected.cookie.is_some(),
        expected.body.is_some(),
    ];
    let of_response = [
        expected.status.is_some(),
        expected.content_type.is_some(),
        expected.body_contains.is_some(),
        expected.body_matches.is_some(),
        expected.response_time.is_some(),
        expected.condition.is_some(),
    ];
    if of_value.iter().chain(&of_response).filter(|given| **given).count() != 1 {
        compiler.errors.add(path, KINDS);
        return None;
    }
    if !of_value.contains(&true) && wants_value(expected) {
        compiler.errors.add(path, OF_VALUES);
        return None;
    }
    let (matcher, words) = match of_value.contains(&true) {
        true => value(compiler, expected, path)?,
        false => matcher(compiler, expected, path)?,
    };
    let negated = expected.not;
    let words = if negated { format!("not: {words}") } else { words };
    let of_failed = expected.when == Some(ExpectWhen::Failed);
    let words = if of_failed { format!("when failed: {words}") } else { words };
    Some(Expectation { name: expected.name.clone().unwrap_or(words), matcher, negated, of_failed })
}

fn matcher(
    compiler: &mut Compiler<'_>,
    expected: &api::Expectation,
    path: &str,
) -> Option<(Matcher, String)> {
    if let Some(codes) = &expected.status {
        return status(compiler, codes, &format!("{path}.status"));
    }
    if let Some(media_type) = &expected.content_type {
        if media_type.contains(';') {
            compiler.errors.add(
                format_args!("{path}.contentType"),
                "write the media type without parameters, as application/json",
            );
        }
        return Some((
            Matcher::ContentType(media_type.to_ascii_lowercase()),
            format!("content type is {media_type}"),
        ));
    }
    if let Some(text) = &expected.body_contains {
        return Some((Matcher::BodyContains(text.clone()), format!("body contains {text:?}")));
    }
    if let Some(text) = &expected.body_matches {
        let regex = regex(compiler, text, &format!("{path}.bodyMatches"))?;
        return Some((Matcher::BodyMatches(regex), format!("body matches {text:?}")));
    }
    if let Some(source) = &expected.condition {
        let expression = compiler.expression(source, &format!("{path}.condition"))?;
        return Some((Matcher::Condition(expression), source.clone()));
    }
    let limit = expected.response_time?;
    Some((Matcher::ResponseTime(limit.0), format!("response time is at most {limit}")))
}

fn status(compiler: &mut Compiler<'_>, codes: &[i32], path: &str) -> Option<(Matcher, String)> {
    let valid: Vec<u16> = codes
        .iter()
        .filter_map(|code| u16::try_from(*code).ok().filter(|code| (100..600).contains(code)))
        .collect();
    if valid.len() != codes.len() || valid.is_empty() {
        compiler.errors.add(path, "needs at least one status code, each from 100 to 599");
        return None;
    }
    let words = valid.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
    Some((Matcher::Status(valid), format!("status is {words}")))
}

/// A value of the response and what it must be like.
fn value(compiler: &mut Compiler<'_>, expected: &api::Expectation, path: &str) -> Option<(Matcher, String)> {
    let subject = subject(compiler, expected, path);
    let (wanted, words) = wanted(compiler, expected, path)?;
    let (of, name) = subject?;
    Some((Matcher::Value { of, wanted }, format!("{name} {words}")))
}

fn subject(
    compiler: &mut Compiler<'_>,
    expected: &api::Expectation,
    path: &str,
) -> Option<(Subject, String)> {
    if let Some(text) = &expected.json_path {
        let path = json_path(compiler, text, &format!("{path}.jsonPath"))?;
        return Some((Subject::JsonPath(path), text.clone()));
    }
    if let Some(name) = &expected.header {
        let header = header_name(compiler, name, &format!("{path}.header"))?;
        return Some((Subject::Header(header), format!("header {name}")));
    }
    if let Some(element) = &expected.selector {
        let selector = selector(compiler, &element.css, &format!("{path}.selector.css"))?;
        let attribute = attribute(element.attribute.as_deref());
        let of = attribute.as_ref().map(|name| format!("attribute {name} of ")).unwrap_or_default();
        return Some((Subject::Selector { selector, attribute }, format!("{of}{}", element.css)));
    }
    if let Some(name) = &expected.cookie {
        let cookie = cookie_name(compiler, name, &format!("{path}.cookie"))?;
        return Some((Subject::Cookie(cookie), format!("cookie {name}")));
    }
    flag(compiler, expected.body, &format!("{path}.body")).then(|| (Subject::Body, "body".to_owned()))
}

fn wants_value(expected: &api::Expectation) -> bool {
    expected.exists.is_some()
        || expected.equals.is_some()
        || expected.contains.is_some()
        || expected.matches.is_some()
        || bounds(expected).iter().any(|(bound, _, _)| bound.is_some())
        || expected.min_length.is_some()
        || expected.max_length.is_some()
}

/// The comparisons: bound, what it means, words.
fn bounds(expected: &api::Expectation) -> [(Option<Quantity>, Comparison, &'static str); 4] {
    [
        (expected.greater_than, Comparison::GreaterThan, "is greater than"),
        (expected.at_least, Comparison::AtLeast, "is at least"),
        (expected.less_than, Comparison::LessThan, "is less than"),
        (expected.at_most, Comparison::AtMost, "is at most"),
    ]
}

/// What is wanted of a value, and the words for it.
fn wanted(
    compiler: &mut Compiler<'_>,
    expected: &api::Expectation,
    path: &str,
) -> Option<(Vec<Wanted>, String)> {
    let (mut wanted, mut words) = (Vec::new(), Vec::new());
    if let Some(value) = &expected.equals {
        wanted.push(Wanted::Equals(compiler.json(value, &format!("{path}.equals"))?));
        words.push(format!("equals {value}"));
    }
    if let Some(text) = &expected.contains {
        wanted.push(Wanted::Contains(compiler.template(text, &format!("{path}.contains"))?));
        words.push(format!("contains {text:?}"));
    }
    if let Some(text) = &expected.matches {
        wanted.push(Wanted::Matches(regex(compiler, text, &format!("{path}.matches"))?));
        words.push(format!("matches {text:?}"));
    }
    for (bound, comparison, said) in bounds(expected) {
        let Some(bound) = bound else { continue };
        wanted.push(Wanted::Number(comparison, bound.as_f64()));
        words.push(format!("{said} {bound}"));
    }
    if let Some((length, said)) = length(compiler, expected, path)? {
        wanted.push(length);
        words.push(said);
    }
    match (expected.exists, wanted.is_empty()) {
        (Some(false), false) => {
            compiler.errors.add(path, "what must not exist can't be like anything: drop exists or the rest");
            return None;
        }
        (Some(false), true) => {
            // There is always a body; it does not exist if it is empty.
            let none = Wanted::Length { min: 0, max: 0 };
            wanted.push(if expected.body.is_some() { none } else { Wanted::Exists(false) });
            words.push("does not exist".to_owned());
        }
        (_, true) => {
            let some = Wanted::Length { min: 1, max: u64::MAX };
            wanted.push(if expected.body.is_some() { some } else { Wanted::Exists(true) });
            words.push("exists".to_owned());
        }
        (_, false) => {}
    }
    Some((wanted, words.join(" and ")))
}

/// The length that is wanted, if one is: `None` if it is wrong.
#[allow(clippy::option_option, reason = "absent is not wrong")]
fn length(
    compiler: &mut Compiler<'_>,
    expected: &api::Expectation,
    path: &str,
) -> Option<Option<(Wanted, String)>> {
    let mut bound = |field: &str, given: Option<i64>| match given.map(u64::try_from) {
        None => Some(None),
        Some(Ok(length)) => Some(Some(length)),
        Some(Err(_)) => {
            compiler.errors.add(format_args!("{path}.{field}"), "must not be negative");
            None
        }
    };
    let (min, max) = (bound("minLength", expected.min_length)?, bound("maxLength", expected.max_length)?);
    let words = match (min, max) {
        (None, None) => return Some(None),
        (Some(min), Some(max)) if min > max => {
            compiler.errors.add(format_args!("{path}.maxLength"), "is less than minLength");
            return None;
        }
        (Some(min), Some(max)) if min == max => format!("has length {min}"),
        (Some(min), Some(max)) => format!("has length {min} to {max}"),
        (Some(min), None) => format!("has length {min} or more"),
        (None, Some(max)) => format!("has length {max} or less"),
    };
    let (min, max) = (min.unwrap_or(0), max.unwrap_or(u64::MAX));
    Some(Some((Wanted::Length { min, max }, words)))
}
