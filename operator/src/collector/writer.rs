// SPDX-License-Identifier: Apache-2.0
//! The one task per session that makes it durable, and the one that looks for reasons to stop it.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, info, warn};
use upsurge_crds::names::reasons;

use super::{
    budget::Budget,
    cell::Cell,
    checkpoint::{CheckpointError, MOST_BYTES, pack, unpack},
    session::{Durable, Mark, Session},
    store::{Kept, SaveError, Store},
};
use crate::recording::{Kept as Record, SharedRecord};

/// Time between two checkpoints of a run, unless the next one can't wait; longer where the budget of all runs says so.
const PAUSE: Duration = Duration::from_secs(5);
/// Time between two that can't wait.
const URGENT_PAUSE: Duration = Duration::from_millis(200);
/// A checkpoint that takes long to write is written less often: at most this part of the time.
const BUSY_SHARE: u32 = 4;
/// First and longest wait after the API server refused a checkpoint.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// Time for which the API server may refuse the checkpoints of a run before that ends it.
const LONGEST_REFUSAL: Duration = Duration::from_secs(60);
/// Time between two looks at the thresholds that stop a run, and at what its figures take.
const EVALUATION: Duration = Duration::from_secs(1);

/// Writes a session's checkpoints for as long as it is open.
pub async fn write(cell: Arc<Cell>, mut store: Store, budget: Arc<Budget>) {
    let (mut next, mut urgent) = (Instant::now(), Instant::now());
    loop {
        wait(&cell, [urgent, next], &budget).await;
        urgent = Instant::now() + URGENT_PAUSE;
        let begun = Instant::now();
        match save(&cell, &mut store, &budget).await {
            Ok(Some(mark)) => {
                let took = begun.elapsed();
                next = Instant::now() + PAUSE.max(took * BUSY_SHARE);
                debug!(run = %cell.key, ?took, "checkpoint is durable");
                cell.saved(&mark).await;
            }
            Ok(None) => next = Instant::now() + PAUSE,
            Err(error) => {
                warn!(run = %cell.key, %error, "checkpoint can't be packed; runners keep what is not durable");
                if let CheckpointError::Oversized(_) = error {
                    cell.break_off(reasons::CHECKPOINT_TOO_LARGE, &error.to_string()).await;
                }
                next = Instant::now() + RETRY[1];
            }
        }
        budget.withdraw(&cell.key);
    }
}

/// Stops the run when a threshold with `abortOnFail` is breached.
pub async fn evaluate(cell: Arc<Cell>) {
    if !cell.config.plan.test.thresholds.iter().any(|threshold| threshold.abort_on_fail) {
        return;
    }
    loop {
        sleep(EVALUATION).await;
        let evaluated = cell.clone();
        if let Err(error) = spawn_blocking(move || evaluated.evaluate()).await {
            warn!(run = %cell.key, %error, "thresholds can't be evaluated");
        }
    }
}

/// Keeps what the run takes within its share, also while none of its runners speaks.
pub async fn hold_down(cell: Arc<Cell>) {
    loop {
        sleep(EVALUATION).await;
        if cell.is_above_its_share() {
            let above = cell.clone();
            if let Err(error) = spawn_blocking(move || above.come_down()).await {
                warn!(run = %cell.key, %error, "figures can't be given up");
            }
        }
    }
}

/// Returns when there is something to write and it is the run's turn, or it is urgent; not before the one or other time.
async fn wait(cell: &Cell, [urgent_from, next]: [Instant; 2], budget: &Budget) {
    loop {
        let (dirty, urgent) = {
            let session = cell.lock().await;
            (session.is_dirty(), session.is_urgent())
        };
        if urgent {
            return sleep_until(urgent_from).await;
        }
        let turn = async {
            sleep_until(next).await;
            budget.turn(&cell.key).await;
        };
        tokio::select! {
            () = cell.dirty.notified() => {}
            () = cell.record.changed() => cell.lock().await.touch(),
            () = turn, if dirty => return,
        }
    }
}

/// Since when the API server does not want a checkpoint.
#[derive(Debug, Default)]
struct Refused(Option<Instant>);

impl Refused {
    /// Whether it has not wanted any for so long that the run can't go on.
    fn is_for_good(&mut self, is_lasting: bool, now: Instant) -> bool {
        if !is_lasting {
            self.0 = None;
            return false;
        }
        now.duration_since(*self.0.get_or_insert(now)) >= LONGEST_REFUSAL
    }
}

