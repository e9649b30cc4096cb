// SPDX-License-Identifier: Apache-2.0
//! What is found, and what is kept.

use futures::FutureExt as _;
use kube::{
    Resource,
    runtime::{reflector, watcher},
};
use serde_json::{Value, json};

use super::*;
use crate::ALLOCATED;

fn run(name: &str, test: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
        "metadata": {
            "name": name, "namespace": "shop", "uid": name,
            "annotations": {"upsurge.dev/generation": "3", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
        },
        "spec": {"loadTestRef": {"name": test}, "test": {
            "target": {"baseURL": "http://checkout"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"name": "pay", "url": "/pay"}}]}],
            "load": {"constant": {"level": 1, "duration": "1m"}}}},
        "status": {"phase": phase, "verdict": "Passed", "leaderEpoch": 7, "message": "all thresholds hold",
                   "completionTime": "2030-01-01T00:00:00Z"},
    })
}

#[tokio::test]
async fn the_runs_of_a_test_are_found_once_all_was_listed() {
    let ((runs, mut run_writer), (jobs, _), (pods, _)) =
        (reflector::store(), reflector::store(), reflector::store());
    let scope = Arc::new(Scope::new(None, runs, jobs, pods));
    let cache = Cache::default();
    cache.add(scope.clone());
    run_writer.apply_watcher_event(&watcher::Event::Init);
    for (name, test) in [("a-1", "a"), ("a-2", "a"), ("b-1", "b")] {
        let run: CachedRun = serde_json::from_value(run(name, test, "Running")).unwrap();
        let event = watcher::Event::InitApply(run);
        scope.note_run(&event);
        run_writer.apply_watcher_event(&event);
    }
    run_writer.apply_watcher_event(&watcher::Event::InitDone);
    // In tasks of their own, as a store wakes only one of them.
    let wait = || {
        let scope = scope.clone();
        tokio::spawn(async move { scope.ready().await })
    };
    let waiting = [wait(), wait()];
    tokio::task::yield_now().await;
    scope.note_run(&watcher::Event::InitDone);
    scope.note_job(&watcher::Event::InitDone);
    assert!(cache.runs_of("shop", "a").now_or_never().is_none(), "not all was listed");
    scope.note_pod(&watcher::Event::InitDone);
    for task in waiting {
        task.await.unwrap();
    }
    let names = |test: &str| -> Vec<String> {
        let runs = cache.runs_of("shop", test).now_or_never().unwrap().unwrap();
        runs.iter().map(|run| run.name_any()).collect()
    };
    assert_eq!(
        (names("a"), names("b"), names("c")),
        (vec!["a-1".into(), "a-2".into()], vec!["b-1".into()], vec![])
    );
    let gone: CachedRun = serde_json::from_value(run("a-1", "a", "Running")).unwrap();
    run_writer.apply_watcher_event(&watcher::Event::Delete(gone));
    assert_eq!(names("a"), ["a-2"]);
}

#[test]
fn a_finished_run_keeps_its_test_as_long_as_its_record_has_to_go_to_a_store() {
    let kept = |told: Value| {
        let mut run = run("a-1", "a", "Finished");
        run["spec"]["test"]["record"] = json!({"store": {"persistentVolumeClaim": {"claimName": "records"}}});
        run["status"]["conditions"] = told;
        let run: CachedRun = serde_json::from_value(run).unwrap();
        run.0.unwrap().spec.test.is_some()
    };
    let told = |status: &str, reason: &str| {
        json!([{"type": "RecordStored", "status": status, "reason": reason, "message": "",
            "lastTransitionTime": "2030-01-01T00:00:00Z"}])
    };
    assert!(kept(json!([])) && kept(told("False", "RecordNotStored")));
    assert!(!kept(told("True", "RecordStored")) && !kept(told("False", "RecordStoreGivenUp")));
}

#[test]
fn a_finished_run_keeps_what_tells_its_end_and_one_under_way_keeps_all() {
    let mut noted = run("a-1", "a", "Finished");
    noted["metadata"]["annotations"]["upsurge.dev/notes"] = json!("[]");
    let finished: CachedRun = serde_json::from_value(noted).unwrap();
    let kept = finished.0.unwrap();
    assert!(kept.spec.test.is_none() && kept.metadata.managed_fields.is_none());
    assert_eq!(kept.metadata.annotations.unwrap().len(), 1);
    let status = kept.status.unwrap();
    assert!(status.verdict.is_some() && status.completion_time.is_some() && status.leader_term == Some(7));
    assert_eq!(status.message, None);
    let running: CachedRun = serde_json::from_value(run("a-1", "a", "Running")).unwrap();
    let kept = running.0.unwrap();
    assert!(kept.spec.test.is_some() && kept.status.unwrap().message.is_some());
    assert!(kept.metadata.managed_fields.unwrap()[0].fields_v1.is_none());
}

