// SPDX-License-Identifier: Apache-2.0
//! The definitions as they are installed: what the API server and its users rely on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{fs, path::Path};

use serde_json::{Value, json};
use upsurge_crds::{
    LoadTestRunSpec, LoadTestSpec, manifests, schemas,
    v1alpha1::{LoadUnit, TimeSpan},
};

fn definitions() -> Vec<Value> {
    manifests::all().iter().map(|definition| serde_json::to_value(definition).unwrap()).collect()
}

/// The definitions of what people use.
fn public() -> Vec<Value> {
    let internal = manifests::internal();
    let all = manifests::all().into_iter().filter(|definition| !internal.contains(definition));
    all.map(|definition| serde_json::to_value(definition).unwrap()).collect()
}

/// Calls a function for every value in a tree, with its path.
fn visit(value: &Value, path: &str, see: &mut impl FnMut(&str, &Value)) {
    see(path, value);
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| visit(value, &format!("{path}.{key}"), see))
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| visit(value, &format!("{path}[{index}]"), see));
        }
        _ => {}
    }
}

#[test]
fn the_committed_manifests_are_what_the_types_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (definition, value) in manifests::all().iter().zip(definitions()) {
        let name = format!("{}.yaml", definition.metadata.name.as_deref().unwrap());
        for folder in ["manifests", "../charts/upsurge/files/crds"] {
            let text = fs::read_to_string(root.join(folder).join(&name)).unwrap();
            let committed: Value = serde_saphyr::from_str(&text).unwrap();
            assert!(committed == value, "{folder}/{name} is out of date: run `make generate`");
        }
    }
}

#[test]
fn the_committed_schema_is_what_the_types_say() {
    let generated = schemas::of(&manifests::whole());
    assert!(*schemas::LOAD_TEST == generated, "schemas/loadtest.json is out of date: run `make generate`");
    let rules = generated["properties"]["spec"]["properties"]["scenarios"]["items"]["properties"]["steps"]["items"]
        ["properties"]["request"]["properties"]["capture"]["items"]["x-kubernetes-validations"].as_array();
    assert!(rules.is_some_and(|rules| !rules.is_empty()), "rules are part of it");
    visit(&generated, "", &mut |path, value| {
        let said = path.ends_with(".description") && !path.ends_with(".properties.description");
        assert!(!said, "{path} is left: {value}");
    });
}

#[test]
fn the_kustomization_lists_every_manifest() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let text = fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    let kustomization: Value = serde_saphyr::from_str(&text).unwrap();
    let names: Vec<String> =
        manifests::all().into_iter().map(|one| format!("{}.yaml", one.metadata.name.unwrap())).collect();
    assert_eq!(kustomization["resources"], json!(names));
}

#[test]
fn no_format_is_unknown_to_the_api_server() {
    for definition in definitions() {
        visit(&definition, "", &mut |path, value| {
            let format = value.get("format").and_then(Value::as_str);
            assert!(
                format.is_none_or(|format| ["int32", "int64", "double", "date-time"].contains(&format)),
                "{path} has format {format:?}"
            );
        });
    }
}

#[test]
fn every_list_and_map_of_a_status_is_bounded_and_says_how_it_is_merged() {
    let mut lists = 0;
    for definition in public() {
        let status = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status").unwrap();
        visit(status, "status", &mut |path, value| {
            if value.get("type") == Some(&json!("array")) {
                lists += 1;
                assert!(value.get("maxItems").is_some(), "{path} has no maxItems");
                // What one manager writes as a whole is atomic: a map would name every field of every entry in
                // managedFields, which takes as much room again.
                let is_conditions = path.ends_with(".conditions");
                let expected = if is_conditions { "map" } else { "atomic" };
                assert_eq!(value.get("x-kubernetes-list-type"), Some(&json!(expected)), "{path}");
            }
            if value.get("additionalProperties").is_some() {
                assert!(value.get("maxProperties").is_some(), "{path} has no maxProperties");
            }
        });
    }
    assert!(lists > 10, "only {lists} lists were seen");
}

#[test]
fn both_kinds_have_the_names_and_columns_that_users_type() {
    let shown: Vec<Value> = public()
        .iter()
        .map(|definition| {
            let version = definition.pointer("/spec/versions/0").unwrap();
            let columns = version["additionalPrinterColumns"].as_array().unwrap();
            json!({
                "names": definition["spec"]["names"],
                "scope": definition["spec"]["scope"],
                "subresources": version["subresources"],
                "columns": columns.iter().map(|column| column["name"].clone()).collect::<Vec<_>>(),
            })
        })
        .collect();
    insta::assert_yaml_snapshot!(shown);
}

#[test]
fn what_the_operator_keeps_for_itself_is_out_of_peoples_way() {
    let internal = manifests::internal();
    assert!(!internal.is_empty());
    for definition in internal {
        let names = definition.spec.names;
        assert_eq!(definition.spec.group, "internal.upsurge.dev");
        assert!(names.short_names.is_none_or(|names| names.is_empty()), "{} has short names", names.kind);
        assert!(names.categories.is_none_or(|names| names.is_empty()), "{} is in a category", names.kind);
    }
}

#[test]
fn the_status_of_a_new_object_is_unobserved() {
    for definition in public() {
        let status = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status").unwrap();
        assert_eq!(status["default"], json!({"observedGeneration": -1}));
        assert_eq!(status.get("nullable"), None, "null would defeat the default");
    }
}

#[test]
fn conditions_merge_by_type() {
    for definition in public() {
        let pointer = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/conditions";
        let conditions = definition.pointer(pointer).unwrap();
        assert_eq!(conditions["x-kubernetes-list-type"], "map");
        assert_eq!(conditions["x-kubernetes-list-map-keys"], json!(["type"]));
    }
}

#[test]
fn what_is_left_out_of_a_test_has_its_default() {
    let spec: LoadTestSpec = serde_json::from_value(json!({
        "target": {"baseURL": "http://checkout"},
        "load": {"constant": {"level": 1, "duration": "1m"}},
        "prometheus": {"url": "http://p:9090", "checks": [{"name": "a", "query": "up", "condition": "> 0"}]},
        "outputs": [{"name": "telemetry", "otlp": {"endpoint": "http://otel:4318"}}]
    }))
    .unwrap();
    assert_eq!(spec.load.unit(), LoadUnit::Users);
    assert_eq!((spec.load.graceful_stop, spec.load.arrivals), (None, None));
    assert_eq!((spec.runner.parallelism, spec.suspend), (1, false));
    assert_eq!(
        (spec.deadlines.prepare, spec.deadlines.start),
        (TimeSpan::from_secs(300), TimeSpan::from_secs(60))
    );
    assert_eq!(spec.deadlines.restore(), TimeSpan::from_secs(300));
    let written = serde_json::to_value(&spec.deadlines).unwrap();
    assert!(written.get("restore").is_none(), "the digest of older tests would change");
    assert_eq!(spec.history.counts(), [5, 10]);
    assert_eq!(spec.outputs[0].interval, TimeSpan::from_secs(5));
    assert_eq!(spec.prometheus.unwrap().checks[0].aggregate, "avg");
    let run: LoadTestRunSpec = serde_json::from_value(json!({"loadTestRef": {"name": "a"}})).unwrap();
    assert!(!run.abort && run.test.is_none());
}