/// Writes what is known now, however long it takes; `None` if another operator did, and it was gone on from there.
///
/// Whether a write that got no answer was carried out is not known. So the same is written again until it is: were
/// something else written, runners would have to keep apart what ends with each of them.
async fn save(cell: &Arc<Cell>, store: &mut Store, budget: &Budget) -> Result<Option<Mark>, CheckpointError> {
    let mut retry = RETRY[0];
    let (mut mark, mut bytes) = packed(cell).await?;
    let (mut may_be_written, mut refused) = (false, Refused::default());
    // Once, however often it is tried: what is refused is not stored, and others would wait for it.
    budget.spend(&cell.key, bytes.len());
    loop {
        let error = match store.save(bytes.clone()).await {
            Ok(()) => return Ok(Some(mark)),
            Err(SaveError::Conflict) => {
                if matches!(store.load().await, Ok(Kept::Checkpoint(kept)) if kept == bytes) {
                    // Ours: it was carried out, and nobody said so.
                    return Ok(Some(mark));
                }
                warn!(run = %cell.key, "another operator wrote the checkpoint; going on from what it holds");
                reload(cell, store).await;
                return Ok(None);
            }
            Err(error) => error,
        };
        warn!(run = %cell.key, %error, ?retry, "checkpoint is not durable; runners keep what it does not hold");
        if refused.is_for_good(error.is_lasting(), Instant::now()) {
            let message = format!("what the run has measured can't be kept: {error}");
            cell.break_off(reasons::CHECKPOINT_REFUSED, &message).await;
        }
        sleep(retry).await;
        retry = (retry * 2).min(RETRY[1]);
        may_be_written |= !error.is_refusal();
        if !may_be_written {
            (mark, bytes) = packed(cell).await?;
        }
    }
}

/// The session as bytes that fit.
async fn packed(cell: &Arc<Cell>) -> Result<(Mark, Vec<u8>), CheckpointError> {
    // Compression takes a while, and so does folding: not on a thread that serves runners.
    let cell = cell.clone();
    let packing = spawn_blocking(move || {
        let mut is_recorded = true;
        loop {
            let record = cell.record.kept().filter(|_| is_recorded);
            let (mark, state) = {
                let mut session = cell.lock_blocking();
                (session.begin(), session.state().clone())
            };
            let bytes = match pack(&state, record.as_ref()) {
                Ok(bytes) if bytes.len() <= MOST_BYTES => return Ok((mark, bytes)),
                Ok(bytes) => bytes.len(),
                Err(CheckpointError::Large(bytes)) => bytes,
                Err(error) => return Err(error),
            };
            drop(state);
            if cell.lock_blocking().fold() {
                info!(run = %cell.key, bytes, "checkpoint is too large; giving up the finest that it has");
            } else if record.is_some() {
                // The figures of its target are what a run can best do without.
                warn!(run = %cell.key, bytes, "checkpoint is too large; leaving out the record of the target");
                is_recorded = false;
            } else {
                return Err(CheckpointError::Oversized(bytes));
            }
        }
    });
    packing.await.map_err(|error| CheckpointError::Packing(std::io::Error::other(error)))?
}

/// Forgets what is not durable, as a restart would; the runners still have it.
async fn reload(cell: &Cell, store: &mut Store) {
    let mut retry = RETRY[0];
    loop {
        match restored(cell, store).await {
            Ok(session) => return cell.begin_anew(session).await,
            Err(error) => {
                warn!(run = %cell.key, %error, ?retry, "checkpoint can't be read again");
                sleep(retry).await;
                retry = (retry * 2).min(RETRY[1]);
            }
        }
    }
}

async fn restored(cell: &Cell, store: &mut Store) -> Result<Session, String> {
    let kept = store.load().await.map_err(|error| error.to_string())?;
    let restored = unpacked(kept).await.map_err(|error| error.to_string())?.map(|(session, ..)| session);
    let history = restored.as_ref().map_or(&[][..], |session| &session.history);
    if cell.config.at(history)?.plan.epoch != cell.config.plan.epoch {
        return Err("the run is at another epoch there".into());
    }
    let session = Session::new(&cell.config.plan, restored);
    fence(&session, &cell.record, store).await.map_err(|error| error.to_string())?;
    Ok(session)
}

/// What was kept, as it was.
///
/// # Errors
/// When it is no checkpoint.
pub async fn unpacked(kept: Kept) -> Result<Option<(Durable, Option<Record>)>, CheckpointError> {
    let bytes = match kept {
        Kept::Nothing => return Ok(None),
        Kept::Checkpoint(bytes) | Kept::Legacy(bytes) => bytes,
    };
    let unpacking = spawn_blocking(move || unpack(&bytes)).await;
    unpacking.map_err(|error| CheckpointError::Packing(std::io::Error::other(error)))?.map(Some)
}

/// Makes a session that was just made the only one that can write from here on: whatever an operator before it has under
/// way will be refused. Only then may it speak to runners, whose deltas would else be merged over what another
/// checkpoint ends with.
///
/// # Errors
/// When the API server does not take it.
pub async fn fence(session: &Session, record: &SharedRecord, store: &mut Store) -> Result<usize, FenceError> {
    let (state, record) = (session.state().clone(), record.kept());
    let packing = spawn_blocking(move || pack(&state, record.as_ref())).await;
    let bytes = packing.map_err(|error| CheckpointError::Packing(std::io::Error::other(error)))??;
    let length = bytes.len();
    store.save(bytes).await?;
    Ok(length)
}

/// Why a session can't be the only one.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// It can't be packed.
    #[error(transparent)]
    Packing(#[from] CheckpointError),
    /// It can't be written.
    #[error(transparent)]
    Save(#[from] SaveError),
}

#[cfg(test)]
mod tests;
