// SPDX-License-Identifier: Apache-2.0
//! The operator's collector, spoken to as an impostor would.

use anyhow::{Context as _, Result};
use http::{Request, header, response::Parts};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{Pod, ServiceAccount},
};
use kube::{ResourceExt, api::PostParams};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Context, certificate,
    operator::{self, PORT},
};

/// Sends a request by TLS to the collector that leads and gives the status and body of its answer. It goes through the API server,
/// as runners' addresses can't be reached from everywhere.
///
/// # Errors
/// When there is no answer at all.
pub async fn post(context: &Context, path: &str, token: Option<&str>, body: &Value) -> Result<(u16, String)> {
    let leader = operator::leader(&context.client).await?;
    let (head, text) = post_to(context, &leader, path, token, body).await?;
    Ok((head.status.as_u16(), text))
}

/// The same to any operator's pod; gives the whole head of the answer.
///
/// # Errors
/// When there is no answer at all.
pub async fn post_to(
    context: &Context,
    pod: &Pod,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Result<(Parts, String)> {
    let mut forwarded = operator::pods(&context.client).portforward(&pod.name_any(), &[PORT]).await?;
    let stream = forwarded.take_stream(PORT).context("the port is not forwarded")?;
    let authorities = certificate::authorities(&context.client).await?;
    let stream = certificate::greeted(stream, &authorities).await?;
    exchange(stream, path, token, body).await
}

/// The same to the leader without TLS, as runners did before there was any.
///
/// # Errors
/// When there is no answer at all.
pub async fn post_plainly(
    context: &Context,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Result<(u16, String)> {
    let leader = operator::leader(&context.client).await?;
    let mut forwarded = operator::pods(&context.client).portforward(&leader.name_any(), &[PORT]).await?;
    let stream = forwarded.take_stream(PORT).context("the port is not forwarded")?;
    let (head, text) = exchange(stream, path, token, body).await?;
    Ok((head.status.as_u16(), text))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Result<(Parts, String)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = Request::post(path)
        .header(header::HOST, "upsurge-collector")
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from(body.to_string())))?).await?;
    let (head, body) = response.into_parts();
    let text = body.collect().await?.to_bytes();
    connection.abort();
    Ok((head, String::from_utf8_lossy(&text).into_owned()))
}

/// A token of a pod's service account, made by the API server; bound to the pod or not.
///
/// # Errors
/// When the API server refuses.
pub async fn token(context: &Context, pod: &Pod, audience: Option<&str>, bound: bool) -> Result<String> {
    let account =
        pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "name": pod.name_any(), "uid": pod.uid()});
    let request: TokenRequest = serde_json::from_value(json!({"spec": {
        "audiences": audience.into_iter().collect::<Vec<_>>(),
        "boundObjectRef": bound.then_some(pod),
        "expirationSeconds": 600,
    }}))?;
    let accounts = context.api::<ServiceAccount>();
    let made = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    made.status.and_then(|status| status.token).context("no token was made")
}
