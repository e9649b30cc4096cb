// SPDX-License-Identifier: Apache-2.0
//! From the body of a request step to one that is ready to be filled in.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use upsurge_crds::v1alpha1 as api;

use super::{Body, Content, Part, PartContent, compile::Compiler};
use crate::{
    files::{FileId, check_source},
    template::{JsonTemplate, Piece, Template},
};

/// Ends the parts of multipart bodies. Random enough that no file holds it by chance, and always the same,
/// so that bodies are put together once.
pub const BOUNDARY: &str = "upsurge-7MA4YWxkTrZu0gW9bQ2nVfHc";

pub(super) fn compile(compiler: &mut Compiler<'_>, request: &api::RequestStep, path: &str) -> Body {
    let bodies = [
        request.json.is_some(),
        request.body.is_some(),
        request.form.is_some(),
        request.multipart.is_some(),
        request.file.is_some(),
        request.base64.is_some(),
        request.generated.is_some(),
    ];
    if bodies.iter().filter(|given| **given).count() > 1 {
        compiler.errors.add(
            path,
            "a request has at most one of json, body, form, multipart, file, base64 and generated",
        );
        return Body::Empty;
    }
    if !bodies.contains(&true) && !request.compression.is_empty() {
        compiler.errors.add(format_args!("{path}.compression"), "there is no body to compress");
    }
    let body = if let Some(json) = &request.json {
        self::json(compiler, json, path)
    } else if let Some(text) = &request.body {
        compiler.template(text, &format!("{path}.body")).map(Body::Text)
    } else if let Some(form) = &request.form {
        Some(Body::Form(compiler.templates(form, &format!("{path}.form"))))
    } else if let Some(parts) = &request.multipart {
        let parts = parts.iter().enumerate();
        Some(Body::Multipart(
            parts
                .filter_map(|(index, part)| {
                    let compressed = !request.compression.is_empty();
                    self::part(compiler, part, compressed, &format!("{path}.multipart[{index}]"))
                })
                .collect(),
        ))
    } else if let Some(source) = &request.file {
        compiler.errors.check(format_args!("{path}.file"), check_source(source));
        Some(Body::File(source.clone()))
    } else if let Some(text) = &request.base64 {
        let compact: String = text.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(compact).map_err(|error| format!("is not base64: {error}"));
        compiler.errors.check(format_args!("{path}.base64"), bytes).map(Body::Bytes)
    } else if let Some(declared) = &request.generated {
        let compressed = !request.compression.is_empty();
        Content::compile(declared, compressed, &format!("{path}.generated"), compiler.errors)
            .map(Body::Generated)
    } else {
        None
    };
    body.unwrap_or_default()
}

fn json(compiler: &mut Compiler<'_>, json: &serde_json::Value, path: &str) -> Option<Body> {
    match JsonTemplate::parse(json, compiler.names) {
        Ok(json) => Some(Body::Json(json)),
        Err(errors) => {
            errors
                .iter()
                .for_each(|(place, error)| compiler.errors.add(format_args!("{path}.json{place}"), error));
            None
        }
    }
}

fn part(
    compiler: &mut Compiler<'_>,
    part: &api::MultipartPart,
    compressed: bool,
    path: &str,
) -> Option<Part> {
    let content = match (&part.value, &part.file, &part.generated) {
        (Some(text), None, None) => {
            if part.file_name.is_some() {
                compiler
                    .errors
                    .add(format_args!("{path}.fileName"), "belongs to a part with file or generated");
            }
            PartContent::Text(compiler.template(text, &format!("{path}.value"))?)
        }
        (None, Some(source), None) => {
            compiler.errors.check(format_args!("{path}.file"), check_source(source));
            let usual = || FileId::of(source).map_or_else(|| "file".to_owned(), |id| id.key);
            PartContent::File { source: source.clone(), name: file_name(compiler, part, usual, path)? }
        }
        (None, None, Some(declared)) => {
            let path_of_content = format!("{path}.generated");
            let content = Content::compile(declared, compressed, &path_of_content, compiler.errors)?;
            let name = file_name(compiler, part, || content.file_name().to_owned(), path)?;
            PartContent::Generated { content, name }
        }
        _ => {
            compiler.errors.add(path, "a part has exactly one of value, file and generated");
            return None;
        }
    };
    if part.content_type.as_deref().is_some_and(|text| HeaderValue::from_str(text).is_err()) {
        compiler.errors.add(format_args!("{path}.contentType"), "holds characters that a header can't carry");
    }
    Some(Part { name: part.name.clone(), content, content_type: part.content_type.clone() })
}

fn file_name(
    compiler: &mut Compiler<'_>,
    part: &api::MultipartPart,
    usual: impl FnOnce() -> String,
    path: &str,
) -> Option<Template> {
    match &part.file_name {
        Some(text) => compiler.template(text, &format!("{path}.fileName")),
        None => Some(Template { pieces: vec![Piece::Text(usual())] }),
    }
}
