// SPDX-License-Identifier: Apache-2.0
//! `upsurge note`: keeps what somebody found out about a run in its record. The file is there as a whole at any time, as it was or with the
//! note.

use std::{fs, process::ExitCode};

use jiff::Timestamp;
use upsurge_record::{
    disk::{Place, read},
    model::Note,
    note::add,
};

use super::{arguments::NoteArguments, exit, say};

/// Adds a note to a record.
pub(super) fn run(arguments: &NoteArguments) -> ExitCode {
    let path = arguments.file.display();
    // A link stays one: what it leads to gets the note.
    let file = match fs::canonicalize(&arguments.file) {
        Ok(file) => file,
        Err(error) => return exit::error(format_args!("can't read {path}: {error}")),
    };
    let bytes = match read(&file) {
        Ok(bytes) => bytes,
        Err(error) => return exit::error(format_args!("{path}: {error}")),
    };
    let note = Note { time: Timestamp::now(), text: arguments.text.clone() };
    let (noted, count) = match add(&bytes, &note) {
        Ok(noted) => noted,
        Err(error) => return exit::error(format_args!("{path}: {error}")),
    };
    if let Err(error) = Place::of(&file).put(&noted) {
        return exit::error(error);
    }
    let notes = if count == 1 { "1 note".to_owned() } else { format!("{count} notes") };
    say::line(format_args!("{path}: noted; it has {notes}"));
    ExitCode::SUCCESS
}
