// SPDX-License-Identifier: Apache-2.0
//! What becomes of a volume.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use serde_json::json;
use upsurge_core::http::ReachRules;
use upsurge_crds::v1alpha1::Snapshot;
use upsurge_record::{
    Record,
    model::{Environment, MadeBy, Outcome, Run},
};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// The record of a run that ended then, packed.
fn record(run: &str, verdict: &str, ended: i64) -> Vec<u8> {
    let made_by = MadeBy { name: "upsurge-operator".into(), version: "0.1.0".into() };
    let identity = Run {
        name: run.into(),
        namespace: Some("shop".into()),
        uid: None,
        start_time: at(ended - 60),
        end_time: at(ended),
    };
    let outcome = Outcome {
        verdict: serde_json::from_value(json!(verdict)).unwrap(),
        reason: "ThresholdsMet".into(),
        message: String::new(),
        conditions: Vec::new(),
    };
    let test: Snapshot = serde_json::from_value(json!({})).unwrap();
    disk::encode(&Record::new(made_by, identity, test, Environment::default(), outcome), &[]).unwrap()
}

fn file(run: &str, history: serde_json::Value, kept: &[&str]) -> StoredFile {
    StoredFile {
        path: format!("load-tests/shop/checkout/{run}.record"),
        history: serde_json::from_value(history).unwrap(),
        kept: kept.iter().map(|run| (*run).to_owned()).collect(),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_record_is_put_as_a_whole_and_older_ones_go_as_is_said() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("load-tests/shop/checkout");
    let put = |run: &str, verdict: &str, ended: i64, history: serde_json::Value| {
        put_file(root.path(), &file(run, history, &["kept"]), &record(run, verdict, ended), at(1_000))
            .unwrap();
    };
    put("kept", "Passed", 0, json!(null));
    put("old", "Passed", 100, json!(null));
    put("failed", "Failed", 200, json!(null));
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    fs::write(folder.join("other.record"), "not a record").unwrap();
    // Again: it is the same file.
    put("new", "Passed", 300, json!({"passed": {"count": 1}}));
    put("new", "Passed", 300, json!({"passed": {"count": 1}}));
    let left = ["failed.record", "kept.record", "new.record", "notes.txt", "other.record"];
    assert_eq!(names(&folder), left);
    assert_eq!(fs::read(folder.join("new.record")).unwrap(), record("new", "Passed", 300));
}

#[test]
fn a_record_that_an_earlier_pod_has_put_there_is_left_at_that() {
    let root = tempfile::tempdir().unwrap();
    for (run, ended, history) in [
        ("old", 0, json!(null)),
        ("new", 100, json!(null)),
        // That pod was killed before it had looked through the others.
        ("new", 100, json!({"passed": {"count": 1}})),
    ] {
        let file = file(run, history, &[]);
        put_file(root.path(), &file, &record(run, "Passed", ended), at(1_000)).unwrap();
    }
    assert_eq!(names(&root.path().join("load-tests/shop/checkout")), ["new.record", "old.record"]);
}

#[test]
fn a_volume_that_can_t_be_written_to_harms_nothing_that_is_there() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("load-tests/shop/checkout");
    put_file(root.path(), &file("old", json!(null), &[]), &record("old", "Passed", 0), at(0)).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
    let put = put_file(root.path(), &file("new", json!(null), &[]), &record("new", "Passed", 0), at(0));
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    // Whoever is root may write anywhere.
    if let Err(error) = put {
        assert!(error.to_string().contains("group 65532, which runners have, may not write to"), "{error}");
        assert_eq!(names(&folder), ["old.record"]);
    }
    assert!(folder.join("old.record").exists());
}

#[test]
fn a_full_volume_is_told_with_what_to_do() {
    let full = in_words(Path::new("/var/lib/upsurge/store/a"), ErrorKind::StorageFull, || Error::NoRecord);
    let words = "/var/lib/upsurge/store/a has no room left: make the volume larger";
    assert!(full.to_string().starts_with(words), "{full}");
}

#[test]
fn what_the_policy_forbids_is_not_contacted() {
    let rules = ReachRules { blocked: vec!["10.0.0.0/8".into()], ..ReachRules::default() };
    let rules = Rules(rules.compile().unwrap());
    assert!(rules.address("10.1.2.3".parse().unwrap()).unwrap_err().contains("blockedNetworks"));
    assert!(rules.host("store.example").is_ok());
}
