// SPDX-License-Identifier: Apache-2.0
//! `upsurge note`: keeps what somebody found out about a run in its record. The file is there as a whole at any time, as it was or with the
//! note. A run in a cluster has its notes itself, as its record is the operator's.

use std::{fmt::Display, fs, process::ExitCode};
#[cfg(feature = "cluster")]
use std::{io, path::Path};

use jiff::Timestamp;
use upsurge_record::{
    disk::{Place, read},
    model::Note,
    note::add,
};

use super::{arguments::NoteArguments, exit, say};
#[cfg(feature = "cluster")]
use super::{cluster, report::may_be_a_run};

/// Adds a note to a record.
pub(super) fn run(arguments: &NoteArguments) -> ExitCode {
    let path = arguments.file.display();
    let note = Note { time: Timestamp::now(), text: arguments.text.clone() };
    // A link stays one: what it leads to gets the note.
    let file = match fs::canonicalize(&arguments.file) {
        Ok(file) => file,
        Err(error) => {
            #[cfg(feature = "cluster")]
            if let Some(name) = name_of_run(&arguments.file, &error) {
                return of_run(arguments, name, &note);
            }
            return exit::error(format_args!("can't read {path}: {error}"));
        }
    };
    let bytes = match read(&file) {
        Ok(bytes) => bytes,
        Err(error) => return exit::error(format_args!("{path}: {error}")),
    };
    let (noted, count) = match add(&bytes, &note) {
        Ok(noted) => noted,
        Err(error) => return exit::error(format_args!("{path}: {error}")),
    };
    if let Err(error) = Place::of(&file).put(&noted) {
        return exit::error(error);
    }
    noted_on(path, count)
}

/// What may be the name of a run, as there is no such file.
#[cfg(feature = "cluster")]
fn name_of_run<'a>(file: &'a Path, error: &io::Error) -> Option<&'a str> {
    file.to_str().filter(|name| error.kind() == io::ErrorKind::NotFound && may_be_a_run(name))
}

#[cfg(feature = "cluster")]
fn of_run(arguments: &NoteArguments, name: &str, note: &Note) -> ExitCode {
    match cluster::note(&arguments.cluster, name, note) {
        Ok(count) => noted_on(name, count),
        Err(why) => exit::error(format_args!(
            "there is no file {name}, and nothing can be noted on a run of that name: {why}"
        )),
    }
}

fn noted_on(what: impl Display, count: usize) -> ExitCode {
    let notes = if count == 1 { "1 note".to_owned() } else { format!("{count} notes") };
    say::line(format_args!("{what}: noted; it has {notes}"));
    ExitCode::SUCCESS
}
