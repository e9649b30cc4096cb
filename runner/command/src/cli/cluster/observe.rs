// SPDX-License-Identifier: Apache-2.0
//! Observation of a test's workloads while the command makes the load, with the operator's observer, figures and verdict.

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
    autoscaling::{self, Observed, Part, Restless},
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
use upsurge_observer::{FindError, Observer, SharedSetup, Target, find, plain};
use upsurge_record::model::{KubernetesEnvironment, ObservedWorkload, WorkloadEnvironment};

use super::{
    connect::{Cluster, ConnectError, connect},
    environment::kubernetes,
    rights::{Right, missing, role},
};
use crate::cli::{
    arguments::ObserveArguments,
    say,
    watched::{Surroundings, Watched},
};

/// Longest time between two looks whether there is still something to wait for.
const LOOK: Duration = Duration::from_secs(1);

/// Most events of a workload that wait for somebody who asks: as many as a log has.
const MOST_FRESH: usize = 5_300;

/// An observation that goes on until it is dropped.
pub(in crate::cli) struct Observation {
    /// Each workload, in the order of the spec.
    watched: Vec<Watch>,
    changed: Arc<Notify>,
    base_url: String,
    /// The cluster, as far as it could be seen.
    kubernetes: Option<KubernetesEnvironment>,
}

