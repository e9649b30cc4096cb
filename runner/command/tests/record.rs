// SPDX-License-Identifier: Apache-2.0
//! The record of a run: written while the load runs and at its end, checked, recovered from what is left, and written in other forms.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/manifests.rs"]
mod manifests;
#[path = "processes/processes.rs"]
mod processes;

use std::{
    fs,
    path::{Path, PathBuf},
};

use manifests::{FEW, LONG, USERS, manifest};
use processes::{Ended, Upsurge, scratch, signal, start_target, wait_until};
use rstest::rstest;
use upsurge_crds::v1alpha1::Verdict;
use upsurge_record::{Record, disk::decode, verify::verify};

fn read(path: &Path) -> Record {
    decode(&fs::read(path).unwrap()).unwrap()
}

fn part_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.part", path.display()))
}

fn verified(path: &Path) -> Ended {
    Upsurge::command("report").arg("--verify").arg(path).end()
}

#[test]
fn a_run_leaves_a_record_that_adds_up() {
    let target = start_target(Some("errorRate: 0.2"), &["--latency", "2ms"]);
    let thresholds = "{metric: http_req_duration, condition: \"p(95) < 9s\"}, \
                      {metric: http_req_failed, condition: \"rate < 99%\", window: 1s}, \
                      {metric: http_reqs, selector: {request: item}, condition: \"count > 1\"}";
    let load = "{unit: IterationsPerSecond, stages: [{name: low, duration: 1s, target: 20, jump: true}, {name: hold, duration: 2s, target: 50}]}";
    let file = scratch("record.yaml", &manifest(load, thresholds));
    let (path, json) = (file.with_extension("record"), file.with_extension("json"));
    let ended = Upsurge::run(&file)
        .args(["--target", target.url(), "--record"])
        .arg(&path)
        .arg("--json")
        .arg(&json)
        .end();
    assert!(matches!(ended.code, 0 | 3), "{ended:?}");
    assert!(!part_of(&path).exists(), "{ended:?}");
    let record = read(&path);
    let epoch = record.shown().unwrap();
    assert_eq!(epoch.measured.whole().requests, target.stats()["received"].as_u64().unwrap());
    assert!(epoch.series.points.len() >= 3 && epoch.thresholds.len() == 3, "{epoch:?}");
    // It tells the same as the other files.
    let result: serde_json::Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(result["summary"]["requests"], epoch.figures.summary.requests);
    assert_eq!(result["message"], record.outcome.message);
    assert_eq!(result["generator"]["healthy"], epoch.generator.as_ref().unwrap().healthy);
    let ended = verified(&path);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert!(ended.stdout.contains("figures computed once more: all as told"), "{ended:?}");
}

#[test]
fn a_baseline_without_a_workload_is_told_and_goes_with_no_check() {
    let target = start_target(None, &[]);
    let file = scratch("baseline.yaml", &manifest(FEW, ""));
    let path = file.with_extension("record");
    Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).end();
    let ended = Upsurge::command("report").arg(&path).args(["-o", "text", "--baseline"]).arg(&path).end();
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    assert!(ended.stderr.contains("--baseline: nobody watched a workload in shop"), "{ended:?}");
    let missing = file.with_extension("missing");
    let ended = Upsurge::command("report").arg(&path).args(["-o", "text", "--baseline"]).arg(&missing).end();
    assert!(ended.code == 2 && ended.stderr.contains("--baseline: can't read"), "{ended:?}");
    let ended = Upsurge::command("report").arg(&path).args(["-o", "svg", "--baseline"]).arg(&path).end();
    assert!(ended.code == 2 && ended.stdout.is_empty() && ended.stderr.contains("no place for"), "{ended:?}");
    let ended = Upsurge::command("report").arg(&path).args(["--verify", "--baseline"]).arg(&path).end();
    assert!(ended.code == 2 && ended.stderr.contains("cannot be used with"), "{ended:?}");
}

#[test]
fn what_was_changed_in_a_record_is_found() {
    let target = start_target(None, &[]);
    let file = scratch("changed.yaml", &manifest(USERS, ""));
    let path = file.with_extension("record");
    Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).end();
    let mut record = read(&path);
    record.epochs[0].figures.summary.error_rate = "0.01%".into();
    fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
    let ended = verified(&path);
    assert_eq!(ended.code, 1, "{ended:?}");
    let words = "differs: epochs[0].figures.summary.errorRate is 0.01%, and 0% by what was measured";
    assert!(ended.stderr.contains(words) && ended.stdout.contains("1 differs"), "{ended:?}");
}

