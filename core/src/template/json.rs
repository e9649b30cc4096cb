// SPDX-License-Identifier: Apache-2.0
//! JSON with templates in its strings and names of fields.

use serde_json::{Map, Value};

use super::{Names, Scope, Template, TemplateError};

/// A JSON value whose strings are templates. A string that is nothing but one place takes the type
/// of its value.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonTemplate {
    /// A value without templates.
    Literal(Value),
    /// A string with templates.
    Text(Template),
    /// A list that holds templates somewhere.
    Array(Vec<JsonTemplate>),
    /// An object that holds templates somewhere, with its fields in order. Their names are templates, too.
    Object(Vec<(Template, JsonTemplate)>),
}

impl JsonTemplate {
    /// Parses all strings of a value.
    ///
    /// # Errors
    /// The path within the value (as `.items[0].name`) and what is wrong there, for each wrong string.
    pub fn parse(value: &Value, names: &Names) -> Result<Self, Vec<(String, TemplateError)>> {
        let mut errors = Vec::new();
        let parsed = parse(value, names, &mut String::new(), &mut errors);
        if errors.is_empty() { Ok(parsed) } else { Err(errors) }
    }

    /// The filled-in value.
    pub fn render(&self, scope: &mut dyn Scope) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::Text(template) => template.value(scope),
            Self::Array(items) => items.iter().map(|item| item.render(scope)).collect(),
            Self::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.render(scope), value.render(scope)))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

fn parse(
    value: &Value,
    names: &Names,
    path: &mut String,
    errors: &mut Vec<(String, TemplateError)>,
) -> JsonTemplate {
    let length = path.len();
    match value {
        Value::String(text) => match Template::parse(text, names) {
            Ok(template) => match template.literal() {
                Some(literal) => JsonTemplate::Literal(literal.into()),
                None => JsonTemplate::Text(template),
            },
            Err(error) => {
                errors.push((path.clone(), error));
                JsonTemplate::Literal(Value::Null)
            }
        },
        Value::Array(items) => {
            let mut parsed = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                parsed.push(parse(item, names, path, errors));
                path.truncate(length);
            }
            if parsed.iter().all(|item| matches!(item, JsonTemplate::Literal(_))) {
                return JsonTemplate::Literal(parsed.into_iter().filter_map(literal).collect());
            }
            JsonTemplate::Array(parsed)
        }
        Value::Object(fields) => {
            let mut parsed = Vec::with_capacity(fields.len());
            for (name, field) in fields {
                path.push('.');
                path.push_str(name);
                match Template::parse(name, names) {
                    Ok(name) => parsed.push((name, parse(field, names, path, errors))),
                    Err(error) => errors.push((path.clone(), error)),
                }
                path.truncate(length);
            }
            let is_literal = |(name, field): &(Template, JsonTemplate)| {
                name.literal().is_some() && matches!(field, JsonTemplate::Literal(_))
            };
            if parsed.iter().all(is_literal) {
                let fields = parsed
                    .into_iter()
                    .filter_map(|(name, field)| Some((name.literal()?.to_owned(), literal(field)?)));
                return JsonTemplate::Literal(Value::Object(fields.collect()));
            }
            JsonTemplate::Object(parsed)
        }
        other => JsonTemplate::Literal(other.clone()),
    }
}

fn literal(template: JsonTemplate) -> Option<Value> {
    match template {
        JsonTemplate::Literal(value) => Some(value),
        _ => None,
    }
}
