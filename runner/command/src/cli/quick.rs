// SPDX-License-Identifier: Apache-2.0
//! `upsurge quick`: a test of one URL, made of arguments, and run as any other.

mod words;

use std::{fs, path::Path, process::ExitCode, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use upsurge_core::{
    field_error::FieldError,
    files::{FileId, FileKind},
    validate::{read_spec, validate},
};
use upsurge_crds::v1alpha1::TimeSpan;

pub(super) use self::words::in_arguments;
use super::{
    arguments::QuickArguments,
    exit,
    manifest::Manifest,
    run::{self, Form, Manner},
};

/// Users when nothing is said.
const USERS: u32 = 50;
/// Requests when nothing is said.
const REQUESTS: u64 = 200;
/// Longest time for a number of requests.
const LONGEST: TimeSpan = TimeSpan::from_secs(86_400);
/// Where the body stands among the files of the test.
const BODY: [&str; 2] = ["quick", "body"];
/// Headers that a request has once.
const SINGLE_HEADERS: [&str; 5] = ["authorization", "content-type", "host", "user-agent", "referer"];
/// Longest name of the request.
const NAME_LENGTH: usize = 256;

/// Why the arguments make no test.
#[derive(Debug, thiserror::Error)]
enum QuickError {
    /// A header without a colon, or without a name. It may hold a secret, and is not repeated.
    #[error("--header number {0} is not a header: write it as \"Name: value\"")]
    Header(usize),
    /// A header that there can be one of.
    #[error("--header {0} is given twice, and a request has only one")]
    Twice(String),
    /// An option and a header that say the same.
    #[error("--{option} and --header {header} set the same header: drop one of them")]
    Both {
        /// The option.
        option: &'static str,
        /// The header.
        header: &'static str,
    },
    /// Credentials without a password.
    #[error("--auth is not USER:PASSWORD; write \"USER:\" if the password is empty")]
    Login,
    /// A limit without a condition.
    #[error(
        "--threshold {0:?} is not a limit: write a metric and a condition, as in \"http_req_duration p(95) < 200ms\""
    )]
    Threshold(String),
    /// The body can't be read.
    #[error("can't read the body from {path}: {source}")]
    Body {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// What the arguments make can't be run.
    #[error("{}", .0.join("\nerror: "))]
    Invalid(Vec<String>),
}

/// Runs the test that the arguments make.
pub(super) fn run(arguments: &QuickArguments) -> ExitCode {
    match manifest(arguments) {
        Ok(manifest) => {
            let (whole, quiet) = (arguments, arguments.quiet);
            let arguments = &arguments.session;
            let form = Form::Quick(whole);
            let manner = Manner {
                arguments,
                files: None,
                is_target_given: false,
                quiet,
                form,
                markdown: None,
                observe: None,
            };
            run::conduct(manifest, &manner)
        }
        Err(error) => exit::error(error),
    }
}

fn manifest(arguments: &QuickArguments) -> Result<Manifest, QuickError> {
    let told = |errors: Vec<FieldError>| {
        let mut told: Vec<String> =
            errors.iter().map(|error| in_arguments(&error.to_string(), arguments)).collect();
        // Several fields may come from one argument.
        told.dedup();
        QuickError::Invalid(told)
    };
    let spec = read_spec(&spec(arguments)?).map_err(told)?;
    let valid = validate(&spec).map_err(told)?;
    let objects = arguments.body_file.as_deref().map(body_file).transpose()?.into_iter().collect();
    Ok(Manifest {
        name: "quick".into(),
        namespace: None,
        git_revision: None,
        spec,
        valid,
        objects,
        notes: Vec::new(),
    })
}

