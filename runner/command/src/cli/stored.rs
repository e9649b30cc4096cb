// SPDX-License-Identifier: Apache-2.0
//! An object of a store where a file could stand. Credentials come from the environment.

use std::path::Path;

use upsurge_record::disk::MOST_PACKED;
use upsurge_store::{Address, AddressError, Settings, Store, StoreError, is_address};

/// Why an object can't be had or put.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoredError {
    /// Its URL is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The store does not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was given as a file, if it is the URL of an object.
pub(super) fn address(file: &Path) -> Option<&str> {
    file.to_str().filter(|text| is_address(text))
}

/// The store of an object.
pub(super) fn open(address: &str) -> Result<Store, StoredError> {
    let address: Address = address.parse()?;
    Ok(Store::open(address, &Settings::from_environment())?)
}

/// What an object holds, if it may be a record.
pub(super) fn get(address: &str) -> Result<Vec<u8>, StoredError> {
    Ok(open(address)?.get(MOST_PACKED)?)
}

/// Puts a record there.
#[cfg(feature = "cluster")]
pub(super) fn put(address: &str, record: Vec<u8>) -> Result<(), StoredError> {
    Ok(open(address)?.put(record)?)
}
