// SPDX-License-Identifier: Apache-2.0
//! A real Prometheus server that scrapes the target, and takes remote writes.

use anyhow::{Context as _, Result};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service},
};
use serde_json::{Value, json};

use crate::{
    Context,
    target::{apply, restricted_container, restricted_pod},
    wait,
};

/// Where it answers, for runs in the same cluster.
pub fn url(context: &Context) -> String {
    format!("http://prometheus.{}.svc:9090", context.namespace)
}

/// The value of the one series that a query gives.
///
/// # Errors
/// When it gives none or more, or does not answer.
pub async fn value(context: &Context, query: &str) -> Result<f64> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let path = format!(
        "/api/v1/namespaces/{}/services/prometheus:9090/proxy/api/v1/query?query={encoded}",
        context.namespace
    );
    let request = http::Request::get(path).body(Vec::new())?;
    let answer: Value = context.client.request(request).await?;
    let found = match answer["data"]["result"].as_array().map(Vec::as_slice) {
        Some([series]) => series["value"][1].as_str(),
        _ => None,
    };
    let found = found.with_context(|| format!("{query} gave {answer}"))?;
    Ok(found.parse()?)
}

/// Deploys a server that scrapes the service `target` each second and takes remote writes, and waits until it is ready.
///
/// # Errors
/// When it is not ready in time.
pub async fn deploy(context: &Context) -> Result<()> {
    let configuration = json!({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "target", "static_configs": [{"targets": ["target:8080"]}]}],
    });
    let labels = json!({"app": "prometheus"});
    apply::<ConfigMap>(context, "prometheus", json!({"data": {"prometheus.yml": configuration.to_string()}}))
        .await?;
    apply::<Service>(context, "prometheus", json!({"spec": {"selector": labels, "ports": [{"port": 9090}]}}))
        .await?;
    let container = json!({
        "name": "prometheus", "image": "upsurge-test/prometheus:dev", "imagePullPolicy": "IfNotPresent",
        "args": [
            "--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus", "--web.listen-address=:9090",
            "--web.enable-remote-write-receiver", "--enable-feature=native-histograms",
        ],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "securityContext": restricted_container(),
        "volumeMounts": [
            {"name": "configuration", "mountPath": "/etc/prometheus"},
            {"name": "data", "mountPath": "/prometheus"},
        ],
    });
    apply::<Deployment>(context, "prometheus", json!({"spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {
            "securityContext": restricted_pod(),
            "containers": [container],
            "volumes": [{"name": "configuration", "configMap": {"name": "prometheus"}}, {"name": "data", "emptyDir": {}}],
        }},
    }}))
    .await?;
    let ready = |deployment: &Deployment| {
        deployment.status.as_ref().is_some_and(|status| status.ready_replicas.unwrap_or(0) > 0)
    };
    wait::until(&context.api::<Deployment>(), "prometheus", "is ready", wait::seconds(90), ready).await?;
    Ok(())
}
