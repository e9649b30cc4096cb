// SPDX-License-Identifier: Apache-2.0
//! The same of a container whose size is set.

use upsurge_crds::v1alpha1::PinnedContainer;

use super::*;

/// The Deployment, whose pods have all of its template if `updated` are replaced.
fn deployment(containers: &Value, updated: i32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "checkout", "namespace": "shop", "resourceVersion": "9", "generation": 2,
            "managedFields": [{"manager": "helm", "operation": "Apply"}, {"manager": FIELD_MANAGER, "operation": "Update"}]},
        "spec": {"replicas": 3, "template": {"spec": {"containers": containers}}},
        "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": updated, "readyReplicas": 3}})
}

fn containers() -> Value {
    json!([
        {"name": "app", "image": "shop", "resources": {"requests": {"cpu": "250m"}}},
        {"name": "proxy", "image": "proxy"},
    ])
}

/// A namespace with that Deployment and no autoscaler.
fn with(deployment: Value) -> impl Fn(&Asked) -> (u16, Value) + Send + Sync {
    let all = cluster(Vec::new(), Some(Vec::new()));
    move |asked: &Asked| match asked.path.rsplit('/').next().unwrap_or_default() {
        "deployments" => list("DeploymentList", std::slice::from_ref(&deployment)),
        "checkout" => (200, deployment.clone()),
        _ => all(asked),
    }
}

fn app(cpu: &str) -> PinnedObject {
    let requests = [("cpu".to_owned(), cpu.to_owned())].into();
    PinnedObject {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "checkout".into(),
        container: Some(PinnedContainer { name: "app".into(), requests, ..PinnedContainer::default() }),
        ..PinnedObject::default()
    }
}

const APP: Option<Sizing<'static>> = Some(Sizing { container: Some("app") });

#[tokio::test]
async fn a_container_comes_after_the_workload_with_what_its_rollout_waits_for() {
    for (updated, expected) in [(3, None), (1, Some("1 of 3 pods are replaced, and 2 of before are left"))] {
        let (client, _) = server(with(deployment(&containers(), updated)));
        let scaler = look(&client, &target(), None, APP).await.unwrap();
        assert_eq!(scaler.present.len(), 2, "{scaler:?}");
        assert_eq!(
            (&scaler.present[1].object, scaler.present[1].version.as_deref()),
            (&app("250m"), Some("9"))
        );
        assert_eq!((scaler.problem, scaler.is_unfit), (None, false));
        assert_eq!(scaler.rollout.as_deref(), expected);
    }
    let (client, _) = server(with(deployment(&containers(), 3)));
    let scaler = look(&client, &target(), None, None).await.unwrap();
    assert_eq!((scaler.present.len(), scaler.rollout), (1, None), "no size is set");
}

#[tokio::test]
async fn a_container_that_is_not_clear_does_not_fit_until_one_is_noted() {
    let (client, _) = server(with(deployment(&containers(), 3)));
    let any = Some(Sizing { container: None });
    let scaler = look(&client, &target(), None, any).await.unwrap();
    assert!(scaler.is_unfit && scaler.present.len() == 1, "{scaler:?}");
    assert!(scaler.problem.unwrap().contains("name one of them: app, proxy"));
    // A sidecar that came in the middle of a run.
    let known = PinningStatus { originals: vec![app("1")], ..PinningStatus::default() };
    let scaler = look(&client, &target(), Some(&known), any).await.unwrap();
    assert_eq!((scaler.is_unfit, &scaler.present[1].object), (false, &app("250m")));
    let scaler = found(&client, &target(), Some(&known)).await.unwrap();
    assert_eq!(scaler.present[1].object, app("250m"), "nor has what is put back to be told");
}

#[tokio::test]
async fn a_container_that_may_not_be_read_is_not_gone() {
    let all = with(deployment(&containers(), 3));
    let (client, _) = server(move |asked| match asked.path.ends_with("/deployments") {
        true => failure(403, "Forbidden"),
        false => all(asked),
    });
    let known = PinningStatus { originals: vec![app("1")], ..PinningStatus::default() };
    let scaler = found(&client, &target(), Some(&known)).await.unwrap();
    assert!(matches!(&scaler.hidden[..], [Hidden { object, .. }] if *object == app("1")), "{scaler:?}");
}

#[tokio::test]
async fn all_containers_are_written_under_the_version_that_was_read() {
    let (client, log) = server(with(deployment(&containers(), 3)));
    let to = Change { to: app("2"), version: Some("9".into()) };
    change(&client, "shop", &to).await.unwrap();
    let mut expected = containers();
    expected[0]["resources"]["requests"]["cpu"] = json!("2");
    let written = log.lock().unwrap().last().cloned().unwrap();
    assert!(written.path.ends_with("/namespaces/shop/deployments/checkout"), "{}", written.path);
    assert_eq!(
        written.body,
        json!({"metadata": {"resourceVersion": "9"}, "spec": {"template": {"spec": {"containers": expected}}}})
    );
    let to = Change { to: app("2"), version: Some("8".into()) };
    assert!(
        matches!(change(&client, "shop", &to).await, Err(Error::Conflict { .. })),
        "it has changed since"
    );
    let writes = log.lock().unwrap().iter().filter(|asked| asked.method == "PATCH").count();
    assert_eq!(writes, 1);
}

#[tokio::test]
async fn the_operator_owns_nothing_of_a_workload_whose_size_it_has_put_back() {
    let (client, log) = server(with(deployment(&containers(), 3)));
    put_back(&client, "shop", &Change { to: app("250m"), version: Some("9".into()) }).await.unwrap();
    let last = log.lock().unwrap().last().cloned().unwrap();
    assert_eq!(
        last.body,
        json!({"metadata": {"resourceVersion": "9", "managedFields": [{"manager": "helm", "operation": "Apply"}]}})
    );
}

#[tokio::test]
async fn a_workload_that_is_gone_needs_no_size() {
    let (client, _) = server(|_| list("DeploymentList", &[]));
    assert!(change(&client, "shop", &Change { to: app("2"), version: Some("9".into()) }).await.is_ok());
}
