//! The one task per session that makes it durable, and the one that looks for reasons to stop it.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, info, warn};

use super::{
    cell::Cell,
    checkpoint::{CheckpointError, MOST_BYTES, pack, unpack},
    session::{Mark, Session},
    store::{SaveError, Store},
};

/// Time between two checkpoints, unless the next one can't wait.
const PAUSE: Duration = Duration::from_secs(1);
/// A checkpoint that takes long to write is written less often: at most this part of the time.
const BUSY_SHARE: u32 = 4;
/// First and longest wait after the API server refused a checkpoint.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// Time between two looks at the thresholds that stop a run.
const EVALUATION: Duration = Duration::from_secs(1);

/// Writes a session's checkpoints for as long as it is open.
pub async fn write(cell: Arc<Cell>, mut store: Store) {
    let mut next = Instant::now();
    loop {
        wait(&cell, next).await;
        let begun = Instant::now();
        match save(&cell, &mut store).await {
            Ok(mark) => {
                let took = begun.elapsed();
                next = Instant::now() + PAUSE.max(took * BUSY_SHARE);
                debug!(run = %cell.key, ?took, "checkpoint is durable");
                cell.saved(&mark);
            }
            Err(error) => {
                warn!(run = %cell.key, %error, "checkpoint can't be packed; runners keep what is not durable");
                next = Instant::now() + RETRY[1];
            }
        }
    }
}

/// Stops the run when a threshold with `abortOnFail` is breached.
pub async fn evaluate(cell: Arc<Cell>) {
    if !cell.config.plan.test.thresholds.iter().any(|threshold| threshold.abort_on_fail) {
        return;
    }
    loop {
        sleep(EVALUATION).await;
        cell.evaluate();
    }
}

/// Returns when there is something to write and it is time, or it is urgent.
async fn wait(cell: &Cell, next: Instant) {
    loop {
        let (dirty, urgent) = {
            let session = cell.lock();
            (session.is_dirty(), session.is_urgent())
        };
        if urgent || (dirty && Instant::now() >= next) {
            return;
        }
        tokio::select! {
            () = cell.dirty.notified() => {}
            () = cell.observation.changed() => cell.lock().touch(),
            () = sleep_until(next), if dirty => {}
        }
    }
}

/// Writes what is known now, however long it takes.
async fn save(cell: &Cell, store: &mut Store) -> Result<Mark, CheckpointError> {
    let mut retry = RETRY[0];
    loop {
        let (mark, bytes) = packed(cell).await?;
        match store.save(bytes).await {
            Ok(()) => return Ok(mark),
            Err(SaveError::Conflict) => {
                warn!(run = %cell.key, "another operator wrote the checkpoint; going on from what it holds");
                reload(cell, store).await;
            }
            Err(SaveError::Api(error)) => {
                warn!(run = %cell.key, %error, ?retry, "checkpoint can't be written; runners keep what is not durable");
                sleep(retry).await;
                retry = (retry * 2).min(RETRY[1]);
            }
        }
    }
}

/// The session as bytes that fit.
async fn packed(cell: &Cell) -> Result<(Mark, Vec<u8>), CheckpointError> {
    loop {
        let observation = cell.observation.get();
        let (mark, state) = {
            let session = cell.lock();
            (session.mark(), session.state().clone())
        };
        // Compression takes a while: not on a thread that serves runners.
        let packing = spawn_blocking(move || pack(&state, &observation)).await;
        let bytes = packing.map_err(|error| CheckpointError::Packing(std::io::Error::other(error)))??;
        if bytes.len() <= MOST_BYTES || !cell.lock().fold() {
            return Ok((mark, bytes));
        }
        info!(run = %cell.key, bytes = bytes.len(), "checkpoint is too large; folding the finest tags");
    }
}

/// Forgets what is not durable, as a restart would; the runners still have it.
async fn reload(cell: &Cell, store: &mut Store) {
    let mut retry = RETRY[0];
    loop {
        let loaded = match store.load().await {
            Ok(bytes) => bytes.map(|bytes| unpack(&bytes)).transpose().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match loaded {
            Ok(restored) => {
                *cell.lock() = Session::new(&cell.config.plan, restored.map(|(session, _)| session));
                return;
            }
            Err(error) => {
                warn!(run = %cell.key, %error, ?retry, "checkpoint can't be read again");
                sleep(retry).await;
                retry = (retry * 2).min(RETRY[1]);
            }
        }
    }
}
