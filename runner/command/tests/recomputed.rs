// SPDX-License-Identifier: Apache-2.0
//! A program in another language, with a decoder of its own, comes to the figures and the verdict that a record tells, by that record alone;
//! and it says so where a record tells something else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/manifests.rs"]
mod manifests;
#[path = "processes/processes.rs"]
mod processes;

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use manifests::{FEW, manifest};
use processes::{Upsurge, scratch, start_target};
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_record::{Record, disk::decode, verify::verify};
use upsurge_testing::recomputed;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../record/tests/fixtures/record-1.0.json.gz");

/// All kinds of thresholds: whole metrics and parts, windows, a ratio, good seconds, counters per second, and one without data.
const THRESHOLDS: &str = "\
    {metric: http_req_duration, condition: \"p(95) < 9s\"}, \
    {metric: http_req_duration, selector: {stage: hold}, condition: \"med < 9s\"}, \
    {metric: http_req_failed, condition: \"rate < 99%\", window: 1s}, \
    {metric: http_req_duration, selector: {stage: hold}, condition: \"avg < 5000ms\", window: 1s}, \
    {metric: http_reqs, condition: \"rate > 1\"}, \
    {metric: http_reqs, selector: {stage: hold}, condition: \"rate > 1\"}, \
    {metric: http_req_duration, selector: {stage: hold}, ratioTo: {selector: {stage: low}}, condition: \"p(90) < 1000\"}, \
    {metric: availability, minSucceededPercent: 1, condition: \"rate > 1%\"}, \
    {metric: dropped_iterations, condition: \"count < 1000\"}, \
    {metric: checks, condition: \"rate > 1%\"}";

const STAGES: &str = "{unit: IterationsPerSecond, stages: \
    [{name: low, duration: 1s, target: 20, jump: true}, {name: hold, duration: 3s, target: 50}]}";

/// The record of a run against a server of its own, some of whose answers are errors.
fn recorded(name: &str, load: &str, thresholds: &str) -> (PathBuf, i32) {
    let target = start_target(Some("errorRate: 0.1"), &["--latency", "3ms"]);
    let file = scratch(name, &manifest(load, thresholds));
    let path = file.with_extension("record");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).end();
    assert!(path.exists(), "{ended:?}");
    (path, ended.code)
}

fn assert_same(path: &Path, least: usize) {
    let Some((code, words)) = recomputed(path) else { return };
    assert_eq!(code, 0, "{words}");
    let last = words.rsplit(".record: ").next().unwrap_or_default();
    let figures: usize = last.split(' ').next().unwrap_or_default().parse().unwrap();
    assert!(figures >= least, "{words}");
}

#[test]
fn the_record_of_a_run_of_stages_tells_what_python_computes() {
    let (path, _) = recorded("stages.yaml", STAGES, THRESHOLDS);
    assert_eq!(decode(&fs::read(&path).unwrap()).unwrap().epochs[0].thresholds.len(), 10);
    assert_same(&path, 130);
}

#[test]
fn the_record_of_users_whose_threshold_did_not_hold_does_too() {
    let load = "{unit: Users, constant: {level: 3, duration: 2s}}";
    let (path, code) = recorded("users.yaml", load, "{metric: http_req_duration, condition: \"min < 1ms\"}");
    assert!(matches!(code, 1 | 3), "{code}");
    assert_same(&path, 80);
}

#[test]
fn the_record_of_a_search_of_several_probes_does_too() {
    let load = "{capacity: {find: MaxRate, from: 20, to: 80, within: 50, repeats: 1, measure: 1s}, gracefulStop: 1s}";
    let (path, _) = recorded("probes.yaml", load, "{metric: http_req_failed, condition: \"rate < 50%\"}");
    assert!(decode(&fs::read(&path).unwrap()).unwrap().epochs.len() >= 2);
    assert_same(&path, 180);
}

#[test]
fn the_record_of_a_run_without_a_load_does_too() {
    let file = scratch("none.yaml", &manifest(FEW, ""));
    let path = file.with_extension("record");
    Upsurge::run(&file).args(["--target", "http://127.0.0.1:9", "--record"]).arg(&path).end();
    assert_same(&path, 2);
}

