// SPDX-License-Identifier: Apache-2.0
//! What templates in answers know about the request.

use jiff::Timestamp;
use serde_json::{Map, Value};
use upsurge_core::template::{Names, Scope};

use super::numbers::Numbers;

/// Names that answers may use: `path.id`, `query.page`, `headers.x-request-id`, `body.amount`, `method`.
const NAMES: [&str; 5] = ["path", "query", "headers", "body", "method"];

pub(super) fn names() -> Names {
    Names::new(NAMES)
}

/// Values of one request.
pub(super) struct RequestScope<'a> {
    pub(super) values: [Value; NAMES.len()],
    pub(super) numbers: &'a Numbers,
}

impl<'a> RequestScope<'a> {
    /// Values from the parts of a request; a body that is no JSON is a text.
    pub(super) fn new(
        path: Map<String, Value>,
        parts: &http::request::Parts,
        body: &[u8],
        numbers: &'a Numbers,
    ) -> Self {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let query =
            url::form_urlencoded::parse(query).map(|(name, value)| (name.into_owned(), Value::from(value)));
        let headers = parts.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), Value::from(String::from_utf8_lossy(value.as_bytes())))
        });
        let body =
            serde_json::from_slice(body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(body)));
        let values = [
            Value::Object(path),
            Value::Object(query.collect()),
            Value::Object(headers.collect()),
            body,
            parts.method.as_str().into(),
        ];
        Self { values, numbers }
    }
}

impl Scope for RequestScope<'_> {
    fn variable(&self, slot: usize) -> Option<&Value> {
        self.values.get(slot)
    }

    fn secret(&self, _: &str) -> Option<&str> {
        None
    }

    fn random(&mut self) -> u64 {
        self.numbers.next()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
