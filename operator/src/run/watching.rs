// SPDX-License-Identifier: Apache-2.0
//! The watches that fill the cache, and whom they have looked at.
//!
//! One watch for each kind and namespace, shared by all who read. What comes in many small steps, such as the
//! pods of a Job that is made, is looked at once, a moment later.

use std::{collections::HashSet, fmt::Debug, future, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{batch::v1::Job, core::v1::Pod},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{WatchStreamExt as _, reflector, watcher},
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use upsurge_crds::{LoadTestRun, names::labels, v1alpha1::Phase};

use super::{controllers::Running, prompts::Prompts};
use crate::{
    cache::{CachedRun, Scope, prune, test_of},
    collector::{RunKey, Sessions},
    errors::chain,
};

/// Objects that are read at once when all are listed: runs have up to 64 KiB of results, and the text of a page stands in memory
/// as a whole.
pub const PAGE: u32 = 100;
/// Time in which changes of pods and Jobs are looked at together.
const TOGETHER: Duration = Duration::from_millis(200);
/// Time between two looks at a test whose run shows new figures and nothing else.
const FIGURES: Duration = Duration::from_secs(15);

/// Namespace and name of a test.
pub type TestKey = (String, String);

/// What is watched in one namespace, or in all of them.
pub struct Watched {
    /// What the watches show.
    pub scope: Arc<Scope>,
    /// Runs whose pods or Job have changed.
    pub runs: Prompts<RunKey>,
    /// Tests whose runs have changed.
    pub tests: Prompts<TestKey>,
    /// Tests of whose runs only the figures have.
    pub figures: Prompts<TestKey>,
}

/// Begins to watch; gives the changed runs, deleted ones included, and what must run for the rest to be seen.
pub fn begin(
    client: &Client,
    sessions: &Sessions,
    namespace: Option<&str>,
    stop: &CancellationToken,
) -> (Watched, impl Stream<Item = Result<CachedRun, watcher::Error>> + Send + use<>, [Running; 2]) {
    let ((runs, run_writer), (jobs, job_writer), (pods, pod_writer)) =
        (reflector::store(), reflector::store(), reflector::store());
    let watched = Watched {
        scope: Arc::new(Scope::new(namespace.map(str::to_owned), runs, jobs, pods)),
        runs: Prompts::after(TOGETHER),
        tests: Prompts::after(TOGETHER),
        figures: Prompts::after(FIGURES),
    };
    let changed = watcher(api::<CachedRun>(client, namespace), watcher::Config::default().page_size(PAGE))
        .default_backoff()
        .reflect(run_writer);
    let (scope, mut news) = (watched.scope.clone(), News::of(&watched));
    let changed = changed
        .inspect(move |event| {
            if let Ok(event) = event {
                scope.note_run(event);
            }
        })
        // With deletions: a run that is gone must not leave a session behind.
        .touched_objects()
        .inspect(move |run| {
            if let Ok(run) = run {
                news.tell(run);
            }
        });
    let ours = format!("{}={},{}=runner", labels::MANAGED_BY, labels::MANAGED_BY_VALUE, labels::COMPONENT);
    let ours = watcher::Config::default().labels(&ours).page_size(PAGE);
    let (scope, prompts) = (watched.scope.clone(), watched.runs.clone());
    let jobs = watcher(api::<Job>(client, namespace), ours.clone())
        .modify(prune::job)
        .default_backoff()
        .reflect(job_writer)
        .inspect(move |event| {
            if let Ok(event) = event {
                scope.note_job(event);
            }
        })
        .touched_objects()
        .take_until(stop.clone().cancelled_owned())
        .for_each(move |job| {
            if let Some(key) = seen(job).as_ref().and_then(run_of_job) {
                prompts.tell(key);
            }
            future::ready(())
        });
    let (scope, prompts, sessions) = (watched.scope.clone(), watched.runs.clone(), sessions.clone());
    let pods = watcher(api::<Pod>(client, namespace), ours)
        .modify(prune::pod)
        .default_backoff()
        .reflect(pod_writer)
        .inspect(move |event| {
            let Ok(event) = event else { return };
            scope.note_pod(event);
            if let watcher::Event::Delete(pod) = event
                && let Some(uid) = &pod.metadata.uid
            {
                sessions.pod_gone(uid);
            }
        })
        .touched_objects()
        .take_until(stop.clone().cancelled_owned())
        .for_each(move |pod| {
            if let Some(key) = seen(pod).as_ref().and_then(run_of_pod) {
                prompts.tell(key);
            }
            future::ready(())
        });
    (watched, changed, [Box::pin(jobs), Box::pin(pods)])
}

/// The API of a kind in a namespace, or in all of them.
pub fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Has the tests looked at whose runs have changed.
struct News {
    tests: Prompts<TestKey>,
    figures: Prompts<TestKey>,
    /// Runs whose load was under way when they were seen last.
    running: HashSet<RunKey>,
}

impl News {
    fn of(watched: &Watched) -> Self {
        let (tests, figures) = (watched.tests.clone(), watched.figures.clone());
        Self { tests, figures, running: HashSet::new() }
    }

    fn tell(&mut self, run: &CachedRun) {
        let Some(test) = test_of(run) else { return };
        let namespace = run.namespace().unwrap_or_default();
        let (key, test) = (RunKey::new(&namespace, run.name_any()), (namespace, test));
        // A running one shows new figures every few seconds; that its test shows them too is not as urgent.
        if !is_running(run) {
            self.running.remove(&key);
        } else if !self.running.insert(key) {
            return self.figures.tell(test);
        }
        self.tests.tell(test);
    }
}

fn is_running(run: &CachedRun) -> bool {
    let phase = run.0.as_ref().ok().and_then(|run| run.status.as_ref()).and_then(|status| status.phase);
    phase == Some(Phase::Running) && run.meta().deletion_timestamp.is_none()
}

/// The run of a runner pod. The pod's owner is the Job; the run's name is in an annotation.
fn run_of_pod(pod: &Pod) -> Option<RunKey> {
    Some(RunKey::new(pod.namespace()?, pod.annotations().get(labels::RUN)?))
}

fn run_of_job(job: &Job) -> Option<RunKey> {
    let kind = LoadTestRun::kind(&());
    let owner = job.owner_references().iter().find(|owner| owner.kind == kind)?;
    Some(RunKey::new(job.namespace()?, &owner.name))
}

fn seen<K>(object: Result<K, watcher::Error>) -> Option<K> {
    object.inspect_err(|error| warn!(error = chain(error), "watch failed; trying again")).ok()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::json;

    use super::*;

    fn run(phase: &str) -> CachedRun {
        serde_json::from_value(json!({
            "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
            "metadata": {"name": "checkout-g1", "namespace": "shop"},
            "spec": {"loadTestRef": {"name": "checkout"}}, "status": {"phase": phase},
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn a_test_is_looked_at_at_once_for_a_phase_and_later_for_figures() {
        let [tests, figures] = [1, 20].map(|time| Prompts::after(Duration::from_millis(time)));
        let mut news = News { tests: tests.clone(), figures: figures.clone(), running: HashSet::new() };
        let (mut at_once, mut later) = (Box::pin(tests.stream()), Box::pin(figures.stream()));
        let test = Some(("shop".to_owned(), "checkout".to_owned()));
        for phase in ["Preparing", "Running", "Collecting", "Finished"] {
            news.tell(&run(phase));
            assert_eq!(at_once.next().await, test, "{phase}");
        }
        assert!(later.next().now_or_never().is_none());
        news.tell(&run("Running"));
        assert_eq!(at_once.next().await, test);
        (0..9).for_each(|_| news.tell(&run("Running")));
        assert_eq!(later.next().await, test);
        assert!(at_once.next().now_or_never().is_none());
    }

    #[test]
    fn the_run_of_a_pod_and_of_a_job_is_known() {
        let key = Some(RunKey::new("shop", "checkout-g1"));
        let pod = json!({"metadata": {"name": "a", "namespace": "shop", "annotations": {"upsurge.dev/run": "checkout-g1"}}});
        assert_eq!(run_of_pod(&serde_json::from_value(pod).unwrap()), key);
        let job = json!({"metadata": {"name": "a", "namespace": "shop", "ownerReferences": [
            {"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "name": "checkout-g1", "uid": "u"}]}});
        assert_eq!(run_of_job(&serde_json::from_value(job).unwrap()), key);
    }
}
