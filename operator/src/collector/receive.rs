// SPDX-License-Identifier: Apache-2.0
//! From a message with deltas to the session: one delta after the other is read, checked and merged.
//!
//! Decoding histograms takes a while, so what may take long is done on a thread of its own. A delta that the session has is not read
//! again.

use upsurge_core::{
    intake::{Batch, Taken},
    protocol::{DeltaBatch, DeltaReply},
};

use super::{
    cell::{Cell, now},
    session::{Pod, Refusal},
};

/// Most memory that the deltas of a message may take which are taken at once; runners of ours send less.
const MOST_AT_ONCE: usize = 64 << 20;

/// What came of a message.
#[derive(Debug)]
pub struct Received {
    /// The answer.
    pub reply: DeltaReply,
    /// The message, without its deltas.
    pub head: DeltaBatch,
    /// Whether the runner waits for the answer to its last words.
    pub is_last: bool,
}

/// Has a session take what a runner sent. A runner that sends what no runner does has failed.
///
/// # Errors
/// When something of it is not taken; what came before is.
pub async fn receive(cell: &Cell, pod: &Pod, batch: &Batch<'_>) -> Result<Received, Refusal> {
    let Batch { version, runner, epoch, start, started_at, session, .. } = *batch;
    let received = take_all(cell, pod, batch).await;
    if let Err(refusal) = &received
        && !matches!(refusal, Refusal::Gap(_) | Refusal::Taken { .. })
    {
        cell.speak(runner, |session| session.object(runner, refusal)).await;
    }
    let (mut reply, is_last) = received?;
    reply.interval_ms = u64::try_from(cell.pace.interval().as_millis()).ok();
    let (pod, deltas) = (batch.pod.clone(), Vec::new());
    let head = DeltaBatch { version, runner, pod, epoch, start, started_at, session, deltas };
    Ok(Received { reply, head, is_last })
}

async fn take_all(cell: &Cell, pod: &Pod, batch: &Batch<'_>) -> Result<(DeltaReply, bool), Refusal> {
    let Batch { version, runner, epoch, start, started_at, session, .. } = *batch;
    let of = |deltas| DeltaBatch {
        version,
        runner,
        pod: batch.pod.clone(),
        epoch,
        start,
        started_at,
        session,
        deltas,
    };
    let refused = |objection| Refusal::Content { runner, objection };
    // Also without deltas: the runner shows that it is there, and asks.
    let mut reply = cell.speak(runner, |session| session.deltas(&of(Vec::new()), pod, now())).await?;
    let (mut is_last, mut taken) = (false, 0);
    for (index, delta) in batch.deltas.iter().enumerate() {
        // What is left is sent again: others wait for their turn.
        if taken > MOST_AT_ONCE {
            break;
        }
        if index > 0 {
            // Small ones may come in great numbers, and this thread may be one that serves others.
            tokio::task::yield_now().await;
        }
        let number = delta.number().map_err(refused)?;
        {
            let known = cell.lock().await;
            if number <= known.received(runner) || session.is_some_and(|meant| meant != known.number()) {
                continue;
            }
        }
        let Taken { delta, foreign } = cell.intake.take(*delta).map_err(refused)?;
        cell.pace.note(&cell.key, runner, delta.metrics.len());
        let ends = delta.done.is_some() || delta.after.is_some() || delta.checks.is_some();
        let prepared = cell.preparing.prepare(delta).map_err(refused)?;
        taken += prepared.bytes();
        let merged = cell.speak(runner, |session| {
            foreign.into_iter().for_each(|what| session.note_foreign(what));
            session.merge(&of(Vec::new()), std::iter::once(Ok(prepared)), pod, now())
        });
        reply = merged.await?;
        is_last |= ends;
    }
    Ok((reply, is_last))
}

#[cfg(test)]
mod cost;
#[cfg(test)]
mod tests;
