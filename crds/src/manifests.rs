// SPDX-License-Identifier: Apache-2.0
//! The CustomResourceDefinitions as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use crate::{
    LoadTest, LoadTestRun,
    internal::{Checkpoint, Record, TargetLease},
    schemas::strip_descriptions,
    v1alpha1::kubernetes,
};

/// Lists of steps in `spec` that the installed definition doesn't explain field by field: `spec.scenarios[].steps` does.
const OTHER_STEPS: [&str; 3] = ["/before", "/after", "/blocks/items/properties/steps"];

/// All definitions, in the order in which they are installed.
pub fn all() -> Vec<CustomResourceDefinition> {
    let [test, run] = explained();
    [rewritten(test, explained_once), run].into_iter().chain(internal()).collect()
}

/// The definitions that people use, LoadTest and LoadTestRun, with a text at each field, wherever it stands: as documentation
/// shows them.
pub fn explained() -> [CustomResourceDefinition; 2] {
    let test = rewritten(rewritten(whole(), outlined), |schema| without_defaults_in_lists(schema, false));
    [test, conventional(LoadTestRun::crd())].map(with_unobserved_status)
}

/// The definition of a LoadTest, and in it all of the schemas that the installed one has in outline.
pub fn whole() -> CustomResourceDefinition {
    conventional(LoadTest::crd())
}

/// Those that the operator keeps for itself.
pub fn internal() -> Vec<CustomResourceDefinition> {
    vec![Checkpoint::crd(), TargetLease::crd(), Record::crd()]
}

/// What all schemas have in common, and no type need say: nothing is nullable, as absent means the default, and a list for
/// which nothing else is said is merged as a whole.
fn conventional(definition: CustomResourceDefinition) -> CustomResourceDefinition {
    rewritten(definition, conventions)
}

fn rewritten(definition: CustomResourceDefinition, rewrite: fn(&mut Value)) -> CustomResourceDefinition {
    let schema = |mut definition: Value| {
        let pointer = "/spec/versions/0/schema/openAPIV3Schema";
        definition.pointer_mut(pointer).into_iter().for_each(rewrite);
        serde_json::from_value(definition).ok()
    };
    serde_json::to_value(&definition).ok().and_then(schema).unwrap_or(definition)
}

/// What the API server need not know of the types of pods, so that the definition stays small.
fn outlined(schema: &mut Value) {
    if let Some(runner) = schema.pointer_mut("/properties/spec/properties/runner") {
        kubernetes::outlined(runner);
    }
}

/// Takes the texts from the fields of steps but for the first place that a reader looks at. With them, four times the same, there
/// would be no room for what is yet to come: etcd takes no object above 1.5 MiB, and `kubectl apply` keeps no more than 256 KiB.
fn explained_once(schema: &mut Value) {
    for place in OTHER_STEPS {
        let path = format!("/properties/spec/properties{place}/items");
        if let Some(step) = schema.pointer_mut(&path) {
            strip_descriptions(step);
        }
    }
}

/// The API server fills in no default within a list: the operator does. What merges lists as a whole, as `kubectl apply` and
/// Argo CD do with kinds that they don't know, takes a default that was filled in for a change of the manifest, for ever.
fn without_defaults_in_lists(schema: &mut Value, in_list: bool) {
    let Some(words) = schema.as_object_mut() else { return };
    if in_list {
        words.remove("default");
    }
    for (word, value) in words {
        match word.as_str() {
            "properties" => {
                value
                    .as_object_mut()
                    .into_iter()
                    .flatten()
                    .for_each(|(_, field)| without_defaults_in_lists(field, in_list));
            }
            "items" => without_defaults_in_lists(value, true),
            "additionalProperties" => without_defaults_in_lists(value, in_list),
            _ => {}
        }
    }
}

fn conventions(schema: &mut Value) {
    let Some(words) = schema.as_object_mut() else { return };
    words.remove("nullable");
    if words.get("type").is_some_and(|type_| type_ == "array") {
        words.entry("x-kubernetes-list-type").or_insert_with(|| "atomic".into());
    }
    for (word, value) in words {
        match word.as_str() {
            "properties" => {
                for (name, field) in value.as_object_mut().into_iter().flatten() {
                    conventions(field);
                    // A type of Kubernetes' own, as those of pods: no descriptions.
                    if name == "conditions" {
                        strip_descriptions(&mut field["items"]);
                    }
                }
            }
            "items" | "additionalProperties" => conventions(value),
            _ => {}
        }
    }
}

/// Gives new objects `status.observedGeneration: -1`, so that tools that follow kstatus see an object
/// that no operator has looked at as in progress instead of done.
fn with_unobserved_status(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        let status = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
            .and_then(|schema| schema.properties.as_mut())
            .and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(json!({"observedGeneration": -1})));
            status.nullable = None;
        }
    }
    definition
}
