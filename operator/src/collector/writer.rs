// SPDX-License-Identifier: Apache-2.0
//! The one task per session that makes it durable, and the one that looks for reasons to stop it.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, info, warn};
use upsurge_core::autoscaling::Observation;

use super::{
    budget::Budget,
    cell::Cell,
    checkpoint::{CheckpointError, MOST_BYTES, pack, unpack},
    session::{Durable, Mark, Session},
    store::{Kept, SaveError, Store},
};
use crate::sampling::{Kept as Record, SharedObservation};

/// Time between two checkpoints of a run, unless the next one can't wait; longer where the budget of all runs says so.
const PAUSE: Duration = Duration::from_secs(5);
/// Time between two that can't wait.
const URGENT_PAUSE: Duration = Duration::from_millis(200);
/// A checkpoint that takes long to write is written less often: at most this part of the time.
const BUSY_SHARE: u32 = 4;
/// First and longest wait after the API server refused a checkpoint.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// Time between two looks at the thresholds that stop a run.
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
                cell.saved(&mark);
            }
            Ok(None) => next = Instant::now() + PAUSE,
            Err(error) => {
                warn!(run = %cell.key, %error, "checkpoint can't be packed; runners keep what is not durable");
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

/// Returns when there is something to write and it is the run's turn, or it is urgent; not before the one or other time.
async fn wait(cell: &Cell, [urgent_from, next]: [Instant; 2], budget: &Budget) {
    loop {
        let (dirty, urgent) = {
            let session = cell.lock();
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
            () = cell.observation.changed() => cell.lock().touch(),
            () = turn, if dirty => return,
        }
    }
}

/// Writes what is known now, however long it takes; `None` if another operator did, and it was gone on from there.
///
/// Whether a write that got no answer was carried out is not known. So the same is written again until it is: were
/// something else written, runners would have to keep apart what ends with each of them.
async fn save(cell: &Cell, store: &mut Store, budget: &Budget) -> Result<Option<Mark>, CheckpointError> {
    let mut retry = RETRY[0];
    let (mut mark, mut bytes) = packed(cell).await?;
    let mut may_be_written = false;
    loop {
        budget.spend(&cell.key, bytes.len());
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
        sleep(retry).await;
        retry = (retry * 2).min(RETRY[1]);
        may_be_written |= !error.is_refusal();
        if !may_be_written {
            (mark, bytes) = packed(cell).await?;
        }
    }
}

/// The session as bytes that fit.
async fn packed(cell: &Cell) -> Result<(Mark, Vec<u8>), CheckpointError> {
    loop {
        let (observation, record) = (cell.observation.get(), cell.observation.kept());
        let (mark, state) = {
            let mut session = cell.lock();
            (session.begin(), session.state().clone())
        };
        // Compression takes a while: not on a thread that serves runners.
        let packing = spawn_blocking(move || pack(&state, &observation, record.as_ref())).await;
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
        match restored(cell, store).await {
            Ok(session) => return cell.begin_anew(session),
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
    let restored = unpacked(kept).await.map_err(|error| error.to_string())?;
    let session = Session::new(&cell.config.plan, restored.map(|(session, ..)| session));
    fence(&session, &cell.observation, store).await.map_err(|error| error.to_string())?;
    Ok(session)
}

/// What was kept, as it was.
///
/// # Errors
/// When it is no checkpoint.
pub async fn unpacked(kept: Kept) -> Result<Option<(Durable, Observation, Option<Record>)>, CheckpointError> {
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
pub async fn fence(
    session: &Session,
    observation: &SharedObservation,
    store: &mut Store,
) -> Result<usize, FenceError> {
    let (state, observation, record) = (session.state().clone(), observation.get(), observation.kept());
    let packing = spawn_blocking(move || pack(&state, &observation, record.as_ref())).await;
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
mod tests {
    use std::sync::Mutex;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
    use serde_json::json;
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
        played::{Asked, failure, server},
    };

    const REQUESTS: u64 = 150;
    const RECORDS: u64 = 600;

    fn config() -> SessionConfig {
        let plan = plan(1, false);
        let valid = Arc::new(validate(&plan.test).unwrap());
        let owner = OwnerReference { uid: plan.uid.clone(), ..OwnerReference::default() };
        SessionConfig {
            plan: Arc::new(plan),
            valid,
            job: "checkout-1".into(),
            checkpoint: "checkout-1-checkpoint".into(),
            labels: Default::default(),
            owner,
            is_under_way: false,
        }
    }

    fn cell() -> Cell {
        let (config, changes) = (config(), tokio::sync::broadcast::channel(1).0);
        let session = Session::new(&config.plan, None);
        Cell::new(config, session, SharedObservation::default(), Arc::default(), Arc::default(), changes)
    }

    /// An API server that keeps a checkpoint under an optimistic lock. It does not say so of the second version.
    fn forgetful() -> kube::Client {
        let kept = Mutex::new((0, json!(null)));
        let answer = move |asked: &Asked| {
            let mut kept = kept.lock().unwrap();
            let said = &asked.body["metadata"]["resourceVersion"];
            match asked.method.as_str() {
                "GET" if kept.0 == 0 => failure(404, "NotFound"),
                "GET" => (200, kept.1.clone()),
                "PUT" if *said != json!(kept.0.to_string()) => failure(409, "Conflict"),
                _ => {
                    *kept = (kept.0 + 1, asked.body.clone());
                    kept.1["metadata"]["resourceVersion"] = json!(kept.0.to_string());
                    if kept.0 == 2 { failure(504, "Timeout") } else { (200, kept.1.clone()) }
                }
            }
        };
        server(answer).0
    }

    fn report(cell: &Cell, number: u64) {
        let batch = DeltaBatch {
            version: PROTOCOL_VERSION,
            runner: 0,
            pod: pod(0).name,
            start: 0,
            started_at: 0,
            session: None,
            deltas: vec![Delta { number, ..Delta::default() }],
        };
        cell.speak(0, |session| session.deltas(&batch, &pod(0), 0)).unwrap();
    }

    #[tokio::test]
    async fn a_write_that_was_carried_out_without_an_answer_is_no_other_operators() {
        let (cell, mut store) = (cell(), Store::new(forgetful(), &config()));
        store.load().await.unwrap();
        let session = cell.lock().clone();
        fence(&session, &cell.observation, &mut store).await.unwrap();
        report(&cell, 1);
        let opened = cell.snapshot().opened_at;
        let mark = save(&cell, &mut store, &Budget::default()).await.unwrap().unwrap();
        cell.saved(&mark);
        let runner = cell.snapshot().runners.remove(0);
        assert_eq!((runner.received, runner.acknowledged), (1, 1));
        assert!(runner.last_seen.is_some(), "a runner that was heard a moment ago has not been silent");
        let number = cell.lock().number();
        assert_eq!((number, cell.snapshot().opened_at), (1, opened));
    }

    #[tokio::test]
    async fn after_another_operator_wrote_nobody_counts_as_silent() {
        let (cell, client) = (cell(), forgetful());
        let mut store = Store::new(client.clone(), &config());
        store.load().await.unwrap();
        let session = cell.lock().clone();
        fence(&session, &cell.observation, &mut store).await.unwrap();
        report(&cell, 1);
        let opened = cell.snapshot().opened_at;
        let mut other = Store::new(client, &config());
        let restored = unpacked(other.load().await.unwrap()).await.unwrap().unwrap().0;
        let session = Session::new(&config().plan, Some(restored));
        // The second version is kept, and the third takes its place.
        fence(&session, &cell.observation, &mut other).await.unwrap_err();
        assert!(save(&cell, &mut store, &Budget::default()).await.unwrap().is_none());
        let snapshot = cell.snapshot();
        assert_eq!((cell.lock().number(), snapshot.runners[0].received), (3, 0), "the runner sends it again");
        assert!(snapshot.opened_at > opened && snapshot.runners[0].last_seen.is_none());
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
            session: None,
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
