// SPDX-License-Identifier: Apache-2.0
//! Records in a store: put there at the end of a run, and read from there; and what becomes of one that the store does not take.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

#[path = "processes/manifests.rs"]
mod manifests;
#[path = "processes/processes.rs"]
mod processes;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    thread,
};

use manifests::{FEW, LONG, USERS, manifest};
use processes::{Upsurge, scratch, signal, start_target, wait_until};
use rstest::rstest;
use upsurge_record::disk::decode;
use upsurge_testing::HttpServer;

/// A call with a store of the test's own, from a directory of its own.
trait Stored {
    fn with_store(self, server: &str, directory: &Path) -> Self;
}

impl Stored for Upsurge {
    fn with_store(self, server: &str, directory: &Path) -> Self {
        self.within(directory)
            .env("AWS_ENDPOINT_URL", server)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "hunter2")
    }
}

/// A manifest, and an empty directory to call from.
fn place(name: &str, load: &str) -> (PathBuf, PathBuf) {
    let file = scratch(&format!("{name}.yaml"), &manifest(load, ""));
    let directory = file.with_extension("directory");
    fs::create_dir_all(&directory).unwrap();
    (file, directory)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_record_goes_to_a_store_and_reports_are_made_of_it_there() {
    let Some(server) = HttpServer::s3("runs") else { return };
    let target = start_target(None, &[]);
    let (file, directory) = place("stored", USERS);
    let address = "s3://runs/shop/spike.record";
    let ended = Upsurge::run(&file)
        .args(["--target", target.url(), "--record", address])
        .with_store(&server.url(), &directory)
        .end();
    assert!(matches!(ended.code, 0 | 3) && !ended.stderr.contains("--record"), "{ended:?}");
    assert!(names(&directory).is_empty(), "{:?}", names(&directory));
    let report = |arguments: &[&str]| {
        let call = Upsurge::command("report").arg(address).args(arguments.iter().copied());
        call.with_store(&server.url(), &directory).end()
    };
    let verified = report(&["--verify"]);
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""), "{verified:?}");
    assert!(verified.stdout.starts_with("s3://runs/shop/spike.record: "), "{verified:?}");
    let json = report(&["-o", "json"]);
    assert_eq!(json.code, ended.code, "{json:?}");
    assert!(decode(json.stdout.as_bytes()).unwrap().shown().unwrap().measured.whole().requests > 0);
    // A baseline may be there, too. Here it is read, and of no use.
    let against = report(&["-o", "text", "--baseline", address]);
    assert!(against.code == 2 && against.stderr.contains("nobody watched a workload in shop"), "{against:?}");
    let other = Upsurge::command("report")
        .args(["s3://runs/other.record", "--verify"])
        .with_store(&server.url(), &directory)
        .end();
    assert!(other.code == 2 && other.stderr.contains("s3://runs/other.record is not there"), "{other:?}");
}

#[test]
fn a_record_that_a_store_does_not_take_stays_here_and_leaves_the_verdict_alone() {
    let Some(server) = HttpServer::s3("runs") else { return };
    let target = start_target(None, &[]);
    let (file, directory) = place("refused", USERS);
    let run = || {
        let call =
            Upsurge::run(&file).args(["--target", target.url(), "--record", "s3://others/spike.record"]);
        call.with_store(&server.url(), &directory).end()
    };
    let ended = run();
    assert!(matches!(ended.code, 0 | 3) && ended.stdout.contains("LoadTest shop"), "{ended:?}");
    for words in [
        "error: --record: s3://others/spike.record is not there, or its bucket is not",
        "note: the record is in spike.record instead",
    ] {
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
    assert_eq!(names(&directory), ["spike.record"]);
    decode(&fs::read(directory.join("spike.record")).unwrap()).unwrap();
    // It may be the only one there is.
    let again = run();
    assert!(again.code == 2 && again.stderr.contains("spike.record is there already"), "{again:?}");
}

#[test]
fn a_store_that_goes_away_during_the_load_costs_nothing_but_the_way_there() {
    let Some(server) = HttpServer::s3("runs") else { return };
    let target = start_target(None, &[]);
    let (file, directory) = place("away", LONG);
    let running = Upsurge::run(&file)
        .args(["--target", target.url(), "--record", "s3://runs/spike.record"])
        .with_store(&server.url(), &directory)
        .start();
    wait_until("requests come", || target.stats()["received"].as_u64().unwrap() > 20);
    assert_eq!(names(&directory), ["spike.record.part"]);
    drop(server);
    signal(running.id(), "INT");
    let ended = running.end();
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(ended.stderr.contains("the record is in spike.record instead"), "{ended:?}");
    assert_eq!(names(&directory), ["spike.record"]);
    decode(&fs::read(directory.join("spike.record")).unwrap()).unwrap();
}

/// The URL of a store that can be looked at, and takes nothing.
fn hanging_store() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut hanging = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut first = [0];
            stream.read_exact(&mut first).unwrap();
            // It is looked for by HEAD, and put by PUT.
            if first == *b"H" {
                let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer.as_bytes()).unwrap();
            }
            hanging.push(stream);
        }
    });
    url
}

