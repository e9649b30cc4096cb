// SPDX-License-Identifier: Apache-2.0
//! The files that arguments name: themselves, standard input, or all YAML files of a directory and those below it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What manifests' files end in.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// A file to look into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Found in a directory, not named itself.
    pub(super) found: bool,
}

/// Adds the files of an argument, in the order of their names.
///
/// # Errors
/// When there is no such file, or a directory can't be read; with the path of what can't.
pub(super) fn of(argument: &Path, places: &mut Vec<Place>) -> Result<(), (PathBuf, io::Error)> {
    if argument.as_os_str() != "-" && argument.is_dir() {
        return within(argument, places);
    }
    places.push(Place { path: argument.into(), found: false });
    Ok(())
}

/// The files of a directory. Hidden ones are left out, and links to directories, which may lead in a circle.
fn within(directory: &Path, places: &mut Vec<Place>) -> Result<(), (PathBuf, io::Error)> {
    let wrong = |error| (directory.to_path_buf(), error);
    let entries: Result<Vec<fs::DirEntry>, _> = fs::read_dir(directory).map_err(wrong)?.collect();
    let mut entries = entries.map_err(wrong)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if hidden {
            continue;
        }
        if entry.file_type().map_err(|error| (path.clone(), error))?.is_dir() {
            within(&path, places)?;
        } else if path.extension().is_some_and(|found| ENDINGS.iter().any(|ending| found == *ending))
            && path.is_file()
        {
            places.push(Place { path, found: true });
        }
    }
    Ok(())
}
