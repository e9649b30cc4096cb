// SPDX-License-Identifier: Apache-2.0
//! Observation of a workload while the command makes the load, with the operator's observer, figures and verdict.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{Client, core::GroupVersionKind, discovery};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{sleep, timeout},
};
use upsurge_core::{
    autoscaling::{self, Observed, Restless},
    losses::Losses,
    metrics::Metrics,
    plan::Timeline,
    thresholds::Windows,
    validate::Valid,
};
use upsurge_crds::{
    LoadTestSpec,
    names::reasons,
    v1alpha1::{TimeSpan, Workload},
};
use upsurge_figures::{
    observation::{Event, Source, What},
    workload::Workload as Record,
};
use upsurge_observer::{FindError, Observer, Target, find, plain};
use upsurge_record::model::ObservedWorkload;

use super::{
    connect::{Cluster, ConnectError, connect},
    rights::{Right, missing, role},
};
use crate::cli::{arguments::ObserveArguments, say, watched::Watched};

/// Longest time between two looks whether there is still something to wait for.
const LOOK: Duration = Duration::from_secs(1);

/// Most events that wait for somebody who asks: as many as a log has.
const MOST_FRESH: usize = 5_300;

/// An observation that goes on until it is dropped.
pub(in crate::cli) struct Observation {
    record: Arc<Mutex<Record>>,
    changed: Arc<Notify>,
    workload: Workload,
    base_url: String,
    /// What nobody has asked for yet, for whoever writes down what happens as it comes.
    fresh: Arc<Mutex<VecDeque<Event>>>,
    watching: JoinHandle<()>,
}

/// Why nothing can be observed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ObserveError {
    /// There is nothing to observe.
    #[error("--observe needs spec.target.workloads: it says whose replicas are observed")]
    NoWorkload,
    /// No cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The kind of the workload is not known there.
    #[error("the API server of the cluster can't tell about {kind} in {api_version}: {}", plain(.source))]
    Kind {
        kind: String,
        api_version: String,
        #[source]
        source: Box<kube::Error>,
    },
    /// Rights are missing.
    #[error(
        "--observe may not read all that it needs in namespace {namespace}; this Role gives what is missing:\n\n{role}"
    )]
    Rights { namespace: String, role: String },
    /// There is no such workload.
    #[error(transparent)]
    Find(#[from] FindError),
}

/// Begins to observe the workload of a test, if that is asked for.
pub(in crate::cli) async fn observe(
    arguments: &ObserveArguments,
    namespace: Option<&str>,
    test: &LoadTestSpec,
    valid: &Valid,
) -> Result<Option<Observation>, ObserveError> {
    if !arguments.observe {
        return Ok(None);
    }
    let workload = test.target.workload().ok_or(ObserveError::NoWorkload)?.clone();
    let Cluster { client, namespace } = connect(&arguments.cluster, namespace).await?;
    let target = Target {
        namespace,
        api_version: workload.api_version.clone(),
        kind: workload.kind.clone(),
        name: workload.name.clone(),
    };
    check_rights(&client, &target, !test.usage.is_empty()).await?;
    find(&client, &target).await?;
    let demand = autoscaling::declared(&workload, &valid.timeline);
    let (record, changed) = (Arc::new(Mutex::new(Record::new(demand))), Arc::new(Notify::new()));
    let (noted, news) = (Arc::clone(&record), Arc::clone(&changed));
    let observer = Observer::new(target);
    let fresh = Arc::<Mutex<VecDeque<Event>>>::default();
    let coming = Arc::clone(&fresh);
    let watching = tokio::spawn(upsurge_observer::observe(client, observer, move |events| {
        let mut coming = coming.lock().unwrap_or_else(PoisonError::into_inner);
        coming.extend(events.iter().cloned());
        let surplus = coming.len().saturating_sub(MOST_FRESH);
        drop(coming.drain(..surplus));
        drop(coming);
        let mut record = lock(&noted);
        events.into_iter().for_each(|event| record.note(event));
        drop(record);
        news.notify_one();
    }));
    let base_url = test.target.base_url.clone();
    Ok(Some(Observation { record, changed, workload, base_url, fresh, watching }))
}

async fn check_rights(client: &Client, target: &Target, limits_usage: bool) -> Result<(), ObserveError> {
    let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
    let kind = GroupVersionKind::gvk(group, version, &target.kind);
    let (resource, _) = discovery::pinned_kind(client, &kind).await.map_err(|source| ObserveError::Kind {
        kind: target.kind.clone(),
        api_version: target.api_version.clone(),
        source: Box::new(source),
    })?;
    let rights = Right::of_observing(group, &resource.plural, target.is_built_in(), limits_usage);
    let missing = missing(client, &target.namespace, rights).await;
    if missing.iter().any(|right| right.is_needed) {
        let (namespace, role) = (target.namespace.clone(), role(&target.namespace, &missing));
        return Err(ObserveError::Rights { namespace, role });
    }
    for right in missing {
        say::line(format_args!("note: {}", right.without()));
    }
    Ok(())
}

