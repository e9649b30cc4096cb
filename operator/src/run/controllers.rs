//! The controllers and what they watch, one pair for each watched namespace.

use std::{collections::BTreeMap, fmt::Debug, future::Future, pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt, future::join_all, stream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{batch::v1::Job, core::v1::Pod},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller, WatchStreamExt,
        controller::{Config, Error},
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    names::labels,
    v1alpha1::{LoadTestRunStatus, Phase},
};

use super::pending;
use crate::{
    admin::Readiness,
    audit,
    collector::RunKey,
    context::Context,
    errors::chain,
    load_test,
    load_test_run::{self, Runs},
    target_leases::{self, Seen},
};

/// Most objects of a kind that are worked on at the same time.
const CONCURRENCY: u16 = 16;

/// Time between two looks for leases on targets whose holders are gone. Whoever wants such a target looks by itself.
const SWEEP: Duration = Duration::from_secs(300);

/// Something that runs until it is told to stop.
type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs all controllers until told to stop; what is under way then is finished. The operator's own things are in
/// `home`.
pub async fn run(
    context: Arc<Context>,
    home: &str,
    namespaces: &[&str],
    readiness: Readiness,
    stop: CancellationToken,
) {
    let scopes: Vec<Option<String>> = if namespaces.is_empty() {
        vec![None]
    } else {
        namespaces.iter().map(|name| Some((*name).to_owned())).collect()
    };
    let shared = Arc::new(Runs::new(context.clone(), home));
    let mut running: Vec<Running> = Vec::new();
    let mut stores = Vec::new();
    for scope in &scopes {
        let tests = test_controller(&context, scope.as_deref(), &stop);
        let (runs, store) = run_controller(&shared, scope.clone(), &stop);
        running.extend([tests, runs]);
        context.platform.know_runs({
            let store = store.clone();
            move || under_way(&store)
        });
        shared.leases.know_runs(scope.clone(), {
            let store = store.clone();
            move |namespace, name| seen(&store, namespace, name)
        });
        context.metrics.count_runs({
            let store = store.clone();
            move || phases(&store)
        });
        stores.push(store);
    }
    let ready = async move {
        for store in stores {
            if store.wait_until_ready().await.is_err() {
                return;
            }
        }
        readiness.reached(pending::CACHES);
        while !stop.is_cancelled() {
            target_leases::sweep(&shared.leases).await;
            drop(timeout(SWEEP, stop.cancelled()).await);
        }
    };
    running.push(Box::pin(ready));
    join_all(running).await;
}

fn test_controller(context: &Arc<Context>, scope: Option<&str>, stop: &CancellationToken) -> Running {
    let client = &context.client;
    let (reader, writer) = reflector::store::<DeserializeGuard<LoadTest>>();
    let tests = watcher(api::<DeserializeGuard<LoadTest>>(client, scope), watcher::Config::default())
        .modify(|test| audit::prune(test.managed_fields_mut()))
        .default_backoff()
        .reflect(writer)
        .applied_objects();
    let stream = Controller::for_stream(tests, reader)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .owns(api::<PartialObjectMeta<LoadTestRun>>(client, scope), watcher::Config::default())
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(load_test::reconcile, load_test::error_policy, context.clone());
    Box::pin(stream.for_each(|result| async move {
        if let Err(error) = result {
            told(&error);
        }
    }))
}

fn run_controller(
    shared: &Arc<Runs>,
    scope: Option<String>,
    stop: &CancellationToken,
) -> (Running, Store<DeserializeGuard<LoadTestRun>>) {
    let context = &shared.context;
    let client = &context.client;
    let (reader, writer) = reflector::store::<DeserializeGuard<LoadTestRun>>();
    let runs = watcher(api::<DeserializeGuard<LoadTestRun>>(client, scope.as_deref()), watcher::Config::default())
        .modify(prune)
        .default_backoff()
        .reflect(writer)
        // With deletions: a run that is gone must not leave a session behind.
        .touched_objects();
    let ours = format!("{}={},{}=runner", labels::MANAGED_BY, labels::MANAGED_BY_VALUE, labels::COMPONENT);
    let ours = watcher::Config::default().labels(&ours);
    let changes = stream::select(context.sessions.changes(), shared.leases.freed()).filter({
        let scope = scope.clone();
        move |key: &RunKey| std::future::ready(scope.as_ref().is_none_or(|scope| *scope == key.namespace))
    });
    let stream = Controller::for_stream(runs, reader.clone())
        .with_config(Config::default().concurrency(CONCURRENCY))
        .owns(api::<PartialObjectMeta<Job>>(client, scope.as_deref()), ours.clone())
        .watches_stream(runner_pods(context, scope.as_deref(), ours), run_of)
        .reconcile_on(changes.map(|key| ObjectRef::new(&key.name).within(&key.namespace)))
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(load_test_run::reconcile, load_test_run::error_policy, shared.clone());
    let shared = shared.clone();
    let running = stream.for_each(move |result| {
        let shared = shared.clone();
        async move {
            match result {
                Ok(_) => {}
                Err(Error::ObjectNotFound(run)) => {
                    let key = RunKey::new(run.namespace.clone().unwrap_or_default(), &run.name);
                    load_test_run::forget(&shared, &key).await;
                }
                Err(error) => told(&error),
            }
        }
    });
    (Box::pin(running), reader)
}

