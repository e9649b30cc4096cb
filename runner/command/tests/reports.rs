// SPDX-License-Identifier: Apache-2.0
//! What is left of a run in files: its course as CSV, its outcome as JUnit XML and JSON, reports against a baseline; and files that can't be
//! written.

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
use processes::{Upsurge, scratch, start_target};
use serde_json::{Value, json};
use upsurge_record::disk::decode;

#[test]
fn the_course_of_the_load_is_written_as_csv() {
    let target = start_target(None, &["--latency", "2ms"]);
    let load = "{unit: IterationsPerSecond, constant: {level: 100, duration: 3s}}";
    let file = scratch("course.yaml", &manifest(load, ""));
    let csv = file.with_extension("csv");
    Upsurge::run(&file).args(["--target", target.url(), "--csv"]).arg(&csv).end();
    let text = std::fs::read_to_string(&csv).unwrap();
    let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let rows: Vec<_> = rows
        .filter(|row| row[column("metric_name")] == "http_reqs" && row[column("series")] == "all")
        .collect();
    let figure = |row: &Vec<&str>, name: &str| row[column(name)].parse::<f64>().unwrap();
    assert!(rows.len() >= 3, "a row per second: {text}");
    let sum = |name: &str| rows.iter().map(|row| figure(row, name)).sum::<f64>();
    assert_eq!(sum("count"), target.stats()["received"].as_f64().unwrap());
    let times: Vec<f64> = rows.iter().map(|row| figure(row, "timestamp")).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    let length = times.last().unwrap() - times[0] + figure(&rows[0], "seconds");
    assert!((sum("seconds") - length).abs() < 0.01, "intervals without gaps: {length} {text}");
}

#[test]
fn the_outcome_is_written_as_junit_xml() {
    let target = start_target(Some("errorRate: 0.5"), &[]);
    let file = scratch("junit.yaml", &manifest(USERS, "{metric: http_req_failed, condition: \"rate < 1%\"}"));
    let xml = file.with_extension("xml");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--junit"]).arg(&xml).end();
    // On a machine that is too busy it is inconclusive, and then an error; it never passes.
    assert!(matches!(ended.code, 1 | 3), "{ended:?}");
    let text = std::fs::read_to_string(&xml).unwrap();
    for words in [
        "<testsuites name=\"shop\" tests=\"3\" ",
        "<testcase name=\"http_req_failed rate &lt; 1%\" classname=\"shop.thresholds\"",
        "<failure message=\"observed ",
    ] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
}

#[test]
fn a_file_that_cant_be_written_is_told_before_the_load() {
    let target = start_target(None, &[]);
    let file = scratch("places.yaml", &manifest(LONG, ""));
    for argument in ["--json", "--summary", "--csv", "--junit"] {
        for place in ["/nowhere/at/all", "/dev/null/file"] {
            let ended = Upsurge::run(&file).args(["--target", target.url(), argument, place]).end();
            assert_eq!(ended.code, 2, "{ended:?}");
            assert!(ended.stderr.contains(&format!("can't write to {place} ({argument})")), "{ended:?}");
        }
    }
    assert_eq!(target.stats()["received"], 0);
}

#[test]
fn a_file_that_can_no_longer_be_written_is_told_beside_the_result() {
    let target = start_target(None, &[]);
    let file = scratch("full.yaml", &manifest(FEW, ""));
    // Takes nothing, as a full disk does.
    for argument in ["--json", "--summary", "--csv", "--junit"] {
        let ended = Upsurge::run(&file).args(["--target", target.url(), argument, "/dev/full"]).end();
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains("can't write to /dev/full: No space left on device"), "{ended:?}");
        assert!(
            argument == "--csv" || ended.stdout.contains("LoadTest shop"),
            "the result is there: {ended:?}"
        );
    }
}

