// SPDX-License-Identifier: Apache-2.0
//! A value that was found in a response, and whether it is like what is wanted.

use std::borrow::Cow;

use serde_json::Value;
use upsurge_core::{
    scenario::Wanted,
    template::{JsonTemplate, Scope, Template},
};

/// A value in a response.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// Of its JSON.
    Json(&'a Value),
    /// A text.
    Text(Cow<'a, str>),
    /// Neither: a figure about it.
    Own(Value),
}

impl Found<'_> {
    /// The value as a variable takes it.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Json(value) => value.clone(),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Own(value) => value,
        }
    }

    /// The value, unless it is a text of its own.
    fn value(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Own(value) => Some(value),
            Self::Text(_) => None,
        }
    }

    /// The value as a template writes it.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Json(value) => text_of(value),
            Self::Own(value) => text_of(value),
        }
    }

    /// The number that it is, or that its text is.
    fn number(&self) -> Option<f64> {
        match self.value() {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(_)) | None => self.text().trim().parse().ok(),
            Some(_) => None,
        }
    }

    /// Characters, elements or fields.
    fn length(&self) -> u64 {
        let length = match self.value() {
            Some(Value::Array(items)) => items.len(),
            Some(Value::Object(fields)) => fields.len(),
            _ => self.text().chars().count(),
        };
        length as u64
    }
}

/// Whether what was found is like what is wanted; what was not found is only not there.
pub(super) fn is(found: Option<&Found<'_>>, wanted: &Wanted, scope: &mut dyn Scope) -> bool {
    if let Wanted::Exists(exists) = wanted {
        return found.is_some() == *exists;
    }
    let Some(found) = found else { return false };
    match wanted {
        Wanted::Exists(_) => true,
        Wanted::Equals(json) => equals(found, json, scope),
        Wanted::Contains(text) => contains(found, text, scope),
        Wanted::Matches(regex) => regex.is_match(&found.text()),
        Wanted::Number(comparison, bound) => {
            found.number().is_some_and(|number| comparison.holds(number, *bound))
        }
        Wanted::Length { min, max } => (*min..=*max).contains(&found.length()),
    }
}

fn equals(found: &Found<'_>, json: &JsonTemplate, scope: &mut dyn Scope) -> bool {
    let rendered;
    let wanted = match json {
        JsonTemplate::Literal(value) => value,
        template => {
            rendered = template.render(scope);
            &rendered
        }
    };
    match found.value() {
        Some(value) => equal(value, wanted),
        None => match wanted {
            Value::String(wanted) => found.text() == wanted.as_str(),
            other => found.text() == other.to_string(),
        },
    }
}

fn contains(found: &Found<'_>, template: &Template, scope: &mut dyn Scope) -> bool {
    let text = match template.literal() {
        Some(literal) => Cow::Borrowed(literal),
        None => Cow::Owned(template.render(scope)),
    };
    match found.value() {
        Some(Value::Array(items)) => items.iter().any(|item| text_of(item) == text),
        Some(Value::String(_)) | None => found.text().contains(&*text),
        Some(_) => false,
    }
}

fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
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
