// SPDX-License-Identifier: Apache-2.0
//! Bodies of requests: bytes, with places to fill in only where there are any.

mod generated;
mod multipart;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use upsurge_core::{
    scenario::{self, ITERATION_SLOT, LARGEST_BLOCK},
    template::{JsonTemplate, Scope, Template},
};
use upsurge_crds::v1alpha1::{Coding, FileSource};
use upsurge_http::{
    coding::encode,
    payload::{Payload, Piece},
};
use upsurge_system::files::Files;

use self::{generated::Generated, multipart::quoted};
use super::fold::{Nothing, fold};

/// Up to this size the sections of a body are put together for each message: that costs less than many
/// pieces do.
const SMALL_BODY: usize = 16 << 10;

/// What stays as it is in forms and queries (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A body, ready to be filled in.
#[derive(Debug)]
pub(crate) enum Body {
    /// The same bytes each time, compressed already.
    Fixed(Payload),
    /// Parts of it change.
    Filled {
        /// Its sections.
        sections: Vec<Section>,
        /// What it is compressed with, in order.
        compression: Vec<Coding>,
    },
}

/// A stretch of a body.
#[derive(Debug)]
pub(crate) enum Section {
    /// Text with places to fill in.
    Text(Vec<Part>),
    /// The contents of a file.
    Bytes(Bytes),
    /// Made-up contents.
    Generated(Box<Generated>),
}

/// A part of a body or of a query.
#[derive(Debug)]
pub(crate) enum Part {
    /// Text as it stands.
    Text(String),
    /// A value, as JSON.
    Json(Template),
    /// A text, as JSON.
    JsonText(Template),
    /// A text as it is.
    Plain(Template),
    /// A text, percent-encoded.
    Encoded(Template),
    /// A name within quotes of a multipart head.
    Quoted(Template),
}

impl Body {
    pub(super) fn compile(
        request: &scenario::Request,
        secrets: &BTreeMap<String, String>,
        files: &Files,
    ) -> Result<Self, String> {
        let read = |source: &FileSource| files.read(source).map_err(|error| error.to_string());
        let mut parts = Vec::new();
        let sections = match &request.body {
            scenario::Body::Empty => Vec::new(),
            scenario::Body::Text(template) => vec![Section::Text(vec![Part::Plain(fold(template, secrets))])],
            scenario::Body::Json(json) => {
                json_parts(json, secrets, &mut parts);
                vec![Section::Text(parts)]
            }
            scenario::Body::Form(fields) => vec![Section::Text(encoded_parts(fields, secrets))],
            scenario::Body::Multipart(fields) => multipart::multipart(fields, secrets, &read)?,
            scenario::Body::File(source) => vec![Section::Bytes(read(source)?)],
            scenario::Body::Bytes(bytes) => vec![Section::Bytes(Bytes::copy_from_slice(bytes))],
            scenario::Body::Generated(content) => vec![Generated::section(content)],
        };
        let sections: Vec<Section> = sections.into_iter().map(Section::joined).collect();
        let fixed = sections.iter().all(|section| match section {
            Section::Bytes(_) => true,
            Section::Generated(generated) => !generated.varies(),
            Section::Text(parts) => parts.iter().all(|part| matches!(part, Part::Text(_))),
        });
        let compression = request.compression.clone();
        if !fixed {
            return Ok(Self::Filled { sections, compression });
        }
        let payload = compressed(payload(&sections, &mut Nothing), &compression)?;
        Ok(Self::Fixed(match payload {
            // One piece is sent with fewer calls, and takes no more than the block would.
            Payload::Pieces(_) if payload.len() as u64 <= LARGEST_BLOCK => whole(&payload),
            payload => payload,
        }))
    }

