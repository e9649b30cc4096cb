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
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// What is kept of a kind of objects in memory.
pub trait Kept: Resource + de::DeserializeOwned {
    /// What is kept of an object that was just read. It happens to one object after the other, so that a page of a list never
    /// stands in memory as a whole.
    fn kept(read: Guarded<Self>) -> Guarded<Self>;
}

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

impl<'de, K: Kept> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(text.get()).map(K::kept).map_err(de::Error::custom)
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
