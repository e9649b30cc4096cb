// SPDX-License-Identifier: Apache-2.0
//! A played API server, for tests of what the command sees in a cluster. Nothing is kept of what is sent to it.

#![allow(dead_code, reason = "no test uses all of it")]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    processes::scratch,
    server::{Answer, Arrived, Server, json as answer},
};

/// A namespace with a Deployment, its autoscaler and one ready pod. `allowed` says what may be read, by resource, and its group if it has
/// one.
pub fn cluster(allowed: fn(&str) -> bool) -> Server {
    measured_cluster(allowed, None)
}

/// The same, with a metrics API that tells of the pod that it uses so much CPU just now.
pub fn measured_cluster(allowed: fn(&str) -> bool, cpu: Option<&'static str>) -> Server {
    Server::start(move |arrived: Arrived| async move {
        // A watch of what never changes.
        if arrived.target.contains("watch=true") {
            return std::future::pending::<Answer>().await;
        }
        play(&arrived, allowed, cpu, 1)
    })
}

/// The same, whose Deployment still has two replicas; after this time it has one, if there is any.
pub fn busy_cluster(rests_after: Option<Duration>) -> Server {
    let watches = Arc::<AtomicUsize>::default();
    Server::start(move |arrived: Arrived| {
        let watches = Arc::clone(&watches);
        async move {
            if !arrived.target.contains("watch=true") {
                return play(&arrived, |_| true, None, 2);
            }
            let is_workload = arrived.target.contains("/namespaces/shop/deployments?");
            let is_first = || is_workload && watches.fetch_add(1, Ordering::Relaxed) == 0;
            let Some(time) = rests_after.filter(|_| is_first()) else {
                return std::future::pending::<Answer>().await;
            };
            tokio::time::sleep(time).await;
            let event = json!({"type": "MODIFIED", "object": deployment(1, "8")});
            answer(format!("{event}\n"))
        }
    })
}

fn meta(name: &str, version: &str) -> Value {
    json!({"name": name, "namespace": "shop", "uid": name, "resourceVersion": version, "creationTimestamp": "2030-01-01T00:00:00Z"})
}

fn deployment(replicas: u64, version: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("checkout", version),
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "checkout"}},
            "template": {"spec": {"containers": [{"name": "main", "image": "shop/checkout:7"}]}}},
        "status": {"replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas, "observedGeneration": 1}})
}

fn play(arrived: &Arrived, allowed: fn(&str) -> bool, cpu: Option<&str>, replicas: u64) -> Answer {
    let path = arrived.target.split('?').next().unwrap();
    let list = |kind: &str, api_version: &str, items: Value| {
        answer(json!({"kind": kind, "apiVersion": api_version, "metadata": {"resourceVersion": "7"}, "items": items}).to_string())
    };
    let meta = |name: &str| meta(name, "5");
    match path {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            let mut review: Value = serde_json::from_slice(&arrived.body).unwrap();
            let attributes = &review["spec"]["resourceAttributes"];
            let resource = attributes["resource"].as_str().unwrap();
            let is_allowed = match attributes["group"].as_str() {
                Some(group @ "metrics.k8s.io") => allowed(&format!("{resource}.{group}")),
                _ => allowed(resource),
            };
            review["status"] = json!({"allowed": is_allowed});
            answer(review.to_string())
        }
        "/apis/apps/v1" => answer(
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "apps/v1", "resources": [
                {"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment", "verbs": ["get", "list", "watch"]},
                {"name": "deployments/scale", "singularName": "", "namespaced": true, "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get"]}
            ]})
            .to_string(),
        ),
        "/apis/apps/v1/namespaces/shop/deployments/checkout/scale" => answer(
            json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta("checkout"), "spec": {"replicas": replicas},
                "status": {"replicas": replicas, "selector": "app=checkout"}})
            .to_string(),
        ),
        "/apis/apps/v1/namespaces/shop/deployments" => list(
            "DeploymentList",
            "apps/v1",
            json!([deployment(replicas, "5")]),
        ),
        "/api/v1/namespaces/shop/pods" => list(
            "PodList",
            "v1",
            json!([{"metadata": meta("checkout-a"), "spec": {"containers": [{"name": "main", "resources": {"limits": {"cpu": "1", "memory": "64Mi"}}}]},
                "status": {"conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T00:00:05Z"}
            ]}}]),
        ),
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers" => list(
            "HorizontalPodAutoscalerList",
            "autoscaling/v2",
            json!([{"metadata": meta("checkout"),
                "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}, "maxReplicas": 5},
                "status": {"desiredReplicas": 1, "currentReplicas": 1, "conditions": [
                    {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound", "message": "fine"}
                ]}}]),
        ),
        "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices" => list("EndpointSliceList", "discovery.k8s.io/v1", json!([])),
        "/version" => answer(
            json!({"major": "1", "minor": "36", "gitVersion": "v1.36.1", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                "goVersion": "", "compiler": "gc", "platform": "linux/amd64"})
            .to_string(),
        ),
        "/api/v1/nodes" if allowed("nodes") => list(
            "NodeList",
            "v1",
            json!([{"metadata": {"name": "a"}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}},
                {"metadata": {"name": "b"}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}}]),
        ),
        "/api/v1/namespaces/shop/events" => list("EventList", "v1", json!([])),
        "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods" => match cpu {
            None => gone(),
            Some(cpu) => list(
                "PodMetricsList",
                "metrics.k8s.io/v1beta1",
                json!([{"metadata": {"name": "checkout-a", "namespace": "shop"}, "timestamp": jiff::Timestamp::now().to_string(), "window": "1s",
                    "containers": [{"name": "main", "usage": {"cpu": cpu, "memory": "16Mi"}}]}]),
            ),
        },
        _ => gone(),
    }
}

pub fn gone() -> Answer {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404});
    let mut answer = answer(status.to_string());
    *answer.status_mut() = http::StatusCode::NOT_FOUND;
    answer
}

/// A file by which the command finds it, as the context `here`.
pub fn kubeconfig(name: &str, server: &Server) -> PathBuf {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: none\nclusters: [{{name: played, cluster: {{server: \"{}\"}}}}]\n\
         users: [{{name: me, user: {{}}}}]\ncontexts: [{{name: here, context: {{cluster: played, user: me, namespace: elsewhere}}}}]\n",
        server.url()
    );
    scratch(name, &text)
}
