// SPDX-License-Identifier: Apache-2.0
//! Who is let in over HTTP, before an API server that is played.

mod busy;
mod rations;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    body::{Bytes, HttpBody},
    http::{Request, Response as HttpResponse},
};
use futures::stream;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::{Client, client::Body as KubeBody};
use serde_json::{Value, json};
use tower::{ServiceExt as _, service_fn};
use upsurge_core::{
    metrics::{Metrics, SeriesKey, Sink, Tags, names},
    protocol::{Delta, PROTOCOL_VERSION},
    validate::validate,
};

use super::*;
use crate::cache::Cache;
use crate::collector::{
    Memory,
    authentication::claims,
    session::tests::{plan, pod},
    view::SessionConfig,
};

pub type Asked = Arc<Mutex<Vec<String>>>;

/// An API server that knows two runners of a run, whose Job has that spec, and believes each token. It never answers who writes a
/// checkpoint once more.
async fn answer(method: &str, path: &str, body: Value, spec: &Value) -> (u16, Value) {
    let owned = |uid: &str, owner: &str, labels: Value| {
        json!({"metadata": {"name": uid, "uid": uid, "labels": labels, "ownerReferences":
            [{"apiVersion": "v1", "kind": "Job", "name": owner, "uid": owner}]}})
    };
    if path.ends_with("/tokenreviews") {
        let token = body["spec"]["token"].as_str().unwrap().to_owned();
        let claims::Claims { namespace, pod, .. } = claims::Claims::read(&token, 1_000).unwrap();
        let extra = json!({"authentication.kubernetes.io/pod-name": [pod.name],
            "authentication.kubernetes.io/pod-uid": [pod.uid]});
        let user = json!({"username": format!("system:serviceaccount:{namespace}:runner"), "extra": extra});
        let status = json!({"authenticated": true, "audiences": ["upsurge.dev"], "user": user});
        return (201, json!({"spec": {"token": ""}, "status": status}));
    }
    if let Some((_, index)) = path.split_once("/pods/checkout-1-") {
        let labels = json!({"batch.kubernetes.io/job-completion-index": index});
        return (200, owned(&format!("uid of checkout-1-{index}"), "job", labels));
    }
    let runs = [
        ("queued-1", "Pending", None),
        ("restoring-1", "Restoring", None),
        ("deleted-1", "Running", Some("2026-01-02T00:00:00Z")),
    ];
    if let Some((name, phase, deleted)) = runs.into_iter().find(|(name, ..)| path.ends_with(name)) {
        return (
            200,
            json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
            "metadata": {"name": name, "namespace": "shop", "deletionTimestamp": deleted},
            "spec": {"loadTestRef": {"name": "queued"}}, "status": {"phase": phase}}),
        );
    }
    if path.contains("/checkpoints") && method == "PUT" {
        std::future::pending::<()>().await;
    }
    if path.ends_with("/jobs/checkout-1") {
        let mut job = owned("job", "5d1c", json!({}));
        job["spec"] = spec.clone();
        return (200, job);
    }
    if path.contains("/checkpoints") && method != "GET" {
        let mut kept = body;
        kept["metadata"]["resourceVersion"] = json!("1");
        return (200, kept);
    }
    (
        404,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": path}),
    )
}

fn client(asked: Asked, spec: Value) -> Client {
    let service = service_fn(move |request: Request<KubeBody>| {
        let (asked, spec) = (asked.clone(), spec.clone());
        async move {
            let (parts, body) = request.into_parts();
            let path = parts.uri.path().to_owned();
            asked.lock().unwrap().push(format!("{} {path}", parts.method));
            let bytes = body.collect().await.unwrap().to_bytes();
            let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            let (status, answer) = answer(parts.method.as_str(), &path, body, &spec).await;
            let answer = KubeBody::from(answer.to_string().into_bytes());
            Ok::<_, Infallible>(HttpResponse::builder().status(status).body(answer).unwrap())
        }
    });
    Client::new(service, "default")
}

/// Serves a run of one runner.
async fn serving(asked: &Asked) -> Sessions {
    serving_job(asked, Value::Null).await
}

/// The same, whose Job has that spec.
pub async fn serving_job(asked: &Asked, spec: Value) -> Sessions {
    serving_seen(asked, spec, 1, Cache::default()).await
}

/// The same of some runners, with what was seen of the cluster.
async fn serving_seen(asked: &Asked, spec: Value, runners: u32, cache: Cache) -> Sessions {
    let plan = plan(runners, false);
    let config = SessionConfig {
        valid: Arc::new(validate(&plan.test).unwrap()),
        plan: Arc::new(plan),
        whole: None,
        job: "checkout-1".into(),
        checkpoint: "checkout-1-checkpoint".into(),
        labels: Default::default(),
        owner: Default::default(),
        is_under_way: false,
    };
    let sessions = Sessions::within(client(asked.clone(), spec), Memory::default(), cache);
    sessions.set_serving(true);
    sessions.open(config).await.unwrap();
    sessions
}

pub fn token(pod: &str) -> String {
    let mut claims = claims::tests::claims(pod);
    claims["exp"] = json!(Timestamp::now().as_second() + 3_600);
    claims::tests::token(&claims)
}

async fn post(sessions: &Sessions, what: &str, token: &str, body: Body) -> (StatusCode, Value) {
    post_to(sessions, "shop/checkout-1", what, token, body).await
}

async fn post_to(sessions: &Sessions, run: &str, what: &str, token: &str, body: Body) -> (StatusCode, Value) {
    post_as(sessions, run, what, token, (Form::Json, body)).await
}

