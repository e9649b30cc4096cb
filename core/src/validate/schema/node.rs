// SPDX-License-Identifier: Apache-2.0
//! A node of an OpenAPI v3 schema, as far as structural schemas of Kubernetes go.

use std::{collections::BTreeMap, sync::OnceLock};

use regex::Regex;
use serde_json::Value;

/// Type of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Any,
    Object,
    List,
    Text,
    Integer,
    Number,
    Boolean,
    IntegerOrText,
}

impl Kind {
    pub(super) fn admits(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Text => value.is_string(),
            Self::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::IntegerOrText => value.is_string() || Self::Integer.admits(value),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Object => "an object",
            Self::List => "a list",
            Self::Text => "text (in quotes if it looks like a number)",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::IntegerOrText => "a whole number or text",
        }
    }
}

/// A pattern, compiled when the first text is held against it: there are many, and a spec has texts for few.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), regex: OnceLock::new() }
    }

    /// Whether a text matches. One that is no pattern matches everything, as it says nothing.
    pub(super) fn is_match(&self, text: &str) -> bool {
        let regex = self.regex.get_or_init(|| Regex::new(&self.text).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }

    /// As written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// What a value must be like.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) keeps_unknown: bool,
    pub(super) properties: BTreeMap<String, Node>,
    pub(super) required: Vec<String>,
    pub(super) additional: Option<Box<Node>>,
    pub(super) fewest_properties: Option<u64>,
    pub(super) most_properties: Option<u64>,
    pub(super) items: Option<Box<Node>>,
    pub(super) fewest_items: Option<u64>,
    pub(super) most_items: Option<u64>,
    pub(super) shortest: Option<u64>,
    pub(super) longest: Option<u64>,
    pub(super) pattern: Option<Pattern>,
    pub(super) lowest: Option<f64>,
    pub(super) highest: Option<f64>,
    pub(super) choices: Vec<Value>,
}

impl Node {
    /// Reads a schema. Words it does not know say nothing.
    pub(super) fn compile(schema: &Value) -> Self {
        let flag = |word: &str| schema[word].as_bool().unwrap_or(false);
        let child = |word: &str| {
            schema.get(word).filter(|child| child.is_object()).map(|child| Box::new(Self::compile(child)))
        };
        let kind = match schema["type"].as_str() {
            Some("object") => Kind::Object,
            Some("array") => Kind::List,
            Some("string") => Kind::Text,
            Some("integer") => Kind::Integer,
            Some("number") => Kind::Number,
            Some("boolean") => Kind::Boolean,
            _ if flag("x-kubernetes-int-or-string") => Kind::IntegerOrText,
            _ => Kind::Any,
        };
        let properties = schema["properties"].as_object().into_iter().flatten();
        let required = schema["required"].as_array().into_iter().flatten();
        Self {
            kind,
            keeps_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            properties: properties.map(|(name, child)| (name.clone(), Self::compile(child))).collect(),
            required: required.filter_map(|name| name.as_str().map(String::from)).collect(),
            additional: child("additionalProperties"),
            fewest_properties: schema["minProperties"].as_u64(),
            most_properties: schema["maxProperties"].as_u64(),
            items: child("items"),
            fewest_items: schema["minItems"].as_u64(),
            most_items: schema["maxItems"].as_u64(),
            shortest: schema["minLength"].as_u64(),
            longest: schema["maxLength"].as_u64(),
            pattern: schema["pattern"].as_str().map(Pattern::new),
            lowest: schema["minimum"].as_f64(),
            highest: schema["maximum"].as_f64(),
            choices: schema["enum"].as_array().cloned().unwrap_or_default(),
        }
    }
}
