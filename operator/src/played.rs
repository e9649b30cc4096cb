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

/// What events tell: of which kind of object, which reason, and in which words.
pub fn told(log: &Log) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let log = log.lock().unwrap();
    let events = log.iter().filter(|asked| asked.path.ends_with("/events"));
    events
        .map(|event| &event.body)
        .map(|event| (text(&event["regarding"]["kind"]), text(&event["reason"]), text(&event["note"])))
        .collect()
}

/// The lines of the log with the target `audit` that are written by what this thread does as long as it lives.
pub struct AuditLog {
    lines: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

impl AuditLog {
    pub fn begin() -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_env_filter("audit=info")
            .with_writer(move || Written(written.clone()))
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The fields of each line.
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let lines = std::str::from_utf8(&lines).unwrap().lines();
        lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take()).collect()
    }
}

struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What an API server answers that does not do what was asked for.
pub fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": "because"});
    (code, status)
}

/// A fence of an operator that leads under a term.
pub fn leading(term: i64) -> Fence {
    let fence = Fence::default();
    fence.held(term, Instant::now() + Duration::from_secs(60));
    fence
}

/// What the controllers of such an operator work with.
pub fn context(client: Client, fence: Fence) -> Context {
    Context {
        fence,
        cache: Default::default(),
        cluster_version: Default::default(),
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
        records: Default::default(),
        pinning_namespaces: vec!["shop".into()],
        client,
    }
}