#[test]
fn a_record_becomes_a_table_and_plain_json() {
    let target = start_target(None, &[]);
    let file = scratch("forms.yaml", &manifest(USERS, ""));
    let path = file.with_extension("record");
    let run = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).end();
    let record = read(&path);
    let ended = Upsurge::command("report").arg(&path).args(["-o", "json"]).end();
    assert_eq!(ended.code, run.code, "{ended:?}");
    assert_eq!(decode(ended.stdout.as_bytes()).unwrap(), record);
    let table = file.with_extension("csv");
    let ended = Upsurge::command("report").arg(&path).args(["-o", "csv", "--to"]).arg(&table).end();
    assert_eq!((ended.code, ended.stdout.as_str()), (run.code, ""), "{ended:?}");
    let table = fs::read_to_string(&table).unwrap();
    let mut rows = table.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let requests = header.iter().position(|column| *column == "requests").unwrap();
    let sum: u64 = rows.map(|row| row[requests].parse::<u64>().unwrap()).sum();
    assert_eq!(sum, record.shown().unwrap().measured.whole().requests);
    let ended = Upsurge::command("report").arg(&path).end();
    assert!(ended.code == 2 && ended.stderr.contains("say by --output what to make of it"), "{ended:?}");
}

#[test]
fn what_a_killed_run_has_left_becomes_a_record_of_verdict_error() {
    let target = start_target(None, &[]);
    let file = scratch("killed.yaml", &manifest(LONG, ""));
    let path = file.with_extension("record");
    let part = part_of(&path);
    let running = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).start();
    // The beginning, the start of the load, ten seconds of it.
    let members = || {
        let file = fs::File::open(&part).ok()?;
        let found = upsurge_record::recover::recover(std::io::BufReader::new(file)).ok()?;
        Some(found.record.incomplete?.until_ms)
    };
    wait_until("ten seconds are written", || members().is_some_and(|until| until >= 10_000));
    assert!(!path.exists());
    signal(running.id(), "KILL");
    running.end();
    // Another run doesn't write over it.
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).end();
    assert!(ended.code == 2 && ended.stderr.contains("upsurge report --recover"), "{ended:?}");
    // A part that was being written is passed over.
    let mut bytes = fs::read(&part).unwrap();
    bytes.extend(&bytes.clone()[..100]);
    fs::write(&part, bytes).unwrap();
    let ended = Upsurge::command("report").arg("--recover").arg(&part).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.stderr.contains("the last part of") && ended.stderr.contains("its end is missing"),
        "{ended:?}"
    );
    let record = read(&path);
    assert_eq!(
        (record.outcome.verdict, record.outcome.reason.as_str()),
        (Verdict::Error, "RecordIncomplete")
    );
    let epoch = record.shown().unwrap();
    assert!(epoch.measured.whole().requests > 300 && epoch.series.points.len() >= 8, "{epoch:?}");
    assert!(verify(&record).differences.is_empty(), "{:?}", verify(&record));
    assert_eq!(record.gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>(), ["load"]);
    if let Some((code, words)) = upsurge_testing::recomputed(&path) {
        assert_eq!(code, 0, "{words}");
    }
    let ended = Upsurge::command("report").arg("--recover").arg(&part).end();
    assert!(ended.code == 2 && ended.stderr.contains("is there already"), "{ended:?}");
}

#[test]
fn an_interrupted_run_has_a_whole_record() {
    let target = start_target(None, &[]);
    let file = scratch("interrupted.yaml", &manifest(LONG, ""));
    let path = file.with_extension("record");
    let running = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).start();
    wait_until("requests come", || target.stats()["received"].as_u64().unwrap() > 20);
    signal(running.id(), "INT");
    let ended = running.end();
    assert_eq!(ended.code, 130, "{ended:?}");
    let record = read(&path);
    assert_eq!((record.outcome.verdict, record.incomplete.is_none()), (Verdict::Aborted, true));
    assert!(verify(&record).differences.is_empty(), "{:?}", verify(&record));
    assert!(!part_of(&path).exists());
}

#[test]
fn each_probe_of_a_search_is_in_the_record() {
    let target =
        start_target(Some("{latency: {fixed: 55ms}, concurrencyLimit: {max: 2, overflow: reject}}"), &[]);
    let load = "{capacity: {find: MaxRate, from: 20, to: 80, within: 50, repeats: 1, measure: 1s}, gracefulStop: 1s}";
    let file = scratch("search.yaml", &manifest(load, "{metric: http_req_failed, condition: \"rate < 5%\"}"));
    let path = file.with_extension("record");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).end();
    assert!(matches!(ended.code, 0 | 1 | 3), "{ended:?}");
    let record = read(&path);
    assert!(record.epochs.len() >= 2 && record.capacity.is_some(), "{ended:?}");
    assert!(record.epochs.iter().all(|epoch| epoch.result.is_some() && epoch.thresholds.len() == 1));
    let shown = record.shown().unwrap();
    assert_eq!(shown.counted_stage.as_deref(), Some("measure"));
    let ended = verified(&path);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
}

