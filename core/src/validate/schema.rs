// SPDX-License-Identifier: Apache-2.0
//! The API server's schema checks, for specs that never went through it.
//!
//! Reads the generated schema of the resource itself, so there is one source of truth, and goes on into
//! the steps inside of steps, which a Kubernetes schema can't describe. CEL rules are not evaluated here.

mod form;
mod node;

use std::sync::LazyLock;

use serde_json::Value;
use upsurge_crds::{v1alpha1::quantity, words};

use self::{
    form::Form,
    node::{Kind, Node},
};
use crate::{
    field_error::{Errors, FieldError},
    http::without_login,
    scenario::DEEPEST_NESTING,
    suggest::{meant, question},
};

/// Schemas of a spec and of one step.
struct Schemas {
    spec: Node,
    step: Node,
}

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let spec = &upsurge_crds::schemas::LOAD_TEST["properties"]["spec"];
    Schemas { spec: Node::compile(spec), step: Node::compile(&spec["properties"]["before"]["items"]) }
});

/// Checks a raw spec, whose path is `spec`: types, ranges, lengths, patterns, required and unknown fields.
pub fn check_spec(spec: &Value) -> Vec<FieldError> {
    let mut errors = Errors::default();
    check(&SCHEMAS.spec, spec, "spec", 0, &mut errors);
    errors.into_list()
}

fn check(node: &Node, value: &Value, path: &str, depth: usize, errors: &mut Errors) {
    // What is null was left out: the API server takes it away.
    if value.is_null() {
        return;
    }
    if !node.choices.is_empty() && !node.choices.contains(value) {
        match words::now(path, value) {
            Some(said) => errors.add(path, said),
            None => errors.add(path, no_choice(&node.choices, value)),
        }
        return;
    }
    if !node.kind.admits(value) {
        match (words::now(path, value), value) {
            (Some(said), _) => errors.add(path, said),
            (None, Value::Number(number)) if node.kind == Kind::IntegerOrText => {
                errors.add(path, quantity::in_quotes(number));
            }
            _ => errors.add(path, wrong_kind(node, value)),
        }
        return;
    }
    match value {
        Value::Object(fields) => check_object(node, fields, path, depth, errors),
        Value::Array(items) => check_list(node, items, path, depth, errors),
        Value::String(text) => check_text(node, text, path, errors),
        Value::Number(number) => check_number(node, number.as_f64().unwrap_or(f64::NAN), path, errors),
        Value::Null | Value::Bool(_) => {}
    }
}

fn check_object(
    node: &Node,
    fields: &serde_json::Map<String, Value>,
    path: &str,
    depth: usize,
    errors: &mut Errors,
) {
    let missing = |name: &&String| fields.get(*name).is_none_or(Value::is_null);
    for name in node.required.iter().filter(missing) {
        // Said where the old word stands.
        let renamed = format!(" is now {name}");
        let old = |(given, value): (&String, &Value)| words::now(&format!("{path}.{given}"), value);
        if !fields.iter().filter_map(old).any(|said| said.ends_with(&renamed)) {
            errors.add(format_args!("{path}.{name}"), "is required");
        }
    }
    if let Some(limit) = node.fewest_properties.filter(|limit| (fields.len() as u64) < *limit) {
        errors.add(path, format_args!("is empty; at least {limit} field is needed"));
    }
    if let Some(limit) = node.most_properties.filter(|limit| fields.len() as u64 > *limit) {
        errors.add(path, format_args!("has {} entries; at most {limit} are allowed", fields.len()));
    }
    for (name, value) in fields {
        let path = format!("{path}.{name}");
        match (node.properties.get(name), &node.additional) {
            (Some(node), _) => check(node, value, &path, depth, errors),
            (None, Some(node)) => check(node, value, &path, depth, errors),
            (None, None) if node.keeps_unknown => {}
            (None, None) => {
                let said = words::now(&path, value).unwrap_or_else(|| unknown(name, node));
                errors.add(path, said);
            }
        }
    }
}

