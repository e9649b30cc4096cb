// SPDX-License-Identifier: Apache-2.0
//! What is asked of the API server, and what its answers mean.

mod sized;

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::pinning::Change;
use upsurge_crds::names::FIELD_MANAGER;

use super::*;
use crate::{
    load_test_run::fixtures,
    played::{Asked, failure, server},
};

fn target() -> Target {
    Target {
        namespace: "shop".into(),
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "checkout".into(),
    }
}

fn hpa(name: &str, of: &str, owner: Option<&str>) -> Value {
    let owners: Vec<Value> = owner
        .iter()
        .map(|name| json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": name, "uid": "u"}))
        .collect();
    json!({"metadata": {"name": name, "resourceVersion": "5", "ownerReferences": owners},
        "spec": {"minReplicas": 2, "maxReplicas": 10,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": of}}})
}

fn list(kind: &str, items: &[Value]) -> (u16, Value) {
    (200, json!({"apiVersion": "v1", "kind": kind, "metadata": {}, "items": items}))
}

fn scale() -> Value {
    json!({"apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {"name": "checkout", "namespace": "shop", "resourceVersion": "9"},
        "spec": {"replicas": 3}, "status": {"replicas": 3, "selector": "app=checkout"}})
}

/// A namespace with these autoscalers, and with KEDA's objects if they may be seen.
fn cluster(hpas: Vec<Value>, scaled: Option<Vec<Value>>) -> impl Fn(&Asked) -> (u16, Value) + Send + Sync {
    move |asked: &Asked| match asked.path.rsplit('/').next().unwrap_or_default() {
        "horizontalpodautoscalers" => list("HorizontalPodAutoscalerList", &hpas),
        "scaledobjects" => match &scaled {
            Some(items) => list("ScaledObjectList", items),
            None => failure(403, "Forbidden"),
        },
        "pods" => list("PodList", &[]),
        "deployments" => list(
            "DeploymentList",
            &[json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"},
                "spec": {"replicas": 3}, "status": {"replicas": 3}})],
        ),
        "scale" => (200, scale()),
        _ => failure(404, "NotFound"),
    }
}

fn names(scaler: &Scaler) -> Vec<(&str, &str, Option<&str>)> {
    let present = scaler.present.iter();
    present.map(|one| (one.object.kind.as_str(), one.object.name.as_str(), one.version.as_deref())).collect()
}

#[tokio::test]
async fn the_autoscalers_of_the_target_come_before_it_and_no_others() {
    let hpas = vec![hpa("checkout", "checkout", None), hpa("cart", "cart", None)];
    let (client, _) = server(cluster(hpas, None));
    let scaler = look(&client, &target(), None, None).await.unwrap();
    assert_eq!(
        names(&scaler),
        [("HorizontalPodAutoscaler", "checkout", Some("5")), ("Deployment", "checkout", Some("9"))]
    );
    assert_eq!(scaler.present[0].object.max_replicas, Some(10));
    assert_eq!(
        (scaler.present[1].object.replicas, scaler.levels.asked, scaler.problem),
        (Some(3), Some(3), None)
    );
}

#[tokio::test]
async fn keda_is_told_by_its_own_object_and_not_by_the_autoscaler_that_it_made() {
    let made = vec![hpa("keda-hpa-checkout", "checkout", Some("checkout"))];
    let scaled = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": "checkout", "resourceVersion": "6"}, "spec": {"scaleTargetRef": {"name": "checkout"}}});
    let (client, _) = server(cluster(made.clone(), Some(vec![scaled])));
    let scaler = look(&client, &target(), None, None).await.unwrap();
    assert_eq!(
        names(&scaler),
        [("ScaledObject", "checkout", Some("6")), ("Deployment", "checkout", Some("9"))]
    );
    // Where it can't be seen, nothing can be held.
    let (client, _) = server(cluster(made, None));
    let problem = look(&client, &target(), None, None).await.unwrap().problem.unwrap();
    assert!(problem.contains("rbac.keda"), "{problem}");
}

#[tokio::test]
async fn a_workload_that_is_gone_is_a_problem_and_no_failure() {
    let (client, _) = server(|asked| match asked.path.ends_with("/scale") {
        true => failure(404, "NotFound"),
        false => list("List", &[]),
    });
    let scaler = look(&client, &target(), None, None).await.unwrap();
    assert!(scaler.present.is_empty() && scaler.problem.is_some(), "{scaler:?}");
}

#[rstest]
#[case::of_keda("scaledobjects", "ScaledObject", 403)]
#[case::autoscalers("horizontalpodautoscalers", "HorizontalPodAutoscaler", 403)]
#[case::the_workload("scale", "Deployment", 403)]
#[case::of_keda_by_a_webhook_that_is_broken("scaledobjects", "ScaledObject", 500)]
#[case::autoscalers_by_a_server_that_is_broken("horizontalpodautoscalers", "HorizontalPodAutoscaler", 503)]
#[case::the_workload_by_a_webhook_that_is_broken("scale", "Deployment", 500)]
#[tokio::test]
async fn what_a_run_has_noted_is_not_gone_where_it_may_not_be_read(
    #[case] forbidden: &'static str,
    #[case] kind: &str,
    #[case] code: u16,
) {
    let original = |api_version: &str, kind: &str| PinnedObject {
        api_version: api_version.into(),
        kind: kind.into(),
        name: "checkout".into(),
        ..PinnedObject::default()
    };
    let originals = vec![
        original(KEDA, SCALED_OBJECT),
        original(AUTOSCALING, AUTOSCALER),
        original("apps/v1", "Deployment"),
    ];
    let known = PinningStatus { originals, ..PinningStatus::default() };
    let all = cluster(vec![], Some(vec![]));
    let (client, _) = server(move |asked| match asked.path.ends_with(forbidden) {
        true => failure(code, "Refused"),
        false if asked.path.ends_with("/scale") => failure(404, "NotFound"),
        false => all(asked),
    });
    let scaler = found(&client, &target(), Some(&known)).await.unwrap();
    let [Hidden { object, why }] = &scaler.hidden[..] else { panic!("{scaler:?}") };
    let told = if code == 403 { "it may not be read: because" } else { "it can't be read: because" };
    assert_eq!((object.kind.as_str(), why.as_str()), (kind, told));
    assert!(scaler.problem.is_some(), "nothing can be held meanwhile");
    // To hold a target, what fails is tried again; it is no reason to end a run.
    assert_eq!(look(&client, &target(), Some(&known), None).await.is_err(), code != 403);
}

#[tokio::test]
async fn no_more_is_held_than_can_be_noted() {
    for (count, is_problem) in [(31, false), (32, true)] {
        let hpas: Vec<Value> =
            (0..count).map(|index| hpa(&format!("hpa-{index}"), "checkout", None)).collect();
        let (client, _) = server(cluster(hpas, None));
        let scaler = look(&client, &target(), None, None).await.unwrap();
        assert_eq!(scaler.problem.is_some(), is_problem, "{count} autoscalers: {:?}", scaler.problem);
    }
}

/// An autoscaler that is held at three replicas.
fn three() -> PinnedObject {
    PinnedObject {
        api_version: AUTOSCALING.into(),
        kind: AUTOSCALER.into(),
        name: "checkout".into(),
        min_replicas: Some(3),
        max_replicas: Some(3),
        ..PinnedObject::default()
    }
}

#[tokio::test]
async fn the_operator_owns_nothing_of_an_autoscaler_that_it_has_put_back() {
    let helm = json!({"manager": "helm", "operation": "Apply"});
    let ours = json!({"manager": FIELD_MANAGER, "operation": "Update"});
    let cases = [(json!([helm, ours]), Some(json!([helm]))), (json!([ours]), None), (json!([helm]), None)];
    for (owners, expected) in cases {
        let mut there = hpa("checkout", "checkout", None);
        there["metadata"]["managedFields"] = owners;
        let (client, log) = server(move |_| (200, there.clone()));
        put_back(&client, "shop", &Change { to: three(), version: None }).await.unwrap();
        let log = log.lock().unwrap();
        let disowned = log.get(1).map(|asked| asked.body.clone());
        let expected =
            expected.map(|left| json!({"metadata": {"resourceVersion": "5", "managedFields": left}}));
        assert_eq!(disowned, expected);
    }
}

/// What comes of setting an autoscaler, when the API server answers so.
async fn set(code: u16, reason: &'static str) -> (Result<(), Error>, Value) {
    let (client, log) = server(move |asked| match code {
        200 => (200, hpa("checkout", "checkout", None)),
        _ if asked.method == "PATCH" => failure(code, reason),
        _ => failure(404, "NotFound"),
    });
    let result = change(&client, "shop", &Change { to: three(), version: Some("5".into()) }).await;
    let asked = log.lock().unwrap().last().cloned().unwrap();
    assert!(asked.path.ends_with("/namespaces/shop/horizontalpodautoscalers/checkout"), "{}", asked.path);
    (result, asked.body)
}

#[tokio::test]
async fn what_has_changed_since_is_not_written_over() {
    let (result, body) = set(200, "").await;
    assert!(result.is_ok());
    assert_eq!(
        body,
        json!({"metadata": {"resourceVersion": "5"}, "spec": {"minReplicas": 3, "maxReplicas": 3}})
    );
    assert!(matches!(set(409, "Conflict").await.0, Err(Error::Conflict { .. })));
    assert!(set(404, "NotFound").await.0.is_ok(), "what is gone needs nothing");
}

#[rstest]
#[case::forbidden(403, "Forbidden", Some("add shop to pinning.namespaces"))]
#[case::not_understood(422, "Invalid", Some("failed to change HorizontalPodAutoscaler/checkout"))]
#[case::broken(500, "InternalError", None)]
#[tokio::test]
async fn what_may_not_be_changed_is_refused_with_what_to_do(
    #[case] code: u16,
    #[case] reason: &'static str,
    #[case] expected: Option<&str>,
) {
    let refusal = set(code, reason).await.0.unwrap_err().refusal("shop");
    match expected {
        Some(words) => {
            assert!(refusal.as_ref().is_some_and(|refusal| refusal.contains(words)), "{refusal:?}")
        }
        None => assert_eq!(refusal, None),
    }
}

#[tokio::test]
async fn a_run_is_kept_beside_what_others_keep_it_for() {
    let mut run = fixtures::run(&json!({}));
    run.metadata.finalizers = Some(vec!["example.com/other".into()]);
    let (client, log) = server(|asked| (200, asked.body.clone()));
    // What comes back is no run, and does not matter.
    drop(keep(&client, &run).await);
    run.metadata.finalizers = Some(vec!["example.com/other".into(), finalizers::RESTORE.into()]);
    assert!(is_kept(&run));
    drop(release(&client, &run).await);
    let log = log.lock().unwrap();
    let asked: Vec<&Value> = log.iter().map(|asked| &asked.body["metadata"]["finalizers"]).collect();
    assert_eq!(asked, [&json!(["example.com/other", "upsurge.dev/restore"]), &json!(["example.com/other"])]);
}
