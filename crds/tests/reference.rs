// SPDX-License-Identifier: Apache-2.0
//! The page of the documentation that lists every field.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::Value;
use upsurge_crds::{manifests, reference};

fn page(kind: &str) -> (String, Value) {
    let definition = manifests::explained().into_iter().find(|one| one.spec.names.kind == kind).unwrap();
    (reference::page(&definition), serde_json::to_value(&definition).unwrap())
}

/// Names of all fields that have a description.
fn described(schema: &Value, found: &mut BTreeSet<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if field["description"].is_string() {
            found.insert(name.clone());
        }
        described(field, found);
    }
    for inner in ["items", "additionalProperties"]
        .map(|word| &schema[word])
        .into_iter()
        .filter(|inner| inner.is_object())
    {
        described(inner, found);
    }
}

#[rstest]
#[case::load_test("LoadTest", 200)]
#[case::run("LoadTestRun", 80)]
fn every_field_with_a_description_is_in_a_table(#[case] kind: &str, #[case] at_least: usize) {
    let (page, definition) = page(kind);
    let mut fields = BTreeSet::new();
    let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap();
    ["spec", "status"].iter().for_each(|name| described(&schema["properties"][name], &mut fields));
    assert!(fields.len() >= at_least, "{}", fields.len());
    let missing: Vec<_> = fields.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[rstest]
#[case::load_test("LoadTest")]
#[case::run("LoadTestRun")]
fn each_link_leads_to_a_section(#[case] kind: &str) {
    let (page, _) = page(kind);
    let anchors: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(" `"))
        .map(|path| path.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase())
        .collect();
    let links: BTreeSet<&str> =
        page.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(links.len() > 5, "{links:?}");
    let broken: Vec<_> = links.iter().filter(|link| !anchors.contains(**link)).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn types_bounds_rules_and_what_must_be_given_are_told() {
    let (page, _) = page("LoadTest");
    for line in [
        "| **`level`** | quantity | ",
        "| **`duration`** | duration | ",
        "| `parallelism` | integer, 1 to 1000 | ",
        "| `sharing` | one of `Exclusive`, `Shared` | ",
        "| **`steps`** | list of [steps](#specscenariossteps), at most 100 | ",
        "| `onStop` | list of [steps](#specscenariossteps), at most 100 | ",
        "| `resources` | object, as Kubernetes has it | ",
        "| `nodeSelector` | map of strings, at most 50 | ",
        "- spec.load needs exactly one of constant, stages, spike",
    ] {
        assert!(page.contains(line), "{line} is not in the page");
    }
}

/// What people find in a status, and so look up.
#[test]
fn every_reason_and_condition_is_in_the_page_on_troubles() {
    const NAMES: &str = include_str!("../src/names.rs");
    const PAGE: &str = include_str!("../../docs/src/how-to/troubleshooting.md");
    let values = NAMES.split_once("pub mod conditions").unwrap().1.split(" = \"").skip(1);
    let values: BTreeSet<&str> = values.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(values.len() > 40, "{values:?}");
    let words: BTreeSet<&str> = PAGE.split(|letter: char| !letter.is_alphanumeric()).collect();
    let missing: Vec<_> = values.difference(&words).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
