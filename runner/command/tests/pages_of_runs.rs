// SPDX-License-Identifier: Apache-2.0
//! Reports that the command makes: with the run, and of its record later.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/manifests.rs"]
mod manifests;
#[path = "processes/processes.rs"]
mod processes;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use manifests::{FEW, USERS, manifest};
use processes::{Upsurge, scratch, start_target};
use rstest::rstest;
use upsurge_record::{Record, disk::decode};

#[test]
fn a_directory_gets_the_record_and_reports_that_agree_with_it() {
    let target = start_target(Some("errorRate: 0.2"), &[]);
    let file =
        scratch("directory.yaml", &manifest(FEW, "{metric: http_req_failed, condition: \"rate < 1%\"}"));
    let directory = file.with_extension("reports").join("of/this/run");
    let xml = file.with_extension("xml");
    let ended = Upsurge::run(&file)
        .args(["--target", target.url(), "--report-dir"])
        .arg(&directory)
        .arg("--junit")
        .arg(&xml)
        .end();
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
    assert_eq!(junit, fs::read_to_string(xml).unwrap(), "what the run itself writes");
    // The same later, of the record alone.
    for (form, text) in [("html", &page), ("markdown", &markdown), ("junit", &junit)] {
        let later = Upsurge::command("report").arg(directory.join("run.record")).args(["-o", form]).end();
        assert_eq!((later.code, &later.stdout), (1, text), "{form}");
    }
    let later = Upsurge::command("report").arg(directory.join("run.record")).args(["-o", "text"]).end();
    assert!(later.stdout.contains(message) && later.stdout.contains("load (started)"), "{later:?}");
    let picture = file.with_extension("svg");
    let later = Upsurge::command("report")
        .arg(directory.join("run.record"))
        .args(["-o", "svg", "--to"])
        .arg(&picture)
        .end();
    assert_eq!(later.code, 1, "{later:?}");
    assert!(fs::read_to_string(picture).unwrap().starts_with("<svg "));
    pictures_without_a_browser(&directory.join("run.record"));
}

/// A PNG of the size that was asked for, and what is refused.
fn pictures_without_a_browser(record: &Path) {
    let picture = record.with_extension("png");
    let asked: [(&[&str], u32); 2] = [(&[], 1_920), (&["--theme", "dark", "--scale", "1"], 960)];
    for (arguments, width) in asked {
        let ended = Upsurge::command("report")
            .arg(record)
            .args(["-o", "png", "--to"])
            .arg(&picture)
            .args(arguments.iter().copied())
            .end();
        assert_eq!(ended.code, 1, "{ended:?}");
        let bytes = fs::read(&picture).unwrap();
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{arguments:?}");
        assert_eq!(bytes[16..20], width.to_be_bytes(), "{arguments:?}");
    }
    let ended = Upsurge::command("report").arg(record).args(["-o", "svg", "--theme", "dark"]).end();
    assert!(ended.code == 1 && !ended.stdout.contains("var("), "{ended:?}");
    for (arguments, words) in [
        (["-o", "html", "--theme", "dark"], "--theme is for svg and png"),
        (["-o", "svg", "--scale", "2"], "--scale is for png"),
        (["-o", "png", "--scale", "5"], "1..=4"),
    ] {
        let ended = Upsurge::command("report").arg(record).args(arguments).end();
        assert!(ended.code == 2 && ended.stdout.is_empty() && ended.stderr.contains(words), "{ended:?}");
    }
}

#[test]
fn a_run_that_can_not_start_leaves_a_report_too() {
    let file = scratch("unreachable.yaml", &manifest(FEW, ""));
    let directory = file.with_extension("reports");
    // Nobody listens there.
    let xml = file.with_extension("xml");
    let ended = Upsurge::run(&file)
        .args(["--target", "http://127.0.0.1:9", "--report-dir"])
        .arg(&directory)
        .arg("--junit")
        .arg(&xml)
        .end();
    assert_eq!(ended.code, 2, "{ended:?}");
    let page = fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(page.contains("Error"), "{page:.2000}");
    let later = Upsurge::command("report").arg(directory.join("run.record")).args(["-o", "junit"]).end();
    assert_eq!((later.code, later.stdout), (2, fs::read_to_string(xml).unwrap()));
}

