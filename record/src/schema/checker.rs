// SPDX-License-Identifier: Apache-2.0
//! Holds a document against the schema, more strictly than a schema asks for: a field that it does not describe is refused as well, and a
//! keyword that this does not know ends the test. So what is described cannot fall behind what is written.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Keywords that allow and refuse nothing, or that are looked at with what they belong to.
const OTHERS: [&str; 14] = [
    "$schema",
    "$defs",
    "title",
    "description",
    "default",
    "pattern",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "maxProperties",
    "maxLength",
    "minLength",
];

/// A document that is being looked at.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    schema: &'a Value,
    /// Fields that were there, as `TYPE.field`.
    pub(super) seen: BTreeSet<String>,
    /// What is wrong.
    pub(super) faults: Vec<String>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(schema: &'a Value) -> Self {
        Self { schema, seen: BTreeSet::new(), faults: Vec::new() }
    }

    pub(super) fn check(&mut self, document: &Value) {
        self.value("record", "Record", self.schema, document);
    }

    fn fault(&mut self, path: &str, what: impl std::fmt::Display) {
        self.faults.push(format!("{path}: {what}"));
    }

    fn value(&mut self, path: &str, name: &str, schema: &'a Value, value: &Value) {
        // What is just allowed.
        let Some(schema) = schema.as_object() else { return };
        for (keyword, says) in schema {
            match keyword.as_str() {
                "$ref" => self.named(path, says, value),
                "anyOf" | "oneOf" => self.choice(path, name, keyword == "oneOf", says, value),
                "type" if !is_of(says, value) => self.fault(path, format_args!("{value} is no {says}")),
                "const" if says != value => self.fault(path, format_args!("{value} is not {says}")),
                "format" if !is_formed(says, value) => {
                    self.fault(path, format_args!("{value} is no {says}"));
                }
                "minimum" if is_below(value.as_f64(), says.as_f64()) => self.fault(path, "too low"),
                "maximum" if is_below(says.as_f64(), value.as_f64()) => self.fault(path, "too high"),
                "minItems" if is_below(length(value), says.as_f64()) => self.fault(path, "too few"),
                "maxItems" if is_below(says.as_f64(), length(value)) => self.fault(path, "too many"),
                "type" | "const" | "format" | "minimum" | "maximum" | "minItems" | "maxItems" => {}
                other => {
                    let is_known = OTHERS.contains(&other) || other.starts_with("x-kubernetes-");
                    assert!(is_known, "{path}: the keyword {other} is not known here");
                }
            }
        }
        match value {
            Value::Object(fields) => self.fields(path, name, schema, fields),
            Value::Array(items) => self.items(path, name, schema, items),
            _ => {}
        }
    }

    fn named(&mut self, path: &str, reference: &Value, value: &Value) {
        let name = reference.as_str().and_then(|text| text.strip_prefix("#/$defs/")).unwrap();
        let schema = self.schema;
        self.value(path, name, &schema["$defs"][name], value);
    }

    fn choice(&mut self, path: &str, name: &str, is_single: bool, choices: &'a Value, value: &Value) {
        let mut faults = Vec::new();
        let mut count = 0;
        for choice in choices.as_array().unwrap() {
            let mut trial = Checker::new(self.schema);
            trial.value(path, name, choice, value);
            if trial.faults.is_empty() {
                count += 1;
                self.seen.append(&mut trial.seen);
            } else {
                faults.append(&mut trial.faults);
            }
        }
        if count == 0 {
            self.fault(path, format_args!("it is none of what it may be: {}", faults.join("; ")));
        } else if count > 1 && is_single {
            self.fault(path, "it is several of what it may be one of");
        }
    }

    fn fields(
        &mut self,
        path: &str,
        name: &str,
        schema: &'a Map<String, Value>,
        fields: &Map<String, Value>,
    ) {
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        let required = schema.get("required").and_then(Value::as_array);
        for needed in required.into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(needed) {
                self.fault(path, format_args!("{needed} is missing"));
            }
        }
        for (field, value) in fields {
            let path = format!("{path}.{field}");
            match (known.and_then(|known| known.get(field)), others) {
                (Some(part), _) => {
                    let name = format!("{name}.{field}");
                    self.value(&path, &name, part, value);
                    self.seen.insert(name);
                }
                (None, Some(Value::Bool(false))) => self.fault(&path, "it is not allowed"),
                (None, Some(part)) => self.value(&path, name, part, value),
                // Each type of event has fields of its own, as its description says.
                (None, None) if known.is_none() || name == "Event" => {}
                (None, None) => self.fault(&path, "it is not described"),
            }
        }
    }

    fn items(&mut self, path: &str, name: &str, schema: &'a Map<String, Value>, items: &[Value]) {
        let first = schema.get("prefixItems").and_then(Value::as_array);
        for (index, item) in items.iter().enumerate() {
            let part = first.and_then(|first| first.get(index)).or(schema.get("items"));
            if let Some(part) = part {
                self.value(&format!("{path}[{index}]"), name, part, item);
            }
        }
    }
}

/// Whether a value is of a type, or of one of several.
fn is_of(types: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("there is no type {other}"),
    };
    match types {
        Value::Array(several) => several.iter().filter_map(Value::as_str).any(is),
        one => one.as_str().is_some_and(is),
    }
}

/// Whether a text has a form. Those of numbers are kept by the types.
fn is_formed(format: &Value, value: &Value) -> bool {
    match (format.as_str(), value.as_str()) {
        (Some("date-time"), Some(text)) => text.parse::<Timestamp>().is_ok(),
        _ => true,
    }
}

fn length(value: &Value) -> Option<f64> {
    value.as_array().map(|items| items.len() as f64)
}

/// Whether both are known, and the first is the lower one.
fn is_below(one: Option<f64>, other: Option<f64>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one < other)
}

/// The fields that a part of the schema describes, as a checker names them.
pub(super) fn described(name: &str, schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (field, part) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let field = format!("{name}.{field}");
        found.append(&mut described(&field, part));
        found.insert(field);
    }
    let choices = ["oneOf", "anyOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array());
    for choice in choices.flatten() {
        found.append(&mut described(name, choice));
    }
    found
}
