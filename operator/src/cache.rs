// SPDX-License-Identifier: Apache-2.0
//! What the watches show of the cluster: runs, and the Jobs and pods of their runners. Steady work reads here and asks
//! the API server nothing.
//!
//! A cache may lag behind what this operator wrote a moment ago. So it decides nothing that changes more than a figure in
//! a status: before anything else is done, it is looked at anew. Kept is what somebody reads, and no more ([`prune`]).

mod groups;
mod guarded;
mod packed;
pub mod prune;

use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    ResourceExt,
    runtime::{
        reflector::{ObjectRef, Store},
        watcher::Event,
    },
};
use tokio::sync::watch;
use upsurge_crds::{LoadTestRun, names::labels};

use self::groups::Groups;
pub use self::{guarded::Guarded, packed::PackedTest};

/// A run as it is cached: one that can't be read is there too.
pub type CachedRun = Guarded<LoadTestRun>;

/// What the watches of one namespace show, or of all of them.
pub struct Scope {
    namespace: Option<String>,
    /// The runs.
    pub runs: Store<CachedRun>,
    /// The Jobs of runners.
    pub jobs: Store<Job>,
    /// The pods of runners.
    pub pods: Store<Pod>,
    /// Runs by their test.
    of_test: Groups,
    /// Pods by their run.
    of_run: Groups,
    /// Which kinds were listed: runs, Jobs, pods. Not asked of the stores, each of which wakes only one of those who wait
    /// for it.
    listed: watch::Sender<[bool; 3]>,
}

impl Scope {
    /// What is read from these stores, which are empty at first.
    pub fn new(
        namespace: Option<String>,
        runs: Store<CachedRun>,
        jobs: Store<Job>,
        pods: Store<Pod>,
    ) -> Self {
        Self {
            namespace,
            runs,
            jobs,
            pods,
            of_test: Groups::default(),
            of_run: Groups::default(),
            listed: watch::Sender::default(),
        }
    }

    /// Something has happened to a run.
    pub fn note_run(&self, event: &Event<CachedRun>) {
        self.note(0, event);
        let (Event::Apply(run) | Event::InitApply(run) | Event::Delete(run)) = event else { return };
        if let Some(test) = test_of(run) {
            let (namespace, name) = (run.namespace().unwrap_or_default(), run.name_any());
            match event {
                Event::Delete(_) => self.of_test.remove(&namespace, &test, &name),
                _ => self.of_test.add(&namespace, &test, &name),
            }
        }
    }

    /// Something has happened to a Job.
    pub fn note_job(&self, event: &Event<Job>) {
        self.note(1, event);
    }

    /// Something has happened to a pod.
    pub fn note_pod(&self, event: &Event<Pod>) {
        self.note(2, event);
        let (Event::Apply(pod) | Event::InitApply(pod) | Event::Delete(pod)) = event else { return };
        if let Some(run) = pod.annotations().get(labels::RUN) {
            let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
            match event {
                Event::Delete(_) => self.of_run.remove(&namespace, run, &name),
                _ => self.of_run.add(&namespace, run, &name),
            }
        }
    }

    fn note<K>(&self, kind: usize, event: &Event<K>) {
        if matches!(event, Event::InitDone) {
            self.listed.send_if_modified(|listed| !std::mem::replace(&mut listed[kind], true));
        }
    }

    /// Waits until everything was listed once.
    pub async fn ready(&self) {
        // The sender is our own, so it does not go before we do.
        let _ = self.listed.subscribe().wait_for(|listed| *listed == [true; 3]).await;
    }

    fn is_ready(&self) -> bool {
        *self.listed.borrow() == [true; 3]
    }

    fn covers(&self, namespace: &str) -> bool {
        self.namespace.as_ref().is_none_or(|own| own == namespace)
    }
}

/// All that is watched; clones share it.
#[derive(Clone, Default)]
pub struct Cache {
    scopes: Arc<RwLock<Vec<Arc<Scope>>>>,
}

impl Cache {
    /// Adds what the watches of a namespace show, or those of all.
    pub fn add(&self, scope: Arc<Scope>) {
        self.scopes.write().unwrap_or_else(PoisonError::into_inner).push(scope);
    }

    /// The runs of a test, once all was listed; `None` if the namespace is not watched.
    ///
    /// It is waited for, as it comes soon: were each test's runs asked for one by one instead, an API server might have to look
    /// through all runs there are for each of them.
    pub async fn runs_of(&self, namespace: &str, test: &str) -> Option<Vec<Arc<CachedRun>>> {
        let scope = self.covering(namespace)?;
        scope.ready().await;
        let runs = scope.of_test.members(namespace, test, |name| {
            let run = scope.runs.get(&ObjectRef::new(name).within(namespace))?;
            (test_of(&run).as_deref() == Some(test)).then_some(run)
        });
        Some(runs)
    }

    /// A runner pod, as far as that very one was seen.
    pub fn pod(&self, namespace: &str, name: &str, uid: &str) -> Option<Arc<Pod>> {
        let seen = self.covering(namespace)?.pods.get(&ObjectRef::new(name).within(namespace))?;
        (seen.metadata.uid.as_deref() == Some(uid)).then_some(seen)
    }

    /// The Job of a name, and the pods of a run; `None` as long as not all was listed.
    pub fn runners_of(&self, namespace: &str, run: &str, job: &str) -> Option<Runners> {
        let scope = self.scope(namespace)?;
        let pods = scope
            .of_run
            .members(namespace, run, |name| scope.pods.get(&ObjectRef::new(name).within(namespace)));
        Some((scope.jobs.get(&ObjectRef::new(job).within(namespace)), pods))
    }

    fn scope(&self, namespace: &str) -> Option<Arc<Scope>> {
        self.covering(namespace).filter(|scope| scope.is_ready())
    }

    fn covering(&self, namespace: &str) -> Option<Arc<Scope>> {
        let scopes = self.scopes.read().unwrap_or_else(PoisonError::into_inner);
        scopes.iter().find(|scope| scope.covers(namespace)).cloned()
    }
}

/// A run's Job, if it has one, and its pods.
pub type Runners = (Option<Arc<Job>>, Vec<Arc<Pod>>);

/// Name of the test that a run is of.
pub fn test_of(run: &CachedRun) -> Option<String> {
    run.0.as_ref().ok().map(|run| run.spec.load_test_ref.name.clone())
}

#[cfg(test)]
mod tests;
