// SPDX-License-Identifier: Apache-2.0
//! What a conflict leads to.

mod left_alone;

use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use rstest::rstest;
use serde_json::json;
use upsurge_core::policy::{Document, Entry, Policy};
use upsurge_crds::v1alpha1::{LoadTestRunStatus, PinningStatus};

use self::left_alone::unreadable;
use super::*;
use crate::{
    fence::Fence,
    played::{AuditLog, context, failure, leading, server, told},
};

/// A run that somebody aborted at once, as it is after so many changes.
fn run(version: u32, term: i64) -> serde_json::Value {
    json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
        "metadata": {"name": "checkout-g1", "namespace": "shop", "uid": "run-uid", "resourceVersion": version.to_string()},
        "spec": {"loadTestRef": {"name": "checkout"}, "abort": true},
        "status": {"phase": "Pending", "leaderEpoch": term}
    })
}

/// Reconciles that run, which changes as often between being read and being written; gives the versions that writes carried.
async fn versions(changes: u32, term: i64, fence: Fence) -> (Result<Done, Error>, Vec<String>) {
    let read = AtomicU32::new(0);
    let (client, log) = server(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.contains("/jobs/") => failure(404, "NotFound"),
        ("GET", _) => (200, run(40 + read.fetch_add(1, Ordering::SeqCst), term)),
        ("PATCH", _) if read.load(Ordering::SeqCst) <= changes => failure(409, "Conflict"),
        _ => (200, run(99, term)),
    });
    let runs = Runs::new(Arc::new(context(client, fence)), "upsurge-system");
    let cached = serde_json::from_value(run(1, term)).unwrap();
    let result = steps(&cached, &runs).await;
    let log = log.lock().unwrap();
    let writes = log.iter().filter(|asked| asked.path.ends_with("/status"));
    let version = |body: &serde_json::Value| body["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    (result, writes.map(|asked| version(&asked.body)).collect())
}

#[tokio::test]
async fn a_conflict_leads_to_a_fresh_read_and_not_to_the_same_write_again() {
    let (result, versions) = versions(2, 7, leading(7)).await;
    assert!(matches!(result, Ok(Done::Again(_))));
    assert_eq!(versions, ["40", "41", "42"]);
}

#[tokio::test]
async fn an_abort_is_told_once_of_its_test_and_in_the_log() {
    let mut aborted = run(40, 7);
    aborted["metadata"]["managedFields"] = json!([
        {"manager": "kubectl-patch", "operation": "Update", "time": "2026-01-02T00:00:00Z"}]);
    let served = aborted.clone();
    let (client, log) = server(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.contains("/loadtestruns/") => (200, served.clone()),
        ("GET", path) if path.ends_with("/pods") => {
            (200, json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []}))
        }
        ("GET", _) => failure(404, "NotFound"),
        ("POST", _) => (201, asked.body.clone()),
        _ => (200, served.clone()),
    });
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    let lines = AuditLog::begin();
    steps(&serde_json::from_value(aborted).unwrap(), &runs).await.unwrap();
    let events: Vec<_> = told(&log).into_iter().filter(|(_, reason, _)| reason == "AbortRequested").collect();
    let [(kind, _, note)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(kind, "LoadTest");
    assert!(note.starts_with("run checkout-g1: ") && note.ends_with("(changed by kubectl-patch)"), "{note}");
    let lines = lines.lines();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&line["act"], &line["run"]), (&json!("Abort"), &json!("checkout-g1")));
    assert_eq!((&line["test"], &line["manager"]), (&json!("checkout"), &json!("kubectl-patch")));
}

#[tokio::test]
async fn a_run_that_a_later_leader_wrote_is_left_alone_quietly() {
    let (result, versions) = versions(0, 8, leading(7)).await;
    assert!(matches!(result, Ok(Done::Settled)));
    assert!(versions.is_empty(), "{versions:?}");
}

#[tokio::test]
async fn an_operator_that_is_not_sure_to_lead_does_nothing_and_looks_again() {
    let fence = Fence::default();
    fence.held(7, Instant::now());
    let (result, versions) = versions(0, 7, fence).await;
    assert!(matches!(result, Ok(Done::Again(_))));
    assert!(versions.is_empty(), "{versions:?}");
}

