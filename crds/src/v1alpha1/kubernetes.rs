// SPDX-License-Identifier: Apache-2.0
//! Schemas of Kubernetes' own types, which users know from elsewhere: without their descriptions, which would be longer
//! than all of ours. The largest of them stand in the definition in outline only ([`outlined`]), and as a whole in the schema
//! by which specs are checked besides ([`crate::schemas::LOAD_TEST`]).

use k8s_openapi::api::core::v1::{
    Container, EnvVar, HostAlias, TopologySpreadConstraint, Volume, VolumeMount,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::quantity;
use crate::schemas::strip_descriptions;

/// Most entries of a list of Kubernetes' own.
const MOST: u32 = 50;

/// The schema of a type of Kubernetes, without descriptions.
pub(super) fn bare<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = T::json_schema(generator).to_value();
    strip_descriptions(&mut schema);
    bound_quantities(&mut schema);
    Schema::try_from(schema).unwrap_or_default()
}

/// Says of each quantity what it must be like. All that Kubernetes has as a whole number or text is one, but for ports.
fn bound_quantities(schema: &mut Value) {
    if schema["x-kubernetes-int-or-string"] == true {
        quantity::amount(schema);
        return;
    }
    for (word, value) in schema.as_object_mut().into_iter().flatten() {
        match word.as_str() {
            "properties" => {
                let all = value.as_object_mut().into_iter().flatten();
                all.filter(|(name, _)| *name != "port").for_each(|(_, one)| bound_quantities(one));
            }
            "items" | "additionalProperties" => bound_quantities(value),
            "allOf" | "anyOf" | "oneOf" => {
                value.as_array_mut().into_iter().flatten().for_each(bound_quantities);
            }
            _ => {}
        }
    }
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
    keyed::<T>(generator, &["name"])
}

/// A list of them in which each has other values of some fields.
fn keyed<T: JsonSchema>(generator: &mut SchemaGenerator, keys: &[&str]) -> Schema {
    let mut list = list::<T>(generator);
    list.insert("x-kubernetes-list-type".into(), "map".into());
    list.insert("x-kubernetes-list-map-keys".into(), json!(keys));
    list
}

fn with_rule(mut schema: Schema, rule: &str, message: &str) -> Schema {
    schema.insert("x-kubernetes-validations".into(), json!([{"rule": rule, "message": message}]));
    schema
}

/// Amounts of resources by name.
pub(super) fn amounts(_: &mut SchemaGenerator) -> Schema {
    let mut amount = json!({"x-kubernetes-int-or-string": true});
    quantity::amount(&mut amount);
    json_schema!({"type": "object", "maxProperties": 16, "additionalProperties": amount})
}

/// Labels or annotations of runner pods.
pub(super) fn marks(_: &mut SchemaGenerator) -> Schema {
    let schema = json_schema!({
        "type": "object",
        "maxProperties": MOST,
        "additionalProperties": {"type": "string"}
    });
    with_rule(
        schema,
        "self.all(key, !key.startsWith('upsurge.dev/') && !key.startsWith('batch.kubernetes.io/') && \
         !(key in ['app.kubernetes.io/managed-by', 'app.kubernetes.io/component', 'controller-uid', 'job-name']))",
        "upsurge.dev/…, batch.kubernetes.io/…, app.kubernetes.io/managed-by, app.kubernetes.io/component, controller-uid and \
         job-name are set by the operator and by Kubernetes, which find runners by them",
    )
}

/// Environment variables of the runner.
pub(super) fn variables(generator: &mut SchemaGenerator) -> Schema {
    with_rule(
        named::<EnvVar>(generator),
        "self.all(one, !one.name.startsWith('UPSURGE_') && one.name != 'JOB_COMPLETION_INDEX')",
        "UPSURGE_… and JOB_COMPLETION_INDEX are the runner's own variables: use other names",
    )
}

/// Volumes of runner pods.
pub(super) fn volumes(generator: &mut SchemaGenerator) -> Schema {
    with_rule(
        named::<Volume>(generator),
        "self.all(one, !one.name.startsWith('upsurge-'))",
        "volumes named upsurge-… are the operator's own: use other names",
    )
}

/// Where the runner sees volumes.
pub(super) fn mounts(generator: &mut SchemaGenerator) -> Schema {
    with_rule(
        keyed::<VolumeMount>(generator, &["mountPath"]),
        "self.all(one, !one.name.startsWith('upsurge-'))",
        "volumes named upsurge-… are the operator's own: mount those of spec.runner.volumes",
    )
}

/// Containers that run before the runner.
pub(super) fn init_containers(generator: &mut SchemaGenerator) -> Schema {
    with_rule(
        named::<Container>(generator),
        "self.all(one, one.name != 'runner')",
        "runner is the name of the runner's own container: use another one",
    )
}

/// Names for addresses.
pub(super) fn host_aliases(generator: &mut SchemaGenerator) -> Schema {
    keyed::<HostAlias>(generator, &["ip"])
}

/// How pods are spread.
pub(super) fn spread(generator: &mut SchemaGenerator) -> Schema {
    keyed::<TopologySpreadConstraint>(generator, &["topologyKey", "whenUnsatisfiable"])
}

/// Fields of `spec.runner` whose schemas would take up most of a definition.
const LARGE: [&str; 3] = ["affinity", "volumes", "initContainers"];

/// Leaves of the large fields of a runner's schema what is about the field itself, and of the entries of its lists the keys.
/// What is in them is kept as it is written.
pub(crate) fn outlined(runner: &mut Value) {
    for field in LARGE {
        let Some(schema) = runner["properties"].get_mut(field) else { continue };
        let keys = schema["x-kubernetes-list-map-keys"].as_array().cloned().unwrap_or_default();
        let whole = if schema.get("items").is_some() { &mut schema["items"] } else { schema };
        let Some(words) = whole.as_object_mut() else { continue };
        words.remove("required");
        let properties = words.remove("properties").unwrap_or_default();
        if !keys.is_empty() {
            let kept =
                keys.iter().filter_map(Value::as_str).map(|key| (key.to_owned(), properties[key].clone()));
            words.insert("properties".into(), Value::Object(kept.collect()));
            words.insert("required".into(), keys.clone().into());
        }
        words.insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
    }
}
