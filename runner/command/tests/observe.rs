// SPDX-License-Identifier: Apache-2.0
//! `upsurge run --observe` and `upsurge get` as their users have them: the real binary, against a played API server that never changes.

#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;
#[allow(dead_code)]
#[path = "../../engine/tests/support/server.rs"]
mod server;

use std::path::PathBuf;

use processes::{Upsurge, scratch, start_target};
use serde_json::{Value, json};
use server::{Answer, Arrived, Server, json as answer};
use upsurge_figures::observation::What;
use upsurge_record::{disk::decode, verify::verify};

const EXPECT: &str = "{maxPeakReplicas: 2, minPeakReplicas: 1}";

/// A namespace with a Deployment, its autoscaler and one ready pod. `allowed` says what may be read, by resource.
fn cluster(allowed: fn(&str) -> bool) -> Server {
    Server::start(move |arrived: Arrived| async move {
        // A watch of what never changes.
        if arrived.target.contains("watch=true") {
            return std::future::pending::<Answer>().await;
        }
        play(&arrived, allowed)
    })
}

fn play(arrived: &Arrived, allowed: fn(&str) -> bool) -> Answer {
    let path = arrived.target.split('?').next().unwrap();
    let list = |kind: &str, api_version: &str, items: Value| {
        answer(json!({"kind": kind, "apiVersion": api_version, "metadata": {"resourceVersion": "7"}, "items": items}).to_string())
    };
    let meta = |name: &str| json!({"name": name, "namespace": "shop", "uid": name, "resourceVersion": "5", "creationTimestamp": "2030-01-01T00:00:00Z"});
    match path {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            let mut review: Value = serde_json::from_slice(&arrived.body).unwrap();
            let resource = review["spec"]["resourceAttributes"]["resource"].as_str().unwrap();
            review["status"] = json!({"allowed": allowed(resource)});
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
            json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta("checkout"), "spec": {"replicas": 1},
                "status": {"replicas": 1, "selector": "app=checkout"}})
            .to_string(),
        ),
        "/apis/apps/v1/namespaces/shop/deployments" => list(
            "DeploymentList",
            "apps/v1",
            json!([{"metadata": meta("checkout"), "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "checkout"}}, "template": {}},
                "status": {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "observedGeneration": 1}}]),
        ),
        "/api/v1/namespaces/shop/pods" => list(
            "PodList",
            "v1",
            json!([{"metadata": meta("checkout-a"), "spec": {"containers": []}, "status": {"conditions": [
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
        "/api/v1/namespaces/shop/events" => list("EventList", "v1", json!([])),
        _ => gone(),
    }
}

fn gone() -> Answer {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404});
    let mut answer = answer(status.to_string());
    *answer.status_mut() = http::StatusCode::NOT_FOUND;
    answer
}

fn kubeconfig(name: &str, server: &Server) -> PathBuf {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: none\nclusters: [{{name: played, cluster: {{server: \"{}\"}}}}]\n\
         users: [{{name: me, user: {{}}}}]\ncontexts: [{{name: here, context: {{cluster: played, user: me, namespace: elsewhere}}}}]\n",
        server.url()
    );
    scratch(name, &text)
}

fn manifest(name: &str) -> PathBuf {
    let text = format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: shop, namespace: shop}}\nspec:\n  \
         target: {{baseURL: \"http://127.0.0.1:9\", workloads: [{{name: checkout, expect: {EXPECT}}}]}}\n  runner: {{maxLag: 3s}}\n  \
         scenarios: [{{name: browse, steps: [{{request: {{name: item, url: /}}}}]}}]\n  \
         load: {{constant: {{level: 1, duration: 1s}}}}\n"
    );
    scratch(name, &text)
}

#[test]
fn a_workload_is_observed_and_judged_as_by_the_operator() {
    let (cluster, target) = (cluster(|_| true), start_target(None, &["--latency", "20ms"]));
    let (file, config) = (manifest("observed.yaml"), kubeconfig("observed.kubeconfig", &cluster));
    let (result, junit) = (file.with_extension("json"), file.with_extension("xml"));
    let record = file.with_extension("record");
    let ended = Upsurge::run(&file)
        .args(["--observe", "--context", "here", "--target", target.url(), "--kubeconfig"])
        .arg(&config)
        .arg("--json")
        .arg(&result)
        .arg("--junit")
        .arg(&junit)
        .arg("--record")
        .arg(&record)
        .end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let result: Value = serde_json::from_str(&std::fs::read_to_string(&result).unwrap()).unwrap();
    let seen = &result["autoscaling"];
    assert_eq!(
        (&seen["replicas"], &seen["autoscaler"]),
        (&json!("1→1→1"), &json!("HorizontalPodAutoscaler/checkout")),
        "{seen:#}"
    );
    assert_eq!(seen["workloads"][0]["name"], "checkout", "{seen:#}");
    let judged: Vec<_> =
        seen["expectations"].as_array().unwrap().iter().map(|one| (&one["name"], &one["passed"])).collect();
    assert_eq!(
        judged,
        [(&json!("minPeakReplicas"), &json!(true)), (&json!("maxPeakReplicas"), &json!(true))]
    );
    assert!(ended.stdout.contains("  HorizontalPodAutoscaler/checkout: replicas 1→1→1\n"), "{ended:?}");
    assert!(ended.stdout.contains("✓ maxPeakReplicas 2: 1\n"), "{ended:?}");
    assert_eq!(result["notJudged"], json!([]));
    assert!(std::fs::read_to_string(&junit).unwrap().contains("maxPeakReplicas"));
    // All that was seen is in the record, and says the same.
    let record = decode(&std::fs::read(&record).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&record.autoscaling).unwrap(), *seen);
    let events = &record.workloads[0].events;
    assert!(events.iter().any(|event| matches!(event.what, What::Asked { replicas: 1 })), "{events:?}");
    // The played cluster has no metrics API.
    let gaps: Vec<&str> = record.gaps.iter().map(|gap| gap.what.as_ref()).collect();
    assert_eq!(gaps, ["usage"], "{:?}", record.gaps);
    let verified = verify(&record);
    assert!(verified.differences.is_empty() && verified.skipped.is_empty(), "{verified:?}");
    let written = cluster
        .arrived()
        .into_iter()
        .filter(|one| one.method != "GET" && !one.target.contains("selfsubjectaccessreviews"));
    assert_eq!(written.count(), 0, "nothing is changed");
}

#[test]
fn what_may_not_be_read_is_told_before_the_load_with_a_role_that_gives_it() {
    let (cluster, target) = (cluster(|resource| resource != "pods"), start_target(None, &[]));
    let (file, config) = (manifest("refused.yaml"), kubeconfig("refused.kubeconfig", &cluster));
    let ended = Upsurge::run(&file)
        .args(["--observe", "--context", "here", "--target", target.url(), "--kubeconfig"])
        .arg(&config)
        .end();
    assert_eq!(ended.code, 2, "{ended:?}");
    let role = "rules:\n- {apiGroups: [\"\"], resources: [pods], verbs: [list, watch]}\n";
    assert!(ended.stderr.contains("kind: Role") && ended.stderr.contains(role), "{ended:?}");
    assert_eq!(target.stats()["received"], 0);
}

#[test]
fn without_a_cluster_or_a_workload_the_command_says_so() {
    let file = manifest("nowhere.yaml");
    let ended = Upsurge::run(&file).args(["--observe", "--kubeconfig", "/nowhere"]).end();
    assert!(ended.code == 2 && ended.stderr.contains("kubeconfig /nowhere"), "{ended:?}");
    let ended = Upsurge::run(&file).args(["--context", "here"]).end();
    assert!(
        ended.code == 2 && ended.stderr.contains("--context says nothing without --observe"),
        "{ended:?}"
    );
    let cluster = cluster(|_| true);
    let config = kubeconfig("get.kubeconfig", &cluster);
    let ended = Upsurge::command("get")
        .args(["gone", "--events", "--context", "here", "--kubeconfig"])
        .arg(&config)
        .end();
    assert!(ended.code == 2 && ended.stderr.contains("elsewhere has no LoadTestRun gone"), "{ended:?}");
}
