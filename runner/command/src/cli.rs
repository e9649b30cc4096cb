// SPDX-License-Identifier: Apache-2.0
//! The command line: arguments, output and exit codes.
//!
//! Everything that is decided is decided elsewhere; this part reads files, prints and counts to 130.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod arguments;
mod bench;
#[cfg_attr(not(feature = "cluster"), path = "cli/no_cluster.rs")]
mod cluster;
mod documents;
mod exit;
mod generate;
mod instead;
mod manifest;
mod note;
mod quick;
mod report;
mod report_files;
mod run;
mod say;
mod screen;
mod store_record;
mod stored;
mod surroundings;
mod target;
mod validate;
mod watched;

use std::{
    io::{ErrorKind, stderr},
    process::ExitCode,
};

use clap::{
    Parser,
    error::{ContextKind, ContextValue},
};
use tracing_subscriber::EnvFilter;
use upsurge_core::http::without_login;

use self::arguments::{Arguments, Command};

/// Arguments whose values may hold a password or a token.
const SECRET_ARGUMENTS: [&str; 5] = ["--out", "--header", "--auth", "--proxy", "--target"];

/// Carries out the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return told(error),
    };
    match arguments.command {
        // The agent sets up its own logging, and reads its settings from the environment.
        Command::Agent => upsurge_agent::run(),
        Command::StoreRecord => store_record::run(),
        Command::Run(arguments) => {
            log();
            run::run(&arguments)
        }
        Command::Bench(arguments) => {
            log();
            bench::run(&arguments)
        }
        Command::Quick(arguments) => {
            log();
            quick::run(&arguments)
        }
        #[cfg(feature = "cluster")]
        Command::Get(arguments) => {
            log();
            cluster::get(&arguments)
        }
        Command::Report(arguments) => report::run(&arguments),
        Command::Note(arguments) => note::run(&arguments),
        Command::Completion(arguments) => generate::completion(&arguments),
        Command::Man(arguments) => generate::man(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Target(arguments) => {
            log();
            target::run(&arguments)
        }
    }
}

/// Tells what is wrong with the arguments, or the help that was asked for.
fn told(mut error: clap::Error) -> ExitCode {
    hide_secret(&mut error);
    match error.print() {
        Err(lost) if !error.use_stderr() && lost.kind() != ErrorKind::BrokenPipe => {
            exit::error(format_args!("can't write to standard output: {lost}"))
        }
        _ if error.use_stderr() => ExitCode::from(exit::ERROR),
        _ => ExitCode::SUCCESS,
    }
}

/// Takes what may be secret out of an error of an argument, which logs of pipelines would show.
fn hide_secret(error: &mut clap::Error) {
    // Also a URL in place of a command, or of the value of another argument.
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue] {
        if let Some(ContextValue::String(text)) = error.get(kind) {
            let shown = without_login(text).into_owned();
            error.insert(kind, ContextValue::String(shown));
        }
    }
    let is_secret = |argument: &str| SECRET_ARGUMENTS.iter().any(|secret| argument.starts_with(secret));
    let named = matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(argument)) if is_secret(argument));
    if named && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
}

/// Logs to standard error; `UPSURGE_LOG` sets what, as in `UPSURGE_LOG=debug`.
fn log() {
    // usvg warns of each letter that the font of a PNG lacks, and writes it as it is.
    let filter = EnvFilter::try_from_env("UPSURGE_LOG").unwrap_or_else(|_| EnvFilter::new("warn,usvg=error"));
    let colours = surroundings::watched(&stderr());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(screen::log);
    // Fails only if there is a subscriber already, which then does as well.
    let _ = lines.try_init();
}
