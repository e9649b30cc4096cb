// SPDX-License-Identifier: Apache-2.0
//! `upsurge completion` and `upsurge man`: what shells and `man` want to know of the command, made from its arguments.

use std::{fs, process::ExitCode};

use clap::CommandFactory as _;

use super::{
    arguments::{Arguments, CompletionArguments, ManArguments},
    exit, say,
};

/// Name by which the command is called.
const NAME: &str = "upsurge";

/// Prints a script that completes arguments.
pub(super) fn completion(arguments: &CompletionArguments) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), NAME, &mut script);
    match say::result(&String::from_utf8_lossy(&script)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::error(format_args!("can't write to standard output: {error}")),
    }
}

/// Writes a manual page for each command to a directory.
pub(super) fn man(arguments: &ManArguments) -> ExitCode {
    let directory = &arguments.directory;
    let written = fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), directory));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::error(format_args!("can't write to {}: {error}", directory.display())),
    }
}
