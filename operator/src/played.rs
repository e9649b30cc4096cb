// SPDX-License-Identifier: Apache-2.0
//! An API server that is only played, for tests of what is asked of it and what comes of the answers.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::http::{Request, Response};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tower::{BoxError, service_fn};

use crate::{
    backoff::Backoff, collector::Sessions, context::Context, events::Events, fence::Fence, metrics::Metrics,
    rollouts::Rollouts, tls::served,
};

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub body: Value,
}

/// All that was asked for, in order.
pub type Log = Arc<Mutex<Vec<Asked>>>;

/// An API server that answers by a function of what is asked for.
pub fn server(answer: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> (Client, Log) {
    let (log, answer) = (Log::default(), Arc::new(answer));
    let noted = log.clone();
    let service = service_fn(move |request: Request<Body>| {
        let (noted, answer) = (noted.clone(), answer.clone());
        async move {
            let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
            let body = request.into_body().collect().await?.to_bytes();
            let asked = Asked { method, path, body: serde_json::from_slice(&body).unwrap_or_default() };
            let (code, body) = answer(&asked);
            noted.lock().unwrap().push(asked);
            Ok::<_, BoxError>(
                Response::builder().status(code).body(Body::from(body.to_string().into_bytes()))?,
            )
        }
    });
    (Client::new(service, "shop"), log)
}

/// What an API server answers that does not do what was asked for.
pub fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": "because"});
    (code, status)
}

/// A fence of an operator that leads under an epoch.
pub fn leading(epoch: i64) -> Fence {
    let fence = Fence::default();
    fence.held(epoch, Instant::now() + Duration::from_secs(60));
    fence
}

/// What the controllers of such an operator work with.
pub fn context(client: Client, fence: Fence) -> Context {
    Context {
        fence,
        cache: Default::default(),
        rollouts: Rollouts::new(client.clone()),
        sessions: Sessions::new(client.clone()),
        events: Events::new(client.clone(), "test".into()),
        metrics: Metrics::default(),
        backoff: Backoff::default(),
        platform: Default::default(),
        served: served::tests::served("collector").0,
        runner_image: "upsurge/runner:1".into(),
        runner_image_pull_policy: "IfNotPresent".into(),
        runner_pods: Arc::default(),
        collector_url: "http://collector:8080".into(),
        keep: Default::default(),
        client,
    }
}
