// SPDX-License-Identifier: Apache-2.0
//! The files of a record: FILE, which is there as a whole or not at all, and FILE.part, which is what a run has so far.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{DecodeError, MOST_PACKED};

/// What the name of a record ends with of which only a part is there.
const PART: &str = ".part";
/// What the name of a file ends with that is still being written.
const NEW: &str = ".new";

/// Where a record goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
}

/// Why a file can't be had.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be written to.
    #[error("can't write to {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is something that can't be put in place as a whole.
    #[error("{path} is no plain file: a record is put in place as a whole, which takes one")]
    Kind {
        /// The file.
        path: String,
    },
    /// A run that was cut off left something there.
    #[error(
        "{path} is there already: a run is writing it, or was cut off; upsurge report --recover {path} makes a record of what it \
         has, and without it the run can start"
    )]
    Left {
        /// The file.
        path: String,
    },
}

impl Place {
    /// A place, which need not be there yet.
    pub fn of(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// Where the whole record is put.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a run writes what it has so far.
    pub fn part(&self) -> PathBuf {
        self.beside(PART)
    }

    /// The place of the whole record of which this is a part.
    pub fn of_part(part: &Path) -> Option<Self> {
        let name = part.file_name()?.to_str()?.strip_suffix(PART).filter(|name| !name.is_empty())?;
        Some(Self { path: part.with_file_name(name) })
    }

    fn beside(&self, end: &str) -> PathBuf {
        let mut name: OsString = self.path.clone().into_os_string();
        name.push(end);
        name.into()
    }

    /// Opens the file for what a run has so far, and tries whether it can be written to.
    ///
    /// # Errors
    /// When there is no place for a record, or somebody else's is there.
    pub fn begin(&self) -> Result<File, FileError> {
        let part = self.part();
        let wrong = |source| FileError::Write { path: part.display().to_string(), source };
        if fs::metadata(&self.path).is_ok_and(|found| !found.is_file()) {
            return Err(FileError::Kind { path: self.path.display().to_string() });
        }
        let mut options = File::options();
        let mut file = match options.write(true).create_new(true).open(&part) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(FileError::Left { path: part.display().to_string() });
            }
            Err(error) => return Err(wrong(error)),
        };
        if let Err(error) = probe(&mut file) {
            // Nothing is in it.
            let _ = fs::remove_file(&part);
            return Err(wrong(error));
        }
        Ok(file)
    }

    /// Removes what a run had so far.
    pub fn forget_part(&self) {
        // It is not there, or stays: then the next run says so.
        let _ = fs::remove_file(self.part());
    }

    /// Puts a whole record in place, in one step: whoever looks finds the one before or this one.
    ///
    /// # Errors
    /// When it can't be written; what was there before still is.
    pub fn put(&self, bytes: &[u8]) -> Result<(), FileError> {
        let new = self.beside(NEW);
        let wrong = |path: &Path| {
            let path = path.display().to_string();
            move |source| FileError::Write { path, source }
        };
        // Whoever may not read the one before must not read this one.
        let permissions = fs::metadata(&self.path).ok().map(|found| found.permissions());
        let written = File::create(&new).and_then(|mut file| {
            permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions))?;
            file.write_all(bytes)?;
            file.sync_all()
        });
        let put = written
            .map_err(wrong(&new))
            .and_then(|()| fs::rename(&new, &self.path).map_err(wrong(&self.path)));
        if put.is_err() {
            let _ = fs::remove_file(&new);
        }
        put?;
        // The name is safe only with its directory. Some file systems can't do that, and the content is safe there all the same.
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let _ = File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
        Ok(())
    }
}

/// A full disk lets files be made but not be written to: writes a little to see, and takes it back.
fn probe(file: &mut File) -> io::Result<()> {
    use io::Seek as _;

    file.write_all(&[0; 4_096])?;
    file.sync_data()?;
    file.set_len(0)?;
    file.rewind()
}

/// Reads a file of a record, or what a run has left of one.
///
/// # Errors
/// When it can't be read, or is larger than any record.
pub fn read(path: &Path) -> Result<Vec<u8>, DecodeError> {
    read_at_most(path, MOST_PACKED)
}

/// The bytes of a file, if there are not more.
pub(crate) fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(DecodeError::Large { what: "as it is", most });
    }
    Ok(bytes)
}

/// Puts a record in a file, as a whole.
///
/// # Errors
/// When it can't be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    Place::of(path).put(bytes)
}
