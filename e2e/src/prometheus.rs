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
    let path =
        format!("/api/v1/namespaces/{}/services/prometheus:9090/proxy{}", context.namespace, path(query));
    let request = http::Request::get(path).body(Vec::new())?;
    let answer: Value = context.client.request(request).await?;
    single(query, &answer)
}

/// The path at which a query is asked.
pub(crate) fn path(query: &str) -> String {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("/api/v1/query?query={encoded}")
}

/// The value of the one series in the answer to a query.
pub(crate) fn single(query: &str, answer: &Value) -> Result<f64> {
    let found = match answer["data"]["result"].as_array().map(Vec::as_slice) {
        Some([series]) => series["value"][1].as_str(),
        _ => None,
    };
    let found = found.with_context(|| format!("{query} gave {answer}"))?;
    Ok(found.parse()?)
}

/// Deploys a server that scrapes the service `target` each second and takes remote writes, and waits until it has scraped once.
///
/// # Errors
/// When it is not ready in time.
pub async fn deploy(context: &Context) -> Result<()> {
    let configuration = json!({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "target", "static_configs": [{"targets": ["target:8080"]}]}],
    });
    let files = json!({"prometheus.yml": configuration.to_string()});
    let further = ["--enable-feature=native-histograms"];
    serve(context, "prometheus", "upsurge-test/prometheus:dev", files, &further, json!([])).await?;
    // It is ready up to ten seconds before it scrapes for the first time.
    wait::eventually("Prometheus has scraped", wait::seconds(30), async || {
        Ok(value(context, "up").await.ok())
    })
    .await?;
    Ok(())
}

/// Deploys a server with files in `/etc/prometheus` and further arguments, which takes remote writes, and waits until it is ready by
/// requests with these headers.
pub(crate) async fn serve(
    context: &Context,
    name: &str,
    image: &str,
    files: Value,
    further: &[&str],
    headers: Value,
) -> Result<()> {
    let labels = json!({"app": name});
    apply::<ConfigMap>(context, name, json!({"data": files})).await?;
    apply::<Service>(context, name, json!({"spec": {"selector": labels, "ports": [{"port": 9090}]}})).await?;
    let arguments = [
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        "--web.listen-address=:9090",
        "--web.enable-remote-write-receiver",
    ];
    let arguments = [&arguments[..], further].concat();
    let container = json!({
        "name": name, "image": image, "imagePullPolicy": "IfNotPresent",
        "args": arguments,
        "readinessProbe": {
            "httpGet": {"path": "/-/ready", "port": 9090, "httpHeaders": headers}, "periodSeconds": 1,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "securityContext": restricted_container(),
        "volumeMounts": [
            {"name": "configuration", "mountPath": "/etc/prometheus"},
            {"name": "data", "mountPath": "/prometheus"},
        ],
    });
    apply::<Deployment>(context, name, json!({"spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {
            "securityContext": restricted_pod(),
            "containers": [container],
            "volumes": [{"name": "configuration", "configMap": {"name": name}}, {"name": "data", "emptyDir": {}}],
        }},
    }}))
    .await?;
    let ready = |deployment: &Deployment| {
        deployment.status.as_ref().is_some_and(|status| status.ready_replicas.unwrap_or(0) > 0)
    };
    wait::until(&context.api::<Deployment>(), name, "is ready", wait::seconds(90), ready).await?;
    Ok(())
}
