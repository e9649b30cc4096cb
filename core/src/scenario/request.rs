// SPDX-License-Identifier: Apache-2.0
//! From a request of a spec to one that is ready to send.

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderName, HeaderValue, Uri};
use upsurge_crds::v1alpha1::{self as api, StatusRange};

use super::{Body, DEFAULT_STATUSES, Matcher, Request, auth, body, capture, compile::Compiler, expectation};
use crate::{
    http::{without_login, written_port},
    template::{Piece, Template},
};

/// Timeout unless the spec says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Most redirects that are followed unless the spec says otherwise.
const DEFAULT_REDIRECTS: i32 = 10;
/// Longest name of a request in results.
const LONGEST_NAME: usize = 256;

pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    request: &api::RequestStep,
    path: &str,
) -> Option<Request> {
    let url = compiler.template(&request.url, &format!("{path}.url"));
    if let Some(url) = &url {
        check_url(compiler, url, &format!("{path}.url"));
    }
    let query = compiler.templates(&request.query, &format!("{path}.query"));
    let body = body::compile(compiler, request, path);
    let headers = headers(compiler, request, &body, path);
    let captures = request.capture.iter().enumerate();
    let capture = captures
        .filter_map(|(index, capture)| {
            capture::compile(compiler, capture, &format!("{path}.capture[{index}]"))
        })
        .collect();
    let expectations = request.expect.iter().enumerate();
    let expect: Vec<_> = expectations
        .filter_map(|(index, expected)| {
            expectation::compile(compiler, expected, &format!("{path}.expect[{index}]"))
        })
        .collect();
    let by_expectation = expect.iter().find_map(|expected| match &expected.matcher {
        Matcher::Status(codes) if !expected.negated && !expected.of_failed => Some(codes.clone()),
        _ => None,
    });
    let http = &compiler.spec.http;
    let of_test = || http.expected_statuses.clone().unwrap_or_else(|| vec![DEFAULT_STATUSES]);
    let expected_status = match (&request.expected_statuses, &by_expectation) {
        (Some(ranges), _) => ranges.clone(),
        (None, Some(codes)) => codes.iter().map(|code| StatusRange { first: *code, last: *code }).collect(),
        (None, None) => of_test(),
    };
    let max_redirects = request.max_redirects.or(http.max_redirects).unwrap_or(DEFAULT_REDIRECTS);
    let max_response_size = request.max_response_size.or(http.max_response_size).map(|size| size.0);
    let timeout = request.timeout.or(compiler.spec.http.timeout).map_or(DEFAULT_TIMEOUT, |span| span.0);
    if request.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
        compiler.errors.add(format_args!("{path}.timeout"), "0s leaves no time for any response");
    }
    let auth = auth::compile(compiler, request, path);
    let cookies = cookies(compiler, request, path);
    Some(Request {
        name: request.name.clone().unwrap_or_else(|| default_name(request)),
        method: request.method,
        url: url?,
        query,
        headers,
        body,
        tags: request.tags.clone(),
        timeout,
        capture,
        expect,
        expected_status,
        wanted_redirects: by_expectation.unwrap_or_default(),
        max_redirects: usize::try_from(max_redirects).unwrap_or_default(),
        auth,
        cookies,
        compression: request.compression.clone(),
        max_response_size,
    })
}

fn default_name(request: &api::RequestStep) -> String {
    format!("{} {}", request.method.as_str(), without_login(&request.url))
        .chars()
        .take(LONGEST_NAME)
        .collect()
}

fn check_url(compiler: &mut Compiler<'_>, url: &Template, path: &str) {
    let Some(literal) = url.literal() else { return };
    let shown = without_login(literal);
    let scheme = literal.split_once("://").map(|(before, _)| before);
    // What follows a path is no scheme: `/out?to=http://shop`.
    let scheme = scheme.filter(|before| !before.contains(['/', '?', '#']));
    let whole =
        scheme.is_some_and(|name| ["http", "https"].iter().any(|known| name.eq_ignore_ascii_case(known)));
    if !whole && scheme.is_some() {
        compiler.errors.add(path, format_args!("{shown:?} is neither a path nor an http:// or https:// URL"));
    } else if whole {
        let parsed = literal.parse::<Uri>();
        let with_host = parsed.as_ref().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
        let port = parsed.as_ref().ok().and_then(Uri::authority).map(written_port).transpose();
        if let Err(error) = port {
            compiler.errors.add(path, format_args!("{shown:?} is not a valid URL: {error}"));
        } else if !with_host {
            compiler.errors.add(
                path,
                format_args!(
                    "{shown:?} is not a valid URL{}",
                    parsed.err().map(|error| format!(": {error}")).unwrap_or_default()
                ),
            );
        }
    } else if literal.chars().any(|character| character.is_control() || character == ' ') {
        compiler
            .errors
            .add(path, format_args!("{shown:?} holds spaces or control characters: percent-encode them"));
    }
}

