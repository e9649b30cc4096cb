// SPDX-License-Identifier: Apache-2.0
//! Where the record goes at the end: to a file, or to an object in a store, for which a file stands in.

mod sending;

use std::{fs, path::Path, sync::Arc};

use upsurge_record::disk::{FileError, Place};
use upsurge_store::Store;

use self::sending::send;
use super::RecordError;
use crate::cli::{
    say,
    stored::{self, StoredError},
};

/// Where the record goes.
#[derive(Debug)]
pub(super) struct Destination {
    /// The file. Of a store: what there is during the load, and the record until the store has taken it.
    place: Place,
    store: Option<Arc<Store>>,
}

impl Destination {
    /// What was asked for. A store is asked whether it answers: to find out after the load that it does not would be a pity.
    pub(super) fn of(path: &Path) -> Result<Self, RecordError> {
        if path == Path::new("-") {
            return Err(RecordError::StandardOutput);
        }
        let Some(text) = stored::address(path) else {
            return Ok(Self { place: Place::of(path), store: None });
        };
        let store = stored::open(text)?;
        let place = Place::of(Path::new(store.address().name()));
        // The record of an earlier run, which a store has not taken, is not written over.
        if place.path().exists() {
            return Err(RecordError::Taken { path: place.path().display().to_string() });
        }
        // A store may take long to answer, and this is known at once.
        if place.part().exists() {
            return Err(FileError::Left { path: place.part().display().to_string() }.into());
        }
        store.look().map_err(StoredError::from)?;
        Ok(Self { place, store: Some(Arc::new(store)) })
    }

    /// The file.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Puts the record there, or where nothing of it is lost.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<(), FileError> {
        let kept = self.place.put(bytes);
        // The file comes first: a store may take long, and the command may be ended meanwhile.
        let Some(store) = &self.store else { return kept };
        let path = self.place.path();
        match send(store, bytes.to_vec(), path) {
            Ok(()) => {
                if kept.is_ok() {
                    // It goes, or stays as a copy.
                    let _ = fs::remove_file(path);
                }
                Ok(())
            }
            Err(error) => {
                say::line(format_args!("error: --record: {error}"));
                kept?;
                let path = path.display();
                say::line(format_args!(
                    "note: the record is in {path} instead; copy it to {}",
                    store.address()
                ));
                Ok(())
            }
        }
    }
}
