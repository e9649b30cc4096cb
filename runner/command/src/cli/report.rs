// SPDX-License-Identifier: Apache-2.0
//! `upsurge report`: the outcome of a run in a cluster, for CI systems.

use std::{fs, path::Path, process::ExitCode};

use upsurge_core::report::junit_of_run;
use upsurge_crds::LoadTestRun;

use super::{arguments::ReportArguments, documents::read_text, exit, say};

/// Writes the outcome of a run as JUnit XML.
pub(super) fn run(arguments: &ReportArguments) -> ExitCode {
    let path = arguments.file.display();
    let text = match read_text(&arguments.file) {
        Ok(text) => text,
        Err(error) => return exit::error(format_args!("can't read {path}: {error}")),
    };
    let run: LoadTestRun = match serde_saphyr::from_str(&text) {
        Ok(run) => run,
        Err(error) => return exit::error(format_args!("{path} does not hold a LoadTestRun: {error}")),
    };
    let status = run.status.clone().unwrap_or_default();
    let (Some(verdict), Some(xml)) = (status.verdict, junit_of_run(&run)) else {
        return exit::error(format_args!(
            "the run has no verdict yet{}; wait for it: kubectl wait loadtestrun NAME --for condition=Complete",
            status.phase.map(|phase| format!(" (phase {phase:?})")).unwrap_or_default()
        ));
    };
    match arguments.junit.as_deref().filter(|file| *file != Path::new("-")) {
        None => {
            if let Err(error) = say::result(&xml) {
                return exit::error(format_args!("can't write to standard output: {error}"));
            }
        }
        Some(file) => {
            if let Err(error) = fs::write(file, xml) {
                return exit::error(format_args!("can't write to {} (--junit): {error}", file.display()));
            }
        }
    }
    exit::of(verdict)
}