#[test]
fn a_load_that_turned_back_is_recorded_as_it_was_carried_out() {
    // 500 requests per second; those beyond are turned away.
    let behaviour = "{latency: {fixed: 20ms}, concurrencyLimit: {max: 10, overflow: reject}}";
    let target = start_target(Some(behaviour), &[]);
    let load = "{unit: IterationsPerSecond, stress: {start: 200, increment: 200, every: 1s, max: 4000, brokenAt: {errorRate: 5%}}, \
                arrivals: {maxUsers: 2000}}";
    let file = scratch("turned.yaml", &manifest(load, "{metric: http_reqs, condition: \"count > 1\"}"));
    let path = file.with_extension("record");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).end();
    let record = read(&path);
    let turned = record.stress.as_ref().and_then(|stress| stress.turned_back_after.clone());
    let epoch = record.shown().unwrap();
    let last = epoch.plan.stages.last().map(|stage| stage.name.clone());
    assert!(turned.is_some() && turned == last, "{turned:?}, {last:?}: {ended:?}");
    assert_eq!(epoch.figures.stages.last().map(|stage| stage.name.clone()), last);
    let ended = verified(&path);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (0, "not computed: what is told of stress\n"),
        "{ended:?}"
    );
}

#[test]
fn a_run_that_breaks_before_its_load_has_a_record_too() {
    let file = scratch("broken.yaml", &manifest(FEW, ""));
    let path = file.with_extension("record");
    let ended = Upsurge::run(&file).args(["--target", "http://127.0.0.1:9", "--record"]).arg(&path).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    let record = read(&path);
    assert_eq!(
        (record.outcome.verdict, record.outcome.reason.as_str()),
        (Verdict::Error, "TargetUnreachable")
    );
    assert!(record.epochs.is_empty() && record.shown_epoch.is_none());
    assert!(verify(&record).differences.is_empty());
}

#[test]
fn secrets_are_in_no_file() {
    let target = start_target(None, &[]);
    let text = manifest(USERS, "").replace(
        "  runner:",
        "  secrets: [{name: password, secretKeyRef: {name: shop, key: password}}]\n  \
         http: {headers: {Authorization: \"Bearer {{ secrets.password }}\", X-Api-Key: verysecretkey}}\n  runner:",
    );
    let file = scratch("secret.yaml", &text);
    let path = file.with_extension("record");
    let ended = Upsurge::run(&file)
        .env("UPSURGE_SECRET_password", "opensesame")
        .args(["--target", &target.url().replace("http://", "http://bob:hunter2@"), "--record"])
        .arg(&path)
        .end();
    assert!(matches!(ended.code, 0 | 3), "{ended:?}");
    let text = serde_json::to_string(&read(&path)).unwrap();
    for secret in ["opensesame", "verysecretkey", "hunter2"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("{{ secrets.password }}"), "{text}");
}

#[rstest]
#[case::no_directory("/nowhere/at/all", "can't write to /nowhere/at/all.part")]
#[case::a_device("/dev/null", "/dev/null is no plain file")]
#[case::full("/dev/full", "/dev/full is no plain file")]
#[case::output("-", "- is not one")]
fn a_place_where_no_record_can_be_is_told_before_the_load(#[case] place: &str, #[case] expected: &str) {
    let target = start_target(None, &[]);
    let file = scratch("no-place.yaml", &manifest(LONG, ""));
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--record", place]).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("--record") && ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(target.stats()["received"], 0);
}

#[test]
fn a_record_does_not_take_the_place_of_another_file_of_the_run() {
    let file = scratch("same.yaml", &manifest(LONG, ""));
    let path = file.with_extension("out");
    let ended = Upsurge::run(&file).arg("--json").arg(&path).arg("--record").arg(&path).end();
    assert!(
        ended.code == 2 && ended.stderr.contains("--json and --record write to the same file"),
        "{ended:?}"
    );
    assert!(!part_of(&path).exists());
}

#[test]
fn a_record_that_can_no_longer_be_written_is_told_and_leaves_the_verdict_alone() {
    let target = start_target(None, &[]);
    let file = scratch("gone.yaml", &manifest("{unit: Users, constant: {level: 2, duration: 3s}}", ""));
    let folder = file.with_extension("folder");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("run.record");
    let running = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).start();
    wait_until("requests come", || target.stats()["received"].as_u64().unwrap() > 0);
    fs::remove_dir_all(&folder).unwrap();
    let ended = running.end();
    assert!(matches!(ended.code, 0 | 3), "{ended:?}");
    assert!(
        ended.stderr.contains("error: --record: can't write to") && ended.stdout.contains("LoadTest shop"),
        "{ended:?}"
    );
}

#[test]
fn what_is_no_record_is_told_in_words() {
    let path = scratch("no.record", "");
    fs::write(&path, [0x1f, 0x8b, 8, 0, 0]).unwrap();
    let ended = verified(&path);
    assert!(ended.code == 2 && ended.stderr.contains("the record is cut off"), "{ended:?}");
    let ended = verified(&scratch("other.record", "kind: LoadTestRun"));
    assert!(ended.code == 2 && ended.stderr.contains("this is no record of a run"), "{ended:?}");
    let ended = Upsurge::command("report").arg("--recover").arg(&path).end();
    assert!(ended.code == 2 && ended.stderr.contains("does not end in .part"), "{ended:?}");
}
