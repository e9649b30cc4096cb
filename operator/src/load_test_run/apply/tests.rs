//! What a run made by hand lacks.

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
    assert_eq!(body["spec"]["test"]["target"]["baseUrl"], "http://checkout:8080");
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
