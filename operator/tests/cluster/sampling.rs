// SPDX-License-Identifier: Apache-2.0
//! What is seen of a real autoscaler and its workload.

use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler, core::v1::Service};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use upsurge_crds::v1alpha1::WorkloadReference;
use upsurge_operator::sampling::{self, SharedObservation, find_autoscaler, scale_of};

use crate::space::{PAUSE, Space, until};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn replicas_of_a_real_autoscaler_are_seen_as_they_change() {
    let space = Space::new("sampling").await;
    let workload = WorkloadReference {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "checkout".into(),
    };
    let missing = scale_of(&space.client, &space.name, &workload).await.unwrap_err().to_string();
    assert!(missing.contains("checkout") && missing.contains("not found"), "{missing}");
    let unknown = WorkloadReference { kind: "Rollout".into(), ..workload.clone() };
    let unknown = scale_of(&space.client, &space.name, &unknown).await.unwrap_err().to_string();
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
    let found = find_autoscaler(&space.client, &space.name, &workload).await.unwrap().unwrap();
    assert_eq!((found.autoscaler.name.as_str(), found.autoscaler.max_replicas), ("by-cpu", 5));
    let other = WorkloadReference { name: "cart".into(), ..workload.clone() };
    assert!(find_autoscaler(&space.client, &space.name, &other).await.unwrap().is_none());

    let seen = SharedObservation::default();
    let sampler = sampling::spawn(space.client.clone(), space.name.clone(), workload.clone(), seen.clone());
    let reached = |desired: i32, ready: i32| {
        let seen = seen.clone();
        move || {
            let seen = seen.clone();
            async move {
                seen.get()
                    .samples
                    .last()
                    .filter(|last| (last.desired, last.current, last.ready) == (desired, desired, ready))
                    .copied()
            }
        }
    };
    until("one replica", reached(1, 1)).await;
    let bound = |replicas: i32| json!({"spec": {"minReplicas": replicas}});
    let hpas = space.api::<HorizontalPodAutoscaler>();
    let patch = PatchParams::default();
    hpas.patch(&hpa.name_any(), &patch, &Patch::Merge(bound(3))).await.unwrap();
    let up = until("three replicas", reached(3, 3)).await;
    // The Deployment's own count comes a moment later than its pods and endpoints.
    until("the Deployment to say the same", || async {
        let status = space.api::<Deployment>().get("checkout").await.unwrap().status.unwrap();
        Some(()).filter(|()| status.ready_replicas == Some(3))
    })
    .await;
    let observation = seen.get();
    assert!(observation.rollouts.is_empty(), "a scale-up is no rollout");
    assert_eq!(observation.autoscaler.as_ref().unwrap().min_replicas, 3);
    assert!(observation.conditions.iter().any(|condition| condition.type_ == "AbleToScale"));
    assert_eq!(observation.pods.len(), 3);
    for pod in &observation.pods {
        assert!(pod.created <= pod.scheduled && pod.scheduled <= pod.ready && pod.ready.is_some(), "{pod:?}");
    }
    assert!(
        observation.samples.iter().any(|sample| (sample.desired, sample.ready) == (3, 1)),
        "what came between"
    );
    hpas.patch(&hpa.name_any(), &patch, &Patch::Merge(bound(1))).await.unwrap();
    // With no metrics yet the autoscaler would keep what is there: take it away and scale by hand.
    hpas.delete(&hpa.name_any(), &DeleteParams::default()).await.unwrap();
    let scale = Patch::Merge(json!({"spec": {"replicas": 1}}));
    space.api::<Deployment>().patch("checkout", &patch, &scale).await.unwrap();
    let down = until("one replica again", reached(1, 1)).await;
    assert!(down.at > up.at);
    assert_eq!(seen.get().pods.iter().filter(|pod| pod.deleted.is_some()).count(), 2);
    assert!(seen.get().problems.iter().any(|problem| problem.contains("was deleted")));
    let restarted =
        Patch::Merge(json!({"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}));
    space.api::<Deployment>().patch("checkout", &patch, &restarted).await.unwrap();
    until("the rollout", || async { seen.get().rollouts.first().copied() }).await;
    sampler.abort();
    space.end().await;
}
