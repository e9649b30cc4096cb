// SPDX-License-Identifier: Apache-2.0
//! Every LoadTest under `docs/examples/`, and every one shown in the README, is one that can run.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{fs, path::PathBuf};

use serde_json::Value;
use upsurge_core::validate::{read_spec, validate};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn check(origin: &str, yaml: &str) -> usize {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{origin}: {error}"));
    let tests: Vec<&Value> = documents.iter().filter(|document| document["kind"] == "LoadTest").collect();
    for test in &tests {
        let spec = read_spec(&test["spec"]).unwrap_or_else(|errors| panic!("{origin}: {errors:?}"));
        validate(&spec).unwrap_or_else(|errors| panic!("{origin}: {errors:?}"));
    }
    tests.len()
}

#[test]
fn every_example_can_run() {
    let mut tests = 0;
    for entry in fs::read_dir(root().join("docs/examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            tests += check(&path.display().to_string(), &fs::read_to_string(&path).unwrap());
        }
    }
    assert!(tests >= 2, "only {tests} examples were found");
}

#[test]
fn the_test_in_the_readme_is_the_first_example() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown: String = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap().into();
    assert_eq!(check("README.md", &shown), 1);
    let example = fs::read_to_string(root().join("docs/examples/first.yaml")).unwrap();
    assert!(example.ends_with(&shown), "README.md shows another test than docs/examples/first.yaml");
}
