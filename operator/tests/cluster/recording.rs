// SPDX-License-Identifier: Apache-2.0
//! What is seen of a real autoscaler and its workload.

use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler, core::v1::Service};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use upsurge_crds::v1alpha1::WorkloadReference;
use upsurge_figures::observation::{Levels, What, levels, lives};
use upsurge_observer::glance;
use upsurge_operator::recording::{self, SharedRecord};

use crate::space::{PAUSE, Space, until};

/// Replicas that are wanted, are there, and serve.
fn numbers(levels: &Levels) -> [Option<u32>; 3] {
    [levels.desired.or(levels.asked), levels.existing, levels.serving]
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn replicas_of_a_real_autoscaler_are_seen_as_they_change() {
    let space = Space::new("recording").await;
    let workload = |kind: &str, name: &str| {
        let reference =
            WorkloadReference { api_version: "apps/v1".into(), kind: kind.into(), name: name.into() };
        recording::target(&space.name, reference)
    };
    let checkout = workload("Deployment", "checkout");
    let missing = glance(&space.client, &checkout).await.unwrap_err().to_string();
    assert!(missing.contains("checkout") && missing.contains("not found"), "{missing}");
    let unknown = glance(&space.client, &workload("Rollout", "checkout")).await.unwrap_err().to_string();
    assert!(unknown.contains("no kind Rollout"), "{unknown}");

    let labels = json!({"app": "checkout"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [
        {"name": "main", "image": PAUSE, "resources": {"requests": {"cpu": "1m"}}}]}});
    space
        .create::<Deployment>(json!({"metadata": {"name": "checkout"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}}))
        .await;
    space
        .create::<Service>(json!({"metadata": {"name": "checkout"},
        "spec": {"selector": labels, "ports": [{"port": 80}]}}))
        .await;
    let hpa = space.create::<HorizontalPodAutoscaler>(json!({"metadata": {"name": "by-cpu"}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"},
        "minReplicas": 1, "maxReplicas": 5,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]}})).await;
    let found = until("its autoscaler", || async {
        glance(&space.client, &checkout).await.unwrap().known.autoscaler().cloned()
    })
    .await;
    assert_eq!((found.name.as_str(), found.max), ("by-cpu", 5));

    let seen = SharedRecord::default();
    let observing = recording::spawn(space.client.clone(), checkout, seen.clone());
    let reached = |replicas: u32| {
        let seen = seen.clone();
        move || {
            let seen = seen.clone();
            async move {
                let all = [Some(replicas); 3];
                levels(seen.workload().log()).last().filter(|(_, last)| numbers(last) == all).copied()
            }
        }
    };
    until("one replica", reached(1)).await;
    let bound = |replicas: i32| json!({"spec": {"minReplicas": replicas}});
    let hpas = space.api::<HorizontalPodAutoscaler>();
    let patch = PatchParams::default();
    hpas.patch(&hpa.name_any(), &patch, &Patch::Merge(bound(3))).await.unwrap();
    let (up, _) = until("three replicas", reached(3)).await;
    // The Deployment's own count comes a moment later than its pods and endpoints.
    until("the Deployment to say the same", || async {
        let status = space.api::<Deployment>().get("checkout").await.unwrap().status.unwrap();
        Some(()).filter(|()| status.ready_replicas == Some(3))
    })
    .await;
    let record = seen.workload();
    let told =
        |of: &dyn Fn(&What) -> bool| record.log().events().iter().filter(|event| of(&event.what)).count();
    assert_eq!(told(&|what| matches!(what, What::Revision { .. })), 1, "a scale-up is no rollout");
    assert_eq!(record.known().autoscaler().unwrap().min, 3);
    assert!(told(&|what| matches!(what, What::Condition(said) if said.condition == "AbleToScale")) > 0);
    let pods = lives(record.log().events());
    assert_eq!(pods.len(), 3);
    for pod in &pods {
        assert!(pod.created <= pod.scheduled && pod.scheduled <= pod.ready && pod.ready.is_some(), "{pod:?}");
        assert!(pod.node.is_some(), "{pod:?}");
    }
    let between = |(_, levels): &(_, Levels)| levels.desired == Some(3) && levels.serving == Some(1);
    assert!(levels(record.log()).iter().any(between), "what came between");
    hpas.patch(&hpa.name_any(), &patch, &Patch::Merge(bound(1))).await.unwrap();
    // With no metrics yet the autoscaler would keep what is there: take it away and scale by hand.
    hpas.delete(&hpa.name_any(), &DeleteParams::default()).await.unwrap();
    let scale = Patch::Merge(json!({"spec": {"replicas": 1}}));
    space.api::<Deployment>().patch("checkout", &patch, &scale).await.unwrap();
    let (down, _) = until("one replica again", reached(1)).await;
    assert!(down > up);
    let record = seen.workload();
    let going = lives(record.log().events()).iter().filter(|pod| pod.seen_going.is_some()).count();
    assert_eq!(going, 2);
    assert!(record.log().events().iter().any(|event| event.what == What::AutoscalerGone));
    let restarted =
        Patch::Merge(json!({"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}));
    space.api::<Deployment>().patch("checkout", &patch, &restarted).await.unwrap();
    until("the rollout", || async {
        let record = seen.workload();
        let revisions =
            record.log().events().iter().filter(|event| matches!(event.what, What::Revision { .. }));
        Some(()).filter(|()| revisions.count() > 1)
    })
    .await;
    observing.abort();
    space.end().await;
}