/// The request's own headers, then the test's, then what the body implies; the first of a name wins.
fn headers(
    compiler: &mut Compiler<'_>,
    request: &api::RequestStep,
    body: &Body,
    path: &str,
) -> Vec<(String, Template)> {
    check_each_once(compiler, &request.headers, &format!("{path}.headers"));
    let spec = compiler.spec;
    check_each_once(compiler, &spec.http.headers, "spec.http.headers");
    let mut headers: Vec<(String, Template)> = Vec::new();
    let own = compiler.templates(&request.headers, &format!("{path}.headers"));
    let common = compiler.templates(&compiler.spec.http.headers, "spec.http.headers");
    for (from, name, value) in own
        .into_iter()
        .map(|(name, value)| (format!("{path}.headers"), name, value))
        .chain(common.into_iter().map(|(name, value)| ("spec.http.headers".into(), name, value)))
    {
        check_header(compiler, &format!("{from}.{name}"), &name, &value);
        let name = name.to_ascii_lowercase();
        if headers.iter().all(|(known, _)| *known != name) {
            headers.push((name, value));
        }
    }
    if let Body::Multipart(_) = body
        && let Some((_, value)) = headers.iter_mut().find(|(name, _)| name == "content-type")
    {
        add_boundary(compiler, value, path);
    }
    let implied = match body {
        Body::Json(_) => Some("application/json".to_owned()),
        Body::Form(_) => Some("application/x-www-form-urlencoded".to_owned()),
        Body::Multipart(_) => Some(format!("multipart/form-data; boundary={}", body::BOUNDARY)),
        Body::File(_) | Body::Bytes(_) => Some("application/octet-stream".to_owned()),
        Body::Generated(content) => Some(content.media_type().to_owned()),
        Body::Empty | Body::Text(_) => None,
    };
    let codings =
        |codings: &[api::Coding]| codings.iter().map(|coding| coding.as_str()).collect::<Vec<_>>().join(", ");
    let encodings = Some(codings(&request.compression)).filter(|text| !text.is_empty());
    let accepted = Some(codings(&compiler.spec.http.accept_encoding)).filter(|text| !text.is_empty());
    if encodings.is_some() && headers.iter().any(|(name, _)| name == "content-encoding") {
        compiler
            .errors
            .add(format_args!("{path}.compression"), "sets the header Content-Encoding: drop one of them");
    }
    let implied = [("content-type", implied), ("content-encoding", encodings), ("accept-encoding", accepted)];
    for (name, value) in implied {
        let Some(value) = value.filter(|_| headers.iter().all(|(known, _)| known != name)) else { continue };
        headers.push((name.into(), Template { pieces: vec![Piece::Text(value)] }));
    }
    headers
}

/// Tells servers where a part ends, whose media type the test wrote itself.
fn add_boundary(compiler: &mut Compiler<'_>, media_type: &mut Template, path: &str) {
    let texts = || {
        media_type.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.to_ascii_lowercase()),
            _ => None,
        })
    };
    if texts().any(|text| text.contains("boundary=")) {
        compiler.errors.add(
            format_args!("{path}.headers.Content-Type"),
            "the runner chooses the boundary of multipart: leave it out",
        );
    } else if texts().next().is_some_and(|text| text.trim_start().starts_with("multipart/")) {
        media_type.pieces.push(Piece::Text(format!("; boundary={}", body::BOUNDARY)));
    }
}

/// Cookies of the request itself.
fn cookies(compiler: &mut Compiler<'_>, request: &api::RequestStep, path: &str) -> Vec<(String, Template)> {
    let cookies = compiler.templates(&request.cookies, &format!("{path}.cookies"));
    for (name, value) in &cookies {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            compiler.errors.add(
                format_args!("{path}.cookies.{name}"),
                format_args!("{name:?} can't be the name of a cookie"),
            );
        }
        let separates =
            |text: &str| text.contains([';', ',', ' ', '"']) || HeaderValue::from_str(text).is_err();
        if value.literal().is_some_and(separates) {
            compiler.errors.add(
                format_args!("{path}.cookies.{name}"),
                "the value holds characters that a cookie can't carry: percent-encode them",
            );
        }
    }
    cookies
}

/// Refuses two headers of one map that differ only by case: one of them would be lost.
fn check_each_once(compiler: &mut Compiler<'_>, headers: &BTreeMap<String, String>, path: &str) {
    let mut seen = BTreeMap::new();
    for name in headers.keys() {
        if let Some(other) = seen.insert(name.to_ascii_lowercase(), name) {
            compiler.errors.add(
                format_args!("{path}.{name}"),
                format_args!("is the same header as {other}: give it once, with all values"),
            );
        }
    }
}

fn check_header(compiler: &mut Compiler<'_>, path: &str, name: &str, value: &Template) {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        compiler.errors.add(path, format_args!("{name:?} can't be the name of a header"));
    } else if ["content-length", "transfer-encoding", "connection"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
    {
        compiler.errors.add(path, "this header is set by the runner itself");
    }
    if value.literal().is_some_and(|literal| HeaderValue::from_str(literal).is_err()) {
        compiler.errors.add(path, "the value holds characters that a header can't carry");
    }
}