#[tokio::test]
async fn a_run_that_waits_for_its_target_reads_its_job_and_the_lease() {
    let mut waiting = serde_json::to_value(crate::load_test_run::fixtures::run(&json!({}))).unwrap();
    waiting["metadata"]["ownerReferences"] = json!([{"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "name": "checkout", "uid": "test-uid"}]);
    waiting["status"] = json!({"phase": "Pending", "leaderEpoch": 7});
    let user = |name: &str| {
        json!({"namespace": "shop", "name": name, "uid": format!("uid of {name}"), "created": "2026-01-01T00:00:00Z",
            "since": "2026-01-01T00:00:00Z"})
    };
    let me = json!({"namespace": "shop", "name": "checkout-g1", "uid": "run-uid", "created": "2026-01-02T00:00:00Z",
        "since": "2026-01-02T00:00:00Z"});
    let lease = json!({"apiVersion": "internal.upsurge.dev/v1alpha1", "kind": "TargetLease",
        "metadata": {"name": "target", "resourceVersion": "3"},
        "spec": {"target": "Deployment.apps shop/checkout", "holders": [user("other")], "waiting": [me]}});
    let cached = serde_json::from_value(waiting.clone()).unwrap();
    let (client, log) = server(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.contains("/targetleases/") => (200, lease.clone()),
        ("GET", path) if path.ends_with("/loadtestruns/checkout-g1") => (200, waiting.clone()),
        ("GET", _) => failure(404, "NotFound"),
        _ => (200, waiting.clone()),
    });
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    runs.leases.know_runs(None, |_, name| {
        Some(crate::target_leases::Seen { uid: format!("uid of {name}"), is_finished: false })
    });
    assert!(matches!(steps(&cached, &runs).await, Ok(Done::Again(_))));
    let log = log.lock().unwrap();
    let kinds =
        log.iter().filter(|asked| asked.method == "GET").map(|asked| asked.path.rsplit('/').nth(1).unwrap());
    assert_eq!(kinds.collect::<Vec<_>>(), ["jobs", "targetleases"]);
    let written = log.iter().find(|asked| asked.path.ends_with("/loadtestruns/checkout-g1/status")).unwrap();
    assert_eq!(written.body["status"]["reason"], "TargetBusy");
    let about: Vec<&str> = log
        .iter()
        .filter(|asked| asked.path.ends_with("/events"))
        .filter_map(|asked| asked.body["regarding"]["kind"].as_str())
        .collect();
    assert_eq!(about, ["LoadTest", "LoadTestRun"], "both tell of it");
}

/// A run with that copy of its test, and in that phase.
fn old_run(test: &serde_json::Value, phase: &str) -> serde_json::Value {
    let mut run = run(40, 7);
    run["spec"] = json!({"loadTestRef": {"name": "checkout"}, "test": test});
    run["status"]["phase"] = json!(phase);
    if phase == "Finished" {
        run["status"]["verdict"] = json!("Passed");
        run["status"]["reason"] = json!("ThresholdsMet");
    }
    run
}

/// The statuses that are written of a run.
async fn statuses(run: serde_json::Value) -> Vec<serde_json::Value> {
    let served = run.clone();
    let (client, log) = server(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.contains("/loadtestruns/") => (200, served.clone()),
        ("GET", path) if path.ends_with("/pods") => {
            (200, json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []}))
        }
        ("GET", _) => failure(404, "NotFound"),
        _ => (200, served.clone()),
    });
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    let cached = serde_json::from_value(run).unwrap();
    // Whatever comes next, the run has been looked at.
    let _ = look(&cached, &runs).await;
    let log = log.lock().unwrap();
    log.iter()
        .filter(|asked| asked.path.ends_with("/status"))
        .map(|asked| asked.body["status"].clone())
        .collect()
}

fn condition<'a>(status: &'a serde_json::Value, type_: &str) -> &'a serde_json::Value {
    let conditions = status["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == type_).unwrap_or(&serde_json::Value::Null)
}

#[tokio::test]
async fn a_run_under_way_whose_test_nobody_can_read_ends_and_says_why() {
    for phase in ["Pending", "Running", "Collecting"] {
        let written = statuses(old_run(&json!({"goal": "http://checkout"}), phase)).await;
        let status = written.last().unwrap_or_else(|| panic!("{phase}: nothing was written"));
        assert_eq!((&status["phase"], &status["verdict"]), (&json!("Finished"), &json!("Error")), "{phase}");
        assert_eq!(status["reason"], "OldSpec");
        let told = condition(status, "OldSpec");
        assert_eq!((&told["status"], &told["reason"]), (&json!("True"), &json!("OldSpec")), "{status}");
        assert!(told["message"].as_str().unwrap().contains("spec.test: missing field"), "{told}");
    }
}

#[tokio::test]
async fn a_finished_run_whose_test_nobody_can_read_keeps_its_verdict() {
    let written = statuses(old_run(&json!({"goal": "http://checkout"}), "Finished")).await;
    assert_eq!(written.len(), 1, "{written:?}");
    assert_eq!((&written[0]["verdict"], &written[0]["reason"]), (&json!("Passed"), &json!("ThresholdsMet")));
    assert_eq!(condition(&written[0], "OldSpec")["status"], "True");
    // It is said once.
    let mut told = old_run(&json!({"goal": "http://checkout"}), "Finished");
    told["status"]["conditions"] = written[0]["conditions"].clone();
    assert!(statuses(told).await.is_empty());
}

