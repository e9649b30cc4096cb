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
use upsurge_report::timeline_of_run;

#[cfg(feature = "cluster")]
use super::cluster;
use super::{
    arguments::{Form, ReportArguments},
    documents::called,
    exit, say, stored,
};

/// Carries out what is asked of a file.
pub(super) fn run(arguments: &ReportArguments) -> ExitCode {
    if arguments.recover {
        return record::recover(arguments);
    }
    if let Err(message) = record::fits(arguments) {
        return exit::error(message);
    }
    let path = called(&arguments.file);
    let bytes = match found(&arguments.file, arguments) {
        Ok(bytes) => bytes,
        Err(message) => return exit::error(message),
    };
    // These can be had of both.
    let is_of_both = |form| matches!(form, Form::Junit | Form::Text);
    let asks_for_record = arguments.verify
        || arguments.report_dir.is_some()
        || arguments.baseline.is_some()
        || arguments.form.is_some_and(|form| !is_of_both(form));
    if asks_for_record || is_record(&bytes) {
        return record::run(arguments, &path, &bytes);
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return exit::error(format_args!("can't read {path}: {error}")),
    };
    of_run(arguments, &path, &text)
}

/// What a file or an object of a store holds; or the record of a run in a cluster, where there is no file of its name.
fn found(file: &Path, arguments: &ReportArguments) -> Result<Vec<u8>, String> {
    #[cfg(not(feature = "cluster"))]
    let _ = arguments;
    if let Some(address) = stored::address(file) {
        return stored::get(address).map_err(|error| error.to_string());
    }
    let error = match read(file) {
        Ok(bytes) => return Ok(bytes),
        Err(error) => error,
    };
    let path = called(file);
    #[cfg(feature = "cluster")]
    if error.kind() == io::ErrorKind::NotFound && may_be_a_run(&path) {
        return cluster::record(&arguments.cluster, &path).map_err(|why| {
            format!("there is no file {path}, and the record of a run of that name can't be had: {why}")
        });
    }
    Err(format!("can't read {path}: {error}"))
}

/// Whether something may be the name of a run, and does not look like that of a file.
#[cfg(feature = "cluster")]
pub(super) fn may_be_a_run(name: &str) -> bool {
    const FILES: [&str; 8] = [".record", ".part", ".gz", ".json", ".yaml", ".yml", ".xml", ".html"];
    let is_plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '.');
    (1..=253).contains(&name.len())
        && name.chars().all(is_plain)
        && !FILES.iter().any(|end| name.ends_with(end))
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

/// Writes the outcome of a run in a cluster, as JUnit XML unless something else is asked for.
fn of_run(arguments: &ReportArguments, path: &str, text: &str) -> ExitCode {
    let run: LoadTestRun = match serde_saphyr::from_str(text) {
        Ok(run) => run,
        Err(error) => {
            return exit::error(format_args!("{path} holds neither a record nor a LoadTestRun: {error}"));
        }
    };
    let status = run.status.clone().unwrap_or_default();
    let made = match arguments.form {
        Some(Form::Text) => timeline_of_run(&run),
        _ => junit_of_run(&run),
    };
    let (Some(verdict), Some(made)) = (status.verdict, made) else {
        return exit::error(format_args!(
            "the run has no verdict yet{}; wait for it: kubectl wait loadtestrun NAME --for condition=Complete",
            status.phase.map(|phase| format!(" (phase {phase:?})")).unwrap_or_default()
        ));
    };
    match put(place(arguments), made.as_bytes()) {
        Ok(()) => exit::of(verdict),
        Err(message) => exit::error(message),
    }
}

/// The file to write to, with the argument that names it.
fn place(arguments: &ReportArguments) -> Option<(&str, &Path)> {
    let junit = arguments.junit.as_deref().map(|file| ("--junit", file));
    junit.or(arguments.to.as_deref().map(|file| ("--to", file)))
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

#[cfg(all(test, feature = "cluster"))]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_file_is_not_looked_for_in_a_cluster() {
        assert!(["checkout-spike-g1", "checkout.v2-s29933460"].into_iter().all(may_be_a_run));
        let files =
            ["", "run.record", "run.json", "a/b", "./run", "Run", "run record", "checkout.record.part"];
        assert!(!files.into_iter().any(may_be_a_run));
    }
}
