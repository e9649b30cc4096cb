// SPDX-License-Identifier: Apache-2.0
//! Objects in a store: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.
//!
//! A store may hang, refuse or be far away, so whatever is asked of it ends within [`LIMIT`], tries included. Credentials come from the
//! environment of the process. The metadata address of a machine or a pod, which would give whoever asks the rights of the machine, is
//! asked only if [`MAY_ASK_METADATA`] says so.
//!
//! What is in an object is not looked at here.

mod address;
mod connector;
mod error;
mod gate;
mod guard;
mod settings;
mod store;

use std::time::Duration;

pub use self::{
    address::{Address, AddressError, is_address},
    error::StoreError,
    settings::{Judge, Settings},
    store::Store,
};

/// Longest time for whatever is asked of a store, with all that is tried again.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Environment variable that allows to ask a metadata address for credentials, if it is `true`.
pub const MAY_ASK_METADATA: &str = "UPSURGE_STORE_METADATA";