#[test]
fn the_record_of_a_search_gives_the_junit_file_of_the_run() {
    let target = start_target(None, &["--latency", "2ms"]);
    let load = "{capacity: {find: MaxRate, from: 20, to: 80, within: 50, repeats: 1, measure: 1s}, gracefulStop: 1s}";
    let file =
        scratch("searched.yaml", &manifest(load, "{metric: http_req_failed, condition: \"rate < 5%\"}"));
    let (path, xml) = (file.with_extension("record"), file.with_extension("xml"));
    let ended = Upsurge::run(&file)
        .args(["--target", target.url(), "--record"])
        .arg(&path)
        .arg("--junit")
        .arg(&xml)
        .end();
    let later = Upsurge::command("report").arg(&path).arg("--junit").arg("-").end();
    assert_eq!((later.code, later.stdout), (ended.code, fs::read_to_string(xml).unwrap()));
}

#[test]
fn a_note_is_in_every_report_and_changes_nothing_else() {
    let target = start_target(None, &[]);
    let file = scratch("noted.yaml", &manifest(USERS, ""));
    let path = file.with_extension("record");
    let run = Upsurge::run(&file).args(["--target", target.url(), "--record"]).arg(&path).end();
    let before = decode(&fs::read(&path).unwrap()).unwrap();
    // The link stays one, and the file stays its owner's alone.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let link = file.with_extension("link");
    symlink(&path, &link).unwrap();
    for (text, said) in [("the pool had <5 connections", "1 note\n"), ("raised it to 50", "2 notes\n")] {
        let ended = Upsurge::command("note").arg(&link).arg(text).end();
        assert!(ended.code == 0 && ended.stderr.ends_with(said), "{ended:?}");
    }
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let noted = decode(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(noted.notes.len(), 2);
    assert_eq!(Record { notes: Vec::new(), ..noted }, before);
    for (form, words) in [
        ("html", "the pool had &lt;5 connections"),
        ("markdown", "the pool had &lt;5 connections"),
        ("junit", "the pool had &lt;5 connections"),
        ("json", "the pool had <5 connections"),
    ] {
        let ended = Upsurge::command("report").arg(&path).args(["-o", form]).end();
        assert_eq!(ended.code, run.code, "{form}: {}", ended.stderr);
        assert!(
            ended.stdout.contains(words) && ended.stdout.contains("raised it to 50"),
            "{form}: {ended:?}"
        );
    }
    // All of them at once, and the record as it is.
    let directory = file.with_extension("reports");
    let ended = Upsurge::command("report").arg(&path).arg("--report-dir").arg(&directory).end();
    assert_eq!((ended.code, ended.stdout.as_str()), (run.code, ""), "{ended:?}");
    assert_eq!(fs::read(directory.join("run.record")).unwrap(), fs::read(&path).unwrap());
    for name in ["report.html", "report.md", "junit.xml"] {
        assert!(fs::read_to_string(directory.join(name)).unwrap().contains("raised it to 50"), "{name}");
    }
    let verified = Upsurge::command("report").arg("--verify").arg(&path).end();
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""), "{verified:?}");
}

#[rstest]
#[case::empty(true, " ", "the note is empty")]
#[case::no_record(false, "fixed", "this is no record of a run")]
fn what_can_not_be_noted_is_told_and_nothing_is_written(
    #[case] is_record: bool,
    #[case] text: &str,
    #[case] words: &str,
) {
    let file = scratch(&format!("unnoted-{is_record}.yaml"), &manifest(FEW, ""));
    let path = file.with_extension("record");
    if is_record {
        // One of a run that could not start does as well.
        Upsurge::run(&file).args(["--target", "http://127.0.0.1:9", "--record"]).arg(&path).end();
    } else {
        fs::copy(&file, &path).unwrap();
    }
    let before = fs::read(&path).unwrap();
    let ended = Upsurge::command("note").arg(&path).arg(text).end();
    assert!(ended.code == 2 && ended.stderr.contains(words), "{ended:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
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
    for name in ["report.html", "report.md", "junit.xml"] {
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
