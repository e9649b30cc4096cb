// SPDX-License-Identifier: Apache-2.0
//! All sessions of this operator.

mod epochs;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use kube::{Api, Client};
use tokio::sync::broadcast;
use tracing::{info, warn};
use upsurge_core::autoscaling;
use upsurge_crds::{LoadTestRun, names::reasons, v1alpha1::Phase};

use self::epochs::Observing;
use super::{
    admission::Room,
    authentication::{Authenticator, Denied, Identity},
    budget::Budget,
    cell::Cell,
    checkpoint::CheckpointError,
    memory::Memory,
    pace::Pace,
    rations::Rations,
    session::Session,
    shelf::Shelf,
    single_flight::SingleFlight,
    store::{LoadError, SaveError, Store},
    view::{RunKey, SessionConfig, SessionSnapshot},
    writer,
};
use crate::{cache::Cache, leader::Leader, recording::SharedRecord};

/// Changes that a slow listener may lag behind before it is told of all runs instead.
const CHANGES: usize = 1_024;
/// How long it counts what was found out about a run without a session.
const FATE_LASTS: Duration = Duration::from_secs(2);

/// Most runs that are looked up at the same time.
const MOST_ASKED: usize = 64;

/// Why a session can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no checkpoint that can be read.
    #[error("checkpoint {namespace}/{name}: {source}")]
    Load {
        /// Namespace of the checkpoint.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: LoadError,
    },
    /// The first checkpoint can't be written.
    #[error("checkpoint {namespace}/{name}: {source}")]
    Save {
        /// Namespace of the checkpoint.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: SaveError,
    },
    /// The checkpoint is not what this operator writes.
    #[error("checkpoint {namespace}/{name} is damaged: {message}; delete the run and start it again")]
    Damaged {
        /// Namespace of the checkpoint.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}

impl SessionError {
    /// Why trying again is of no use, as a reason of ours; `None` if it may help.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Load { source: LoadError::Api(_), .. } | Self::Save { .. } => None,
            Self::Load { source: LoadError::Lost, .. } | Self::Damaged { .. } => {
                Some(reasons::CHECKPOINT_DAMAGED)
            }
            Self::Load { source: LoadError::Unknown { .. } | LoadError::Legacy { .. }, .. } => {
                Some(reasons::CHECKPOINT_UNKNOWN)
            }
        }
    }
}

/// What is to be said to a runner of a run that has no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The run is there and not finished: its session will open.
    NotOpen,
    /// Its load is over: it is finished or deleted, or its target is being put back.
    Gone,
}

/// The sessions of all runs under way; clones share them.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    cache: Cache,
    authenticator: Authenticator,
    rations: Rations,
    room: Room,
    serving: AtomicBool,
    leader: Leader,
    cells: RwLock<HashMap<RunKey, Arc<Cell>>>,
    /// Runs whose sessions are being opened.
    opening: Mutex<HashMap<RunKey, Arc<tokio::sync::Mutex<()>>>>,
    fates: Mutex<HashMap<RunKey, (Instant, Fate)>>,
    /// Runs whose fate is being asked for.
    asked: SingleFlight<RunKey, Result<Fate, Denied>>,
    budget: Arc<Budget>,
    pace: Arc<Pace>,
    memory: Arc<Memory>,
    shelf: Shelf,
    changes: broadcast::Sender<RunKey>,
}

impl Sessions {
    /// No sessions yet; runners are told to try again until [`Self::set_serving`].
    pub fn new(client: Client) -> Self {
        Self::within(client, Memory::default(), Cache::default())
    }