fn check_list(node: &Node, items: &[Value], path: &str, depth: usize, errors: &mut Errors) {
    let length = items.len() as u64;
    if let Some(limit) = node.fewest_items.filter(|limit| length < *limit) {
        errors.add(path, format_args!("has {length} entries; at least {limit} needed"));
    }
    if let Some(limit) = node.most_items.filter(|limit| length > *limit) {
        errors.add(path, format_args!("has {length} entries; at most {limit} are allowed"));
    }
    let Some(item_node) = node.items.as_deref() else { return };
    // The only lists of objects of which just the kinds are known are the steps inside of steps.
    let steps = item_node.properties.get("request").is_some_and(|request| request.keeps_unknown);
    if steps && depth >= DEEPEST_NESTING {
        errors.add(path, format_args!("steps are nested more than {DEEPEST_NESTING} levels deep"));
        return;
    }
    let (item_node, depth) = if steps { (&SCHEMAS.step, depth + 1) } else { (item_node, depth) };
    for (index, item) in items.iter().enumerate() {
        check(item_node, item, &format!("{path}[{index}]"), depth, errors);
    }
}

fn check_text(node: &Node, text: &str, path: &str, errors: &mut Errors) {
    let length = text.chars().count() as u64;
    if let Some(limit) = node.shortest.filter(|limit| length < *limit) {
        let message = if length == 0 {
            "must not be empty".into()
        } else {
            format!("must have at least {limit} characters")
        };
        errors.add(path, message);
        return;
    }
    if let Some(limit) = node.longest.filter(|limit| length > *limit) {
        errors.add(path, format_args!("has {length} characters; at most {limit} are allowed"));
    } else if let Some(pattern) = node.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        match Form::of(pattern.as_str()) {
            Some(form) => errors.add(path, form.complaint(text)),
            // It may be a URL, and that may hold a password.
            None => errors
                .add(path, format_args!("{:?} does not match {}", without_login(text), pattern.as_str())),
        }
    }
}

fn check_number(node: &Node, number: f64, path: &str, errors: &mut Errors) {
    if let Some(limit) = node.lowest.filter(|limit| number < *limit) {
        errors.add(path, format_args!("must be at least {limit}, not {number}"));
    }
    if let Some(limit) = node.highest.filter(|limit| number > *limit) {
        errors.add(path, format_args!("must be at most {limit}, not {number}"));
    }
}

fn unknown(name: &str, node: &Node) -> String {
    match meant(name, node.properties.keys().map(String::as_str)) {
        Some(known) => format!("unknown field; did you mean {known}?"),
        None if node.properties.is_empty() => "unknown field".into(),
        None => {
            let known = node.properties.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            format!("unknown field; there are {known}")
        }
    }
}

fn no_choice(choices: &[Value], value: &Value) -> String {
    let words: Vec<String> = choices
        .iter()
        .map(|choice| choice.as_str().map_or_else(|| choice.to_string(), String::from))
        .collect();
    match (words.as_slice(), value) {
        ([only], _) => format!("must be {only}, not {value}"),
        (_, Value::String(text)) => {
            let question = question(text, words.iter().map(String::as_str));
            format!("must be one of {}, not {value}{question}", words.join(", "))
        }
        (_, Value::Number(_) | Value::Bool(_)) => format!("must be one of {}, not {value}", words.join(", ")),
        _ => format!("must be one of {}, not {}", words.join(", "), found(value)),
    }
}

fn wrong_kind(node: &Node, value: &Value) -> String {
    let form = node.pattern.as_ref().and_then(|pattern| Form::of(pattern.as_str()));
    match form.filter(|_| matches!(value, Value::Number(_) | Value::Bool(_))) {
        // The commonest of these is a duration without its unit.
        Some(form) => format!("must be {}, for example {}, not {value}", form.what, form.examples()),
        None => format!("must be {}, not {}", node.kind.name(), found(value)),
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
