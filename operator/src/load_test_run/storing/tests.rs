// SPDX-License-Identifier: Apache-2.0
//! What is asked of an API server that is only played, from the end of a run until its record is in its store.

use serde_json::{Value, json};
use upsurge_crds::names::reasons;

use super::*;
use crate::{
    load_test_run::{
        decide::{Left, clear_up},
        fixtures,
    },
    played::{Log, context, failure, leading, server, told},
    settings::Keep,
};

/// A finished run whose record goes to a bucket, with what was said of that.
fn run(said: Option<(&str, &str)>) -> Value {
    let store = json!({"objectStore": {"url": "s3://runs", "secretRef": {"name": "store"}}});
    let mut run = serde_json::to_value(fixtures::run(&json!({"record": {"store": store}}))).unwrap();
    run["metadata"]["resourceVersion"] = json!("40");
    let conditions = said.map(|(reason, message)| {
        json!([{"type": "RecordStored", "status": "False", "reason": reason, "message": message,
            "lastTransitionTime": "2030-01-01T00:00:00Z"}])
    });
    run["status"] = json!({"phase": "Finished", "verdict": "Failed", "leaderEpoch": 7,
        "completionTime": Timestamp::now().to_string(), "conditions": conditions.unwrap_or(json!([]))});
    run
}

fn job_name() -> String {
    naming::store(&naming::base("checkout-g1", "run-uid"))
}

/// The Job, with such a condition.
fn job(condition: Option<(&str, &str)>) -> Value {
    let conditions: Vec<Value> = condition
        .map(|(type_, reason)| json!({"type": type_, "status": "True", "reason": reason, "message": "over"}))
        .into_iter()
        .collect();
    json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions": conditions},
        "metadata": {"name": job_name(), "namespace": "shop", "uid": "job-uid", "ownerReferences":
            [{"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun", "name": "checkout-g1", "uid": "run-uid"}]}})
}

/// A pod of it that has ended with these words.
fn pod(words: &str) -> Value {
    let ended =
        json!({"exitCode": 2, "reason": "Error", "message": words, "finishedAt": "2030-01-01T00:00:00Z"});
    json!({"metadata": {"name": "store-1", "namespace": "shop", "uid": "pod-uid", "ownerReferences":
            [{"apiVersion": "batch/v1", "kind": "Job", "name": job_name(), "uid": "job-uid"}]},
        "status": {"phase": "Failed", "containerStatuses": [{"name": "runner", "image": "", "imageID": "",
            "ready": false, "restartCount": 0, "state": {"terminated": ended}}]}})
}

/// What there is.
#[derive(Clone)]
struct There {
    run: Value,
    job: Option<Value>,
    pods: Vec<Value>,
    has_record: bool,
    /// Status of the answer to who makes a Job.
    makes: u16,
}

impl There {
    fn of(run: Value) -> Self {
        Self { run, job: None, pods: Vec::new(), has_record: true, makes: 200 }
    }
}

/// Goes on once; gives the wait and what was asked for.
async fn once(there: There) -> (Option<Duration>, Log) {
    let cached = serde_json::from_value(there.run.clone()).unwrap();
    let list = |items: Value| json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items});
    let (client, log) = server(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.contains("/jobs/") => {
            there.job.clone().map_or_else(|| failure(404, "NotFound"), |job| (200, job))
        }
        ("GET", path) if path.contains("/records/") && there.has_record => {
            let owners =
                there.job.clone().unwrap_or_else(|| job(None))["metadata"]["ownerReferences"].clone();
            (
                200,
                json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                "metadata": {"name": "checkout-g1", "ownerReferences": owners}}),
            )
        }
        ("GET", path) if path.contains("/records/") => failure(404, "NotFound"),
        ("GET", path) if path.ends_with("/pods") => (200, list(json!(there.pods))),
        ("GET", path) if path.ends_with("/events") => (200, list(json!([]))),
        ("PATCH", path) if path.contains("/jobs/") && there.makes != 200 => failure(there.makes, "Forbidden"),
        ("PATCH", path) if path.contains("/jobs/") || path.contains("/serviceaccounts/") => {
            (200, asked.body.clone())
        }
        ("DELETE", _) => {
            (200, json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}))
        }
        _ => (200, there.run.clone()),
    });
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    (go_on(&cached, &runs).await.unwrap(), log)
}