/// The test as it would stand in a manifest, so that it is checked like one.
fn spec(arguments: &QuickArguments) -> Result<Value, QuickError> {
    let place = Place::of(&arguments.url);
    let thresholds: Result<Vec<Value>, _> =
        arguments.thresholds.iter().map(|limit| threshold(limit)).collect();
    let mut http = json!({"insecureSkipTLSVerify": arguments.insecure});
    if let Some(timeout) = arguments.timeout {
        http["timeout"] = json!(timeout);
    }
    if let Some(redirects) = arguments.redirects {
        http["maxRedirects"] = json!(redirects);
    }
    if let Some(proxy) = &arguments.proxy {
        http["proxy"] = json!({"http": proxy, "https": proxy});
    }
    if arguments.http2 {
        http["version"] = json!("HTTP2");
    }
    if arguments.disable_keepalive {
        http["connections"] = json!({"keepAlive": false});
    }
    Ok(json!({
        "target": {"baseURL": place.origin},
        "http": http,
        "scenarios": [{"name": "quick", "steps": [{"request": request(arguments, &place)?}]}],
        "load": load(arguments),
        "thresholds": thresholds?,
    }))
}

fn load(arguments: &QuickArguments) -> Value {
    let users = arguments.connections.unwrap_or(USERS);
    let requests = arguments.requests.unwrap_or(REQUESTS);
    match (arguments.rate, arguments.duration) {
        (Some(rate), duration) => {
            let duration = duration.unwrap_or_else(|| time_of(requests, rate));
            let mut load = json!({
                "unit": "IterationsPerSecond",
                "constant": {"level": level(rate), "duration": duration},
            });
            if let Some(users) = arguments.connections {
                load["arrivals"] = json!({"maxUsers": users});
            }
            load
        }
        (None, Some(duration)) => {
            json!({"unit": "Users", "constant": {"level": users, "duration": duration}})
        }
        (None, None) => {
            json!({"executors": [{"name": "quick", "sharedIterations": {"vus": u64::from(users).min(requests), "iterations": requests, "maxDuration": LONGEST}}]})
        }
    }
}

/// A rate as a spec has it: exact to a billionth, and never floating point.
fn level(rate: f64) -> String {
    format!("{rate:.9}")
}

/// The time in which as many requests start at a rate, the first of them at once.
fn time_of(requests: u64, rate: f64) -> TimeSpan {
    let seconds = (requests as f64 - 0.5) / rate;
    TimeSpan(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST.0).min(LONGEST.0))
}

/// The body's file, under the name by which the request refers to it.
fn body_file(path: &Path) -> Result<(FileId, Bytes), QuickError> {
    let bytes =
        fs::read(path).map_err(|source| QuickError::Body { path: path.display().to_string(), source })?;
    let [name, key] = BODY.map(String::from);
    Ok((FileId { kind: FileKind::ConfigMap, name, key }, bytes.into()))
}

fn request(arguments: &QuickArguments, place: &Place<'_>) -> Result<Value, QuickError> {
    let has_body = arguments.body.is_some() || arguments.body_file.is_some();
    let default_method = if has_body { "POST" } else { "GET" };
    let method = arguments.method.as_ref().map(|method| method.to_uppercase());
    let method = method.unwrap_or_else(|| default_method.into());
    let name: String = format!("{method} {}", place.path).chars().take(NAME_LENGTH).collect();
    let mut request = json!({
        "name": name,
        "method": method,
        "url": place.path,
        "headers": headers(arguments, place)?,
    });
    if let Some(body) = &arguments.body {
        request["body"] = json!(body);
    }
    if arguments.body_file.is_some() {
        let [name, key] = BODY;
        request["file"] = json!({"configMapKeyRef": {"name": name, "key": key}});
    }
    Ok(request)
}