/// A workload that is observed until this is dropped.
struct Watch {
    record: Arc<Mutex<Record>>,
    workload: Workload,
    setup: SharedSetup,
    /// What nobody has asked for yet, for whoever writes down what happens as it comes. Each workload has its own, so that a busy one
    /// pushes out nothing of a quiet one.
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

/// Begins to observe the workloads of a test, if that is asked for.
pub(in crate::cli) async fn observe(
    arguments: &ObserveArguments,
    namespace: Option<&str>,
    test: &LoadTestSpec,
    valid: &Valid,
) -> Result<Option<Observation>, ObserveError> {
    if !arguments.observe {
        return Ok(None);
    }
    let workloads = &test.target.workloads;
    if workloads.is_empty() {
        return Err(ObserveError::NoWorkload);
    }
    let Cluster { client, namespace } = connect(&arguments.cluster, namespace).await?;
    let limits_usage = !test.usage.is_empty();
    let targets: Vec<Target> = workloads.iter().map(|workload| target(&namespace, workload)).collect();
    // The same rights are needed for all workloads of a kind, and what is missing is said once.
    let mut kinds: Vec<&Target> = Vec::new();
    for target in &targets {
        if !kinds.iter().any(|known| known.api_version == target.api_version && known.kind == target.kind) {
            kinds.push(target);
            check_rights(&client, target, limits_usage).await?;
        }
        find(&client, target).await?;
    }
    let kubernetes = kubernetes(&client).await;
    let changed = Arc::<Notify>::default();
    let watched = targets.into_iter().zip(workloads).map(|(target, workload)| {
        let demand = autoscaling::declared(workload, &valid.timeline);
        let record = Arc::new(Mutex::new(Record::new(demand)));
        let fresh = Arc::<Mutex<VecDeque<Event>>>::default();
        let (noted, news, coming) = (Arc::clone(&record), Arc::clone(&changed), Arc::clone(&fresh));
        let setup = SharedSetup::default();
        let observer = Observer::new(target).with_setup(setup.clone());
        let watching = tokio::spawn(upsurge_observer::observe(client.clone(), observer, move |events| {
            gather(&mut coming.lock().unwrap_or_else(PoisonError::into_inner), &events);
            let mut record = lock(&noted);
            events.into_iter().for_each(|event| record.note(event));
            drop(record);
            news.notify_one();
        }));
        Watch { record, workload: workload.clone(), setup, fresh, watching }
    });
    let watched = watched.collect();
    Ok(Some(Observation { watched, changed, base_url: test.target.base_url.clone(), kubernetes }))
}

/// Adds events to those that nobody has asked for yet; of too many, the oldest go.
fn gather(fresh: &mut VecDeque<Event>, events: &[Event]) {
    fresh.extend(events.iter().cloned());
    let surplus = fresh.len().saturating_sub(MOST_FRESH);
    drop(fresh.drain(..surplus));
}

fn target(namespace: &str, workload: &Workload) -> Target {
    Target {
        namespace: namespace.to_owned(),
        api_version: workload.api_version.clone(),
        kind: workload.kind.clone(),
        name: workload.name.clone(),
    }
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
            while !self.watched.iter().all(|one| has_looked(&lock(&one.record))) {
                self.changed.notified().await;
            }
        };
        let late = |_| {
            let span = TimeSpan(within);
            format!("the target's workload was not seen within {span} (spec.deadlines.prepare)")
        };
        timeout(within, all).await.map_err(late)
    }

    /// Waits until each workload is at its autoscaler's minimum, as the operator does.
    pub(in crate::cli) async fn quiet(&self, limit: TimeSpan) -> Result<(), Restless> {
        let (began, mut is_told) = (Instant::now(), false);
        loop {
            let quiet = self.watched.iter().try_for_each(Watch::quiet);
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
        for one in &self.watched {
            one.setup.fix();
            autoscaling::begin(&mut lock(&one.record), timeline, start);
        }
    }

    /// The load turns back after a time, and goes like this then.
    pub(in crate::cli) fn turn(&self, turned: &Timeline, start: Timestamp, at: Duration) {
        self.watched.iter().for_each(|one| autoscaling::turn(&mut lock(&one.record), turned, start, at));
    }

    /// Waits after the load until time can decide no more of what is expected.
    pub(in crate::cli) async fn settled(&self, timeline: &Timeline, start: Timestamp, load_end: Timestamp) {
        self.watched.iter().for_each(|one| lock(&one.record).end_load(load_end));
        let mut is_told = false;
        loop {
            let now = Timestamp::now();
            let each = self.watched.iter().filter_map(|one| {
                autoscaling::watch_until(&lock(&one.record), timeline, start, &one.workload, now)
            });
            let until = each.max();
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

    /// Events that came since the last time, each with the place of its workload.
    pub(in crate::cli) fn fresh(&self) -> Vec<(usize, Event)> {
        let each = self.watched.iter().enumerate();
        each.flat_map(|(place, one)| {
            let fresh = std::mem::take(&mut *one.fresh.lock().unwrap_or_else(PoisonError::into_inner));
            fresh.into_iter().map(move |event| (place, event))
        })
        .collect()
    }

    /// What was seen of each workload until an instant.
    pub(in crate::cli) fn workloads(&self, until: Timestamp) -> Vec<ObservedWorkload> {
        let seen = self.watched.iter().map(|one| {
            let record = lock(&one.record);
            let log = record.log();
            ObservedWorkload {
                name: one.workload.name.clone(),
                kind: one.workload.kind.clone(),
                api_version: one.workload.api_version.clone(),
                until,
                events: log.events().to_vec(),
                left_out: log.left_out().clone(),
            }
        });
        seen.collect()
    }

    /// What is around the load: the cluster, and how each workload was set up when the load started.
    pub(in crate::cli) fn surroundings(&self) -> Surroundings {
        let workloads = self.watched.iter().map(|one| {
            let setup = (*one.setup.get()).clone();
            WorkloadEnvironment {
                name: one.workload.name.clone(),
                kind: one.workload.kind.clone(),
                images: setup.images,
                resources: setup.resources,
                autoscaler: setup.autoscaler,
            }
        });
        Surroundings { kubernetes: self.kubernetes.clone(), workloads: workloads.collect() }
    }

    /// What was seen from the start of the load, to its end, to the end of the observation. Nothing without a start of the load.
    pub(in crate::cli) fn result(
        &self,
        timeline: &Timeline,
        (metrics, windows, losses): (&Metrics, &Windows, &Losses),
        [start, load_end, end]: [Timestamp; 3],
    ) -> Option<Watched> {
        let records = self.watched.iter().map(|one| {
            let mut record = lock(&one.record);
            // Of a load that was cut short nobody has told it yet.
            record.end_load(load_end);
            record.clone()
        });
        let records: Vec<Record> = records.collect();
        let base_url = &self.base_url;
        let parts = self.watched.iter().zip(&records).map(|(one, record)| Part {
            observed: Observed { record, timeline, windows, start, end, workload: &one.workload, base_url },
            lost: autoscaling::while_ending(record.log(), losses, metrics, start, load_end),
            lost_each: autoscaling::while_each_ended(record.log(), losses, metrics, start),
        });
        let (autoscaling, doubts) = autoscaling::together(parts.collect())?;
        Some(Watched { autoscaling, doubts, records })
    }
}

impl Watch {
    fn quiet(&self) -> Result<(), Restless> {
        let known = lock(&self.record).known();
        match known.levels().asked {
            Some(_) => autoscaling::quiet(&known),
            // A watch was lost, and comes again.
            None => Err(Restless {
                reason: reasons::TARGET_NOT_IDLE,
                message: format!("nobody sees how many replicas {} has", self.workload.name),
            }),
        }
    }
}

impl Drop for Watch {
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

#[cfg(test)]
mod tests {
    use upsurge_figures::elasticity::Demand;

    use super::*;

    fn watch(name: &str) -> Watch {
        Watch {
            record: Arc::new(Mutex::new(Record::new(Demand::None))),
            workload: name.into(),
            setup: SharedSetup::default(),
            fresh: Arc::default(),
            watching: tokio::spawn(async {}),
        }
    }

    #[tokio::test]
    async fn a_busy_workload_pushes_out_nothing_that_a_quiet_one_has_told() {
        let asked = |replicas: u32| Event::live(Timestamp::UNIX_EPOCH, What::Asked { replicas });
        let watched = vec![watch("quiet"), watch("busy")];
        gather(&mut watched[0].fresh.lock().unwrap(), &[asked(7)]);
        let many: Vec<Event> = (0..=MOST_FRESH as u32).map(asked).collect();
        gather(&mut watched[1].fresh.lock().unwrap(), &many);
        let observation =
            Observation { watched, changed: Arc::default(), base_url: String::new(), kubernetes: None };
        let fresh = observation.fresh();
        assert_eq!((fresh.len(), &fresh[0]), (1 + MOST_FRESH, &(0, asked(7))));
        assert_eq!(fresh[1], (1, asked(1)), "of too many, the oldest is gone");
        assert!(observation.fresh().is_empty());
    }
}
