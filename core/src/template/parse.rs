// SPDX-License-Identifier: Apache-2.0
//! The grammar of templates.

use serde_json::Value;

use super::{
    Names, Piece, Template, TemplateError,
    call::Reader,
    names::{Reference, Segment},
};

pub(super) fn template(text: &str, names: &Names) -> Result<Template, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        push_text(&mut pieces, &rest[..open]);
        let inner = &rest[open + 2..];
        let close = end_of_place(inner).ok_or(TemplateError::NotClosed)?;
        match place(inner[..close].trim(), names)? {
            Piece::Text(literal) => push_text(&mut pieces, &literal),
            piece => pieces.push(piece),
        }
        rest = &inner[close + 2..];
    }
    push_text(&mut pieces, rest);
    Ok(Template { pieces })
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.into())),
    }
}

/// Where the closing braces are, outside of quotes.
fn end_of_place(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match quote {
            Some(open) if open == character => quote = None,
            Some(_) => {}
            None if character == '\'' || character == '"' => quote = Some(character),
            None if text[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}

fn place(text: &str, names: &Names) -> Result<Piece, TemplateError> {
    let wrong = || TemplateError::NotUnderstood { place: text.into() };
    if let Some(literal) = quoted(text) {
        return Ok(Piece::Text(literal.into()));
    }
    if let Some((name, arguments)) = call_of(text) {
        return Reader { names, wrong: &wrong, depth: 1 }.function(name, arguments).map(Piece::Call);
    }
    let (name, path) = path(text).ok_or_else(wrong)?;
    match (name, path.as_slice()) {
        ("secrets", [Segment::Field(name)]) => secret(name, names).map(Piece::Secret),
        ("secrets", _) => Err(wrong()),
        _ => reference(name, path, names).map(Piece::Variable),
    }
}

/// The name of a declared secret.
pub(super) fn secret(name: &str, names: &Names) -> Result<String, TemplateError> {
    if names.has_secret(name) {
        return Ok(name.into());
    }
    let known = names.secrets().collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { String::new() } else { format!("; declared: {known}") };
    Err(TemplateError::UnknownSecret { name: name.into(), known })
}

pub(super) fn reference(name: &str, path: Vec<Segment>, names: &Names) -> Result<Reference, TemplateError> {
    match names.slot(name) {
        Some(slot) => {
            let column = names.column(slot, &path);
            Ok(Reference { name: name.into(), slot, path, column })
        }
        None => Err(TemplateError::UnknownVariable {
            name: name.into(),
            known: names.variables().collect::<Vec<_>>().join(", "),
        }),
    }
}

/// The name and the arguments of what looks like a call.
pub(super) fn call_of(text: &str) -> Option<(&str, &str)> {
    let (name, arguments) = text.strip_suffix(')')?.split_once('(')?;
    Some((name.trim_end(), arguments)).filter(|(name, _)| is_name(name))
}

/// Splits at commas outside of quotes, brackets and the parentheses of calls.
pub(super) fn split_arguments(text: &str) -> Option<Vec<&str>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let (mut arguments, mut start, mut quote, mut depth) = (Vec::new(), 0, None, 0_usize);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => {
                arguments.push(text[start..at].trim());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    arguments.push(text[start..].trim());
    let complete = quote.is_none() && depth == 0;
    (complete && arguments.iter().all(|argument| !argument.is_empty())).then_some(arguments)
}

pub(super) fn literal(text: &str) -> Option<Value> {
    match quoted(text) {
        Some(inner) => Some(inner.into()),
        None => {
            serde_json::from_str(text).ok().filter(|value: &Value| value.is_number() || value.is_boolean())
        }
    }
}

/// The text between a pair of quotes that is the whole of `text`.
fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    })
}

/// `name.field[0].other` as name and way into it.
pub(super) fn path(text: &str) -> Option<(&str, Vec<Segment>)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let mut segments = Vec::new();
    while !rest.is_empty() {
        if let Some(field) = rest.strip_prefix('.') {
            let end = field.find(['.', '[']).unwrap_or(field.len());
            if !is_field(&field[..end]) {
                return None;
            }
            segments.push(Segment::Field(field[..end].into()));
            rest = &field[end..];
        } else {
            let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
            let segment = match quoted(inner.trim()) {
                Some(field) => Segment::Field(field.into()),
                None => Segment::Index(inner.trim().parse().ok()?),
            };
            segments.push(segment);
            rest = after;
        }
    }
    is_name(name).then_some((name, segments))
}

/// Whether a text can name a variable.
pub(crate) fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// Fields of JSON objects and headers may also have a hyphen.
fn is_field(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| character.is_alphanumeric() || character == '_' || character == '-')
}
