// SPDX-License-Identifier: Apache-2.0
//! `upsurge report`: a record in other forms, and the outcome of a run in a cluster for CI systems.

mod record;

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    process::ExitCode,
};

use upsurge_core::report::junit_of_run;
use upsurge_crds::LoadTestRun;
use upsurge_record::disk::{MOST_PACKED, is_record};

use super::{arguments::ReportArguments, documents::called, exit, say};

/// Carries out what is asked of a file.
pub(super) fn run(arguments: &ReportArguments) -> ExitCode {
    if arguments.recover {
        return record::recover(arguments);
    }
    let path = called(&arguments.file);
    let bytes = match read(&arguments.file) {
        Ok(bytes) => bytes,
        Err(error) => return exit::error(format_args!("can't read {path}: {error}")),
    };
    let asks_for_record = arguments.verify || arguments.form.is_some();
    if asks_for_record || is_record(&bytes) {
        return record::run(arguments, &path, &bytes);
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return exit::error(format_args!("can't read {path}: {error}")),
    };
    junit(arguments, &path, &text)
}

/// What a file holds, or standard input.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(MOST_PACKED + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(MOST_PACKED + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Writes the outcome of a run in a cluster as JUnit XML.
fn junit(arguments: &ReportArguments, path: &str, text: &str) -> ExitCode {
    let run: LoadTestRun = match serde_saphyr::from_str(text) {
        Ok(run) => run,
        Err(error) => {
            return exit::error(format_args!("{path} holds neither a record nor a LoadTestRun: {error}"));
        }
    };
    let status = run.status.clone().unwrap_or_default();
    let (Some(verdict), Some(xml)) = (status.verdict, junit_of_run(&run)) else {
        return exit::error(format_args!(
            "the run has no verdict yet{}; wait for it: kubectl wait loadtestrun NAME --for condition=Complete",
            status.phase.map(|phase| format!(" (phase {phase:?})")).unwrap_or_default()
        ));
    };
    let place = arguments.junit.as_deref().map(|file| ("--junit", file));
    let place = place.or(arguments.to.as_deref().map(|file| ("--to", file)));
    match put(place, xml.as_bytes()) {
        Ok(()) => exit::of(verdict),
        Err(message) => exit::error(message),
    }
}

/// Writes to a file that an argument names, or to standard output.
fn put(place: Option<(&str, &Path)>, bytes: &[u8]) -> Result<(), String> {
    match place.filter(|(_, file)| *file != Path::new("-")) {
        None => say::bytes(bytes).map_err(|error| format!("can't write to standard output: {error}")),
        Some((argument, file)) => {
            let written = fs::write(file, bytes);
            written.map_err(|error| format!("can't write to {} ({argument}): {error}", file.display()))
        }
    }
}
