// SPDX-License-Identifier: Apache-2.0
//! Late writes, conflicts and refusals.

use serde_json::Value;
use upsurge_crds::{LoadTestRun, v1alpha1::Phase};

use super::*;
use crate::played::{Asked, failure, leading, server};

fn run(term: Option<i64>) -> LoadTestRun {
    let mut run: LoadTestRun = serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
        "metadata": {"name": "checkout-g1", "namespace": "shop", "uid": "run-uid", "resourceVersion": "41"},
        "spec": {"loadTestRef": {"name": "checkout"}}
    }))
    .unwrap();
    run.status = Some(LoadTestRunStatus {
        phase: Some(Phase::Running),
        leader_term: term,
        ..LoadTestRunStatus::default()
    });
    run
}

/// What comes of a write of a new phase to a run that was last written under a term, and what was asked of the API server.
async fn written(
    fence: &Fence,
    term: Option<i64>,
    answer: (u16, Value),
) -> (Result<bool, WriteError>, Vec<Asked>) {
    let (client, log) = server(move |_| answer.clone());
    let run = run(term);
    let wanted = LoadTestRunStatus { phase: Some(Phase::Collecting), ..run.status.clone().unwrap() };
    let result = write(fence, &Api::namespaced(client, "shop"), &run, wanted).await;
    let asked = log.lock().unwrap().clone();
    (result, asked)
}

fn accepted() -> (u16, Value) {
    (200, serde_json::to_value(run(Some(7))).unwrap())
}

#[tokio::test]
async fn a_write_carries_the_version_that_was_read_and_the_term() {
    let (result, asked) = written(&leading(7), Some(6), accepted()).await;
    assert!(result.unwrap());
    let [Asked { path, body, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(path, "/apis/upsurge.dev/v1alpha1/namespaces/shop/loadtestruns/checkout-g1/status");
    assert_eq!(body["metadata"]["resourceVersion"], "41");
    assert_eq!((&body["status"]["leaderEpoch"], &body["status"]["phase"]), (&json!(7), &json!("Collecting")));
}

#[tokio::test]
async fn an_operator_of_a_lower_term_does_not_write() {
    let (result, asked) = written(&leading(7), Some(8), accepted()).await;
    assert!(matches!(result, Err(WriteError::Superseded { theirs: 8, ours: 7 })), "{result:?}");
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn an_operator_that_lost_its_lease_does_not_write() {
    let fence = leading(7);
    fence.lose();
    let (result, asked) = written(&fence, Some(7), accepted()).await;
    assert!(matches!(result, Err(WriteError::NotLeading(NotLeading::Lost))), "{result:?}");
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn a_conflict_is_told_as_such_and_not_tried_again() {
    let (result, asked) = written(&leading(7), Some(7), failure(409, "Conflict")).await;
    assert!(matches!(result, Err(WriteError::Conflict)), "{result:?}");
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn an_object_that_is_gone_needs_no_status_and_a_refusal_is_an_error() {
    let (result, _) = written(&leading(7), Some(7), failure(404, "NotFound")).await;
    assert!(!result.unwrap());
    let (result, _) = written(&leading(7), Some(7), failure(422, "Invalid")).await;
    assert!(matches!(result, Err(WriteError::Api(_))), "{result:?}");
}

#[tokio::test]
async fn a_new_leader_claims_a_run_and_an_old_one_has_nothing_to_say() {
    let (client, log) = server(|_| accepted());
    for (term, claimed) in [(None, true), (Some(6), true), (Some(7), false)] {
        let run = run(term);
        let wanted = run.status.clone().unwrap();
        let result = write(&leading(7), &Api::namespaced(client.clone(), "shop"), &run, wanted).await;
        assert_eq!(result.unwrap(), claimed, "{term:?}");
    }
    assert_eq!(log.lock().unwrap().len(), 2);
}
