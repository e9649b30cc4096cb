//! What is made of a response: captures and checks.

use std::time::Duration;

use http::{HeaderMap, header};
use serde_json::Value;
use serde_json_path::JsonPath;
use upsurge_core::{
    scenario::{Capture, CaptureSource, Matcher, Wanted},
    template::Scope,
};

use crate::{http::message::Incoming, program::Request};

/// A response as captures and checks see it.
pub(crate) struct Seen<'a> {
    request: &'a Request,
    response: Option<&'a Incoming>,
    json: Json,
    duration: Duration,
}

/// The JSON of a response, as far as somebody looks at it.
enum Json {
    /// There is none.
    None,
    /// What is at the places that the request's paths lead to, in their order.
    Places(Vec<Option<Value>>),
    /// All of it.
    Tree(Value),
}

impl<'a> Seen<'a> {
    /// Looks at the response to a request, or at none.
    pub(crate) fn new(request: &'a Request, response: Option<&'a Incoming>, duration: Duration) -> Self {
        let json = response.map_or(Json::None, |response| Json::of(&response.body, request));
        Self { request, response, json, duration }
    }

    /// What is at a place of the JSON.
    fn at(&self, path: &JsonPath) -> Option<&Value> {
        match &self.json {
            Json::None => None,
            Json::Tree(tree) => path.query(tree).first(),
            Json::Places(found) => {
                let number = self.request.json_paths().position(|known| std::ptr::eq(known, path))?;
                found.get(number)?.as_ref()
            }
        }
    }

    /// Whether an expectation holds. None holds of a response that never came.
    pub(crate) fn meets(&self, matcher: &Matcher, scope: &mut dyn Scope) -> bool {
        let Some(response) = self.response else { return false };
        match matcher {
            Matcher::Status(codes) => codes.contains(&response.status.as_u16()),
            Matcher::ContentType(wanted) => {
                media_type(&response.headers).is_some_and(|found| found == *wanted)
            }
            Matcher::JsonPath { path, wanted } => {
                let found = self.at(path);
                match wanted {
                    Wanted::Exists(exists) => found.is_some() == *exists,
                    Wanted::Equals(json) => found.is_some_and(|found| equal(found, &json.render(scope))),
                }
            }
            Matcher::Header { name, wanted } => {
                let found = header_text(&response.headers, name);
                match wanted {
                    Wanted::Exists(exists) => found.is_some() == *exists,
                    Wanted::Equals(json) => {
                        let text = match json.render(scope) {
                            Value::String(text) => text,
                            other => other.to_string(),
                        };
                        found.is_some_and(|found| found == text)
                    }
                }
            }
            Matcher::BodyContains(text) => contains(&response.body, text.as_bytes()),
            Matcher::ResponseTime(limit) => self.duration <= *limit,
        }
    }

    /// The value of a capture; `None` when there is none, not even a default.
    pub(crate) fn capture(&self, capture: &Capture) -> Option<Value> {
        self.find(&capture.source).or_else(|| capture.default.clone().map(Value::String))
    }

    fn find(&self, source: &CaptureSource) -> Option<Value> {
        let response = self.response?;
        match source {
            CaptureSource::JsonPath(path) => self.at(path).cloned(),
            CaptureSource::Header(name) => header_text(&response.headers, name).map(|text| text.into()),
            CaptureSource::Regex(regex) => {
                let text = String::from_utf8_lossy(&response.body);
                let found = regex.captures(&text)?;
                let group = found.get(1).or_else(|| found.get(0))?;
                Some(group.as_str().into())
            }
        }
    }
}

impl Json {
    fn of(body: &[u8], request: &Request) -> Self {
        if let Some(places) = &request.places {
            return places.find(body).map_or(Self::None, Self::Places);
        }
        if request.json_paths().next().is_none() {
            return Self::None;
        }
        serde_json::from_slice(body).map_or(Self::None, Self::Tree)
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    text.split(';').next().map(|media_type| media_type.trim().to_ascii_lowercase())
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Equality of JSON values, in which 1 and 1.0 are the same number.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(body, text).is_some()
}
