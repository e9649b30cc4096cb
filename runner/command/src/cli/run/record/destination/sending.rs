// SPDX-License-Identifier: Apache-2.0
//! Sends the record to a store, for as long as somebody wants to wait for that.

use std::{io, path::Path, sync::Arc, thread, time::Duration};

use tokio::{
    runtime::Builder,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};
use upsurge_store::{Store, StoreError};

use crate::cli::{run::Interrupts, say};

/// How long a store is waited for without a word.
const SILENCE: Duration = Duration::from_secs(2);

/// Why a store has not got the record.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// It did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody wants to wait any longer.
    #[error("interrupted before {place} had taken the record")]
    Interrupted {
        /// The object.
        place: String,
    },
}

/// Sends the record, which is in `file` as well, until the store has it, has failed, or Ctrl-C or SIGTERM comes.
pub(super) fn send(store: &Arc<Store>, record: Vec<u8>, file: &Path) -> Result<(), SendError> {
    // The runtime of this thread stands still meanwhile, and would hear of no signal.
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build().map_err(StoreError::from)?;
            let sent = runtime.block_on(wait(store, record, file));
            // Without waiting for a store that is asked in vain.
            runtime.shutdown_background();
            sent
        });
        let broke = StoreError::from(io::Error::other("the thread that waits for it broke"));
        waiting.join().unwrap_or_else(|_| Err(SendError::from(broke)))
    })
}

async fn wait(store: &Arc<Store>, record: Vec<u8>, file: &Path) -> Result<(), SendError> {
    let mut interrupts = Interrupts::listen().map_err(StoreError::from)?;
    let sender = Arc::clone(store);
    let mut sent = spawn_blocking(move || sender.put(record));
    let (silence, mut is_told) = (Instant::now() + SILENCE, false);
    loop {
        tokio::select! {
            sent = &mut sent => {
                return sent.map_err(|error| StoreError::from(io::Error::other(error)))?.map_err(SendError::from);
            }
            () = interrupts.next() => {
                return Err(SendError::Interrupted { place: store.address().to_string() });
            }
            () = sleep_until(silence), if !is_told => {
                is_told = true;
                let (address, file) = (store.address(), file.display());
                say::line(format_args!(
                    "note: {address} has not taken the record yet; Ctrl-C leaves the record in {file}"
                ));
            }
        }
    }
}