async fn post_as(
    sessions: &Sessions,
    run: &str,
    what: &str,
    token: &str,
    (form, body): (Form, Body),
) -> (StatusCode, Value) {
    let mut request = Request::post(format!("/v1/runs/{run}/{what}"));
    request = request.header("content-type", form.content_type());
    let length = HttpBody::size_hint(&body).exact();
    if let Some(length) = length.filter(|length| *length <= MAX_HELLO_BYTES as u64) {
        request = request.header("content-length", length);
    }
    let request = request.header("authorization", format!("Bearer {token}")).body(body).unwrap();
    let response = router(sessions.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn hello(runner: u32, name: &str) -> Value {
    json!({"version": 2, "runner": runner, "pod": name, "sentAt": 0, "readiness": "ready", "wantsPlan": true})
}

/// A body that nobody may look at.
fn untouchable() -> Body {
    Body::from_stream(stream::once(async { panic!("the body was read") as Result<Bytes, Infallible> }))
}

#[tokio::test]
async fn who_may_not_speak_is_refused_before_a_byte_of_the_body_is_read() {
    let asked = Asked::default();
    let sessions = serving(&asked).await;
    let mut elsewhere = claims::tests::claims("checkout-1-0");
    elsewhere["exp"] = json!(Timestamp::now().as_second() + 3_600);
    elsewhere["kubernetes.io"]["namespace"] = json!("billing");
    for (what, token, expected) in [
        ("garbage", "a.b.c".into(), StatusCode::UNAUTHORIZED),
        (
            "an expired token",
            claims::tests::token(&claims::tests::claims("checkout-1-0")),
            StatusCode::UNAUTHORIZED,
        ),
        ("a pod of another namespace", claims::tests::token(&elsewhere), StatusCode::FORBIDDEN),
        ("a pod that is no runner", token("stranger"), StatusCode::FORBIDDEN),
    ] {
        for endpoint in ["hello", "deltas"] {
            let (status, message) = post(&sessions, endpoint, &token, untouchable()).await;
            assert_eq!(status, expected, "{what} at {endpoint}: {message}");
        }
    }
    let reviews = asked.lock().unwrap().iter().filter(|asked| asked.ends_with("/tokenreviews")).count();
    assert_eq!(reviews, 1, "only for the token that may be good, and once");
}

#[tokio::test]
async fn a_runner_gets_its_plan_and_speaks_for_itself_only() {
    let asked = Asked::default();
    let sessions = serving(&asked).await;
    let token = token(&pod(0).name);
    let say = |body: Value| post(&sessions, "hello", &token, Body::from(body.to_string()));
    let (status, reply) = say(hello(0, "checkout-1-0")).await;
    assert_eq!((status, &reply["plan"]["run"]), (StatusCode::OK, &json!("checkout-1")), "{reply}");
    let mut again = hello(0, "checkout-1-0");
    again["wantsPlan"] = json!(false);
    assert_eq!(say(again).await.1.get("plan"), None);
    for other in [hello(1, "checkout-1-0"), hello(0, "checkout-1-1")] {
        assert_eq!(say(other).await.0, StatusCode::FORBIDDEN);
    }
    let asked = asked.lock().unwrap();
    let count = |what: &str| asked.iter().filter(|asked| asked.contains(what)).count();
    assert_eq!((count("tokenreviews"), count("pods"), count("jobs")), (1, 1, 1), "{asked:?}");
}

fn count(asked: &Asked, what: &str) -> usize {
    asked.lock().unwrap().iter().filter(|asked| asked.contains(what)).count()
}

#[tokio::test]
async fn what_is_too_large_or_no_message_is_refused() {
    let sessions = serving(&Asked::default()).await;
    let token = token(&pod(0).name);
    let large = Body::from(vec![b' '; MAX_HELLO_BYTES + 1]);
    assert_eq!(post(&sessions, "hello", &token, large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    for endpoint in ["hello", "deltas"] {
        let (status, message) = post(&sessions, endpoint, &token, Body::from("{}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{message}");
    }
}

#[tokio::test]
async fn there_is_nothing_at_the_root_and_no_token_is_asked_for() {
    // The chart's own test expects this of a collector that it reaches, of one that stands by too.
    let asked = Asked::default();
    let sessions = serving(&asked).await;
    for serves in [true, false] {
        sessions.set_serving(serves);
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = router(sessions.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "serving is {serves}");
    }
    assert!(!asked.lock().unwrap().iter().any(|asked| asked.ends_with("/tokenreviews")));
}

#[tokio::test]
async fn deltas_are_taken_in_each_form_be_they_read_at_once_or_on_another_thread() {
    for form in [Form::Json, Form::Binary] {
        for series in [1, 900] {
            let sessions = serving(&Asked::default()).await;
            let mut metrics = Metrics::default();
            for request in 0..series {
                let tags = Tags { request: Some(format!("request {request}")), ..Tags::default() };
                let key = SeriesKey { metric: names::HTTP_REQS.into(), tags };
                metrics.add(key, &Sink::Counter(1.0));
            }
            let (pod, start) = (pod(0).name, now());
            let batch = DeltaBatch {
                version: PROTOCOL_VERSION,
                runner: 0,
                pod: pod.clone(),
                epoch: 1,
                start,
                started_at: start,
                session: None,
                deltas: vec![Delta { number: 1, to_ms: 1_000, metrics, ..Delta::default() }],
            };
            let bytes = batch.write(form).unwrap();
            assert_eq!(bytes.len() > SOON_READ, series > 1, "{} bytes", bytes.len());
            let told = (form, Body::from(bytes));
            let (status, reply) = post_as(&sessions, "shop/checkout-1", "deltas", &token(&pod), told).await;
            assert_eq!((status, &reply["received"]), (StatusCode::OK, &json!(1)), "{form:?}: {reply}");
        }
    }
}