    /// The same, with room for figures, and with what is watched.
    pub fn within(client: Client, memory: Memory, cache: Cache) -> Self {
        let shared = Shared {
            cache,
            authenticator: Authenticator::new(client.clone()),
            rations: Rations::default(),
            room: Room::default(),
            client,
            serving: AtomicBool::new(false),
            leader: Leader::default(),
            cells: RwLock::default(),
            opening: Mutex::default(),
            fates: Mutex::default(),
            asked: SingleFlight::new(MOST_ASKED, 0),
            budget: Arc::default(),
            pace: Arc::default(),
            memory: Arc::new(memory),
            shelf: Shelf::default(),
            changes: broadcast::channel(CHANGES).0,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Whether this operator leads: only then are runners served, all others answer 503.
    pub fn set_serving(&self, serving: bool) {
        self.shared.serving.store(serving, Ordering::SeqCst);
    }

    /// Where runners are led as long as another operator leads.
    pub fn leader(&self) -> Leader {
        self.shared.leader.clone()
    }

    /// Opens the session of a run, from its checkpoint if there is one, and starts to watch the target's
    /// autoscaler. Nothing happens if it is open already.
    ///
    /// # Errors
    /// When the checkpoint can't be read; try again.
    pub async fn open(&self, config: SessionConfig) -> Result<(), SessionError> {
        let key = config.key();
        if self.is_open(&key, &config.plan.uid) {
            return Ok(());
        }
        let opening = self.alone(&key);
        let _alone = opening.lock().await;
        if self.is_open(&key, &config.plan.uid) {
            return Ok(());
        }
        self.close(&key).await;
        let mut store = Store::new(self.shared.client.clone(), &config);
        let checkpoint = config.checkpoint.clone();
        let place = || (key.namespace.clone(), checkpoint.clone());
        let kept = store.load().await.map_err(|source| {
            let (namespace, name) = place();
            SessionError::Load { namespace, name, source }
        })?;
        let damaged = |error: CheckpointError| {
            let (namespace, name) = place();
            SessionError::Damaged { namespace, name, message: error.to_string() }
        };
        let restored = writer::unpacked(kept).await.map_err(damaged)?;
        let was_kept = restored.is_some();
        let (session, record) = restored.map_or((None, None), |(session, record)| (Some(session), record));
        let workloads = config.plan.test.target.workloads.iter();
        let demands = workloads.map(|workload| autoscaling::declared(workload, &config.valid.timeline));
        let record = SharedRecord::of(record, demands.collect());
        let config = match &session {
            Some(session) => config.at(&session.history),
            None => config.at(&[]),
        };
        let config = config.map_err(|message| {
            let (namespace, name) = place();
            SessionError::Damaged { namespace, name, message }
        })?;
        let session = Session::new(&config.plan, session);
        info!(run = %key, restored = was_kept, session = session.number(), epoch = session.epoch(), "opening session");
        self.enter(config, session, record, store, Observing::default()).await
    }

    /// Time from one message of a runner to its next, as runners are told.
    pub fn report_interval(&self) -> Duration {
        self.shared.pace.interval()
    }

    /// How many sessions are open.
    pub fn count(&self) -> usize {
        self.shared.cells.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The session's state; `None` if it is not open.
    pub async fn snapshot(&self, run: &RunKey) -> Option<SessionSnapshot> {
        Some(self.cell(run)?.snapshot().await)
    }

    /// Whether the session of a run is open.
    pub fn has(&self, run: &RunKey) -> bool {
        self.cell(run).is_some()
    }

    /// Tells the runners of a run to stop; the first reason stays.
    pub async fn stop(&self, run: &RunKey, reason: &str) {
        if let Some(cell) = self.cell(run) {
            cell.stop(reason).await;
        }
    }

    /// The load of a run has ended, as far as it ever will: has the steps of `after` done. Told again after a restart
    /// of the operator; they are done once.
    pub async fn run_after(&self, run: &RunKey) {
        if let Some(cell) = self.cell(run) {
            cell.run_after().await;
        }
    }

    /// The load of a run has ended; it lasted from one instant to the other: has the test's Prometheus server asked
    /// by runner 0. Told again after a restart of the operator; it is asked once.
    pub async fn ask_prometheus(&self, run: &RunKey, start: Timestamp, end: Timestamp) {
        let nanoseconds = |at: Timestamp| i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX);
        if let Some(cell) = self.cell(run) {
            cell.ask_prometheus(nanoseconds(start), nanoseconds(end)).await;
        }
    }

    /// Ends a session and frees what it held; its runners are answered 410 once the load of the run is over, or it is
    /// deleted. The checkpoint stays, it goes with the run.
    pub async fn close(&self, run: &RunKey) {
        let cell = self.shared.cells.write().unwrap_or_else(PoisonError::into_inner).remove(run);
        if let Some(cell) = cell {
            cell.end();
            self.shared.budget.leave(run);
            self.shared.pace.leave(run);
            self.shared.memory.leave(run);
            self.fates().remove(run);
            info!(run = %run, "session is closed");
        }
    }

    /// Runs whose state changed in a way that a controller should look at: a runner is ready, failed or
    /// ended, the load started, a threshold stops the run. Never lossy: a slow
    /// reader is told of every open run.
    pub fn changes(&self) -> impl Stream<Item = RunKey> + Send + use<> {
        let sessions = self.clone();
        let changes = self.shared.changes.subscribe();
        stream::unfold((sessions, changes), |(sessions, mut changes)| async move {
            let runs = match changes.recv().await {
                Ok(run) => vec![run],
                Err(broadcast::error::RecvError::Lagged(_)) => sessions.runs(),
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((stream::iter(runs), (sessions, changes)))
        })
        .flatten()
    }

    /// A runner pod is gone: its tokens count no more.
    pub fn pod_gone(&self, uid: &str) {
        self.shared.authenticator.forget_pod(uid);
    }

    pub(super) fn is_serving(&self) -> bool {
        self.shared.serving.load(Ordering::SeqCst)
    }

    pub(super) fn authenticator(&self) -> &Authenticator {
        &self.shared.authenticator
    }

    pub(super) fn rations(&self) -> &Rations {
        &self.shared.rations
    }

    pub(super) fn room(&self) -> &Room {
        &self.shared.room
    }

    pub(super) fn shelf(&self) -> &Shelf {
        &self.shared.shelf
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.shared.cache
    }

    pub(super) fn client(&self) -> &Client {
        &self.shared.client
    }

    /// All open sessions.
    pub(super) fn cells(&self) -> Vec<Arc<Cell>> {
        self.shared.cells.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(super) fn cell(&self, run: &RunKey) -> Option<Arc<Cell>> {
        self.shared.cells.read().unwrap_or_else(PoisonError::into_inner).get(run).cloned()
    }

    /// What became of a run without a session, for who has proved to be a pod of its namespace. Asked of the API server: a
    /// session that is not open *yet* must not stop the load of a run that goes on.
    pub(super) async fn fate(&self, run: &RunKey, who: &Identity) -> Result<Fate, Denied> {
        let now = Instant::now();
        let known = {
            let mut fates = self.fates();
            fates.retain(|_, (until, _)| now < *until);
            fates.get(run).map(|(_, fate)| *fate)
        };
        if let Some(fate) = known {
            return Ok(fate);
        }
        let asked = self.shared.asked.ask_if(
            run.clone(),
            || self.may_ask(&run.namespace, &who.pod),
            || look_up(self.shared.client.clone(), run.clone()),
        );
        let busy = || Err(Denied::Unavailable("too many runs are looked up at the moment: try again".into()));
        let fate = asked.await.unwrap_or_else(busy)?;
        self.fates().insert(run.clone(), (now + FATE_LASTS, fate));
        Ok(fate)
    }

    fn fates(&self) -> MutexGuard<'_, HashMap<RunKey, (Instant, Fate)>> {
        self.shared.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_open(&self, run: &RunKey, uid: &str) -> bool {
        self.cell(run).is_some_and(|cell| cell.config.plan.uid == uid)
    }

    fn runs(&self) -> Vec<RunKey> {
        self.shared.cells.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

async fn look_up(client: Client, run: RunKey) -> Result<Fate, Denied> {
    let runs: Api<LoadTestRun> = Api::namespaced(client, &run.namespace);
    let found = runs.get_opt(&run.name).await.map_err(|error| {
        warn!(%run, %error, "run can't be looked up");
        Denied::Unavailable(format!("run {run} can't be looked up at the moment: try again"))
    })?;
    Ok(if found.is_none_or(|run| is_over(&run)) { Fate::Gone } else { Fate::NotOpen })
}

/// Whether there is no load any more, though the run may be kept until what it has set at its target is put back.
fn is_over(run: &LoadTestRun) -> bool {
    let phase = run.status.as_ref().and_then(|status| status.phase);
    run.metadata.deletion_timestamp.is_some() || matches!(phase, Some(Phase::Restoring | Phase::Finished))
}
