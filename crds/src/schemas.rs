// SPDX-License-Identifier: Apache-2.0
//! The schema of a LoadTest, ready to check specs that never went through an API server.
//!
//! Making it from the types takes a fifth of a second, each time that the command line starts; so what comes
//! out, without the descriptions, lies beside the manifests and is part of the program.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::cel::{ValidationErrors, Validator};
use serde_json::Value;

use crate::LoadTest;

/// The OpenAPI v3 schema of a LoadTest, with all of the types of Kubernetes that the definition has in outline only.
pub static LOAD_TEST: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../schemas/loadtest.json")).unwrap_or_default());

/// Evaluates the rules of the schema, as the API server does. Tells what is wrong, with the path of the field.
pub fn check_rules(test: &LoadTest) -> Result<(), ValidationErrors> {
    Validator::new().validate(&LOAD_TEST, &serde_json::to_value(test).unwrap_or_default(), None)
}

/// The schema of a definition's only version, without status and descriptions, as it is kept beside the manifests.
pub fn of(definition: &CustomResourceDefinition) -> Value {
    let version = definition.spec.versions.first();
    let schema = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    let mut schema = serde_json::to_value(schema).unwrap_or_default();
    // Nobody writes a status by hand.
    schema["properties"].as_object_mut().and_then(|properties| properties.remove("status"));
    strip_descriptions(&mut schema);
    schema
}

/// Takes the descriptions out of a schema; a property of that name stays.
pub(crate) fn strip_descriptions(schema: &mut Value) {
    let Some(words) = schema.as_object_mut() else { return };
    words.remove("description");
    for (word, value) in words {
        match word.as_str() {
            "properties" => {
                value.as_object_mut().into_iter().flatten().for_each(|(_, one)| strip_descriptions(one));
            }
            "items" | "additionalProperties" => strip_descriptions(value),
            "allOf" | "anyOf" | "oneOf" => {
                value.as_array_mut().into_iter().flatten().for_each(strip_descriptions);
            }
            _ => {}
        }
    }
}
