// SPDX-License-Identifier: Apache-2.0
//! What a run made by hand lacks.

use kube::core::Status;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::load_test_run::fixtures::run;

fn test() -> LoadTest {
    let spec = run(&json!({})).spec.test.unwrap();
    serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "test-uid"},
        "spec": spec
    }))
    .unwrap()
}

#[test]
fn a_run_made_by_hand_gets_spec_owner_and_labels() {
    let mut bare = run(&json!({}));
    bare.spec.test = None;
    let body = completion(&bare, &test()).unwrap();
    assert_eq!(body["spec"]["test"]["target"]["baseURL"], "http://checkout:8080");
    assert_eq!(body["metadata"]["ownerReferences"][0]["uid"], "test-uid");
    assert_eq!(body["metadata"]["labels"]["upsurge.dev/test"], "checkout");
}

#[test]
fn a_snapshot_that_is_there_stays_and_so_does_another_controller() {
    let mut snapshot = run(&json!({"load": {"constant": {"level": 1, "duration": "1s"}}}));
    snapshot.metadata.owner_references = Some(vec![
        serde_json::from_value(
            json!({"apiVersion": "v1", "kind": "Pipeline", "name": "p", "uid": "p", "controller": true}),
        )
        .unwrap(),
    ]);
    let body = completion(&snapshot, &test()).unwrap();
    assert_eq!(body["spec"]["test"]["load"]["constant"]["duration"], "1s");
    assert_eq!(body["metadata"].get("ownerReferences"), None);
}

#[test]
fn a_complete_run_is_left_alone() {
    let test = test();
    let mut complete = run(&json!({}));
    complete.metadata.owner_references = test.controller_owner_ref(&()).map(|owner| vec![owner]);
    complete.metadata.labels = Some(run_labels("checkout"));
    assert_eq!(completion(&complete, &test), None);
}

#[rstest]
#[case::a_wrong_quantity(422, Some(reasons::INVALID_SPEC))]
#[case::a_quota_on_jobs(403, Some(reasons::PODS_FORBIDDEN))]
#[case::overload(503, None)]
#[case::a_conflict(409, None)]
fn a_refusal_ends_the_run_and_a_hiccup_does_not(#[case] code: u16, #[case] reason: Option<&str>) {
    let status = Status { code, message: "because".into(), ..Status::default() };
    let error = failed("apply", "Job base".into(), kube::Error::Api(status.boxed()));
    let refusal = error.refusal();
    assert_eq!(refusal.as_ref().map(|(reason, _)| *reason), reason);
    assert!(refusal.is_none_or(|(_, message)| message == "failed to apply Job base: because"));
}

#[rstest]
#[case::a_quantity_that_it_can_not_read(
    500,
    "failed to convert new object (shop/base; batch/v1, Kind=Job) to proper version: quantities must match the regular expression",
    Some(reasons::INVALID_SPEC)
)]
#[case::a_webhook(
    400,
    "admission webhook \"a.b.c\" denied the request: no tests",
    Some(reasons::PODS_FORBIDDEN)
)]
#[case::a_webhook_with_a_code_of_its_own(
    503,
    "admission webhook \"a.b.c\" denied the request: not at night",
    Some(reasons::PODS_FORBIDDEN)
)]
#[case::a_webhook_that_does_not_answer(
    500,
    "Internal error occurred: failed calling webhook \"a.b.c\": context deadline exceeded",
    None
)]
#[case::an_error_of_its_own(500, "etcdserver: request timed out", None)]
fn what_the_api_server_says_tells_a_refusal_from_a_hiccup(
    #[case] code: u16,
    #[case] message: &str,
    #[case] reason: Option<&str>,
) {
    let status = Status { code, message: message.into(), ..Status::default() };
    let refusal = failed("apply", "Job base".into(), kube::Error::Api(status.boxed())).refusal();
    assert_eq!(refusal.as_ref().map(|(reason, _)| *reason), reason);
    assert!(refusal.is_none_or(|(_, told)| told.contains(message) && !told.contains("Status {")));
}