/// The condition that was written: its status, its reason and its message.
fn condition(log: &Log) -> (String, String, String) {
    let log = log.lock().unwrap();
    let written = log.iter().rfind(|asked| asked.path.ends_with("/status")).unwrap();
    let conditions = written.body["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|condition| condition["type"] == "RecordStored").unwrap();
    let text = |name: &str| found[name].as_str().unwrap().to_owned();
    (text("status"), text("reason"), text("message"))
}

/// The changes that were asked for: method and kind.
fn changes(log: &Log) -> Vec<String> {
    let log = log.lock().unwrap();
    let changes = log.iter().filter(|asked| asked.method != "GET" && !asked.path.ends_with("/events"));
    let kind = |path: &str| {
        let parts: Vec<&str> = path.split('/').collect();
        parts
            .iter()
            .find(|part| ["jobs", "serviceaccounts", "loadtestruns"].contains(*part))
            .unwrap()
            .to_string()
    };
    changes.map(|asked| format!("{} {}", asked.method, kind(&asked.path))).collect()
}

#[tokio::test]
async fn a_finished_run_gets_one_job_that_stores_its_record() {
    let (wait, log) = once(There::of(run(None))).await;
    assert_eq!(wait, Some(SOON));
    assert_eq!(changes(&log), ["PATCH serviceaccounts", "PATCH jobs", "PATCH loadtestruns"]);
    let (status, reason, message) = condition(&log);
    assert_eq!((status.as_str(), reason.as_str()), ("False", reasons::RECORD_STORING));
    assert_eq!(message, "the record is being put into s3://runs/shop/checkout/checkout-g1.record");
    // Whoever takes over finds it at work, and makes no other.
    let there =
        There { job: Some(job(None)), ..There::of(run(Some((reasons::RECORD_STORING, message.as_str())))) };
    let (wait, log) = once(there).await;
    assert_eq!((wait, changes(&log)), (Some(LATER), Vec::new()));
}

#[tokio::test]
async fn a_store_that_fails_is_told_of_and_the_record_may_still_come_there() {
    let words = "error: s3://runs/a: the store can't be reached: connection refused";
    let there = There { job: Some(job(None)), pods: vec![pod(words)], ..There::of(run(None)) };
    let (wait, log) = once(there).await;
    let (status, reason, message) = condition(&log);
    assert_eq!((status.as_str(), reason.as_str(), wait), ("False", reasons::RECORD_NOT_STORED, Some(LATER)));
    assert!(
        message.ends_with("tried again: s3://runs/a: the store can't be reached: connection refused"),
        "{message}"
    );
    assert_eq!(told(&log)[0].1, reasons::RECORD_NOT_STORED);
    let said = Some((reasons::RECORD_NOT_STORED, message.as_str()));
    let (wait, log) = once(There { job: Some(job(Some(("Complete", "")))), ..There::of(run(said)) }).await;
    assert_eq!((wait, condition(&log).0.as_str()), (None, "True"));
    assert_eq!(changes(&log), ["DELETE serviceaccounts", "PATCH loadtestruns"]);
    assert_eq!(told(&log)[0].1, reasons::RECORD_STORED);
}

#[tokio::test]
async fn what_can_not_be_stored_is_given_up_and_then_left_alone() {
    let job = job(Some(("Failed", "DeadlineExceeded")));
    let (wait, log) =
        once(There { job: Some(job), pods: vec![pod("no bucket")], ..There::of(run(None)) }).await;
    let (_, reason, message) = condition(&log);
    assert_eq!((wait, reason.as_str()), (None, reasons::RECORD_STORE_GIVEN_UP));
    assert!(message.contains("spec.record.deadline of 30m has passed: no bucket"), "{message}");
    let (wait, log) = once(There::of(run(Some((reason.as_str(), message.as_str()))))).await;
    assert!(wait.is_none() && log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_without_a_record_makes_no_job() {
    let (wait, log) = once(There { has_record: false, ..There::of(run(None)) }).await;
    assert_eq!((wait, condition(&log).1.as_str()), (None, reasons::RECORD_STORE_GIVEN_UP));
    assert_eq!(changes(&log), ["DELETE serviceaccounts", "PATCH loadtestruns"]);
}

#[tokio::test]
async fn a_job_that_a_quota_refuses_is_tried_again() {
    let (wait, log) = once(There { makes: 403, ..There::of(run(None)) }).await;
    let (_, reason, message) = condition(&log);
    // Many runs may be refused, so each asks seldom.
    assert_eq!((wait, reason.as_str()), (Some(LATER), reasons::RECORD_NOT_STORED));
    assert!(message.ends_with("because"), "{message}");
}

#[tokio::test]
async fn a_run_that_names_no_store_asks_for_nothing() {
    let mut run = run(None);
    run["spec"]["test"].as_object_mut().unwrap().remove("record");
    let (wait, log) = once(There::of(run)).await;
    assert!(wait.is_none() && log.lock().unwrap().is_empty());
}

#[test]
fn a_run_whose_record_is_on_its_way_is_not_cleared_up_at_each_look() {
    let effects = |run: Value, remembered| {
        let run: LoadTestRun = serde_json::from_value(run).unwrap();
        let left = Left { remembered, has_job: Some(false), keep: Keep::default() };
        clear_up(&run, &left, Timestamp::now()).effects.len()
    };
    let begun = || run(Some((reasons::RECORD_STORING, "")));
    assert_eq!(effects(run(None), false), 5, "an operator may have died meanwhile");
    assert_eq!(effects(begun(), false), 0);
    assert_eq!(effects(begun(), true), 5);
}