#[tokio::test]
async fn a_finished_run_in_old_words_is_nothing_to_speak_of() {
    let old = json!({
        "target": {"baseUrl": "http://checkout"}, "load": {"constant": {"level": 2.5, "duration": "1m"}},
        "scenarios": [{"name": "pay", "steps": [{"request": {"url": "/"}}]}]
    });
    assert!(statuses(old_run(&old, "Finished")).await.is_empty());
}

#[tokio::test]
async fn a_job_that_is_not_the_runs_own_is_never_deleted() {
    for (owner, expected) in [("run-uid", 1), ("somebody else's", 0)] {
        let (client, log) =
            server(move |asked| match (asked.method.as_str(), asked.path.contains("/jobs/")) {
                ("GET", true) => {
                    let owners =
                        json!([{"apiVersion": "v1", "kind": "LoadTestRun", "name": "any", "uid": owner}]);
                    (200, json!({"metadata": {"name": "any", "uid": "job-uid", "ownerReferences": owners}}))
                }
                _ => {
                    (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "metadata": {}}))
                }
            });
        apply::remove_runners(&client, &serde_json::from_value(run(1, 7)).unwrap()).await.unwrap();
        let log = log.lock().unwrap();
        let deleted: Vec<_> =
            log.iter().filter(|asked| asked.method == "DELETE" && asked.path.contains("/jobs/")).collect();
        assert_eq!(deleted.len(), expected, "owned by {owner}");
        assert!(deleted.iter().all(|asked| asked.body["preconditions"]["uid"] == "job-uid"));
    }
}