#[test]
fn steps_after_the_load_that_fail_are_a_warning_in_every_report() {
    let target = start_target(Some("errorRate: 0"), &[]);
    let after = "  after: [{request: {name: tidy up, url: \"/rows\", expect: [{status: [204]}]}}]\n";
    let file = scratch("after.yaml", &(manifest(USERS, "") + after));
    let xml = file.with_extension("xml");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--junit"]).arg(&xml).end();
    assert_eq!(ended.code, 0, "it changes no verdict: {ended:?}");
    let warning = "warning: the steps after the load failed: spec.after: ";
    assert_eq!(ended.stdout.matches(warning).count(), 1, "{ended:?}");
    let xml = std::fs::read_to_string(xml).unwrap();
    assert!(
        xml.contains("classname=\"shop.warnings\"") && xml.contains("failures=\"0\" errors=\"0\""),
        "{xml}"
    );
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--json", "-"]).end();
    assert!(ended.stderr.contains(warning), "{ended:?}");
    let result: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(result["warnings"][0].as_str().unwrap().contains("spec.after"), "{ended:?}");
}

#[test]
fn the_outcome_of_a_run_in_a_cluster_becomes_junit_xml() {
    let run = |status: &str| {
        let text = "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTestRun\nmetadata: {name: checkout-g1}\n\
                    spec: {loadTestRef: {name: checkout}}\nstatus: ";
        scratch("run.yaml", &format!("{text}{status}\n"))
    };
    let status = "{phase: Finished, verdict: Failed, reason: ChecksBreached, message: db, checks: \
                  [{name: db, condition: \"< 1\", observed: \"3\", passed: false}]}";
    let xml = run(status).with_extension("xml");
    let ended = Upsurge::command("report").arg(run(status)).arg("--junit").arg(&xml).end();
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
    let written = std::fs::read_to_string(&xml).unwrap();
    assert!(written.contains("name=\"db &lt; 1\" classname=\"checkout-g1.prometheus\""), "{written}");
    for form in [&[][..], &["-o", "junit"]] {
        let ended = Upsurge::command("report").arg(run(status)).args(form.iter().copied()).end();
        assert_eq!(ended.stdout, written, "{form:?}");
    }
    let ended = Upsurge::command("report").arg(run(status)).args(["-o", "text"]).end();
    assert_eq!((ended.code, ended.stdout.as_str()), (1, "Failed (ChecksBreached): db\n\n"), "{ended:?}");
    let ended = Upsurge::command("report").arg(run("{phase: Running}")).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("no verdict yet (phase Running)"), "{ended:?}");
}

