// SPDX-License-Identifier: Apache-2.0
//! What the benchmark puts into the cluster.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Service},
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::wait,
};
use serde_json::{Value, json};
use upsurge_crds::{LoadTest, LoadTestRun};

/// Makes a namespace of our own.
pub async fn namespace(client: &Client) -> Result<String> {
    let stamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let name = format!("upsurge-bench-{stamp}");
    let namespace: Namespace = from(json!({"metadata": {"name": name}}))?;
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    Ok(name)
}

/// Takes the namespace away again, with all that is in it.
pub async fn remove(client: &Client, namespace: &str) -> Result<()> {
    Api::<Namespace>::all(client.clone()).delete(namespace, &DeleteParams::default()).await?;
    Ok(())
}

/// Deploys a target that answers at once.
pub async fn target(client: &Client, namespace: &str) -> Result<()> {
    let labels = json!({"app": "target"});
    let deployment: Deployment = from(json!({
        "metadata": {"name": "target"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
            "name": "target", "image": "upsurge/runner:dev", "imagePullPolicy": "IfNotPresent",
            "args": ["target", "--listen", "0.0.0.0:8080"],
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
        }]}}},
    }))?;
    let service: Service = from(
        json!({"metadata": {"name": "target"}, "spec": {"selector": labels, "ports": [{"port": 8080}]}}),
    )?;
    let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);
    deployments.create(&PostParams::default(), &deployment).await?;
    Api::namespaced(client.clone(), namespace).create(&PostParams::default(), &service).await?;
    let ready = |deployment: Option<&Deployment>| {
        deployment
            .and_then(|deployment| deployment.status.as_ref()?.ready_replicas)
            .is_some_and(|ready| ready > 0)
    };
    tokio::time::timeout(Duration::from_secs(60), wait::await_condition(deployments, "target", ready))
        .await
        .context("the target did not become ready within a minute")??;
    Ok(())
}

/// A test with three runners and little load.
pub fn test(name: &str, seconds: u64) -> LoadTest {
    serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": name},
        "spec": {
            // Many of them at a time: it is the operator that is measured.
            "target": {"baseURL": "http://target:8080", "sharing": "Shared"},
            "scenarios": [{"name": "get", "steps": [{"request": {"url": "/"}}]}],
            "load": {"unit": "IterationsPerSecond", "constant": {"level": 30, "duration": format!("{seconds}s")}},
            "runner": {"parallelism": 3, "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}}},
        },
    }))
    .unwrap_or_else(|error| unreachable!("the manifest is fixed: {error}"))
}

/// Requests of the wide test, each of a name of its own.
pub const WIDE_REQUESTS: usize = 40;
/// Its stages.
pub const WIDE_STAGES: usize = 10;

/// A test with as many figures as there may be: many requests in many stages, each often, by two runners.
pub fn wide(name: &str) -> LoadTest {
    let steps: Vec<Value> = (0..WIDE_REQUESTS)
        .map(|index| json!({"request": {"name": format!("request-{index}"), "url": format!("/{index}")}}))
        .collect();
    let stages: Vec<Value> =
        (0..WIDE_STAGES).map(|_| json!({"duration": "10s", "target": 8, "jump": true})).collect();
    serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"name": name},
        "spec": {
            // Many of them at a time: it is the operator that is measured.
            "target": {"baseURL": "http://target:8080", "sharing": "Shared"},
            "scenarios": [{"name": "all", "steps": steps}],
            "load": {"unit": "Users", "stages": stages},
            "runner": {"parallelism": 2, "maxLag": "10s", "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}}},
        },
    }))
    .unwrap_or_else(|error| unreachable!("the manifest is fixed: {error}"))
}

/// Copies of a finished run, as many as asked for, of tests that are gone. Made while no operator is at work.
pub async fn finished_runs(client: &Client, namespace: &str, count: usize) -> Result<()> {
    let runs = Api::<LoadTestRun>::namespaced(client.clone(), namespace);
    let model = runs
        .list(&ListParams::default())
        .await?
        .items
        .into_iter()
        .next()
        .context("no finished run to copy")?;
    for index in 0..count {
        let name = format!("history-{index}");
        let mut run = LoadTestRun::new(&name, model.spec.clone());
        run.spec.load_test_ref.name = format!("history-{}", index % 10);
        runs.create(&PostParams::default(), &run).await?;
        let status = json!({"status": model.status});
        runs.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await?;
    }
    Ok(())
}

fn from<K: serde::de::DeserializeOwned>(value: Value) -> Result<K> {
    Ok(serde_json::from_value(value)?)
}
