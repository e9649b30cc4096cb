// SPDX-License-Identifier: Apache-2.0
//! From a capture of a spec to one that is ready to be made.

use regex::Regex;
use serde_json_path::JsonPath;
use upsurge_crds::v1alpha1 as api;

use http::HeaderName;

use super::{Capture, Subject, compile::Compiler, names};
use crate::html::Selector;

pub(super) fn compile(compiler: &mut Compiler<'_>, capture: &api::Capture, path: &str) -> Option<Capture> {
    names::check_name(&capture.name, format_args!("{path}.name"), compiler.errors);
    let given = [
        capture.json_path.is_some(),
        capture.header.is_some(),
        capture.regex.is_some(),
        capture.selector.is_some(),
        capture.cookie.is_some(),
        capture.status.is_some(),
        capture.body.is_some(),
        capture.response_time.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        compiler.errors.add(
            path,
            "a capture has exactly one of jsonPath, header, regex, selector, cookie, status, body and responseTime",
        );
        return None;
    }
    let subject = subject(compiler, capture, path)?;
    let one_value =
        matches!(subject, Subject::Cookie(_) | Subject::Status | Subject::Body | Subject::ResponseTime);
    if capture.matched.is_some() && one_value {
        compiler
            .errors
            .add(format_args!("{path}.match"), "match belongs to jsonPath, header, regex or selector");
    }
    // Names that can't be variables have no slot; they are reported above.
    let slot = compiler.names.slot(&capture.name)?;
    let (choice, default) = (capture.matched.unwrap_or_default(), capture.default.clone());
    Some(Capture { name: capture.name.clone(), slot, subject, choice, default })
}

fn subject(compiler: &mut Compiler<'_>, capture: &api::Capture, path: &str) -> Option<Subject> {
    if let Some(text) = &capture.json_path {
        return json_path(compiler, text, &format!("{path}.jsonPath")).map(Subject::JsonPath);
    }
    if let Some(name) = &capture.header {
        return header_name(compiler, name, &format!("{path}.header")).map(Subject::Header);
    }
    if let Some(text) = &capture.regex {
        return regex(compiler, text, &format!("{path}.regex")).map(Subject::Regex);
    }
    if let Some(element) = &capture.selector {
        let selector = selector(compiler, &element.css, &format!("{path}.selector.css"))?;
        return Some(Subject::Selector { selector, attribute: attribute(element.attribute.as_deref()) });
    }
    if let Some(name) = &capture.cookie {
        return cookie_name(compiler, name, &format!("{path}.cookie")).map(Subject::Cookie);
    }
    let flags = [
        ("status", capture.status, Subject::Status),
        ("body", capture.body, Subject::Body),
        ("responseTime", capture.response_time, Subject::ResponseTime),
    ];
    let (field, given, subject) = flags.into_iter().find(|(_, given, _)| given.is_some())?;
    flag(compiler, given, &format!("{path}.{field}")).then_some(subject)
}

/// Whether a field that can only be true is true.
pub(super) fn flag(compiler: &mut Compiler<'_>, given: Option<bool>, path: &str) -> bool {
    if given == Some(false) {
        compiler.errors.add(path, "can only be true: leave it out otherwise");
    }
    given == Some(true)
}

pub(super) fn json_path(compiler: &mut Compiler<'_>, text: &str, path: &str) -> Option<JsonPath> {
    compiler
        .errors
        .check(path, JsonPath::parse(text).map_err(|error| format!("not a JSONPath (RFC 9535): {error}")))
}

pub(super) fn header_name(compiler: &mut Compiler<'_>, name: &str, path: &str) -> Option<String> {
    let valid = HeaderName::from_bytes(name.as_bytes()).map(|name| name.as_str().to_owned());
    compiler.errors.check(path, valid.map_err(|_| format!("{name:?} can't be the name of a header")))
}

/// Names of cookies are tokens, as those of headers, but with regard to case.
pub(super) fn cookie_name(compiler: &mut Compiler<'_>, name: &str, path: &str) -> Option<String> {
    let valid = HeaderName::from_bytes(name.as_bytes()).map(|_| name.to_owned());
    compiler.errors.check(path, valid.map_err(|_| format!("{name:?} can't be the name of a cookie")))
}

pub(super) fn regex(compiler: &mut Compiler<'_>, text: &str, path: &str) -> Option<Regex> {
    let compiled = Regex::new(text)
        .map_err(|error| format!("not a regular expression: {}", last_line(&error.to_string())));
    compiler.errors.check(path, compiled)
}

pub(super) fn selector(compiler: &mut Compiler<'_>, text: &str, path: &str) -> Option<Selector> {
    compiler.errors.check(path, Selector::parse(text))
}

/// The name of an attribute as HTML parsers write it.
pub(super) fn attribute(name: Option<&str>) -> Option<String> {
    name.map(str::to_ascii_lowercase)
}

/// The regex crate draws the place of an error; its last line says what is wrong.
fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ")
}