#[test]
fn a_result_that_nobody_reads_is_no_panic_in_any_command() {
    let server = start_target(None, &[]);
    let text = manifest("{executors: [{name: all, perVUIterations: {vus: 1, iterations: 2}}]}", "");
    let test = scratch("nobody.yaml", &text).display().to_string();
    let result = scratch(
        "nobody-run.yaml",
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTestRun\nmetadata: {name: shop-g1}\n\
         spec: {loadTestRef: {name: shop}}\nstatus: {phase: Finished, verdict: Passed}\n",
    );
    let result = result.display().to_string();
    let target = server.url();
    let wrong = scratch("wrong.yaml", "nothing: here").display().to_string();
    let record = Path::new(&test).with_extension("record").display().to_string();
    let recorded = Upsurge::command("run").arg(&test).args(["--target", target, "--record", &record]).end();
    assert!(Path::new(&record).exists(), "{recorded:?}");
    // What each shows when somebody reads it, so that there is something to lose.
    for (command, is_wrong) in [
        (&["validate", &test][..], false),
        (&["validate", &wrong], true),
        (&["run", &test, "--target", target], false),
        (&["run", &test, "--target", target, "--json", "-"], false),
        (&["run", &wrong], true),
        (&["quick", target, "-c", "1", "-n", "2"], false),
        (&["report", &result], false),
        (&["report", &wrong], true),
        (&["report", &record, "-o", "json"], false),
        (&["report", &record, "-o", "csv"], false),
        (&["report", &record, "-o", "markdown"], false),
        (&["report", &record, "-o", "text"], false),
        (&["report", &record, "--verify"], false),
        (&["completion", "bash"], false),
        (&["--help"], false),
        (&["quick", "--help"], false),
        (&["--version"], false),
        (&["nonsense"], true),
    ] {
        let read = Upsurge::in_shell("\"$@\"", command).end();
        assert_eq!(read.code == 2, is_wrong, "{command:?}: {read:?}");
        assert!(!(if is_wrong { &read.stderr } else { &read.stdout }).is_empty(), "{command:?}: {read:?}");
        for place in ["> /dev/full", "> /dev/full 2> /dev/full", ">&-", ">&- 2>&-", "| true", "2>&1 | true"] {
            // A panic writes to standard error, or where that is gone ends with a code of its own.
            let (own, pipe) = place.find('|').map_or((place, ""), |at| place.split_at(at));
            let script = format!("{{ \"$@\" {own}; echo \"code $?\" >&3; }} 3>&2 {pipe}");
            let ended = Upsurge::in_shell(&script, command).end();
            let known = ["code 0\n", "code 2\n", "code 3\n"];
            assert!(known.iter().any(|code| ended.stderr.ends_with(code)), "{command:?} {place}: {ended:?}");
            assert!(!ended.stderr.contains("panicked"), "{command:?} {place}: {ended:?}");
            // What can't be told is an error; who stops reading has seen enough. What is closed is as good as /dev/null.
            let is_lost = is_wrong || own.starts_with("> /dev/full");
            assert_eq!(ended.stderr.ends_with("code 2\n"), is_lost, "{command:?} {place}: {ended:?}");
        }
    }
}

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../record/tests/fixtures/record-1.0.json.gz");

/// The record of a run whose workload had this share of the time too few replicas, and as long too many.
fn scaled(name: &str, share: &str) -> PathBuf {
    let record = decode(&fs::read(FIXTURE).unwrap()).unwrap();
    let mut record = serde_json::to_value(record).unwrap();
    record["run"]["name"] = name.into();
    let unclamped =
        json!({"underProvisioned": "10%", "overProvisioned": "20%", "timeUnder": share, "timeOver": share});
    record["autoscaling"] = json!({"replicas": "1→4→1", "workloads": [{"kind": "Deployment", "name": "shop",
        "elasticity": {"demandSource": "Declared", "unclamped": unclamped}}]});
    scratch(&format!("{name}.json"), &record.to_string())
}

#[test]
fn a_run_is_told_against_a_baseline_by_their_records() {
    let (run, baseline) = (scaled("scaled", "25%"), scaled("fixed", "50%"));
    let told = |arguments: &[&str]| {
        let call = Upsurge::command("report").arg(&run).arg("--baseline").arg(&baseline);
        let ended = call.args(arguments.iter().copied()).end();
        // That of the run, which has failed.
        assert_eq!((ended.code, ended.stderr.as_str()), (1, ""), "{ended:?}");
        ended.stdout
    };
    let sentence = "Elastic speedup of Deployment/shop against fixed: 1.41";
    for form in ["html", "markdown", "text"] {
        assert!(told(&["-o", form]).contains(sentence), "{form}");
    }
    let json: Value = serde_json::from_str(&told(&["-o", "json"])).unwrap();
    let expected =
        json!([{"baseline": "fixed", "kind": "Deployment", "workload": "shop", "unclamped": "1.41"}]);
    assert_eq!(json["elasticSpeedups"], expected);
    let directory = run.with_extension("reports");
    told(&["--report-dir", directory.to_str().unwrap()]);
    assert!(fs::read_to_string(directory.join("report.html")).unwrap().contains(sentence));
    assert_eq!(fs::read(directory.join("run.record")).unwrap(), fs::read(&run).unwrap());
}
