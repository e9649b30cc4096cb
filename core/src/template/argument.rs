// SPDX-License-Identifier: Apache-2.0
//! What functions are given: values, or calls of other functions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Function, Scope, names::Reference, write_value};

/// What a function is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A value as it stands.
    Literal(Value),
    /// The value of a variable, or a part of it.
    Variable(Reference),
    /// The value of the secret of that name.
    Secret(String),
    /// The result of another function.
    Call(Box<Function>),
}

impl Argument {
    /// The argument with the secret's value in its place.
    pub(super) fn with_secrets(&self, secrets: &BTreeMap<String, String>) -> Self {
        match self {
            Self::Secret(name) => Self::Literal(secrets.get(name).cloned().unwrap_or_default().into()),
            Self::Call(function) => Self::Call(Box::new(function.with_secrets(secrets))),
            Self::Literal(_) | Self::Variable(_) => self.clone(),
        }
    }

    /// The value; `None` for a variable without one.
    pub(super) fn value(&self, scope: &mut dyn Scope) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Variable(reference) => reference.get(scope).cloned(),
            Self::Secret(name) => scope.secret(name).map(Value::from),
            Self::Call(function) => Some(function.call(scope)),
        }
    }

    /// The value as a template writes it.
    pub(super) fn text(&self, scope: &mut dyn Scope) -> String {
        match self.value(scope) {
            Some(Value::String(text)) => text,
            other => {
                let mut text = String::new();
                write_value(other.as_ref(), &mut text);
                text
            }
        }
    }
}