#[rstest]
#[case::set_again_of_a_run_that_ends(false, 200, 1)]
#[case::set_again_of_a_run_that_was_deleted(true, 200, 1)]
#[case::changed_of_a_run_that_ends(false, 409, 4)]
#[case::changed_of_a_run_that_was_deleted(true, 409, 4)]
#[tokio::test]
async fn what_something_else_changes_each_time_is_put_back_a_few_times_and_then_waited_for(
    #[case] is_deleted: bool,
    #[case] code: u16,
    #[case] tries: usize,
) {
    let mut held = run(40, 7);
    held["metadata"]["finalizers"] = json!(["upsurge.dev/restore"]);
    held["status"]["phase"] = json!("Restoring");
    held["status"]["pinning"] = json!({"replicas": 4, "epoch": 2, "restored": false, "originals": [
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "checkout", "minReplicas": 2, "maxReplicas": 10},
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout", "replicas": 3}]});
    if is_deleted {
        held["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    }
    let served = held.clone();
    // A webhook makes each change what the run has set, or says that it comes too late.
    let hpa = json!({"metadata": {"name": "checkout", "resourceVersion": "5"}, "spec": {"minReplicas": 4, "maxReplicas": 4,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}}});
    let (client, log) = server(move |asked| {
        let list = |items: serde_json::Value| {
            (200, json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}))
        };
        match (asked.method.as_str(), asked.path.rsplit('/').next().unwrap_or_default()) {
            ("PATCH", _) if asked.path.contains("/horizontalpodautoscalers/") => match code {
                200 => (200, hpa.clone()),
                _ => failure(code, "Conflict"),
            },
            ("PATCH", _) | (_, "checkout-g1") => (200, served.clone()),
            ("GET", "horizontalpodautoscalers") => list(json!([hpa.clone()])),
            ("GET", "scale") => (
                200,
                json!({"metadata": {"name": "checkout", "resourceVersion": "6"}, "spec": {"replicas": 3},
                    "status": {"replicas": 3, "selector": "app=checkout"}}),
            ),
            ("GET", "deployments" | "pods") => list(json!([])),
            _ => failure(404, "NotFound"),
        }
    });
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    let done = steps(&serde_json::from_value(held).unwrap(), &runs).await.unwrap();
    assert!(matches!(done, Done::Again(wait) if wait >= Duration::from_secs(1)));
    let log = log.lock().unwrap();
    let tried = log
        .iter()
        .filter(|asked| asked.method == "PATCH" && asked.path.contains("/horizontalpodautoscalers/"));
    assert_eq!(tried.count(), tries);
    let told = log.iter().find(|asked| asked.path.ends_with("/checkout-g1/status"));
    let told = told.map(|asked| asked.body["status"]["message"].as_str().unwrap().to_owned());
    assert_eq!(told.is_some(), !is_deleted, "a run that goes says no more");
    let why =
        if code == 200 { "does not stay as it was put back" } else { "has changed since it was looked at" };
    assert!(told.is_none_or(|told| told.contains(why)));
}

#[rstest]
#[case::as_it_is("Running", false)]
#[case::before_the_watch_shows_it("Running", true)]
#[case::that_a_later_release_has_left("APhaseOfALaterRelease", false)]
#[tokio::test]
async fn a_deleted_run_goes_once_what_it_had_set_is_put_back(#[case] phase: &str, #[case] cache_lags: bool) {
    let mut deleted = run(40, 7);
    deleted["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    deleted["metadata"]["finalizers"] = json!(["example.com/other", "upsurge.dev/restore"]);
    deleted["status"]["phase"] = json!(phase);
    deleted["status"]["pinning"] = json!({"replicas": 4, "epoch": 2, "restored": false, "originals": [
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "checkout", "minReplicas": 2, "maxReplicas": 10},
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout", "replicas": 3}]});
    // What the run has set, until somebody sets something else.
    let bounds = std::sync::Mutex::new(json!({"minReplicas": 4, "maxReplicas": 4}));
    let replicas = std::sync::Mutex::new(json!({"replicas": 4}));
    let served = deleted.clone();
    let (client, log) = server(move |asked| {
        let list = |items: serde_json::Value| {
            (200, json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}))
        };
        let hpa = || {
            let mut spec = bounds.lock().unwrap().clone();
            spec["scaleTargetRef"] =
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"});
            json!({"metadata": {"name": "checkout", "resourceVersion": "5"}, "spec": spec})
        };
        let scale = || {
            let spec = replicas.lock().unwrap().clone();
            json!({"metadata": {"name": "checkout", "resourceVersion": "6"}, "spec": spec,
                "status": {"replicas": 4, "selector": "app=checkout"}})
        };
        match (asked.method.as_str(), asked.path.rsplit('/').next().unwrap_or_default()) {
            ("PATCH", "scale") => {
                *replicas.lock().unwrap() = asked.body["spec"].clone();
                (200, scale())
            }
            ("PATCH", _) if asked.path.contains("/horizontalpodautoscalers/") => {
                *bounds.lock().unwrap() = asked.body["spec"].clone();
                (200, hpa())
            }
            (_, "checkout-g1") => (200, served.clone()),
            ("GET", "horizontalpodautoscalers") => list(json!([hpa()])),
            ("GET", "scale") => (200, scale()),
            ("GET", "deployments" | "pods") => list(json!([])),
            _ => failure(404, "NotFound"),
        }
    });
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    let done = match serde_json::from_value::<LoadTestRun>(deleted.clone()) {
        Ok(mut cached) => {
            if cache_lags {
                cached.metadata.deletion_timestamp = None;
            }
            steps(&cached, &runs).await.unwrap()
        }
        Err(error) => unread(&unreadable(&deleted, &error), &runs).await.unwrap(),
    };
    assert!(matches!(done, Done::Settled));
    let log = log.lock().unwrap();
    let written: Vec<serde_json::Value> = log
        .iter()
        .filter(|asked| asked.method == "PATCH")
        .map(|asked| match asked.body.get("spec") {
            Some(spec) => spec.clone(),
            None => asked.body["metadata"]["finalizers"].clone(),
        })
        .collect();
    assert_eq!(
        written,
        [json!({"minReplicas": 2, "maxReplicas": 10}), json!({"replicas": 3}), json!(["example.com/other"])],
        "first the autoscaler, which would undo the rest, and the run goes last"
    );
}

#[tokio::test]
async fn a_run_that_holds_its_target_does_not_wait_for_its_turn_once_more() {
    // The operator that had let it begin died before there was a Job, and by now there is room for nobody.
    for (pinning, is_queued) in [(None, true), (Some(Box::new(PinningStatus::default())), false)] {
        let (client, _) = server(|_| failure(404, "NotFound"));
        let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
        let policy = Document { max_runs: Some(1), ..Document::default() };
        runs.context.platform.set_policy(Policy::compile(&policy).unwrap());
        let other =
            Entry { namespace: "shop".into(), name: "other".into(), created: Timestamp::MIN, runners: 1 };
        runs.context.platform.adopt(other);
        let mut run = fixtures::run(&json!({}));
        let owner = OwnerReference { kind: "LoadTest".into(), ..OwnerReference::default() };
        run.metadata.owner_references = Some(vec![owner]);
        run.status =
            Some(LoadTestRunStatus { phase: Some(Phase::Pending), pinning, ..LoadTestRunStatus::default() });
        let situation = observe::situation(&runs, run, Source::Server, None, None).await.unwrap();
        let admission = situation.admission;
        assert_eq!(matches!(admission, decide::Admission::Queued(_)), is_queued, "{admission:?}");
    }
}
