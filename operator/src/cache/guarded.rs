// SPDX-License-Identifier: Apache-2.0
//! Objects as they are read from the API server: one that can't be read does not stop the list that it is in.
//!
//! kube's `DeserializeGuard` does the same by way of a tree of all values, which it copies for each object: with ten
//! thousand finished runs that was most of a start. Here the text of an object is read, and once more for its metadata if
//! that fails.

use std::borrow::Cow;

use kube::{
    Resource,
    api::ObjectMeta,
    core::{PartialObjectMeta, error_boundary::InvalidObject},
};
use serde::de;

/// An object, or why it can't be read and whose it is.
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<K, InvalidObject>);

impl<K: Resource + de::DeserializeOwned> Guarded<K> {
    /// Reads an object.
    ///
    /// # Errors
    /// When not even its metadata can be read.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let error = match serde_json::from_str(text) {
            Ok(object) => return Ok(Self(Ok(object))),
            Err(error) => error.to_string(),
        };
        let PartialObjectMeta { metadata, .. } = serde_json::from_str::<PartialObjectMeta<K>>(text)?;
        Ok(Self(Err(InvalidObject { error, metadata })))
    }
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dynamic)
    }

    fn group(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::group(dynamic)
    }

    fn version(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::version(dynamic)
    }

    fn plural(dynamic: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|invalid| &invalid.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|invalid| &mut invalid.metadata, K::meta_mut)
    }
}