    /// The body for a user.
    pub(crate) fn render(&self, scope: &mut dyn Scope) -> Result<Payload, String> {
        match self {
            Self::Fixed(payload) => Ok(payload.clone()),
            Self::Filled { sections, compression } => match (sections.as_slice(), compression.as_slice()) {
                ([Section::Text(parts)], []) => Ok(Payload::Whole(text(parts, scope).into())),
                (sections, compression) => compressed(payload(sections, scope), compression),
            },
        }
    }
}

impl Section {
    fn joined(self) -> Self {
        match self {
            Self::Text(parts) => Self::Text(joined(parts)),
            other => other,
        }
    }
}

fn text(parts: &[Part], scope: &mut dyn Scope) -> String {
    let mut text = String::with_capacity(parts.iter().map(Part::usual_length).sum());
    parts.iter().for_each(|part| part.render_into(scope, &mut text));
    text
}

/// All sections, filled in. What is large stays where it is.
fn payload(sections: &[Section], scope: &mut dyn Scope) -> Payload {
    let mut pieces = Vec::with_capacity(sections.len());
    for section in sections {
        match section {
            Section::Text(parts) => pieces.push(Piece::Bytes(text(parts, scope).into())),
            Section::Bytes(contents) => pieces.push(Piece::Bytes(contents.clone())),
            Section::Generated(generated) => {
                let iteration = scope.variable(ITERATION_SLOT).and_then(serde_json::Value::as_u64);
                generated.cut(iteration.unwrap_or_default(), &mut pieces);
            }
        }
    }
    match Payload::from(pieces) {
        payload @ Payload::Pieces(_) if payload.len() <= SMALL_BODY => whole(&payload),
        payload => payload,
    }
}

/// The same body in one piece.
fn whole(payload: &Payload) -> Payload {
    let mut bytes = Vec::with_capacity(payload.len());
    payload.write_to(&mut bytes);
    Payload::Whole(bytes.into())
}

fn compressed(payload: Payload, codings: &[Coding]) -> Result<Payload, String> {
    if codings.is_empty() {
        return Ok(payload);
    }
    let mut bytes = Vec::with_capacity(payload.len());
    payload.write_to(&mut bytes);
    let bytes = codings.iter().try_fold(bytes, |bytes, coding| {
        encode(*coding, &bytes).map_err(|error| format!("can't compress the body: {error}"))
    });
    bytes.map(|bytes| Payload::Whole(bytes.into()))
}

impl Part {
    /// Room that the filled-in part mostly finds enough.
    fn usual_length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Json(template) | Self::JsonText(template) => template.usual_length() + 2,
            Self::Plain(template) | Self::Encoded(template) | Self::Quoted(template) => {
                template.usual_length()
            }
        }
    }

    /// Appends the filled-in part.
    pub(crate) fn render_into(&self, scope: &mut dyn Scope, text: &mut String) {
        match self {
            Self::Text(literal) => text.push_str(literal),
            Self::Json(template) => text.push_str(&template.value(scope).to_string()),
            Self::JsonText(template) => {
                text.push_str(&serde_json::Value::from(template.render(scope)).to_string());
            }
            Self::Plain(template) => template.render_into(scope, text),
            Self::Encoded(template) => {
                text.extend(utf8_percent_encode(&template.render(scope), UNRESERVED));
            }
            Self::Quoted(template) => text.push_str(&quoted(&template.render(scope))),
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
                text(opening.into(), parts);
                // A name is text, whatever the value of its only place is.
                parts.push(Part::JsonText(fold(name, secrets)));
                text(":".into(), parts);
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
            Part::Json(template) | Part::JsonText(template) => {
                template.literal().map(|text| serde_json::Value::from(text).to_string())
            }
            Part::Encoded(template) => {
                template.literal().map(|text| utf8_percent_encode(text, UNRESERVED).to_string())
            }
            Part::Quoted(template) => template.literal().map(quoted),
        };
        match (literal, joined.last_mut()) {
            (Some(text), Some(Part::Text(last))) => last.push_str(&text),
            (Some(text), _) => joined.push(Part::Text(text)),
            (None, _) => joined.push(part),
        }
    }
    joined
}
