// SPDX-License-Identifier: Apache-2.0
//! Old words of the API: `validate` says the new one for each of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::{Value, json};
use upsurge_core::validate::{check_spec, read_spec, validate};
use upsurge_crds::{
    v1alpha1::GONE,
    words::{CHANGES, Change},
};

fn spec() -> Value {
    json!({
        "target": {"baseURL": "http://checkout:8080"},
        "scenarios": [{"name": "pay", "steps": [{"request": {"url": "/", "name": "pay"}}]}],
        "load": {"pattern": {"name": "BusinessHours", "peak": 5, "duration": "10m"}}
    })
}

/// Puts a value at a path such as `load.executors[].executor`; lists that are not there get one entry.
fn put(place: &mut Value, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        place[path] = value;
        return;
    };
    let next = match first.strip_suffix("[]") {
        Some(name) => {
            if !place[name].is_array() {
                place[name] = json!([{}]);
            }
            &mut place[name][0]
        }
        None => {
            if !place[first].is_object() {
                place[first] = json!({});
            }
            &mut place[first]
        }
    };
    put(next, rest, value);
}

/// All that is said of a spec, by whichever part of the checks comes to see it.
fn said(raw: &Value) -> Vec<String> {
    let errors = match read_spec(raw) {
        Ok(spec) => validate(&spec).map(|_| ()).unwrap_err(),
        Err(errors) => errors,
    };
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn each_old_word_is_answered_with_the_new_one() {
    for change in CHANGES {
        let (path, value, name) = match *change {
            Change::Field { was, .. } => (was, json!("old"), was),
            Change::Shape { of: "load.executors", .. } => {
                ("load.executors", json!({"a": {"executor": "constant-vus", "vus": 1}}), "executors")
            }
            Change::Shape { of, .. } => (of, json!("old"), of),
            Change::Value { of, was, .. } => (of, json!(was), was),
        };
        let (field, name) = (path.trim_start_matches('…'), name.rsplit('.').next().unwrap());
        let place = match path.strip_prefix('…') {
            // In a step, and in one within a step.
            Some(field) if field.starts_with("request") => format!("before[].{field}"),
            Some(field) => format!("before[].request.{field}"),
            None => field.to_owned(),
        };
        let mut raw = spec();
        put(&mut raw, &place, value.clone());
        if place.starts_with("thresholds") {
            raw["thresholds"][0]["metric"] = "http_req_duration".into();
            raw["thresholds"][0]["condition"] = "p(95) < 1s".into();
        }
        let words = said(&raw);
        let told = |words: &[String]| {
            words.iter().any(|line| {
                line.contains(&format!("{name} is now ")) || line.contains(&format!("{name} is gone"))
            })
        };
        assert!(told(&words), "{place} = {value}: {words:#?}");
        if path.starts_with('…') {
            let step = raw["before"][0].take();
            raw["before"] = json!([]);
            raw["scenarios"][0]["steps"] = json!([{"if": {"condition": "true", "then": [step]}}]);
            let words = said(&raw);
            assert!(told(&words), "{place} = {value}, within a step: {words:#?}");
        }
    }
}

#[test]
fn a_field_that_is_missing_under_its_new_name_is_not_missed_as_well() {
    let mut raw = spec();
    raw["target"] = json!({"baseUrl": "http://checkout:8080"});
    let errors: Vec<String> = check_spec(&raw).iter().map(ToString::to_string).collect();
    assert_eq!(errors, ["spec.target.baseUrl: baseUrl is now baseURL"]);
    raw["target"] = json!({});
    let errors: Vec<String> = check_spec(&raw).iter().map(ToString::to_string).collect();
    assert_eq!(errors, ["spec.target.baseURL: is required"]);
}

#[test]
fn a_fraction_without_quotes_is_answered_with_the_way_to_write_it() {
    let mut raw = spec();
    raw["load"] = json!({"constant": {"level": 2.5, "duration": "1s"}});
    assert_eq!(
        said(&raw),
        ["spec.load.constant.level: a number with a fraction is written in quotes: \"2.5\" instead of 2.5"]
    );
    for right in [json!("2.5"), json!("2500m"), json!(2), json!("1e1")] {
        raw["load"]["constant"]["level"] = right;
        assert!(validate(&read_spec(&raw).unwrap()).is_ok(), "{raw}");
    }
}

#[test]
fn null_is_as_good_as_absent() {
    let mut raw = spec();
    raw["http"] = json!({"timeout": null});
    assert!(check_spec(&raw).is_empty(), "{:?}", check_spec(&raw));
    raw["target"] = json!({"baseURL": null});
    assert_eq!(check_spec(&raw)[0].to_string(), "spec.target.baseURL: is required");
}

#[test]
fn the_changelog_lists_each_change_of_a_word() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../CHANGELOG.md")).unwrap();
    let (_, table) = text.split_once("| before | now |").unwrap();
    let rows = table.lines().skip(2).map(str::trim).take_while(|line| line.starts_with('|'));
    let rows: Vec<(&str, &str)> = rows.filter_map(|row| row.trim_matches('|').split_once(" | ")).collect();
    let last = |path: &'static str| path.rsplit('.').next().unwrap();
    for change in CHANGES {
        let (was, is) = match *change {
            Change::Field { was, is } => (last(was), last(is)),
            Change::Shape { of, .. } => (last(of), last(of)),
            Change::Value { was, is, .. } => (was, is),
        };
        let listed = rows.iter().any(|(before, now)| before.contains(was) && now.contains(is));
        assert!(listed, "CHANGELOG.md has no row for {change:?}");
    }
    for gone in GONE {
        assert!(rows.iter().any(|(before, _)| before.contains(gone)), "CHANGELOG.md has no row for {gone}");
    }
}
