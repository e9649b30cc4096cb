// SPDX-License-Identifier: Apache-2.0
//! The program in Python (`record/tests/recompute`) that computes the figures of a record once more, apart from all that is written in Rust.
//!
//! Python is taken from the `PATH`. Where there is none, tests say so and pass, unless `UPSURGE_REQUIRE_PYTHON=1` asks for it, as
//! `make unit` does.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// What it says of a record: its exit code (0 if all is as told, 1 if a figure differs, 2 if that is no record) and its words. `None`
/// without Python.
pub fn recomputed(record: &Path) -> Option<(i32, String)> {
    let python = installed()?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../record/tests/recompute");
    // Without leaving compiled files in the checkout.
    let output = Command::new(python).arg("-B").arg(program).arg(record).output().unwrap();
    let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Some((output.status.code().unwrap_or(-1), words.concat()))
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        env::split_paths(&path).map(|directory| directory.join("python3")).find(|file| file.is_file());
    let required = env::var("UPSURGE_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
    assert!(found.is_some() || !required, "there is no `python3` on the PATH: tools/build python");
    if found.is_none() {
        println!("skipped: there is no `python3` on the PATH");
    }
    found
}