#[test]
fn all_reports_of_a_run_show_what_python_computes() {
    let target = start_target(Some("errorRate: 0.2"), &["--latency", "2ms"]);
    let thresholds =
        "{metric: http_req_failed, condition: \"rate < 1%\"}, {metric: http_reqs, condition: \"count > 1\"}";
    let file = scratch("reports.yaml", &manifest(STAGES, thresholds));
    let folder = file.with_extension("reports");
    let record = folder.join("run.record");
    fs::create_dir_all(&folder).unwrap();
    Upsurge::run(&file)
        .args(["--target", target.url(), "--report-dir"])
        .arg(&folder)
        .arg("--json")
        .arg(folder.join("result.json"))
        .end();
    let table = folder.join("course.csv");
    Upsurge::command("report").arg(&record).args(["-o", "csv", "--to"]).arg(&table).end();
    assert!(table.exists());
    assert_same(&record, 140);
    // A page that shows something else is found.
    let page = folder.join("report.html");
    let p95 =
        decode(&fs::read(&record).unwrap()).unwrap().shown().unwrap().figures.summary.latency.p95.clone();
    let changed = fs::read_to_string(&page).unwrap().replace(&format!(">{p95}</dd>"), ">1ms</dd>");
    fs::write(&page, changed).unwrap();
    let Some((code, words)) = recomputed(&record) else { return };
    assert!(code == 1 && words.contains("page.p95 is '1ms'"), "{code}: {words}");
}

#[test]
fn the_fixture_does_too() {
    let Some((code, words)) = recomputed(Path::new(FIXTURE)) else { return };
    assert_eq!(code, 0, "{words}");
}

/// What is changed in the record of the fixture, and what is said of it.
#[rstest]
#[case::percentile("/epochs/0/figures/summary/latency/p95", json!("9.936ms"), 1, "figures.summary.latency.p95")]
#[case::number("/epochs/0/figures/summary/latency/p95Microseconds", json!(9_936), 1, "latency.p95Microseconds")]
#[case::count("/epochs/0/figures/requests/1/requests", json!(156), 1, "figures.requests[1].requests")]
#[case::stage("/epochs/0/figures/stages/0/requestsPerSecond", json!("21"), 1, "figures.stages[0].requestsPerSecond")]
#[case::metric("/epochs/0/figures/metrics/0/values/count", json!("154"), 1, "figures.metrics[0].values.count")]
#[case::threshold("/epochs/0/thresholds/1/passed", json!(true), 1, "thresholds[1].passed")]
#[case::observed("/epochs/0/thresholds/1/observed", json!("9%"), 1, "thresholds[1].observed")]
#[case::window("/epochs/0/thresholds/2/observed", json!("17.27ms"), 1, "thresholds[2].observed")]
#[case::lag("/epochs/0/generator/lagP99", json!("1ms"), 1, "generator.lagP99")]
#[case::measured("/epochs/0/measured/totals/http_reqs/counter", json!(311.0), 1, "figures.summary.requests")]
#[case::part("/epochs/0/accumulators/parts/parts/http_req_failed{stage:hold}/sink/rate/passes", json!(0), 1, "thresholds[1]")]
#[case::series("/epochs/0/series/columns/3/values/0", json!(12), 1, "series.started")]
#[case::heat("/epochs/0/heatMap/columns/0/buckets/0/1", json!(24), 1, "heatMap")]
#[case::verdict("/outcome/verdict", json!("Passed"), 1, "outcome.verdict")]
#[case::reason("/outcome/reason", json!("NoData"), 1, "outcome.reason")]
#[case::histogram("/epochs/0/measured/totals/http_req_duration/trend/histogram", json!("HISTFAAA"), 2, "it can't be read")]
#[case::form("/format", json!("something"), 2, "it can't be read")]
fn a_record_that_tells_something_else_is_refused(
    #[case] place: &str,
    #[case] value: Value,
    #[case] code: i32,
    #[case] words: &str,
) {
    let mut record = serde_json::to_value(decode(&fs::read(FIXTURE).unwrap()).unwrap()).unwrap();
    let field = record.pointer_mut(place).unwrap_or_else(|| panic!("there is no {place}"));
    assert_ne!(*field, value);
    *field = value;
    let file = scratch(&format!("changed{}.record", place.replace('/', "-")), &record.to_string());
    let Some((ended, said)) = recomputed(&file) else { return };
    assert!(ended == code && said.contains(words), "{ended}: {said}");
}