#[test]
fn runs_of_other_versions_of_the_api_stand_in_nobodys_way() {
    let kept = |test: Value| {
        let mut old = run("a-1", "a", "Finished");
        old["spec"]["test"] = test;
        let read: CachedRun = serde_json::from_value(old).unwrap();
        read.0.unwrap().spec.test
    };
    // One that can be read is not kept, one that can't be is told of.
    let old = json!({"target": {"baseUrl": "http://checkout"}, "load": {"constant": {"level": 2.5, "duration": "1m"}}});
    assert!(kept(old).is_none());
    assert!(kept(json!({"goal": "http://checkout"})).is_some());
    // An object that is no run at all is there, and belongs to no test.
    let broken: CachedRun = serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "metadata": {"name": "a-2", "namespace": "shop"},
        "spec": {"of": "a"}, "status": {"phase": 7}
    }))
    .unwrap();
    assert!(broken.0.is_err() && test_of(&broken).is_none());
}

#[test]
fn of_what_a_tenant_writes_on_a_pod_only_what_is_read_is_kept() {
    let words = json!({"upsurge.dev/run": "a-1", "batch.kubernetes.io/job-completion-index": "2", "note": "x".repeat(200_000)});
    let mut pod: Pod =
        serde_json::from_value(json!({"metadata": {"name": "a-1-2", "labels": words, "annotations": words}}))
            .unwrap();
    prune::pod(&mut pod);
    for kept in [pod.labels(), pod.annotations()] {
        assert!(kept.keys().eq(["batch.kubernetes.io/job-completion-index", "upsurge.dev/run"]), "{kept:?}");
    }
}

/// What is kept of so many objects takes so much memory each.
fn memory_of_each<K: Resource<DynamicType = ()> + Clone + 'static>(
    count: usize,
    make: impl Fn(usize) -> K,
) -> usize {
    let before = ALLOCATED.current_usage();
    let (store, mut writer) = reflector::store();
    for index in 0..count {
        writer.apply_watcher_event(&watcher::Event::Apply(make(index)));
    }
    let taken = ALLOCATED.current_usage().saturating_sub(before);
    assert_eq!(store.len(), count);
    taken / count
}

#[test]
fn ten_thousand_finished_runs_fit_into_little_memory() {
    let name = |index: usize| format!("checkout-spike-g4-{index:08}");
    let each = memory_of_each(1_000, |index| {
        let mut run = run(&name(index), "checkout-spike", "Finished");
        let owner = json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "name": "checkout-spike", "uid": "u"});
        run["metadata"]["ownerReferences"] = json!([owner]);
        run["metadata"]["labels"] =
            json!({"app.kubernetes.io/managed-by": "upsurge", "upsurge.dev/test": "checkout-spike"});
        serde_json::from_value::<CachedRun>(run).unwrap()
    });
    assert!(each <= 3 << 10, "{each} bytes");
}

#[test]
fn a_thousand_tests_are_kept_as_compressed_text() {
    let step = |index: usize| json!({"request": {"name": format!("page {index}"), "url": format!("/pages/{index}")}});
    let manifest = |index: usize| {
        let mut test = run(&format!("checkout-{index}"), "checkout", "Finished");
        test["kind"] = json!("LoadTest");
        test["status"] = Value::Null;
        test["metadata"]["generation"] = json!(3);
        test["spec"] = test["spec"]["test"].take();
        test["spec"]["scenarios"][0]["steps"] = (0..100).map(step).collect();
        test
    };
    let packed = |index| -> PackedTest { serde_json::from_value(manifest(index)).unwrap() };
    let text = manifest(0)["spec"].to_string().len();
    let each = memory_of_each(100, packed);
    assert!(each <= text / 2 + (2 << 10), "{each} bytes for a spec of {text}");
    // Nothing is lost by that.
    let read = packed(7).read().unwrap();
    let mut whole: upsurge_crds::LoadTest = serde_json::from_value(manifest(7)).unwrap();
    assert_eq!((&read.spec, &read.status), (&whole.spec, &whole.status));
    let kept = read.metadata.annotations.as_ref().unwrap();
    assert!(kept.keys().eq(["upsurge.dev/generation"]), "{kept:?}");
    whole.metadata.annotations = read.metadata.annotations.clone();
    whole.metadata.managed_fields = read.metadata.managed_fields.clone();
    assert_eq!(read.metadata, whole.metadata);
    assert!(read.metadata.managed_fields.unwrap()[0].fields_v1.is_none());
    // Neither is that one can't be read.
    let mut wrong = manifest(1);
    wrong["spec"]["load"] = json!({"constant": {"level": {}, "duration": "1m"}});
    let wrong: PackedTest = serde_json::from_value(wrong).unwrap();
    let invalid = wrong.read().unwrap_err();
    assert_eq!(
        (invalid.metadata.name.as_deref(), wrong.name_any()),
        (Some("checkout-1"), "checkout-1".into())
    );
    assert!(!invalid.error.is_empty());
}
