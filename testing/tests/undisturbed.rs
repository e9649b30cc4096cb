// SPDX-License-Identifier: Apache-2.0
//! When a test is begun anew, with scripts for tests, which stop the one who watches as a standstill does.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{fs, process::Command};

/// Runs a script that finds in `$1` the file in which it counts its attempts: the exit code, and the attempts.
fn run(script: &str) -> (i32, usize) {
    let directory = tempfile::tempdir().unwrap();
    let [attempts, noted] = ["attempts", "noted"].map(|name| directory.path().join(name));
    let script = format!("echo >> \"$1\"; attempts=$(wc -l < \"$1\"); {script}");
    let status = Command::new(env!("CARGO_BIN_EXE_undisturbed"))
        .args(["sh", "-c", &script, "test"])
        .arg(&attempts)
        .env("UPSURGE_DISTURBED", &noted)
        .status()
        .unwrap();
    let lines = |path| fs::read_to_string(path).unwrap_or_default().lines().count();
    let begun = lines(&attempts);
    assert_eq!(lines(&noted), begun - 1, "each new attempt is noted");
    (status.code().unwrap(), begun)
}

const STANDSTILL: &str = "kill -STOP $PPID; sleep 0.5; kill -CONT $PPID;";

#[test]
fn what_failed_while_nobody_could_work_is_begun_anew() {
    assert_eq!(run(&format!("[ $attempts = 1 ] && {{ {STANDSTILL} exit 1; }}; exit 0")), (0, 2));
}

#[test]
fn what_fails_on_a_machine_that_works_is_not_begun_again() {
    assert_eq!(run("exit 7"), (7, 1));
}

#[test]
fn what_goes_on_failing_fails_with_its_own_code() {
    assert_eq!(run(&format!("{STANDSTILL} exit 7")), (7, 5));
}

#[test]
fn what_passes_in_spite_of_a_standstill_has_passed() {
    assert_eq!(run(&format!("{STANDSTILL} exit 0")), (0, 1));
}
