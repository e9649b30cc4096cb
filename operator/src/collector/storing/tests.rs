// SPDX-License-Identifier: Apache-2.0
//! Who gets a record, before an API server that is played.

use axum::http::Request;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use upsurge_crds::{internal::RecordSpec, v1alpha1::Verdict};

use super::*;
use crate::{
    collector::{authentication::claims, router},
    played::{failure, server},
};

/// An API server that believes each token, with the record of run `checkout-1`, and a Job of that name which owns each pod.
fn sessions(job: String, record: &'static str) -> Sessions {
    let owned = |kind: &str, name: &str, uid: &str| json!([{"apiVersion": "v1", "kind": kind, "name": name, "uid": uid}]);
    let metadata = move |name: &str, uid: &str, owners: Value| {
        (
            200,
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": {"name": name, "uid": uid, "ownerReferences": owners}}),
        )
    };
    let (client, _) = server(move |asked| {
        let last = asked.path.rsplit('/').next().unwrap_or_default();
        if asked.path.ends_with("/tokenreviews") {
            let token = asked.body["spec"]["token"].as_str().unwrap();
            let claims::Claims { namespace, pod, .. } = claims::Claims::read(token, 1_000).unwrap();
            let extra = json!({"authentication.kubernetes.io/pod-name": [pod.name],
                "authentication.kubernetes.io/pod-uid": [pod.uid]});
            let user =
                json!({"username": format!("system:serviceaccount:{namespace}:store"), "extra": extra});
            let status = json!({"authenticated": true, "audiences": ["upsurge.dev"], "user": user});
            (201, json!({"spec": {"token": ""}, "status": status}))
        } else if asked.path.contains("/pods/") {
            metadata(last, &format!("uid of {last}"), owned("Job", &job, "job-uid"))
        } else if asked.path.contains("/jobs/") {
            metadata(last, "job-uid", owned("LoadTestRun", "checkout-1", "run-uid"))
        } else if asked.path.contains("/records/") && !record.is_empty() {
            let spec = RecordSpec {
                verdict: Verdict::Passed,
                bytes: 4,
                data: k8s_openapi::ByteString(record.as_bytes().to_vec()),
            };
            let owners = owned("LoadTestRun", "checkout-1", "run-uid");
            (
                200,
                json!({"apiVersion": "internal.upsurge.dev/v1alpha1", "kind": "Record", "spec": spec,
                "metadata": {"name": "checkout-1", "ownerReferences": owners}}),
            )
        } else {
            failure(404, "NotFound")
        }
    });
    let sessions = Sessions::new(client);
    sessions.set_serving(true);
    sessions
}

fn job() -> String {
    naming::store(&naming::base("checkout-1", "run-uid"))
}

async fn get(sessions: &Sessions, pod: &str) -> (StatusCode, String) {
    let mut claims = claims::tests::claims(pod);
    claims["exp"] = json!(Timestamp::now().as_second() + 3_600);
    let request = Request::get("/v1/runs/shop/checkout-1/record")
        .header("authorization", format!("Bearer {}", claims::tests::token(&claims)))
        .body(Body::empty())
        .unwrap();
    let response = router(sessions.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn the_pod_that_stores_a_record_gets_what_the_namespace_keeps_or_more() {
    let sessions = sessions(job(), "kept");
    assert_eq!(get(&sessions, "store-1").await, (StatusCode::OK, "kept".into()));
    let whole = "whole ".repeat(PART);
    sessions.shelve("shop", "run-uid", whole.clone().into_bytes());
    assert_eq!(get(&sessions, "store-1").await, (StatusCode::OK, whole));
    sessions.unshelve("run-uid");
    assert_eq!(get(&sessions, "store-1").await.1, "kept", "its place is free again each time");
}

#[tokio::test]
async fn a_pod_of_another_job_gets_none() {
    let (status, words) = get(&sessions("checkout-1-run".into(), "kept"), "store-1").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(words.contains("its Job is not made to store it"), "{words}");
}

/// Whoever makes a Job writes the UID of its owner: here that of a run in another namespace.
#[tokio::test]
async fn a_job_that_claims_a_run_of_another_namespace_gets_nothing_of_it() {
    let sessions = sessions(job(), "");
    sessions.shelve("billing", "run-uid", b"of billing".to_vec());
    let (status, words) = get(&sessions, "store-1").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{words}");
    assert!(sessions.has_shelved("billing", "run-uid") && !sessions.has_shelved("shop", "run-uid"));
}

#[tokio::test]
async fn a_run_without_a_record_is_told_of_and_a_standby_leads_on() {
    let sessions = sessions(job(), "");
    let (status, words) = get(&sessions, "store-1").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(words.starts_with("run shop/checkout-1 has no record"), "{words}");
    sessions.set_serving(false);
    assert_eq!(get(&sessions, "store-1").await.0, StatusCode::SERVICE_UNAVAILABLE);
}
