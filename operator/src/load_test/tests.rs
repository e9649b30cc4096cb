// SPDX-License-Identifier: Apache-2.0
//! What a cache that lags behind leads to, and what is told of what people caused.

use serde_json::json;

mod killed;

use super::*;
use crate::{
    fence::Fence,
    played::{AuditLog, Log, context, failure, leading, server, told},
};

/// A test that holds its runs, as it is after so many changes.
fn test(version: u32, term: i64) -> serde_json::Value {
    json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "test-uid", "generation": 1,
                     "resourceVersion": version.to_string()},
        "spec": {
            "suspend": true,
            "target": {"baseURL": "http://checkout:8080"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"name": "pay", "url": "/pay"}}]}],
            "load": {"constant": {"level": 5, "duration": "10s"}}
        },
        "status": {"leaderEpoch": term}
    })
}

/// Reconciles the test as of version 41, when it is at 42; gives the versions that writes carried.
async fn versions(term: i64, fence: Fence) -> (Result<Done, Error>, Vec<String>) {
    let (client, log) = server(move |asked| {
        match (asked.method.as_str(), asked.path.ends_with("/loadtestruns")) {
            ("GET", true) => {
                let list = json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRunList", "metadata": {}, "items": []});
                (200, list)
            }
            ("PATCH", _) if asked.body["metadata"]["resourceVersion"] != "42" => failure(409, "Conflict"),
            _ => (200, test(42, term)),
        }
    });
    let cached = serde_json::from_value(test(41, term)).unwrap();
    let result = look(&cached, &context(client, fence), &Timestamp::now).await;
    let log = log.lock().unwrap();
    let writes = log.iter().filter(|asked| asked.method == "PATCH");
    let version = |body: &serde_json::Value| body["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    (result, writes.map(|asked| version(&asked.body)).collect())
}

#[tokio::test]
async fn a_test_that_has_changed_meanwhile_is_read_again() {
    let (result, versions) = versions(7, leading(7)).await;
    assert_eq!(result.unwrap(), Done::Applied(None));
    assert_eq!(versions, ["41", "42"]);
}

#[tokio::test]
async fn a_run_that_the_api_server_does_not_take_is_told_in_the_conditions_of_its_test() {
    let mut cached = test(41, 7);
    cached["spec"]["suspend"] = json!(false);
    let (client, log) = server(|asked| {
        match (asked.method.as_str(), asked.path.ends_with("/loadtestruns")) {
            ("GET", true) => {
                let list = json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRunList", "metadata": {}, "items": []});
                (200, list)
            }
            ("POST", true) => failure(403, "Forbidden"),
            _ => (200, test(42, 7)),
        }
    });
    let context = context(client, leading(7));
    for _ in 0..TELLING_FAILURES {
        context.backoff.failed(&key_of("shop", "checkout"));
    }
    let cached = serde_json::from_value(cached).unwrap();
    assert!(look(&cached, &context, &Timestamp::now).await.is_err());
    let log = log.lock().unwrap();
    let written = log.iter().find(|asked| asked.path.ends_with("/loadtests/checkout/status")).unwrap();
    let ready = &written.body["status"]["conditions"][0];
    assert_eq!((&ready["type"], &ready["reason"]), (&json!("Ready"), &json!("Retrying")));
    assert_eq!(ready["message"], "Retrying: failed to create run checkout-g1: because");
}

#[tokio::test]
async fn a_test_that_a_later_leader_wrote_is_left_alone_quietly() {
    let (result, versions) = versions(8, leading(7)).await;
    assert_eq!(result.unwrap(), Done::Nothing(None));
    assert!(versions.is_empty(), "{versions:?}");
}

#[tokio::test]
async fn an_operator_that_is_not_sure_to_lead_does_nothing_and_looks_again() {
    let fence = Fence::default();
    fence.held(7, Instant::now());
    let (result, versions) = versions(7, fence).await;
    assert_eq!(result.unwrap(), Done::Unsure);
    assert!(versions.is_empty(), "{versions:?}");
}

/// A test that somebody changed with `kubectl edit`, and that was never run.
fn edited(changes: &serde_json::Value) -> serde_json::Value {
    let mut test = test(41, 7);
    test["metadata"]["managedFields"] = json!([
        {"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-02T00:00:00Z"}]);
    test["spec"]["suspend"] = json!(false);
    for (path, value) in changes.as_object().unwrap() {
        let (parent, field) = path.rsplit_once('/').unwrap();
        test.pointer_mut(parent).unwrap()[field] = value.clone();
    }
    test
}

/// What people are told about such a test, and in which lines: the reason and note of its events of audit, and the act,
/// run and manager of each line.
async fn audit(changes: serde_json::Value) -> (Vec<(String, String)>, Vec<[String; 3]>) {
    let test = edited(&changes);
    let served = test.clone();
    let (client, log): (_, Log) = server(move |asked| {
        match (asked.method.as_str(), asked.path.ends_with("/loadtestruns")) {
            ("GET", true) => {
                let list = json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRunList", "metadata": {}, "items": []});
                (200, list)
            }
            ("POST", _) => (201, asked.body.clone()),
            _ => (200, served.clone()),
        }
    });
    let lines = AuditLog::begin();
    look(&serde_json::from_value(test).unwrap(), &context(client, leading(7)), &Timestamp::now)
        .await
        .unwrap();
    let acts = ["Started", "Rerun", "AbortRequested", "Suspended", "Resumed", "Refused"];
    let events = told(&log).into_iter().filter(|(kind, reason, _)| {
        assert_eq!(kind, "LoadTest");
        acts.contains(&reason.as_str())
    });
    let text = |line: &serde_json::Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let fields = |line: &serde_json::Value| {
        assert_eq!((text(line, "namespace"), text(line, "test")), ("shop".into(), "checkout".into()));
        ["act", "run", "manager"].map(|field| text(line, field))
    };
    (events.map(|(_, reason, note)| (reason, note)).collect(), lines.lines().iter().map(fields).collect())
}

#[tokio::test]
async fn what_people_caused_is_one_event_and_one_line_each() {
    let held = json!([{"type": "Ready", "status": "False", "reason": "Suspended", "message": "held",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    let ran = |more: serde_json::Value| {
        let spec: upsurge_crds::LoadTestSpec = serde_json::from_value(test(1, 7)["spec"].clone()).unwrap();
        let mut changes = json!({"/status/lastRunGeneration": 1, "/status/lastRunDigest": decide::digest(&spec),
            "/status/lastRun": "checkout-g1", "/status/phase": "Finished", "/status/verdict": "Passed"});
        changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        changes
    };
    for (what, changes, act, reason, run, words) in [
        ("a new test", json!({}), "Start", "Started", "checkout-g1", "SpecChanged"),
        (
            "the annotation",
            ran(json!({"/metadata/annotations": {"upsurge.dev/rerun": "again"}})),
            "Rerun",
            "Rerun",
            "checkout-g1-",
            "Rerun",
        ),
        (
            "suspend",
            json!({"/spec/suspend": true}),
            "Suspend",
            "Suspended",
            "",
            "spec.suspend holds new runs",
        ),
        (
            "no suspend",
            ran(json!({"/status/conditions": held})),
            "Resume",
            "Resumed",
            "",
            "holds no runs any more",
        ),
        ("a wrong spec", json!({"/spec/scenarios": null}), "Refuse", "Refused", "", "spec needs scenarios"),
    ] {
        let (events, lines) = audit(changes).await;
        let [(told, note)] = &events[..] else { panic!("{what}: {events:?}") };
        assert_eq!(told, reason, "{what}");
        assert!(note.contains(words) && note.ends_with("(changed by kubectl-edit)"), "{what}: {note}");
        assert!(note.contains(run), "{what}: {note}");
        let [[logged, of, manager]] = &lines[..] else { panic!("{what}: {lines:?}") };
        assert_eq!((logged.as_str(), manager.as_str()), (act, "kubectl-edit"), "{what}");
        assert!(of.starts_with(run) && of.is_empty() == run.is_empty(), "{what}: {of}");
    }
}

#[tokio::test]
async fn what_changed_nothing_is_not_told_again() {
    let suspended = json!([{"type": "Ready", "status": "False", "reason": "Suspended", "message": "held",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    let (events, lines) = audit(json!({"/spec/suspend": true, "/status/conditions": suspended})).await;
    assert!(events.is_empty() && lines.is_empty(), "{events:?} {lines:?}");
}