#[test]
fn ctrl_c_while_a_store_hangs_leaves_record_and_verdict() {
    let url = hanging_store();
    let target = start_target(None, &[]);
    let (file, directory) = place("impatient", USERS);
    let running = Upsurge::run(&file)
        .args(["--target", target.url(), "--record", "s3://runs/spike.record"])
        .with_store(&url, &directory)
        .start();
    running.wait_for_stderr("s3://runs/spike.record has not taken the record yet");
    signal(running.id(), "INT");
    let ended = running.end();
    assert!(matches!(ended.code, 0 | 3) && ended.stdout.contains("LoadTest shop"), "{ended:?}");
    for words in [
        "error: --record: interrupted before s3://runs/spike.record had taken the record",
        "note: the record is in spike.record instead",
    ] {
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
    assert_eq!(names(&directory), ["spike.record"]);
    decode(&fs::read(directory.join("spike.record")).unwrap()).unwrap();
}

#[test]
fn a_command_that_is_killed_while_a_store_hangs_leaves_the_record() {
    let url = hanging_store();
    let target = start_target(None, &[]);
    let (file, directory) = place("hangs", USERS);
    let running = Upsurge::run(&file)
        .args(["--target", target.url(), "--record", "s3://runs/spike.record"])
        .with_store(&url, &directory)
        .start();
    let record = directory.join("spike.record");
    wait_until("the record is written", || record.exists());
    signal(running.id(), "KILL");
    running.end();
    decode(&fs::read(record).unwrap()).unwrap();
}

#[rstest]
#[case::no_server("s3://runs/spike.record", "s3://runs/spike.record: the store ")]
#[case::no_key("s3://runs/", "has no key")]
#[case::a_password("s3://key:hunter2@runs/spike.record", "credentials don't belong into the URL")]
#[case::another_kind("ftp://runs/spike.record", "ftp:// is no store that is known")]
fn a_store_that_can_take_nothing_is_told_before_the_load(#[case] address: &str, #[case] expected: &str) {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let target = start_target(None, &[]);
    let (file, directory) = place("no-store", FEW);
    let ended = Upsurge::run(&file)
        .args(["--target", target.url(), "--record", address])
        .with_store(&format!("http://{nobody}"), &directory)
        .end();
    assert!(ended.code == 2 && ended.stderr.contains("--record: "), "{ended:?}");
    assert!(ended.stderr.contains(expected) && !ended.stderr.contains("hunter2"), "{ended:?}");
    assert_eq!(target.stats()["received"], 0);
    assert!(names(&directory).is_empty());
}

#[test]
fn without_credentials_nobody_is_asked_for_some() {
    let target = start_target(None, &[]);
    let (file, directory) = place("no-credentials", FEW);
    let mut call = Upsurge::run(&file).args(["--target", target.url(), "--record", "s3://runs/spike.record"]);
    for variable in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "UPSURGE_STORE_METADATA",
    ] {
        call = call.env(variable, "");
    }
    let ended = call.within(&directory).end();
    assert!(
        ended.code == 2 && ended.stderr.contains("there are no credentials: set AWS_ACCESS_KEY_ID"),
        "{ended:?}"
    );
    assert_eq!(target.stats()["received"], 0);
}