impl Observation {
    /// Waits until everything was looked at, or it is known why it can't be.
    pub(in crate::cli) async fn looked(&self, within: Duration) -> Result<(), String> {
        let all = async {
            while !has_looked(&lock(&self.record)) {
                self.changed.notified().await;
            }
        };
        let late = |_| {
            let span = TimeSpan(within);
            format!("the target's workload was not seen within {span} (spec.deadlines.prepare)")
        };
        timeout(within, all).await.map_err(late)
    }

    /// Waits until the workload is at its autoscaler's minimum, as the operator does.
    pub(in crate::cli) async fn quiet(&self, limit: TimeSpan) -> Result<(), Restless> {
        let (began, mut is_told) = (Instant::now(), false);
        loop {
            let known = lock(&self.record).known();
            let quiet = match known.levels().asked {
                Some(_) => autoscaling::quiet(&known),
                // A watch was lost, and comes again.
                None => Err(Restless {
                    reason: reasons::TARGET_NOT_IDLE,
                    message: "nobody sees how many replicas the workload has".into(),
                }),
            };
            let Err(Restless { reason, message }) = quiet else { return Ok(()) };
            let left = limit.0.saturating_sub(began.elapsed());
            if left.is_zero() {
                let field = "spec.autoscaling.waitForIdle.timeout";
                let message = format!("{field} of {limit} has passed: {message}");
                return Err(Restless { reason, message });
            }
            if !std::mem::replace(&mut is_told, true) {
                say::line(format_args!("waiting at most {limit} for a quiet target: {message}"));
            }
            tokio::select! {
                () = sleep(left.min(LOOK)) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// The load starts.
    pub(in crate::cli) fn begin(&self, timeline: &Timeline, start: Timestamp) {
        autoscaling::begin(&mut lock(&self.record), timeline, start);
    }

    /// The load turns back after a time, and goes like this then.
    pub(in crate::cli) fn turn(&self, turned: &Timeline, start: Timestamp, at: Duration) {
        autoscaling::turn(&mut lock(&self.record), turned, start, at);
    }

    /// Waits after the load until time can decide no more of what is expected.
    pub(in crate::cli) async fn settled(&self, timeline: &Timeline, start: Timestamp, load_end: Timestamp) {
        lock(&self.record).end_load(load_end);
        let mut is_told = false;
        loop {
            let now = Timestamp::now();
            let until = autoscaling::watch_until(&lock(&self.record), timeline, start, &self.workload, now);
            let Some(left) = until.and_then(|until| Duration::try_from(until.duration_since(now)).ok())
            else {
                return;
            };
            if left.is_zero() {
                return;
            }
            if !std::mem::replace(&mut is_told, true) {
                let left = TimeSpan::from_secs(left.as_secs());
                say::line(format_args!(
                    "the load is over: watching the autoscaler for {left} more at most; Ctrl-C ends that without its verdict"
                ));
            }
            tokio::select! {
                () = sleep(left.min(LOOK)) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Events that came since the last time.
    pub(in crate::cli) fn fresh(&self) -> Vec<Event> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    /// What was seen of the workload until an instant.
    pub(in crate::cli) fn workload(&self, until: Timestamp) -> ObservedWorkload {
        let record = lock(&self.record);
        let log = record.log();
        ObservedWorkload {
            name: self.workload.name.clone(),
            kind: self.workload.kind.clone(),
            api_version: self.workload.api_version.clone(),
            until,
            events: log.events().to_vec(),
            left_out: log.left_out().clone(),
        }
    }

    /// What was seen from the start of the load, to its end, to the end of the observation. Nothing without a start of the load.
    pub(in crate::cli) fn result(
        &self,
        timeline: &Timeline,
        (metrics, windows, losses): (&Metrics, &Windows, &Losses),
        [start, load_end, end]: [Timestamp; 3],
    ) -> Option<Watched> {
        let mut record = lock(&self.record);
        // Of a load that was cut short nobody has told it yet.
        record.end_load(load_end);
        let observed = Observed {
            record: &record,
            timeline,
            windows,
            start,
            end,
            workload: &self.workload,
            base_url: &self.base_url,
        };
        let report = observed.report()?;
        let lost = autoscaling::while_ending(record.log(), losses, metrics, start, load_end);
        let (autoscaling, doubts) = (observed.result(&report, lost), observed.doubts(&report));
        Some(Watched { autoscaling, doubts, record: record.clone() })
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn has_looked(record: &Record) -> bool {
    let told = |source: Source| {
        let events = record.log().events().iter();
        events.map(|event| &event.what).any(|what| match what {
            What::Listed { source: told } | What::Lost { source: told, .. } => *told == source,
            _ => false,
        })
    };
    [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints].into_iter().all(told)
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
