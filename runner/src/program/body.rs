//! Bodies of requests: bytes, with places to fill in only where there are any.

use std::collections::BTreeMap;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use upsurge_core::{
    scenario,
    template::{JsonTemplate, Scope, Template},
};

use super::fold::fold;

/// What stays as it is in forms and queries (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A body, ready to be filled in.
#[derive(Debug)]
pub(crate) enum Body {
    /// The same bytes each time.
    Fixed(Bytes),
    /// Parts of it change.
    Filled(Vec<Part>),
}

/// A part of a body or of a query.
#[derive(Debug)]
pub(crate) enum Part {
    /// Text as it stands.
    Text(String),
    /// A value, as JSON.
    Json(Template),
    /// A text as it is.
    Plain(Template),
    /// A text, percent-encoded.
    Encoded(Template),
}

impl Body {
    pub(super) fn compile(body: &scenario::Body, secrets: &BTreeMap<String, String>) -> Self {
        let mut parts = Vec::new();
        match body {
            scenario::Body::Empty => {}
            scenario::Body::Text(template) => parts.push(Part::Plain(fold(template, secrets))),
            scenario::Body::Json(json) => json_parts(json, secrets, &mut parts),
            scenario::Body::Form(fields) => parts = encoded_parts(fields, secrets),
        }
        let parts = joined(parts);
        match parts.as_slice() {
            [] => Self::Fixed(Bytes::new()),
            [Part::Text(text)] => Self::Fixed(Bytes::copy_from_slice(text.as_bytes())),
            _ => Self::Filled(parts),
        }
    }

    /// The body for a user.
    pub(crate) fn render(&self, scope: &mut dyn Scope) -> Bytes {
        match self {
            Self::Fixed(bytes) => bytes.clone(),
            Self::Filled(parts) => {
                let mut text = String::new();
                parts.iter().for_each(|part| part.render_into(scope, &mut text));
                text.into()
            }
        }
    }
}

impl Part {
    /// Appends the filled-in part.
    pub(crate) fn render_into(&self, scope: &mut dyn Scope, text: &mut String) {
        match self {
            Self::Text(literal) => text.push_str(literal),
            Self::Json(template) => text.push_str(&template.value(scope).to_string()),
            Self::Plain(template) => template.render_into(scope, text),
            Self::Encoded(template) => {
                text.extend(utf8_percent_encode(&template.render(scope), UNRESERVED));
            }
        }
    }
}

/// Names and values of a form or a query.
pub(super) fn encoded_parts(fields: &[(String, Template)], secrets: &BTreeMap<String, String>) -> Vec<Part> {
    let mut parts = Vec::with_capacity(fields.len() * 2);
    for (index, (name, value)) in fields.iter().enumerate() {
        let separator = if index == 0 { "" } else { "&" };
        parts.push(Part::Text(format!("{separator}{}=", utf8_percent_encode(name, UNRESERVED))));
        parts.push(Part::Encoded(fold(value, secrets)));
    }
    joined(parts)
}

fn json_parts(json: &JsonTemplate, secrets: &BTreeMap<String, String>, parts: &mut Vec<Part>) {
    let text = |text: String, parts: &mut Vec<Part>| parts.push(Part::Text(text));
    match json {
        JsonTemplate::Literal(value) => text(value.to_string(), parts),
        JsonTemplate::Text(template) => parts.push(Part::Json(fold(template, secrets))),
        JsonTemplate::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                text(if index == 0 { "[" } else { "," }.into(), parts);
                json_parts(item, secrets, parts);
            }
            text(if items.is_empty() { "[]" } else { "]" }.into(), parts);
        }
        JsonTemplate::Object(fields) => {
            for (index, (name, value)) in fields.iter().enumerate() {
                let opening = if index == 0 { "{" } else { "," };
                text(format!("{opening}{}:", serde_json::Value::from(name.as_str())), parts);
                json_parts(value, secrets, parts);
            }
            text(if fields.is_empty() { "{}" } else { "}" }.into(), parts);
        }
    }
}

/// Turns parts without places into text, and joins neighbouring texts.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        let literal = match &part {
            Part::Text(text) => Some(text.clone()),
            Part::Plain(template) => template.literal().map(str::to_owned),
            Part::Json(template) => template.literal().map(|text| serde_json::Value::from(text).to_string()),
            Part::Encoded(template) => {
                template.literal().map(|text| utf8_percent_encode(text, UNRESERVED).to_string())
            }
        };
        match (literal, joined.last_mut()) {
            (Some(text), Some(Part::Text(last))) => last.push_str(&text),
            (Some(text), _) => joined.push(Part::Text(text)),
            (None, _) => joined.push(part),
        }
    }
    joined
}
