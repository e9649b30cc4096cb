//! What is made of a response: captures and checks.

use std::time::Duration;

use http::{HeaderMap, header};
use serde_json::Value;
use upsurge_core::{
    scenario::{Capture, CaptureSource, Matcher, Wanted},
    template::Scope,
};

use crate::http::message::Incoming;

/// A response as captures and checks see it. Its JSON is parsed when it is first asked for.
pub(crate) struct Seen<'a> {
    response: Option<&'a Incoming>,
    json: Option<Value>,
    duration: Duration,
}

impl<'a> Seen<'a> {
    /// Looks at a response, or at none.
    pub(crate) fn new(response: Option<&'a Incoming>, needs_json: bool, duration: Duration) -> Self {
        let json = response.filter(|_| needs_json).and_then(|r| serde_json::from_slice(&r.body).ok());
        Self { response, json, duration }
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
                let found = self.json.as_ref().and_then(|json| path.query(json).first());
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
            CaptureSource::JsonPath(path) => path.query(self.json.as_ref()?).first().cloned(),
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
