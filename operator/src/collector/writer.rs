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
    store::{Kept, SaveError, Store},
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
            Err(error @ (SaveError::Api(_) | SaveError::Timeout)) => {
                warn!(run = %cell.key, %error, ?retry, "checkpoint is not durable; runners keep what it does not hold");
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
            Ok(Kept::Nothing) => Ok(None),
            Ok(Kept::Checkpoint(bytes) | Kept::Legacy(bytes)) => {
                unpack(&bytes).map(Some).map_err(|error| error.to_string())
            }
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

#[cfg(test)]
mod tests {
    use upsurge_core::{
        metrics::{Selector, SeriesKey, Sink, Tags, Trend, names},
        protocol::{Delta, DeltaBatch, PROTOCOL_VERSION},
        validate::validate,
    };

    use super::*;
    use crate::{
        collector::{
            session::tests::{plan, pod},
            view::SessionConfig,
        },
        sampling::SharedObservation,
    };

    const REQUESTS: u64 = 150;
    const RECORDS: u64 = 600;

    fn cell() -> Cell {
        let plan = plan(1, false);
        let valid = Arc::new(validate(&plan.test).unwrap());
        let session = Session::new(&plan, None);
        let config = SessionConfig {
            plan: Arc::new(plan),
            valid,
            job: "checkout-1".into(),
            checkpoint: "checkout-1-checkpoint".into(),
            labels: Default::default(),
            owner: Default::default(),
            is_under_way: false,
        };
        Cell::new(config, session, SharedObservation::default(), tokio::sync::broadcast::channel(1).0)
    }

    /// Times without any order, so that they don't compress well.
    fn noise(seed: &mut u64) -> Trend {
        let mut trend = Trend::default();
        for _ in 0..RECORDS {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            trend.record(Duration::from_micros((*seed >> 40) % 900_000));
        }
        trend
    }

    #[tokio::test]
    async fn a_checkpoint_that_grows_too_large_gives_up_the_finest_tags_and_no_request() {
        let cell = cell();
        let (mut seed, mut delta) = (7, Delta { number: 1, to_ms: 1_000, ..Delta::default() });
        for stage in ["warm-up", "ramp-up", "hold"] {
            for request in 0..REQUESTS {
                let tags = Tags {
                    stage: Some(stage.into()),
                    request: Some(format!("request {request}")),
                    ..Tags::default()
                };
                for metric in [
                    names::HTTP_REQ_DURATION,
                    names::HTTP_REQ_BLOCKED,
                    names::HTTP_REQ_WAITING,
                    names::HTTP_REQ_RECEIVING,
                    names::HTTP_REQ_SENDING,
                ] {
                    let key = SeriesKey { metric: metric.into(), tags: tags.clone() };
                    delta.metrics.add(key, &Sink::Trend(noise(&mut seed)));
                }
            }
        }
        let batch = DeltaBatch {
            version: PROTOCOL_VERSION,
            runner: 0,
            pod: pod(0).name,
            start: 0,
            started_at: 0,
            deltas: vec![delta],
        };
        cell.speak(0, |session| session.deltas(&batch, &pod(0), 0)).unwrap();
        let before = cell.lock().state().totals.metrics.len();
        let (mark, bytes) = packed(&cell).await.unwrap();
        assert!(bytes.len() <= MOST_BYTES, "{} bytes", bytes.len());
        assert!(cell.lock().mark() == mark, "what was packed is what there is");
        let totals = unpack(&bytes).unwrap().0.totals;
        assert!(totals.folded > 0 && totals.metrics.len() < before, "{} bytes without folding", bytes.len());
        let requests = totals.metrics.trend(names::HTTP_REQ_DURATION, &Selector::default()).count();
        assert_eq!(requests, 3 * REQUESTS * RECORDS);
        let hold = Selector { stage: Some("hold".into()), ..Selector::default() };
        assert_eq!(totals.metrics.trend(names::HTTP_REQ_DURATION, &hold).count(), REQUESTS * RECORDS);
    }
}
