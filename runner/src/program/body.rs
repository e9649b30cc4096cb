//! Bodies of requests: bytes, with places to fill in only where there are any.

use std::collections::BTreeMap;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use upsurge_core::{
    scenario::{self, BOUNDARY, PartContent},
    template::{JsonTemplate, Scope, Template},
};
use upsurge_crds::v1alpha1::{Coding, FileSource};

use super::fold::{Nothing, fold};
use crate::{files::Files, http::coding::encode};

/// What stays as it is in forms and queries (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A body, ready to be filled in.
#[derive(Debug)]
pub(crate) enum Body {
    /// The same bytes each time, compressed already.
    Fixed(Bytes),
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
            scenario::Body::Multipart(fields) => multipart(fields, secrets, &read)?,
            scenario::Body::File(source) => vec![Section::Bytes(read(source)?)],
            scenario::Body::Bytes(bytes) => vec![Section::Bytes(Bytes::copy_from_slice(bytes))],
        };
        let sections: Vec<Section> = sections.into_iter().map(Section::joined).collect();
        let fixed = sections.iter().all(|section| match section {
            Section::Bytes(_) => true,
            Section::Text(parts) => parts.iter().all(|part| matches!(part, Part::Text(_))),
        });
        let compression = request.compression.clone();
        match (fixed, sections.as_slice()) {
            // A file may be large: it is not copied.
            (true, [Section::Bytes(bytes)]) if compression.is_empty() => Ok(Self::Fixed(bytes.clone())),
            (true, sections) => compressed(written(sections, &mut Nothing), &compression)
                .map(|bytes| Self::Fixed(bytes.into())),
            (false, _) => Ok(Self::Filled { sections, compression }),
        }
    }

    /// The body for a user.
    pub(crate) fn render(&self, scope: &mut dyn Scope) -> Result<Bytes, String> {
        match self {
            Self::Fixed(bytes) => Ok(bytes.clone()),
            Self::Filled { sections, compression } => match (sections.as_slice(), compression.as_slice()) {
                ([Section::Text(parts)], []) => Ok(text(parts, scope).into()),
                (sections, compression) => compressed(written(sections, scope), compression).map(Bytes::from),
            },
        }
    }
}

impl Section {
    fn joined(self) -> Self {
        match self {
            Self::Text(parts) => Self::Text(joined(parts)),
            bytes => bytes,
        }
    }
}

fn text(parts: &[Part], scope: &mut dyn Scope) -> String {
    let mut text = String::with_capacity(parts.iter().map(Part::usual_length).sum());
    parts.iter().for_each(|part| part.render_into(scope, &mut text));
    text
}

fn written(sections: &[Section], scope: &mut dyn Scope) -> Vec<u8> {
    let mut bytes = Vec::new();
    for section in sections {
        match section {
            Section::Text(parts) => bytes.extend_from_slice(text(parts, scope).as_bytes()),
            Section::Bytes(contents) => bytes.extend_from_slice(contents),
        }
    }
    bytes
}

fn compressed(bytes: Vec<u8>, codings: &[Coding]) -> Result<Vec<u8>, String> {
    codings.iter().try_fold(bytes, |bytes, coding| {
        encode(*coding, &bytes).map_err(|error| format!("can't compress the body: {error}"))
    })
}

/// Parts of a multipart body with their heads and the boundaries between them (RFC 7578).
fn multipart(
    parts: &[scenario::Part],
    secrets: &BTreeMap<String, String>,
    read: &dyn Fn(&FileSource) -> Result<Bytes, String>,
) -> Result<Vec<Section>, String> {
    let mut sections = Vec::with_capacity(parts.len() * 2 + 1);
    for part in parts {
        let name = quoted(&part.name);
        let mut head =
            vec![Part::Text(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\""))];
        let mut content_type = part.content_type.as_deref();
        if let PartContent::File { name, .. } = &part.content {
            head.push(Part::Text("; filename=\"".into()));
            head.push(Part::Quoted(fold(name, secrets)));
            head.push(Part::Text("\"".into()));
            content_type = content_type.or(Some("application/octet-stream"));
        }
        let content_type =
            content_type.map(|content_type| format!("\r\nContent-Type: {content_type}")).unwrap_or_default();
        head.push(Part::Text(format!("{content_type}\r\n\r\n")));
        match &part.content {
            PartContent::Text(template) => {
                head.extend([Part::Plain(fold(template, secrets)), Part::Text("\r\n".into())]);
                sections.push(Section::Text(head));
            }
            PartContent::File { source, .. } => {
                let end = Section::Text(vec![Part::Text("\r\n".into())]);
                sections.extend([Section::Text(head), Section::Bytes(read(source)?), end]);
            }
        }
    }
    sections.push(Section::Text(vec![Part::Text(format!("--{BOUNDARY}--\r\n"))]));
    Ok(sections)
}

/// A name as it stands within quotes of a multipart head, in the manner of browsers.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

impl Part {
    /// Room that the filled-in part mostly finds enough.
    fn usual_length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Json(template) => template.usual_length() + 2,
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
