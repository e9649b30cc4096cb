// SPDX-License-Identifier: Apache-2.0
//! The controllers and what they watch, one pair for each watched namespace.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt, stream};
use kube::{
    ResourceExt,
    runtime::{
        Controller, WatchStreamExt,
        controller::{Config, Error},
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};
use upsurge_crds::v1alpha1::Phase;

use super::{
    pending,
    watching::{self, PAGE, Watched, api},
};
use crate::{
    admin::Readiness,
    cache::{CachedRun, PackedTest, Scope},
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
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs all controllers until told to stop; what is under way then is finished. The operator's own things are in
/// `home`.
pub async fn run(
    context: Arc<Context>,
    home: &str,
    namespaces: &[&str],
    readiness: Readiness,
    stop: CancellationToken,
) {
    let namespaces: Vec<Option<&str>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.iter().map(|name| Some(*name)).collect() };
    let shared = Arc::new(Runs::new(context.clone(), home));
    // Each on its own: a long list that one of them reads holds up none of the others. All end with this future.
    let mut running = JoinSet::new();
    let (mut scopes, mut begun) = (Vec::new(), Vec::new());
    for namespace in namespaces {
        let (watched, changed, watches) =
            watching::begin(&context.client, &context.sessions, namespace, &stop);
        let runs = watched.scope.runs.clone();
        context.platform.know_runs({
            let runs = runs.clone();
            move || under_way(&runs)
        });
        shared.leases.know_runs(namespace.map(str::to_owned), {
            let runs = runs.clone();
            move |namespace, name| seen(&runs, namespace, name)
        });
        context.metrics.count_runs(move || phases(&runs));
        context.cache.add(watched.scope.clone());
        scopes.push(watched.scope.clone());
        begun.push((namespace, watched, changed, watches));
    }
    // Only now: a run of a namespace that is not known yet would be taken for gone.
    for (namespace, watched, changed, watches) in begun {
        running.spawn(test_controller(&context, namespace, &watched, &stop));
        running.spawn(run_controller(&shared, namespace, &watched, changed, &stop));
        for watch in watches {
            running.spawn(watch);
        }
    }
    running.spawn(ready(scopes, readiness, shared, stop));
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            error!(%error, "a controller ended unexpectedly");
            // Whoever leads must work: the one that stands by takes over when this process ends.
            if error.is_panic() {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}

/// Tells when all is listed; from then on it is known which leases on targets are nobody's.
async fn ready(scopes: Vec<Arc<Scope>>, readiness: Readiness, shared: Arc<Runs>, stop: CancellationToken) {
    for scope in scopes {
        tokio::select! {
            () = stop.cancelled() => return,
            () = scope.ready() => {}
        }
    }
    readiness.reached(pending::CACHES);
    while !stop.is_cancelled() {
        target_leases::sweep(&shared.leases).await;
        drop(timeout(SWEEP, stop.cancelled()).await);
    }
}

fn test_controller(
    context: &Arc<Context>,
    namespace: Option<&str>,
    watched: &Watched,
    stop: &CancellationToken,
) -> Running {
    let (reader, writer) = reflector::store::<PackedTest>();
    let tests = api::<PackedTest>(&context.client, namespace);
    let tests = watcher(tests, watcher::Config::default().page_size(PAGE))
        .default_backoff()
        .reflect(writer)
        .applied_objects();
    let own = namespace.map(str::to_owned);
    let rollouts = context
        .rollouts
        .news()
        .filter(move |(namespace, _)| std::future::ready(own.as_ref().is_none_or(|own| own == namespace)));
    let changes = stream::select(watched.tests.stream(), watched.figures.stream());
    let changes = stream::select(changes, rollouts);
    let stream = Controller::for_stream(tests, reader)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .reconcile_on(changes.map(|(namespace, name)| ObjectRef::new(&name).within(&namespace)))
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(load_test::reconcile, load_test::error_policy, context.clone());
    let context = context.clone();
    Box::pin(stream.for_each(move |result| {
        let context = context.clone();
        async move {
            match result {
                Ok(_) => {}
                Err(Error::ObjectNotFound(test)) => {
                    load_test::forget(&context, &test.namespace.unwrap_or_default(), &test.name);
                }
                Err(error) => told(&error),
            }
        }
    }))
}

fn run_controller(
    shared: &Arc<Runs>,
    namespace: Option<&str>,
    watched: &Watched,
    changed: impl Stream<Item = Result<CachedRun, watcher::Error>> + Send + 'static,
    stop: &CancellationToken,
) -> Running {
    let own = namespace.map(str::to_owned);
    let news = stream::select(shared.context.sessions.changes(), shared.leases.freed());
    let news = news.filter(move |key: &RunKey| {
        std::future::ready(own.as_ref().is_none_or(|namespace| *namespace == key.namespace))
    });
    let prompts = stream::select(news, watched.runs.stream());
    let stream = Controller::for_stream(changed, watched.scope.runs.clone())
        .with_config(Config::default().concurrency(CONCURRENCY))
        .reconcile_on(prompts.map(|key| ObjectRef::new(&key.name).within(&key.namespace)))
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(load_test_run::reconcile, load_test_run::error_policy, shared.clone());
    let shared = shared.clone();
    Box::pin(stream.for_each(move |result| {
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
    }))
}

/// Runs that have runner pods, or may have them.
fn under_way(store: &Store<CachedRun>) -> Vec<(String, String)> {
    let runs = store.state_filter(|run| {
        let phase = run.0.as_ref().ok().and_then(|run| run.status.as_ref()).and_then(|status| status.phase);
        !matches!(phase, None | Some(Phase::Pending | Phase::Finished))
    });
    runs.into_iter().map(|run| (run.namespace().unwrap_or_default(), run.name_any())).collect()
}

/// A run as it is cached.
fn seen(store: &Store<CachedRun>, namespace: &str, name: &str) -> Option<Seen> {
    let run = store.get(&ObjectRef::new(name).within(namespace))?;
    let phase = run.0.as_ref().ok().and_then(|run| run.status.as_ref()).and_then(|status| status.phase);
    Some(Seen { uid: run.uid()?, is_finished: phase == Some(Phase::Finished) })
}

fn phases(store: &Store<CachedRun>) -> BTreeMap<String, i64> {
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
