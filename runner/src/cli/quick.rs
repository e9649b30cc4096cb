//! `upsurge quick`: a test of one URL, made of arguments, and run as any other.

use std::{collections::BTreeMap, fs, process::ExitCode};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use upsurge_core::{
    field_error::FieldError,
    validate::{read_spec, validate},
};
use upsurge_crds::v1alpha1::TimeSpan;

use super::{
    arguments::QuickArguments,
    exit,
    manifest::Manifest,
    run::{self, Form, Manner},
};

/// Users when nothing is said.
const USERS: u32 = 50;
/// Time when nothing is said.
const DURATION: TimeSpan = TimeSpan::from_secs(10);
/// Longest name of the request.
const NAME_LENGTH: usize = 256;

/// Why the arguments make no test.
#[derive(Debug, thiserror::Error)]
enum QuickError {
    /// A header without a colon, or without a name.
    #[error("--header {0:?} is no header: write it as \"Name: value\"")]
    Header(String),
    /// A limit without a condition.
    #[error(
        "--threshold {0:?} is no limit: write a metric and a condition, as in \"http_req_duration p(95) < 200ms\""
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
    #[error("these arguments make no test that can be run:{}", .0.iter().map(|error| format!("\n  {error}")).collect::<String>())]
    Invalid(Vec<FieldError>),
}

/// Runs the test that the arguments make.
pub(super) fn run(arguments: &QuickArguments) -> ExitCode {
    match manifest(arguments) {
        Ok(manifest) => {
            let (arguments, quiet) = (&arguments.session, arguments.quiet);
            run::conduct(manifest, &Manner { arguments, files: None, quiet, form: Form::Quick })
        }
        Err(error) => exit::error(error),
    }
}

fn manifest(arguments: &QuickArguments) -> Result<Manifest, QuickError> {
    let spec = read_spec(&spec(arguments)?).map_err(QuickError::Invalid)?;
    let valid = validate(&spec).map_err(QuickError::Invalid)?;
    Ok(Manifest { name: "quick".into(), spec, valid, objects: BTreeMap::new(), notes: Vec::new() })
}

/// The test as it would stand in a manifest, so that it is checked like one.
fn spec(arguments: &QuickArguments) -> Result<Value, QuickError> {
    let place = Place::of(&arguments.url);
    let thresholds: Result<Vec<Value>, _> =
        arguments.thresholds.iter().map(|limit| threshold(limit)).collect();
    let mut http = json!({"insecureSkipTlsVerify": arguments.insecure});
    if let Some(timeout) = arguments.timeout {
        http["timeout"] = json!(timeout);
    }
    Ok(json!({
        "target": {"baseUrl": place.origin},
        "http": http,
        "scenarios": [{"name": "quick", "steps": [{"request": request(arguments, &place)?}]}],
        "load": load(arguments),
        "thresholds": thresholds?,
    }))
}

fn load(arguments: &QuickArguments) -> Value {
    let duration = arguments.duration.unwrap_or(DURATION);
    match arguments.rate {
        Some(rate) => {
            let mut load = json!({
                "unit": "IterationsPerSecond",
                "constant": {"level": rate, "duration": duration},
            });
            if let Some(users) = arguments.connections {
                load["maxUsers"] = json!(users);
            }
            load
        }
        None => json!({
            "unit": "Users",
            "constant": {"level": arguments.connections.unwrap_or(USERS), "duration": duration},
        }),
    }
}

fn request(arguments: &QuickArguments, place: &Place<'_>) -> Result<Value, QuickError> {
    let body = match (&arguments.body, &arguments.body_file) {
        (Some(body), _) => Some(body.clone()),
        (None, Some(path)) => Some(
            fs::read_to_string(path)
                .map_err(|source| QuickError::Body { path: path.display().to_string(), source })?,
        ),
        (None, None) => None,
    };
    let method = arguments.method.as_ref().map(|method| method.to_uppercase());
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.into());
    let name: String = format!("{method} {}", place.path).chars().take(NAME_LENGTH).collect();
    let mut request = json!({
        "name": name,
        "method": method,
        "url": place.path,
        "headers": headers(arguments, place)?,
    });
    if let Some(body) = body {
        request["body"] = json!(body);
    }
    Ok(request)
}

fn headers(arguments: &QuickArguments, place: &Place<'_>) -> Result<Map<String, Value>, QuickError> {
    let mut headers = Map::new();
    if let Some(login) = arguments.auth.as_deref().or(place.login) {
        headers.insert("Authorization".into(), json!(format!("Basic {}", STANDARD.encode(login))));
    }
    if let Some(content_type) = &arguments.content_type {
        headers.insert("Content-Type".into(), json!(content_type));
    }
    for header in &arguments.headers {
        let (name, value) = header
            .split_once(':')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or_else(|| QuickError::Header(header.clone()))?;
        headers.insert(name.trim().into(), json!(value.trim()));
    }
    Ok(headers)
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
    use super::*;

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
