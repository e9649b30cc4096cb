// SPDX-License-Identifier: Apache-2.0
//! What is asked of the API server, and what of the cache.

use std::sync::Arc;

use kube::runtime::{reflector, watcher};
use serde_json::{Value, json};

use super::*;
use crate::{
    cache::{CachedRun, Scope},
    played::server,
};

fn run(name: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": "2030-01-01T00:00:00Z"},
        "spec": {"loadTestRef": {"name": "checkout"}},
        "status": {"phase": phase, "verdict": "Passed", "message": "all thresholds hold", "reason": "ThresholdsMet"},
    })
}

fn test(status: Value) -> LoadTest {
    serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "test-uid", "generation": 1},
        "spec": {
            "target": {"baseURL": "http://checkout:8080"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"name": "pay", "url": "/pay"}}]}],
            "load": {"constant": {"level": 5, "duration": "10s"}}
        },
        "status": status,
    }))
    .unwrap()
}

/// A cache of runs, with what must live as long as it.
async fn cache(runs: &[Value]) -> (Cache, impl Sized) {
    let ((reader, mut writer), (jobs, job_writer), (pods, pod_writer)) =
        (reflector::store(), reflector::store(), reflector::store());
    let scope = Arc::new(Scope::new(None, reader, jobs, pods));
    writer.apply_watcher_event(&watcher::Event::Init);
    for run in runs {
        let run: CachedRun = serde_json::from_value(run.clone()).unwrap();
        let event = watcher::Event::InitApply(run);
        scope.note_run(&event);
        writer.apply_watcher_event(&event);
    }
    writer.apply_watcher_event(&watcher::Event::InitDone);
    scope.note_run(&watcher::Event::InitDone);
    scope.note_job(&watcher::Event::InitDone);
    scope.note_pod(&watcher::Event::InitDone);
    scope.ready().await;
    let cache = Cache::default();
    cache.add(scope);
    (cache, (writer, job_writer, pod_writer))
}

/// The paths that were asked for when a test with this status looks at its runs.
async fn asked(status: Value, runs: &[Value]) -> (Observed, Vec<String>) {
    let (client, log) = server(|asked| match asked.path.rsplit('/').next() {
        Some("loadtestruns") => (
            200,
            json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRunList", "metadata": {}, "items": []}),
        ),
        name => (200, run(name.unwrap(), "Finished")),
    });
    let (cache, _writers) = cache(runs).await;
    let observed = observe(&client, &cache, &test(status)).await.unwrap();
    let paths = log.lock().unwrap().iter().map(|asked| asked.path.clone()).collect();
    (observed, paths)
}

/// What a test shows of a run that has ended.
fn shown(name: &str) -> Value {
    json!({
        "lastRun": name, "phase": "Finished", "verdict": "Passed", "reason": "ThresholdsMet",
        "conditions": [{"type": "Ready", "status": "True", "reason": "ThresholdsMet", "message": "all thresholds hold",
                        "lastTransitionTime": "2030-01-01T00:00:00Z"}],
    })
}

#[tokio::test]
async fn a_test_that_shows_the_end_of_its_newest_run_asks_nothing() {
    let (observed, asked) = asked(shown("b"), &[run("a", "Finished"), run("b", "Finished")]).await;
    assert_eq!((observed.runs.len(), observed.is_fresh), (2, false));
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn a_run_under_way_is_shown_from_the_cache() {
    let (observed, asked) = asked(shown("b"), &[run("a", "Running"), run("b", "Finished")]).await;
    assert!(asked.is_empty(), "{asked:?}");
    let running = observed.runs.iter().find(|run| run.name_any() == "a").unwrap();
    assert_eq!(running.status.as_ref().unwrap().message.as_deref(), Some("all thresholds hold"));
}

#[tokio::test]
async fn the_result_of_a_run_that_has_just_ended_is_read_once() {
    let (observed, asked) = asked(shown("a"), &[run("a", "Finished"), run("b", "Finished")]).await;
    assert_eq!(asked, ["/apis/upsurge.dev/v1alpha1/namespaces/shop/loadtestruns/b"]);
    let newest = observed.runs.iter().find(|run| run.name_any() == "b").unwrap();
    assert_eq!(newest.status.as_ref().unwrap().message.as_deref(), Some("all thresholds hold"));
}

#[tokio::test]
async fn until_all_is_listed_the_cache_is_waited_for_and_nothing_asked() {
    let (client, log) = server(|asked| panic!("{}", asked.path));
    let ((reader, mut writer), (jobs, _job_writer), (pods, _pod_writer)) =
        (reflector::store(), reflector::store(), reflector::store());
    let (scope, cache) = (Arc::new(Scope::new(None, reader, jobs, pods)), Cache::default());
    cache.add(scope.clone());
    let test = test(shown("a"));
    let mut looking = std::pin::pin!(observe(&client, &cache, &test));
    assert!(futures::poll!(&mut looking).is_pending());
    for event in [
        watcher::Event::Init,
        watcher::Event::InitApply(serde_json::from_value(run("a", "Finished")).unwrap()),
        watcher::Event::InitDone,
    ] {
        writer.apply_watcher_event(&event);
        scope.note_run(&event);
    }
    assert!(futures::poll!(&mut looking).is_pending(), "Jobs and pods are still to come");
    scope.note_job(&watcher::Event::InitDone);
    scope.note_pod(&watcher::Event::InitDone);
    let observed = looking.await.unwrap();
    assert_eq!((observed.runs.len(), observed.is_fresh), (1, false));
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn of_a_namespace_that_is_not_watched_the_api_server_is_asked() {
    let (client, log) = server(|_| {
        (
            200,
            json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRunList", "metadata": {}, "items": []}),
        )
    });
    let observed = observe(&client, &Cache::default(), &test(shown("a"))).await.unwrap();
    assert!(observed.is_fresh && observed.runs.is_empty());
    assert_eq!(log.lock().unwrap().len(), 1);
}
