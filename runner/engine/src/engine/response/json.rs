// SPDX-License-Identifier: Apache-2.0
//! The JSON of a response, as far as somebody looks at it.

use serde_json::Value;
use serde_json_path::JsonPath;

use crate::program::Request;

/// The JSON of a response.
pub(super) enum Json {
    /// There is none.
    None,
    /// What is at the places that the request's paths lead to, in their order.
    Places(Vec<Option<Value>>),
    /// All of it.
    Tree(Value),
}

impl Json {
    /// Reads what the paths of a request need.
    pub(super) fn of(body: &[u8], request: &Request) -> Self {
        if let Some(places) = &request.places {
            return places.find(body).map_or(Self::None, Self::Places);
        }
        if request.json_paths().next().is_none() {
            return Self::None;
        }
        serde_json::from_slice(body).map_or(Self::None, Self::Tree)
    }

    /// The first of what a path of the request leads to.
    pub(super) fn first(&self, path: &JsonPath, request: &Request) -> Option<&Value> {
        match self {
            Self::None => None,
            Self::Tree(tree) => path.query(tree).first(),
            Self::Places(found) => {
                let number = request.json_paths().position(|known| std::ptr::eq(known, path))?;
                found.get(number)?.as_ref()
            }
        }
    }

    /// All of what a path of the request leads to.
    pub(super) fn all(&self, path: &JsonPath, request: &Request) -> Vec<&Value> {
        match self {
            Self::Tree(tree) => path.query(tree).all(),
            // Each of these paths leads to one place only.
            Self::None | Self::Places(_) => self.first(path, request).into_iter().collect(),
        }
    }
}
