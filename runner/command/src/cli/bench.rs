// SPDX-License-Identifier: Apache-2.0
//! `upsurge bench`: a test as a benchmark of its operations.

use std::process::ExitCode;

use super::{
    arguments::BenchArguments,
    exit,
    instead::Instead,
    manifest,
    run::{Form, Manner, conduct},
    say,
};

/// Runs the benchmark and prints its table.
pub(super) fn run(arguments: &BenchArguments) -> ExitCode {
    let BenchArguments { manifest, repeats, warm_up, target, files, quiet, markdown, session } = arguments;
    let instead = Instead::Benchmark { repeats: *repeats, warm_up: *warm_up };
    let manifest = match manifest::read(manifest, target.as_deref(), Some(instead)) {
        Ok(manifest) => manifest,
        Err(error) => return exit::error(error),
    };
    manifest.notes.iter().for_each(|note| say::line(format_args!("note: {note}")));
    let manner = Manner {
        arguments: session,
        files: files.as_deref(),
        is_target_given: target.is_some(),
        quiet: *quiet,
        form: Form::Test,
        markdown: markdown.as_deref(),
        observe: None,
    };
    conduct(manifest, &manner)
}
