// SPDX-License-Identifier: Apache-2.0
//! A leader that dies at a scheduled time, at any of its requests: the next one makes no second run.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use super::*;
use crate::played::{Asked, Log};

/// What an API server keeps.
struct Kept {
    test: Mutex<Value>,
    runs: Mutex<BTreeMap<String, Value>>,
    /// Requests that it still answers; after that the operator is dead.
    left: AtomicUsize,
}

const NEXT: &str = "2026-11-30T03:00:00Z";

impl Kept {
    fn new() -> Arc<Self> {
        let mut test = super::test(1, 7);
        test["spec"]["suspend"] = json!(false);
        test["spec"]["schedule"] = json!({"cron": "0 3 * * *"});
        let spec: upsurge_crds::LoadTestSpec = serde_json::from_value(test["spec"].clone()).unwrap();
        test["status"] = json!({
            "leaderEpoch": 7, "lastRunGeneration": 1, "lastRunDigest": decide::digest(&spec), "nextScheduleTime": NEXT,
        });
        Arc::new(Self { test: Mutex::new(test), runs: Mutex::default(), left: AtomicUsize::new(0) })
    }

    fn answer(&self, asked: &Asked) -> (u16, Value) {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            return failure(410, "Gone");
        }
        let mut runs = self.runs.lock().unwrap();
        let name = asked.path.rsplit('/').next().unwrap();
        match (asked.method.as_str(), name) {
            ("GET", "loadtestruns") => {
                let items: Vec<&Value> = runs.values().collect();
                let list = json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRunList", "metadata": {}, "items": items});
                (200, list)
            }
            ("POST", "loadtestruns") => {
                let name = asked.body["metadata"]["name"].as_str().unwrap();
                if runs.contains_key(name) {
                    return failure(409, "AlreadyExists");
                }
                runs.insert(name.into(), asked.body.clone());
                (201, asked.body.clone())
            }
            ("GET", name) if runs.contains_key(name) => (200, runs[name].clone()),
            ("PATCH", "status") => {
                let mut test = self.test.lock().unwrap();
                if asked.body["metadata"]["resourceVersion"] != test["metadata"]["resourceVersion"] {
                    return failure(409, "Conflict");
                }
                test["status"] = asked.body["status"].clone();
                let version: u64 = test["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
                test["metadata"]["resourceVersion"] = json!((version + 1).to_string());
                (200, test.clone())
            }
            ("GET", _) => (200, self.test.lock().unwrap().clone()),
            // Events.
            _ => (201, asked.body.clone()),
        }
    }

    /// One look by an operator that dies after so many requests; gives what it asked for.
    async fn look(self: &Arc<Self>, requests: usize, now: &str) -> (Result<Done, Error>, Log) {
        self.left.store(requests, Ordering::SeqCst);
        let kept = self.clone();
        let (client, log) = server(move |asked| kept.answer(asked));
        let test = serde_json::from_value(self.test.lock().unwrap().clone()).unwrap();
        let now: Timestamp = now.parse().unwrap();
        (look(&test, &context(client, leading(7)), &move || now).await, log)
    }
}

#[tokio::test]
async fn a_leader_that_is_killed_at_the_time_leaves_exactly_one_run() {
    let mut deaths = 0;
    loop {
        let kept = Kept::new();
        let (_, asked) = kept.look(deaths, "2026-11-30T03:00:00Z").await;
        let died = asked.lock().unwrap().len() > deaths;
        let (result, _) = kept.look(usize::MAX, "2026-11-30T03:00:15Z").await;
        assert!(result.is_ok(), "after {deaths} requests: {result:?}");
        let names: Vec<String> = kept.runs.lock().unwrap().keys().cloned().collect();
        assert_eq!(names, ["checkout-s29933460"], "after {deaths} requests");
        let status = kept.test.lock().unwrap()["status"].clone();
        assert_eq!(status["lastScheduleTime"], NEXT, "after {deaths} requests");
        assert_eq!(status["nextScheduleTime"], "2026-12-01T03:00:00Z");
        assert_eq!(status["lastRun"], "checkout-s29933460");
        if !died {
            break;
        }
        deaths += 1;
    }
    assert!(deaths >= 3, "only {deaths} requests were there to die at");
}

#[tokio::test]
async fn a_look_before_the_time_makes_nothing_and_comes_back_for_it() {
    let kept = Kept::new();
    let (result, _) = kept.look(usize::MAX, "2026-11-30T02:59:30Z").await;
    assert!(
        matches!(result, Ok(Done::Applied(Some(wait)) | Done::Nothing(Some(wait))) if wait == Duration::from_secs(30))
    );
    assert!(kept.runs.lock().unwrap().is_empty());
}