#[test]
fn replicas_of_several_workloads_are_held_against_the_log_of_each() {
    let mut record = serde_json::to_value(decode(&fs::read(FIXTURE).unwrap()).unwrap()).unwrap();
    let start = record["epochs"][0]["startTime"].clone();
    let log = |name: &str, pods: usize| {
        let listed = |source: &str| json!({"seen": start, "type": "listed", "source": source});
        let ready = |pod: usize| json!({"seen": start, "type": "pod", "pod": format!("{name}-{pod}"), "step": "ready"});
        let events: Vec<Value> =
            ["pods", "endpoints"].into_iter().map(listed).chain((0..pods).map(ready)).collect();
        json!({"name": name, "kind": "Deployment", "apiVersion": "apps/v1", "until": start, "events": events})
    };
    let told = |name: &str, ready: usize| json!({"name": name, "kind": "Deployment", "startReplicas": ready, "peakReplicas": ready, "endReplicas": ready});
    record["workloads"] = json!([log("gateway", 1), log("cart", 2)]);
    record["autoscaling"] =
        json!({"replicas": "gateway 1→1→1, cart 2→2→2", "workloads": [told("gateway", 1), told("cart", 2)]});
    let file = scratch("several.record", &record.to_string());
    let Some((code, words)) = recomputed(&file) else { return };
    assert_eq!(code, 0, "{words}");
    record["autoscaling"]["workloads"][1]["peakReplicas"] = json!(3);
    let file = scratch("several-changed.record", &record.to_string());
    let Some((code, words)) = recomputed(&file) else { return };
    assert!(code == 1 && words.contains("autoscaling.workloads[1].peakReplicas"), "{code}: {words}");
}

#[test]
fn what_a_gap_in_the_log_hides_is_no_number_of_replicas() {
    let mut record = serde_json::to_value(decode(&fs::read(FIXTURE).unwrap()).unwrap()).unwrap();
    let start: Timestamp = serde_json::from_value(record["epochs"][0]["startTime"].clone()).unwrap();
    let at = |seconds: i64| json!(start + SignedDuration::from_secs(seconds));
    let listed = |second: i64, source: &str| json!({"seen": at(second), "type": "listed", "source": source});
    let ready =
        |second: i64, pod: &str| json!({"seen": at(second), "type": "pod", "pod": pod, "step": "ready"});
    let events = [
        listed(-2, "pods"),
        listed(-2, "endpoints"),
        ready(-1, "shop-1"),
        json!({"seen": at(1), "type": "lost", "source": "pods", "message": "the watch broke"}),
        // Found when it is watched again; nobody knows how many there were in between.
        ready(2, "shop-2"),
        ready(2, "shop-3"),
        listed(3, "pods"),
        json!({"seen": at(4), "type": "pod", "pod": "shop-3", "step": "gone"}),
    ];
    record["workloads"] = json!([
        {"name": "shop", "kind": "Deployment", "apiVersion": "apps/v1", "until": at(5), "events": events}
    ]);
    record["gaps"] = json!([{"what": "pods", "workload": "shop", "from": at(1), "to": at(3), "message": "the watch broke"}]);
    record["autoscaling"] =
        json!({"replicas": "1→3→2", "startReplicas": 1, "peakReplicas": 3, "endReplicas": 2});
    let told = verify(&serde_json::from_value::<Record>(record.clone()).unwrap());
    assert!(told.differences.is_empty(), "{:?}", told.differences);
    let file = scratch("gap.record", &record.to_string());
    let Some((code, words)) = recomputed(&file) else { return };
    assert_eq!(code, 0, "{words}");
    record["autoscaling"]["endReplicas"] = json!(3);
    let told = verify(&serde_json::from_value::<Record>(record.clone()).unwrap());
    assert_eq!(told.differences[0].figure, "autoscaling.endReplicas");
    let file = scratch("gap-changed.record", &record.to_string());
    let Some((code, words)) = recomputed(&file) else { return };
    assert!(code == 1 && words.contains("autoscaling.endReplicas"), "{code}: {words}");
}
