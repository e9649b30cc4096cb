// SPDX-License-Identifier: Apache-2.0
//! Runs a test, and once more when it failed while the machine stood still.
//!
//! `undisturbed PROGRAM [ARGUMENT…]` is what nextest runs tests with in `make unit`: many of them compare what happened
//! with a schedule, and can't hold on a machine that lets nobody work for a while. A test that fails on a machine that
//! works is not begun again. Each new attempt is told, and noted in the file `$UPSURGE_DISTURBED` names.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    process::{Command, ExitCode, ExitStatus},
    time::Duration,
};

use upsurge_testing::Watch;

/// How often a test is begun at most.
const ATTEMPTS: u32 = 5;
/// Standstill that excuses a test: what a generator may be late before a run is Inconclusive (`spec.runner.maxLag`).
const STANDSTILL: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: undisturbed PROGRAM [ARGUMENT…]");
        return ExitCode::from(2);
    };
    let mut command = Command::new(&program);
    command.args(arguments);
    for attempt in 1.. {
        let watch = Watch::start();
        let status = match command.status() {
            Ok(status) => status,
            Err(error) => {
                eprintln!("can't run {}: {error}", program.display());
                return ExitCode::from(127);
            }
        };
        let longest = watch.longest();
        if status.success() || longest < STANDSTILL || attempt == ATTEMPTS {
            return code(status);
        }
        let told =
            format!("attempt {attempt} failed while this machine stood still for {longest:?}: {command:?}\n");
        eprint!("{told}");
        if let Err(error) = note(&told) {
            eprintln!("can't note it: {error}");
        }
    }
    ExitCode::FAILURE
}

/// Adds a line to the file that is asked for.
fn note(line: &str) -> io::Result<()> {
    let Some(path) = env::var_os("UPSURGE_DISTURBED") else { return Ok(()) };
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

/// A test's own exit code; what a signal ended has none, and failed.
fn code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
