// SPDX-License-Identifier: Apache-2.0
//! One look, at what watches would show.

use super::*;
use crate::glance;

const HPAS: &str = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";

fn ready_pod(name: &str, resources: &Value) -> Value {
    let mut pod = pod(name);
    pod["spec"]["containers"] = json!([{"name": "main", "resources": resources}]);
    pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    pod
}

fn hpa(owner: Option<&str>) -> Value {
    let owners: Vec<Value> = owner
        .map(|name| json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": name, "uid": "k"}))
        .into_iter()
        .collect();
    json!({"metadata": {"name": "checkout", "ownerReferences": owners}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}, "maxReplicas": 7,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]},
        "status": {"desiredReplicas": 1, "conditions": [
            {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "missing request for cpu"}]}})
}

#[tokio::test]
async fn a_glance_tells_replicas_conditions_and_the_request_that_is_missing() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    cluster.set(PODS, &[ready_pod("a", &json!({})), pod("b")]);
    cluster.set(HPAS, &[hpa(None)]);
    let seen = glance(&cluster.client(), &cluster.target()).await.unwrap();
    let levels = seen.known.levels();
    assert_eq!(
        (levels.asked, levels.existing, levels.ready, levels.bounds),
        (Some(1), Some(1), Some(1), Some((1, 7)))
    );
    assert_eq!(seen.known.condition("ScalingActive").unwrap().message, "missing request for cpu");
    assert_eq!(
        (seen.missing.unwrap().container.as_str(), seen.selector.as_deref()),
        ("main", Some("app=checkout"))
    );
    assert!(!seen.is_rolling && cluster.asked(SCALED_OBJECTS).is_empty());
    cluster.set(PODS, &[ready_pod("a", &json!({"requests": {"cpu": "100m"}}))]);
    assert_eq!(glance(&cluster.client(), &cluster.target()).await.unwrap().missing, None);
    assert!(cluster.asked("/apis/apps/v1").is_empty(), "nobody asks what a Deployment is");
}

#[tokio::test]
async fn a_glance_knows_that_keda_may_go_to_zero() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    cluster.set(HPAS, &[hpa(Some("checkout"))]);
    let scaled = json!({"metadata": {"name": "checkout"}, "spec": {"scaleTargetRef": {"name": "checkout"}, "maxReplicaCount": 7}});
    cluster.set(SCALED_OBJECTS, &[scaled]);
    let bounds = async || glance(&cluster.client(), &cluster.target()).await.unwrap().known.levels().bounds;
    assert_eq!(bounds().await, Some((0, 7)));
    cluster.forbid(SCALED_OBJECTS);
    assert_eq!(bounds().await, Some((1, 7)), "who may not see it knows what its autoscaler says");
}

#[tokio::test]
async fn a_glance_sees_a_rollout_and_no_pods_without_a_selector() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    cluster.set(DEPLOYMENTS, &[json!({"metadata": {"name": "checkout", "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"replicas": 2}, "status": {"replicas": 3, "updatedReplicas": 1}})]);
    cluster.set(PODS, &[ready_pod("stranger", &json!({}))]);
    cluster.select("");
    let seen = glance(&cluster.client(), &cluster.target()).await.unwrap();
    assert!(seen.is_rolling);
    assert_eq!((seen.known.levels().ready, seen.selector), (None, None));
    let nothing = Cluster::begin("apps/v1", "DaemonSet");
    assert!(matches!(
        glance(&nothing.client(), &nothing.target()).await,
        Err(crate::FindError::NotFound { .. })
    ));
}
