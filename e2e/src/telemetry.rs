// SPDX-License-Identifier: Apache-2.0
//! A Prometheus server of today, which takes OpenTelemetry and remote writes from those who know its password, and from nobody else.
//! `tools/build telemetry-image` makes it.

use anyhow::{Context as _, Result, ensure};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, api::ListParams};
use serde_json::json;

use crate::{Context, prometheus};

/// What it asks for in the header `Authorization`.
pub const AUTHORIZATION: &str = "Basic cnVubmVyczp3aWRlIG9wZW4gc2VzYW1l";
/// The same password, as bcrypt keeps it.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu61rxOnvaNmEVv5aFdjsYV1Ii58a7ZUO";
const NAME: &str = "telemetry";

/// A path of it, for runs in the same cluster.
pub fn url(context: &Context, path: &str) -> String {
    format!("http://{NAME}.{}.svc:9090{path}", context.namespace)
}

/// Deploys it and waits until it is ready.
///
/// # Errors
/// When it is not in time.
pub async fn deploy(context: &Context) -> Result<()> {
    let files = json!({
        "prometheus.yml": "{}",
        "web.yml": json!({"basic_auth_users": {"runners": HASH}}).to_string(),
    });
    let further = ["--web.enable-otlp-receiver", "--web.config.file=/etc/prometheus/web.yml"];
    let headers = json!([{"name": "Authorization", "value": AUTHORIZATION}]);
    prometheus::serve(context, NAME, "upsurge-test/telemetry:dev", files, &further, headers).await
}

/// The value of the one series that a query gives. The pod is asked itself: on the way through the API server the header is lost.
///
/// # Errors
/// When it gives none or more, or does not answer.
pub async fn value(context: &Context, query: &str) -> Result<f64> {
    let pods = context.api::<Pod>();
    let found = pods.list(&ListParams::default().labels(&format!("app={NAME}"))).await?.items;
    let pod = found.first().context("it has no pod")?;
    let mut forwarded = pods.portforward(&pod.name_any(), &[9090]).await?;
    let stream = forwarded.take_stream(9090).context("the port is not forwarded")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(prometheus::path(query))
        .header(header::HOST, NAME)
        .header(header::AUTHORIZATION, AUTHORIZATION)
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    ensure!(response.status() == StatusCode::OK, "{query} was answered {}", response.status());
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    prometheus::single(query, &serde_json::from_slice(&body)?)
}
