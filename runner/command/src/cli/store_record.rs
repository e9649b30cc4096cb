// SPDX-License-Identifier: Apache-2.0
//! `upsurge store-record`: what a pod runs that puts the record of a finished run into the store that its test names.
//!
//! It gets the record from the collector by the pod's token and puts it there as a whole, under the same name each time. What goes wrong
//! is said in one line, the last one: the operator tells it in the run's status, and the Job tries again.

mod history;

use std::{
    env,
    fs::create_dir_all,
    io::{self, ErrorKind},
    net::IpAddr,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use jiff::Timestamp;
use upsurge_agent::{AgentConfig, ConfigError, FetchError, fetch_record};
use upsurge_core::{
    http::Reach,
    protocol::{STORE_DIRECTORY, STORE_TASK_ENV, StorePlace, StoreTask, StoredFile},
};
use upsurge_record::disk::{self, FileError};
use upsurge_store::{Address, AddressError, Judge, Settings, Store, StoreError};

use super::exit;

/// Why a record is not in its store.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "{STORE_TASK_ENV} can't be used: {0}; `upsurge store-record` runs in pods that the operator makes"
    )]
    Task(String),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("what the collector gave is no record")]
    NoRecord,
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "{0} has no room left: make the volume larger, or keep fewer records by spec.record.store.persistentVolumeClaim.history"
    )]
    Full(String),
    #[error(
        "group 65532, which runners have, may not write to {0}: change the owner of the folder, or use a volume that heeds fsGroup"
    )]
    Denied(String),
    #[error("the folder {path} can't be made: {source}")]
    Folder { path: String, source: io::Error },
    #[error(transparent)]
    File(#[from] FileError),
}

/// The policy of the platform, as the store asks for it.
#[derive(Debug)]
struct Rules(Reach);

impl Judge for Rules {
    fn host(&self, host: &str) -> Result<(), String> {
        self.0.host(host).map_err(|forbidden| forbidden.to_string())
    }

    fn address(&self, address: IpAddr) -> Result<(), String> {
        self.0.address(address).map_err(|forbidden| forbidden.to_string())
    }
}

/// Puts the record there. Reads everything from the environment.
pub(super) fn run() -> ExitCode {
    match store() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::error(format_args!("{error}")),
    }
}

fn store() -> Result<(), Error> {
    let task = env::var(STORE_TASK_ENV).map_err(|error| Error::Task(error.to_string()))?;
    let task: StoreTask = serde_json::from_str(&task).map_err(|error| Error::Task(error.to_string()))?;
    let reach = task.reach.compile().map_err(Error::Task)?;
    let record = fetch_record(&AgentConfig::from_environment()?)?;
    if !disk::is_record(&record) {
        return Err(Error::NoRecord);
    }
    match task.place {
        StorePlace::Object(url) => put_object(&url, record, reach),
        StorePlace::File(file) => put_file(Path::new(STORE_DIRECTORY), &file, &record, Timestamp::now()),
    }
}

fn put_object(url: &str, record: Vec<u8>, reach: Reach) -> Result<(), Error> {
    let address: Address = url.parse()?;
    let mut settings = Settings::from_environment();
    if reach != Reach::default() {
        settings = settings.judged_by(Arc::new(Rules(reach)));
    }
    Ok(Store::open(address, &settings)?.put(record)?)
}

/// Puts the record into a volume, and takes those away that are not to stay. A record that can't be taken away is no reason to put this
/// one there again.
fn put_file(root: &Path, file: &StoredFile, record: &[u8], now: Timestamp) -> Result<(), Error> {
    let path = root.join(&file.path);
    // A pod before this one came so far and was killed as it looked through the others, of which one takes too much memory perhaps.
    if path.is_file() && disk::read(&path).is_ok_and(|there| there == record) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        create_dir_all(folder).map_err(|source| {
            let path = folder.display().to_string();
            in_words(folder, source.kind(), || Error::Folder { path, source })
        })?;
    }
    disk::write(&path, record).map_err(|error| match error {
        FileError::Write { path: written, source } => {
            in_words(&path, source.kind(), || FileError::Write { path: written, source }.into())
        }
        other => Error::File(other),
    })?;
    if let Some(history) = &file.history {
        history::clear(&path, history, &file.kept, now);
    }
    Ok(())
}

/// What is to be done about a volume that does not take something, where that can be told.
fn in_words(path: &Path, kind: ErrorKind, other: impl FnOnce() -> Error) -> Error {
    let place = || path.display().to_string();
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full(place()),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::Denied(place()),
        _ => other(),
    }
}

#[cfg(test)]
mod tests;
