// SPDX-License-Identifier: Apache-2.0
//! What a cache that lags behind leads to.

use serde_json::json;

mod killed;

use super::*;
use crate::{
    fence::Fence,
    played::{context, failure, leading, server},
};

/// A test that holds its runs, as it is after so many changes.
fn test(version: u32, epoch: i64) -> serde_json::Value {
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
        "status": {"leaderEpoch": epoch}
    })
}

/// Reconciles the test as of version 41, when it is at 42; gives the versions that writes carried.
async fn versions(epoch: i64, fence: Fence) -> (Result<Done, Error>, Vec<String>) {
    let (client, log) = server(move |asked| {
        match (asked.method.as_str(), asked.path.ends_with("/loadtestruns")) {
            ("GET", true) => {
                let list = json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRunList", "metadata": {}, "items": []});
                (200, list)
            }
            ("PATCH", _) if asked.body["metadata"]["resourceVersion"] != "42" => failure(409, "Conflict"),
            _ => (200, test(42, epoch)),
        }
    });
    let cached = serde_json::from_value(test(41, epoch)).unwrap();
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
