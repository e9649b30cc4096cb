// SPDX-License-Identifier: Apache-2.0
//! What is watched, for whom, and who is told.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::played::server;

fn workload(kind: &str) -> WorkloadReference {
    WorkloadReference { api_version: "apps/v1".into(), kind: kind.into(), name: "checkout".into() }
}

/// An API server with one Deployment, of which nothing new happens.
fn api() -> (Rollouts, crate::played::Log) {
    let (client, log) = server(|_| {
        let deployment = json!({
            "metadata": {"name": "checkout", "namespace": "shop", "uid": "1f2e3d4c-0000", "generation": 1,
                         "annotations": {"deployment.kubernetes.io/revision": "3"}},
            "spec": {"replicas": 1, "selector": {}, "template": {}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1},
        });
        let list = json!({"apiVersion": "apps/v1", "kind": "DeploymentList", "metadata": {"resourceVersion": "1"}, "items": [deployment]});
        (200, list)
    });
    (Rollouts::new(client), log)
}

#[tokio::test]
async fn a_test_is_told_as_soon_as_its_target_is_known_and_then_knows_it() {
    let (rollouts, log) = api();
    let mut news = Box::pin(rollouts.news());
    assert_eq!(rollouts.of("shop", "spike", &[workload("Deployment")]), None);
    let told = timeout(Duration::from_secs(10), news.next()).await.unwrap();
    assert_eq!(told, Some(("shop".to_owned(), "spike".to_owned())));
    let revision = rollouts.of("shop", "spike", &[workload("Deployment")]).unwrap().remove(0);
    assert!(revision.id == "3-1f2e3d4c" && revision.ready_since.is_some());
    let asked = log.lock().unwrap()[0].path.clone();
    assert_eq!(asked, "/apis/apps/v1/namespaces/shop/deployments");
}

#[tokio::test]
async fn a_test_that_leaves_is_not_watched_for_any_more() {
    let (rollouts, _log) = api();
    rollouts.of("shop", "spike", &[workload("Deployment")]);
    let task = rollouts.shared.watched.lock().unwrap().values().flatten().next().unwrap().task.clone();
    rollouts.leave("shop", "spike");
    let ended = async {
        while !task.is_finished() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), ended).await.unwrap();
    assert!(rollouts.shared.watched.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_has_no_rollouts_is_not_watched() {
    let (rollouts, log) = api();
    assert_eq!(rollouts.of("shop", "spike", &[workload("ReplicaSet")]), None);
    assert!(rollouts.shared.watched.lock().unwrap().is_empty() && log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn of_several_workloads_each_is_watched_and_one_that_a_test_names_no_more_is_not() {
    let (rollouts, _log) = api();
    let other = WorkloadReference { name: "gateway".into(), ..workload("Deployment") };
    let both = [other.clone(), workload("Deployment")];
    let mut news = Box::pin(rollouts.news());
    let known = async {
        loop {
            if let Some(known) = rollouts.of("shop", "spike", &both) {
                return known;
            }
            news.next().await;
        }
    };
    assert_eq!(timeout(Duration::from_secs(10), known).await.unwrap().len(), 2);
    // What was known stays known, and nothing is asked anew.
    assert_eq!(rollouts.of("shop", "spike", &both[..1]).map(|known| known.len()), Some(1));
    let watched = rollouts.shared.watched.lock().unwrap();
    let names: Vec<&str> = watched.values().flatten().map(|one| one.workload.name.as_str()).collect();
    assert_eq!(names, ["gateway"]);
}