/// Changes of runner pods. The collector is told of those that are gone.
fn runner_pods(
    context: &Arc<Context>,
    scope: Option<&str>,
    ours: watcher::Config,
) -> impl Stream<Item = Result<PartialObjectMeta<Pod>, watcher::Error>> + Send + use<> {
    let sessions = context.sessions.clone();
    let pods = watcher(api::<PartialObjectMeta<Pod>>(&context.client, scope), ours).default_backoff();
    let told = pods.inspect(move |event| {
        if let Ok(watcher::Event::Delete(pod)) = event
            && let Some(uid) = &pod.metadata.uid
        {
            sessions.pod_gone(uid);
        }
    });
    told.touched_objects()
}

/// The run of a runner pod. The pod's owner is the Job; the run's name is in an annotation.
fn run_of(pod: PartialObjectMeta<Pod>) -> Option<ObjectRef<DeserializeGuard<LoadTestRun>>> {
    let name = pod.annotations().get(labels::RUN)?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}

/// Keeps of a cached run what tells whether there is something to do. The run itself is read when there is; hundreds
/// of finished runs with their results would fill the memory for nothing.
fn prune(run: &mut DeserializeGuard<LoadTestRun>) {
    run.managed_fields_mut().clear();
    if let Ok(run) = &mut run.0 {
        run.spec.test = None;
        run.status = run.status.take().map(|status| LoadTestRunStatus {
            phase: status.phase,
            start_time: status.start_time,
            load_end_time: status.load_end_time,
            completion_time: status.completion_time,
            ..LoadTestRunStatus::default()
        });
    }
}

/// Runs that have runner pods, or may have them.
fn under_way(store: &Store<DeserializeGuard<LoadTestRun>>) -> Vec<(String, String)> {
    let runs = store.state().into_iter().filter(|run| {
        let phase = run.0.as_ref().ok().and_then(|run| run.status.as_ref()).and_then(|status| status.phase);
        !matches!(phase, None | Some(Phase::Pending | Phase::Finished))
    });
    runs.map(|run| (run.namespace().unwrap_or_default(), run.name_any())).collect()
}

/// A run as it is cached.
fn seen(store: &Store<DeserializeGuard<LoadTestRun>>, namespace: &str, name: &str) -> Option<Seen> {
    let run = store.get(&ObjectRef::new(name).within(namespace))?;
    let phase = run.0.as_ref().ok().and_then(|run| run.status.as_ref()).and_then(|status| status.phase);
    Some(Seen { uid: run.uid()?, is_finished: phase == Some(Phase::Finished) })
}

fn phases(store: &Store<DeserializeGuard<LoadTestRun>>) -> BTreeMap<String, i64> {
    let mut phases = BTreeMap::new();
    for run in store.state() {
        let phase = match &run.0 {
            Ok(run) => run.status.as_ref().and_then(|status| status.phase).unwrap_or(Phase::Pending),
            Err(_) => continue,
        };
        *phases.entry(format!("{phase:?}")).or_default() += 1;
    }
    phases
}

fn api<K>(client: &Client, scope: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    match scope {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

fn told<E, Q>(error: &Error<E, Q>)
where
    E: std::error::Error + 'static,
    Q: std::error::Error + 'static,
{
    match error {
        // Told by the error policy, or of no interest.
        Error::ReconcilerFailed(..) | Error::ObjectNotFound(_) => {
            debug!(error = chain(error), "reconcile failed")
        }
        error => warn!(error = chain(error), "watch failed; trying again"),
    }
}
