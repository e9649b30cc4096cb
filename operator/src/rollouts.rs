// SPDX-License-Identifier: Apache-2.0
//! Which revision of a target is there and since when it is ready, for tests that a rollout starts.
//!
//! One watch for each workload of such a test, for as long as the test asks. What it shows is a fact; whether a run
//! is due is decided in [`crate::load_test`]. Nothing here is needed after a restart: what was answered is in the status.

mod revision;

use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::{
    NamespaceResourceScope,
    api::apps::v1::{Deployment, StatefulSet},
};
use kube::{
    Api, Client, Resource,
    runtime::{WatchStreamExt as _, watcher},
};
use serde::de::DeserializeOwned;
use tokio::{sync::broadcast, task::AbortHandle};
use tracing::warn;
use upsurge_crds::v1alpha1::WorkloadReference;

pub use self::revision::Revision;
use self::revision::RolledOut;
use crate::errors::chain;

/// Changes that a slow listener may lag behind; after that it is told of all tests.
const NEWS: usize = 256;

/// Namespace and name of a test.
type TestKey = (String, String);

/// What is watched for tests; clones share it.
#[derive(Clone)]
pub struct Rollouts {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    watched: Mutex<HashMap<TestKey, Vec<Watched>>>,
    news: broadcast::Sender<TestKey>,
}

/// The watch of one workload for one test; it ends with this.
struct Watched {
    workload: WorkloadReference,
    seen: Arc<Mutex<Option<Revision>>>,
    task: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Rollouts {
    /// Nothing is watched yet.
    pub fn new(client: Client) -> Self {
        let news = broadcast::channel(NEWS).0;
        Self { shared: Arc::new(Shared { client, watched: Mutex::default(), news }) }
    }

    /// The revisions of a test's workloads, in that order, if all are known; from the first time on they are watched, and the test told
    /// of in [`Rollouts::news`] as soon as something is known.
    pub fn of(&self, namespace: &str, test: &str, workloads: &[WorkloadReference]) -> Option<Vec<Revision>> {
        let key = (namespace.to_owned(), test.to_owned());
        let mut all = self.shared.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut watched = all.remove(&key).unwrap_or_default();
        watched.retain(|one| workloads.contains(&one.workload));
        for workload in workloads {
            if watched.iter().all(|one| one.workload != *workload) {
                let seen = Arc::default();
                // Of a test with a workload that can't be watched, none is.
                let task = self.watch(&key, workload, &seen)?;
                watched.push(Watched { workload: workload.clone(), seen, task });
            }
        }
        let seen = |workload: &WorkloadReference| {
            let known = watched.iter().find(|one| one.workload == *workload)?;
            known.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        let revisions = workloads.iter().map(seen).collect();
        all.insert(key, watched);
        revisions
    }

    /// A test does not ask any more.
    pub fn leave(&self, namespace: &str, test: &str) {
        let key = (namespace.to_owned(), test.to_owned());
        self.shared.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Tests of whose targets something new is known.
    pub fn news(&self) -> impl Stream<Item = TestKey> + Send + use<> {
        let state = (self.shared.clone(), self.shared.news.subscribe());
        stream::unfold(state, |(shared, mut news)| async move {
            let tests = match news.recv().await {
                Ok(test) => vec![test],
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    shared.watched.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((stream::iter(tests), (shared, news)))
        })
        .flatten()
    }

    fn watch(
        &self,
        key: &TestKey,
        workload: &WorkloadReference,
        seen: &Arc<Mutex<Option<Revision>>>,
    ) -> Option<AbortHandle> {
        let tell = {
            let (key, news) = (key.clone(), self.shared.news.clone());
            move || drop(news.send(key.clone()))
        };
        let (client, namespace, name) = (self.shared.client.clone(), key.0.as_str(), workload.name.clone());
        let task = match (workload.api_version.as_str(), workload.kind.as_str()) {
            ("apps/v1", "Deployment") => {
                let api: Api<Deployment> = Api::namespaced(client, namespace);
                tokio::spawn(watch(api, name, seen.clone(), tell))
            }
            ("apps/v1", "StatefulSet") => {
                let api: Api<StatefulSet> = Api::namespaced(client, namespace);
                tokio::spawn(watch(api, name, seen.clone(), tell))
            }
            // Refused when the spec is checked.
            _ => return None,
        };
        Some(task.abort_handle())
    }
}

async fn watch<K>(api: Api<K>, name: String, seen: Arc<Mutex<Option<Revision>>>, tell: impl Fn() + Send)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + RolledOut,
    K: Clone + Debug + DeserializeOwned + Send + 'static,
{
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = Box::pin(watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now_seen = match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                object.reading().map(|reading| reading.after(seen.as_ref(), Timestamp::now()))
            }
            Ok(watcher::Event::Delete(_)) => None,
            Ok(watcher::Event::Init | watcher::Event::InitDone) => continue,
            Err(error) => {
                warn!(
                    workload = name,
                    error = chain(&error),
                    "rollouts of a target can't be watched; trying again"
                );
                continue;
            }
        };
        if *seen != now_seen {
            *seen = now_seen;
            tell();
        }
    }
}

#[cfg(test)]
mod tests;
