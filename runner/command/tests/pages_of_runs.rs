// SPDX-License-Identifier: Apache-2.0
//! Reports that the command makes: with the run, and of its record later.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/manifests.rs"]
mod manifests;
#[path = "processes/processes.rs"]
mod processes;

use std::fs;

use manifests::{FEW, USERS, manifest};
use processes::{Upsurge, scratch, start_target};
use rstest::rstest;
use upsurge_record::disk::decode;

#[test]
fn a_directory_gets_the_record_and_reports_that_agree_with_it() {
    let target = start_target(Some("errorRate: 0.2"), &[]);
    let file =
        scratch("directory.yaml", &manifest(FEW, "{metric: http_req_failed, condition: \"rate < 1%\"}"));
    let directory = file.with_extension("reports").join("of/this/run");
    let ended = Upsurge::run(&file).args(["--target", target.url(), "--report-dir"]).arg(&directory).end();
    assert_eq!(ended.code, 1, "{ended:?}");
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let record = decode(&fs::read(directory.join("run.record")).unwrap()).unwrap();
    let message = &record.outcome.message;
    let summary = &record.shown().unwrap().figures.summary;
    let (page, markdown, junit) = (read("report.html"), read("report.md"), read("junit.xml"));
    assert!(ended.stdout.contains(message), "{ended:?}");
    let escaped = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains(&escaped), "{message}");
    assert!(page.contains(&format!(">{}</dd>", summary.latency.p95)), "{summary:?}");
    assert!(markdown.contains(&summary.latency.p95) && markdown.starts_with("## ✗ Failed"), "{markdown}");
    assert!(junit.contains("<failure"), "{junit}");
    // The same later, of the record alone.
    for (form, text) in [("html", &page), ("markdown", &markdown)] {
        let later = Upsurge::command("report").arg(directory.join("run.record")).args(["-o", form]).end();
        assert_eq!((later.code, &later.stdout), (1, text), "{form}");
    }
    let picture = file.with_extension("svg");
    let later = Upsurge::command("report")
        .arg(directory.join("run.record"))
        .args(["-o", "svg", "--to"])
        .arg(&picture)
        .end();
    assert_eq!(later.code, 1, "{later:?}");
    assert!(fs::read_to_string(picture).unwrap().starts_with("<svg "));
}

#[test]
fn a_run_that_can_not_start_leaves_a_report_too() {
    let file = scratch("unreachable.yaml", &manifest(FEW, ""));
    let directory = file.with_extension("reports");
    // Nobody listens there.
    let ended =
        Upsurge::run(&file).args(["--target", "http://127.0.0.1:9", "--report-dir"]).arg(&directory).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    let page = fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(page.contains("Error"), "{page:.2000}");
}

#[test]
fn secrets_are_in_no_report() {
    let target = start_target(None, &[]);
    let text = manifest(USERS, "").replace(
        "  runner:",
        "  secrets: [{name: password, secretKeyRef: {name: shop, key: password}}]\n  \
         http: {headers: {Authorization: \"Bearer {{ secrets.password }}\", X-Api-Key: verysecretkey}}\n  \
         after: [{abort: {reason: \"the password {{ secrets.password }} is wrong\"}}]\n  runner:",
    );
    let file = scratch("secret-reports.yaml", &text);
    let directory = file.with_extension("reports");
    let ended = Upsurge::run(&file)
        .env("UPSURGE_SECRET_password", "opensesame")
        .args(["--target", &target.url().replace("http://", "http://bob:hunter2@"), "--report-dir"])
        .arg(&directory)
        .end();
    assert!(matches!(ended.code, 0 | 3), "{ended:?}");
    for name in ["report.html", "report.md"] {
        let text = fs::read_to_string(directory.join(name)).unwrap();
        assert!(text.contains("shop"), "{name}");
        for secret in ["opensesame", "verysecretkey", "hunter2"] {
            assert!(!text.contains(secret), "{secret} in {name}");
        }
    }
}

#[rstest]
#[case::a_file(&["--report-dir", "FILE"], "(--report-dir)")]
#[case::twice(&["--report-dir", "FILE.d", "--record", "FILE.record"], "--record")]
#[case::one_file_for_two(&["--report-dir", "FILE.d", "--junit", "FILE.d/junit.xml"], "--junit and --report-dir write to the same file")]
fn what_has_no_place_is_refused_before_the_load(#[case] arguments: &[&str], #[case] words: &str) {
    let target = start_target(None, &[]);
    let file = scratch(&format!("refused-{}.yaml", arguments.len() * 100 + words.len()), &manifest(FEW, ""));
    fs::create_dir_all(format!("{}.d", file.display())).unwrap();
    let path = file.display().to_string();
    let arguments: Vec<String> = arguments.iter().map(|argument| argument.replace("FILE", &path)).collect();
    let arguments = arguments.iter().map(String::as_str);
    let ended = Upsurge::run(&file).args(["--target", target.url()]).args(arguments).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains(words), "{ended:?}");
    assert_eq!(target.stats()["received"], 0);
}
