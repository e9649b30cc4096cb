//! From an expectation of a spec to a check with a name.

use upsurge_crds::v1alpha1 as api;

use super::{
    Expectation, Matcher, Wanted,
    compile::Compiler,
    request::{header_name, json_path},
};
use crate::template::JsonTemplate;

pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    expected: &api::Expectation,
    path: &str,
) -> Option<Expectation> {
    let given = [
        expected.status.is_some(),
        expected.content_type.is_some(),
        expected.json_path.is_some(),
        expected.header.is_some(),
        expected.body_contains.is_some(),
        expected.response_time.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        compiler.errors.add(
            path,
            "an expectation is exactly one of status, contentType, jsonPath, header, bodyContains and responseTime",
        );
        return None;
    }
    let on_value = expected.json_path.is_some() || expected.header.is_some();
    if !on_value && (expected.exists.is_some() || expected.equals.is_some()) {
        compiler.errors.add(path, "equals and exists belong to jsonPath or header");
        return None;
    }
    let (matcher, words) = matcher(compiler, expected, path)?;
    Some(Expectation { name: expected.name.clone().unwrap_or(words), matcher })
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
    if let Some(text) = &expected.json_path {
        let json_path = json_path(compiler, text, &format!("{path}.jsonPath"));
        let (wanted, words) = wanted(compiler, expected, path)?;
        return Some((Matcher::JsonPath { path: json_path?, wanted }, format!("{text} {words}")));
    }
    if let Some(name) = &expected.header {
        let header = header_name(compiler, name, &format!("{path}.header"));
        let (wanted, words) = wanted(compiler, expected, path)?;
        return Some((Matcher::Header { name: header?, wanted }, format!("header {name} {words}")));
    }
    if let Some(text) = &expected.body_contains {
        return Some((Matcher::BodyContains(text.clone()), format!("body contains {text:?}")));
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

fn wanted(compiler: &mut Compiler<'_>, expected: &api::Expectation, path: &str) -> Option<(Wanted, String)> {
    match (&expected.equals, expected.exists) {
        (Some(_), Some(false)) => {
            compiler.errors.add(path, "what must not exist can't equal anything: drop exists or equals");
            None
        }
        (Some(value), _) => match JsonTemplate::parse(value, compiler.names) {
            Ok(template) => Some((Wanted::Equals(template), format!("equals {value}"))),
            Err(errors) => {
                errors.iter().for_each(|(place, error)| {
                    compiler.errors.add(format_args!("{path}.equals{place}"), error)
                });
                None
            }
        },
        (None, Some(false)) => Some((Wanted::Exists(false), "does not exist".into())),
        (None, _) => Some((Wanted::Exists(true), "exists".into())),
    }
}
