// SPDX-License-Identifier: Apache-2.0
//! Schemas of Kubernetes' own types, which users know from elsewhere: without their descriptions, which would be longer
//! than all of ours.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::schemas::strip_descriptions;

/// Most entries of a list of Kubernetes' own.
const MOST: u32 = 50;

/// The schema of a type of Kubernetes, without descriptions.
pub(super) fn bare<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = T::json_schema(generator).to_value();
    strip_descriptions(&mut schema);
    Schema::try_from(schema).unwrap_or_default()
}

/// A list of them.
pub(super) fn list<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": MOST,
        "x-kubernetes-list-type": "atomic",
        "items": bare::<T>(generator)
    })
}

/// A list of them in which each has a name.
pub(super) fn named<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut list = list::<T>(generator);
    list.insert("x-kubernetes-list-type".into(), "map".into());
    list.insert("x-kubernetes-list-map-keys".into(), serde_json::json!(["name"]));
    list
}
