// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a field of a spec: its path and a message that says what to do.

use std::fmt;

/// A wrong field. Displays as `spec.scenarios[0].steps[2].if.then[0].request.url: …`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{path}: {message}")]
pub struct FieldError {
    /// Path from the root of the resource, as in `spec.load.stages[1].duration`.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// All that is wrong, collected along the way instead of stopping at the first.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    /// Notes a wrong field.
    pub(crate) fn add(&mut self, path: impl fmt::Display, message: impl fmt::Display) {
        self.0.push(FieldError { path: path.to_string(), message: message.to_string() });
    }

    /// Notes the error of a result and gives its value, if there is one.
    pub(crate) fn check<T, E: fmt::Display>(
        &mut self,
        path: impl fmt::Display,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(path, error)).ok()
    }

    /// The value if nothing was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Vec<FieldError>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.into_list()) }
    }

    /// The wrong fields, each once, in the order they were found.
    pub(crate) fn into_list(self) -> Vec<FieldError> {
        let mut list: Vec<FieldError> = Vec::with_capacity(self.0.len());
        for error in self.0 {
            if !list.contains(&error) {
                list.push(error);
            }
        }
        list
    }

    /// Whether a field itself is wrong.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.iter().any(|error| error.path == path)
    }

    /// Whether something within a field is wrong.
    pub(crate) fn is_wrong(&self, path: &str) -> bool {
        self.0.iter().any(|error| error.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Takes over what was found elsewhere.
    pub(crate) fn extend(&mut self, errors: impl IntoIterator<Item = FieldError>) {
        self.0.extend(errors);
    }
}