fn headers(arguments: &QuickArguments, place: &Place<'_>) -> Result<Map<String, Value>, QuickError> {
    let mut headers = Map::new();
    let mut given: Vec<(String, String)> = Vec::new();
    for (index, header) in arguments.headers.iter().enumerate() {
        let (name, value) = header
            .split_once(':')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or(QuickError::Header(index + 1))?;
        let (name, value) = (name.trim(), value.trim());
        match given.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            None => given.push((name.into(), value.into())),
            Some(_) if SINGLE_HEADERS.iter().any(|single| name.eq_ignore_ascii_case(single)) => {
                return Err(QuickError::Twice(name.into()));
            }
            Some((_, before)) => {
                // Several of one name mean the same as one with all values (RFC 9110 §5.3, RFC 6265 §5.4).
                before.push_str(if name.eq_ignore_ascii_case("cookie") { "; " } else { ", " });
                before.push_str(value);
            }
        }
    }
    let is_given = |name: &str| given.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    for (option, is_used, header) in [
        ("auth", arguments.auth.is_some(), "Authorization"),
        ("content-type", arguments.content_type.is_some(), "Content-Type"),
    ] {
        if is_used && is_given(header) {
            return Err(QuickError::Both { option, header });
        }
    }
    let login = match &arguments.auth {
        Some(login) if !login.contains(':') => return Err(QuickError::Login),
        Some(login) => Some(login.clone().into_bytes()),
        None => place.login.map(decoded),
    };
    // That of a URL gives way, as in a manifest.
    if let Some(login) = login.filter(|_| !is_given("authorization")) {
        headers.insert("Authorization".into(), json!(format!("Basic {}", STANDARD.encode(login))));
    }
    if let Some(content_type) = &arguments.content_type {
        headers.insert("Content-Type".into(), json!(content_type));
    }
    headers.extend(given.into_iter().map(|(name, value)| (name, json!(value))));
    Ok(headers)
}

/// User and password as they stand in a URL: percent-encoded, the password perhaps left out.
fn decoded(login: &str) -> Vec<u8> {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    percent_decode_str(user).chain([b':']).chain(percent_decode_str(password)).collect()
}

fn threshold(limit: &str) -> Result<Value, QuickError> {
    let wrong = || QuickError::Threshold(limit.into());
    let (metric, condition) = limit.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
    Ok(json!({"metric": metric.trim_end_matches(':'), "condition": condition.trim()}))
}

/// The parts of a URL. Taken apart by hand: what comes after the host may hold templates.
struct Place<'a> {
    /// Scheme, host and port.
    origin: String,
    /// `USER:PASSWORD` before the host.
    login: Option<&'a str>,
    /// Path and query.
    path: String,
}

impl<'a> Place<'a> {
    fn of(url: &'a str) -> Self {
        let url = url.trim();
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let path = path.split('#').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, authority),
        };
        Self { origin: format!("{}://{host}", scheme.to_lowercase()), login, path: format!("{slash}{path}") }
    }
}

#[cfg(test)]
mod tests {
    use upsurge_core::plan::Plan;

    use super::*;

    #[test]
    fn as_many_requests_start_as_asked_for() {
        for (requests, rate) in [(1, 1.0), (7, 3.0), (200, 0.7), (1_000, 333.3), (12_345, 10_000.0)] {
            let load = json!({"unit": "IterationsPerSecond", "constant": {"level": level(rate), "duration": time_of(requests, rate)}});
            let plan = Plan::compile(&serde_json::from_value(load).unwrap(), &[]).unwrap();
            assert_eq!(plan.loads[0].arrivals().unwrap().total(), requests, "at {rate}");
        }
    }

    #[test]
    fn a_url_is_taken_apart_as_written() {
        let parts = |url| {
            let place = Place::of(url);
            (place.origin, place.login, place.path)
        };
        assert_eq!(parts("localhost:8080"), ("http://localhost:8080".into(), None, "/".into()));
        assert_eq!(
            parts("HTTPS://me:secret@shop.example/items/{{ iteration }}?q=a/b#top"),
            ("https://shop.example".into(), Some("me:secret"), "/items/{{ iteration }}?q=a/b".into())
        );
        assert_eq!(parts("http://[::1]:80?x=1"), ("http://[::1]:80".into(), None, "/?x=1".into()));
    }
}
