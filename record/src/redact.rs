// SPDX-License-Identifier: Apache-2.0
//! Takes out of a record what may be secret: a file that is handed on must not give away what gets one into a system.
//!
//! Values of Secrets are known and taken out wherever they are. What else may be one is known by its name only, so a password under an
//! innocent name stays. Templates stay, as they say where a value comes from and not what it is.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;
use upsurge_core::http::without_login;
use upsurge_crds::{LoadTestSpec, v1alpha1::Snapshot};

/// Fields of which the texts are none of a test or a target, and without which nothing can be read.
const STRUCTURE: [&str; 18] = [
    "format",
    "version",
    "histogram",
    "unit",
    "coding",
    "type",
    "step",
    "seen",
    "stamped",
    "startTime",
    "endTime",
    "verdict",
    "from",
    "to",
    "at",
    "until",
    "lastScale",
    "lastTransitionTime",
];

/// What stands in the place of a secret.
const HIDDEN: &str = "****";
/// Shortest value of a Secret that is taken out wherever it is: a shorter one is in many words, and nothing would be left to read.
const SHORTEST: usize = 4;
/// What the names of secrets contain, without `-` and `_`.
const PARTS: [&str; 7] =
    ["password", "passwd", "passphrase", "authorization", "apikey", "privatekey", "credential"];
/// What they end with.
const ENDS: [&str; 3] = ["token", "secret", "signature"];
/// Headers that are secret; elsewhere these are names of cookies.
const HEADERS: [&str; 2] = ["cookie", "set-cookie"];
/// What may stand before a template in a header, and is none.
const SCHEMES: [&str; 5] = ["bearer", "basic", "token", "digest", "apikey"];

/// A spec without what may be secret in it.
pub fn spec(test: &LoadTestSpec) -> Snapshot {
    let mut value = serde_json::to_value(test).unwrap_or_default();
    hide(&mut value);
    // What was a spec is an object.
    serde_json::from_value(value).unwrap_or_else(|error| unreachable!("a JSON value is a snapshot: {error}"))
}

/// Takes values of Secrets out of all texts.
pub fn scrub(value: &mut Value, secrets: &[String]) {
    if secrets.iter().any(|secret| secret.len() >= SHORTEST) {
        walk(value, &|text| without(text, secrets));
    }
}

fn without(text: &str, secrets: &[String]) -> Option<String> {
    let known = secrets.iter().filter(|secret| secret.len() >= SHORTEST && text.contains(secret.as_str()));
    let mut clean: Option<String> = None;
    for secret in known {
        clean = Some(clean.as_deref().unwrap_or(text).replace(secret.as_str(), HIDDEN));
    }
    clean
}

/// Puts another text in the place of each for which there is one.
fn walk(value: &mut Value, change: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            if let Some(changed) = change(text) {
                *text = changed;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(name, _)| !STRUCTURE.contains(&name.as_str()))
                .for_each(|(_, field)| walk(field, change));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes out what may be secret by its name.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => {
            let clean = match shown(text) {
                Cow::Owned(clean) => Some(clean),
                Cow::Borrowed(_) => None,
            };
            if let Some(clean) = clean {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => {
            // What is set or sent under a name.
            let names_secret = fields.get("name").and_then(Value::as_str).is_some_and(is_secret);
            if let Some(field) = fields.get_mut("value").filter(|field| names_secret && is_literal(field)) {
                *field = HIDDEN.into();
            }
            for (name, field) in fields.iter_mut() {
                match name.as_str() {
                    "headers" => hide_values(field, |name| HEADERS.contains(&name.to_lowercase().as_str())),
                    "cookies" => hide_values(field, |_| true),
                    _ => {}
                }
                hide_named(name, field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes out a value of that name, or what may be secret in it.
fn hide_named(name: &str, value: &mut Value) {
    if !is_secret(name) {
        return hide(value);
    }
    if is_literal(value) {
        *value = HIDDEN.into();
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| hide_named(name, item)),
        value => hide(value),
    }
}

/// Takes out the values of a map whose names say that they are secret.
fn hide_values(map: &mut Value, is_hidden: impl Fn(&str) -> bool) {
    let fields = map.as_object_mut().into_iter().flatten();
    for (_, field) in fields.filter(|(name, field)| is_hidden(name) && is_literal(field)) {
        *field = HIDDEN.into();
    }
}

/// Whether a value is what it says, and not where that comes from.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => has_own_words(text),
        Value::Number(_) => true,
        _ => false,
    }
}

/// Whether something of that name may be secret.
fn is_secret(name: &str) -> bool {
    let name: String =
        name.chars().filter(|character| !matches!(character, '-' | '_')).collect::<String>().to_lowercase();
    PARTS.iter().any(|part| name.contains(part)) || ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether a text says anything beside templates and the scheme of a header.
fn has_own_words(text: &str) -> bool {
    let mut rest = text;
    let mut own = String::new();
    while let Some((before, after)) = rest.split_once("{{") {
        own.push_str(before);
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    own.push_str(rest);
    let own = own.trim().to_lowercase();
    let is_scheme = own.len() < text.trim().len() && SCHEMES.contains(&own.as_str());
    !own.is_empty() && !is_scheme
}

/// A text without what may be secret in it: a login in a URL, parameters, fields of a body in JSON.
fn shown(text: &str) -> Cow<'_, str> {
    if text.trim_start().starts_with(['{', '['])
        && let Ok(mut body) = serde_json::from_str::<Value>(text)
    {
        let before = body.clone();
        hide(&mut body);
        return if body == before { Cow::Borrowed(text) } else { Cow::Owned(body.to_string()) };
    }
    let without = if text.contains("://") { without_login(text) } else { Cow::Borrowed(text) };
    match parameters(&without) {
        Some(clean) => Cow::Owned(clean),
        None => without,
    }
}

/// A query, or a body of a form, without the values of parameters that may be secret; `None` if there is nothing to hide.
fn parameters(text: &str) -> Option<String> {
    let (path, query) = text.split_once('?').map_or(("", text), |(path, query)| (path, query));
    let is_prose = query.contains(char::is_whitespace) && !query.contains("{{");
    if is_prose || !query.contains('=') {
        return None;
    }
    let mut hidden = false;
    let parts = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_secret(name) && has_own_words(value) => {
            hidden = true;
            format!("{name}={HIDDEN}")
        }
        _ => pair.to_owned(),
    });
    let parts: Vec<String> = parts.collect();
    let mark = if path.is_empty() && !text.starts_with('?') { "" } else { "?" };
    hidden.then(|| format!("{path}{mark}{}", parts.join("&")))
}
