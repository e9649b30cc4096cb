// SPDX-License-Identifier: Apache-2.0
//! Who is let in over HTTP, before an API server that is played.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    body::{Bytes, HttpBody},
    http::{Request, Response as HttpResponse},
};
use futures::{future::join_all, stream};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::{
    Client,
    client::Body as KubeBody,
    runtime::{reflector, watcher},
};
use serde_json::{Value, json};
use tower::{ServiceExt as _, service_fn};
use upsurge_core::validate::validate;

use super::*;
use crate::cache::{Cache, Scope};
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
    if path.ends_with("/loadtestruns/queued-1") {
        return (
            200,
            json!({"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTestRun",
            "metadata": {"name": "queued-1", "namespace": "shop"},
            "spec": {"loadTestRef": {"name": "queued"}}, "status": {"phase": "Pending"}}),
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
    let mut request = Request::post(format!("/v1/runs/{run}/{what}"));
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

/// What the watch shows: a pod with that UID, which is runner 0.
fn seen(uid: &str) -> Cache {
    seen_all([("shop", uid)])
}

/// The same in several namespaces.
fn seen_all<'a>(pods: impl IntoIterator<Item = (&'a str, &'a str)>) -> Cache {
    let ((runs, _), (jobs, _), (store, mut writer)) =
        (reflector::store(), reflector::store(), reflector::store());
    for (namespace, uid) in pods {
        let pod = json!({"metadata": {"name": "checkout-1-0", "namespace": namespace, "uid": uid,
            "labels": {"batch.kubernetes.io/job-completion-index": "0"},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "checkout-1", "uid": "job"}]}});
        writer.apply_watcher_event(&watcher::Event::Apply(serde_json::from_value(pod).unwrap()));
    }
    let cache = Cache::default();
    cache.add(Arc::new(Scope::new(None, runs, jobs, store)));
    cache
}

/// A token that claims to be of a pod in a namespace; each number makes another one of it.
fn claiming(namespace: &str, pod: &str, number: usize) -> String {
    let mut claims = claims::tests::claims(pod);
    claims["exp"] = json!(Timestamp::now().as_second() + 3_600);
    claims["jti"] = json!(number);
    claims["kubernetes.io"]["namespace"] = json!(namespace);
    claims::tests::token(&claims)
}

fn count(asked: &Asked, what: &str) -> usize {
    asked.lock().unwrap().iter().filter(|asked| asked.contains(what)).count()
}

#[tokio::test]
async fn made_up_tokens_shut_out_nobody_in_the_namespace_that_they_name() {
    let asked = Asked::default();
    let sessions = serving_seen(&asked, Value::Null, 1, seen("uid of checkout-1-0")).await;
    // Names can be guessed, and so can the run that is open; what can't be is the UID.
    let mut number = 0;
    loop {
        let token = claiming("shop", "stranger", number);
        let (status, _) = post(&sessions, "hello", &token, Body::empty()).await;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        number += 1;
        assert!(number < 50_000, "strangers are not rationed");
    }
    // A runner with a token that nobody has seen yet.
    let body = Body::from(hello(0, "checkout-1-0").to_string());
    let (status, reply) = post(&sessions, "hello", &claiming("shop", "checkout-1-0", 9_999), body).await;
    assert_eq!(status, StatusCode::OK, "{reply}");
}

#[tokio::test]
async fn many_namespaces_together_make_no_flood_of_reviews() {
    let asked = Asked::default();
    let names: Vec<String> = (0..10).map(|number| format!("team-{number}")).collect();
    let cache = seen_all(names.iter().map(|name| (name.as_str(), "uid of checkout-1-0")));
    let sessions = serving_seen(&asked, Value::Null, 1, cache).await;
    let begun = std::time::Instant::now();
    for number in 0..500 {
        for name in &names {
            let token = claiming(name, "checkout-1-0", number);
            post_to(&sessions, &format!("{name}/any-1"), "hello", &token, Body::empty()).await;
        }
    }
    let most = 2_400 + 200 * usize::try_from(begun.elapsed().as_secs() + 1).unwrap();
    let all = count(&asked, "tokenreviews") + count(&asked, "loadtestruns");
    assert!(all <= most, "{all} questions for 5,000 tokens");
}

#[tokio::test]
async fn runners_of_a_large_run_that_nobody_has_seen_yet_are_let_in_all_at_once() {
    let asked = Asked::default();
    let sessions = serving_seen(&asked, Value::Null, 500, Cache::default()).await;
    let hellos = (0..500).map(|runner| {
        let (sessions, pod) = (sessions.clone(), pod(runner).name);
        async move {
            let body = Body::from(hello(runner, &pod).to_string());
            post(&sessions, "hello", &token(&pod), body).await
        }
    });
    for (status, reply) in join_all(hellos).await {
        assert_eq!(status, StatusCode::OK, "{reply}");
    }
}

#[tokio::test]
async fn runs_that_are_made_up_are_looked_up_within_the_ration_and_others_go_on() {
    let asked = Asked::default();
    let sessions = serving(&asked).await;
    let token = token("checkout-1-0");
    let begun = std::time::Instant::now();
    for number in 0..1_500 {
        post_to(&sessions, &format!("shop/none-{number}"), "hello", &token, Body::empty()).await;
    }
    let most = 600 + 50 * usize::try_from(begun.elapsed().as_secs() + 1).unwrap();
    let looks = count(&asked, "loadtestruns");
    assert!(looks > 0 && looks <= most, "{looks} looks at runs");
    let body = Body::from(hello(0, "checkout-1-0").to_string());
    assert_eq!(post(&sessions, "hello", &token, body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_name_of_a_run_is_not_looked_up() {
    let asked = Asked::default();
    let sessions = serving(&asked).await;
    let token = token("checkout-1-0");
    let long = format!("shop/{}", "a".repeat(254));
    for run in
        [&*long, "shop/queued-1%3Fwatch=true", "shop/..%2F..%2Fsecrets%2Fkey", "shop/..", "shop%2Fa/queued-1"]
    {
        let (status, _) = post_to(&sessions, run, "hello", &token, untouchable()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{run}");
    }
    assert_eq!((count(&asked, "loadtestruns"), count(&asked, "tokenreviews")), (0, 0));
    let (status, _) = post_to(&sessions, "shop/queued-1", "hello", &token, untouchable()).await;
    assert_eq!(
        (status, count(&asked, "loadtestruns")),
        (StatusCode::SERVICE_UNAVAILABLE, 1),
        "it opens later"
    );
    let (status, _) = post_to(&sessions, "shop/gone-1", "hello", &token, untouchable()).await;
    assert_eq!(status, StatusCode::GONE);
}

#[tokio::test]
async fn a_pod_that_the_watch_shows_is_not_looked_up_and_one_that_came_in_its_place_is() {
    for (uid, expected) in [("uid of checkout-1-0", 0), ("uid of an earlier pod", 1)] {
        let asked = Asked::default();
        let sessions = serving_seen(&asked, Value::Null, 1, seen(uid)).await;
        let body = Body::from(hello(0, "checkout-1-0").to_string());
        let (status, reply) = post(&sessions, "hello", &token(&pod(0).name), body).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        let asked = asked.lock().unwrap();
        assert_eq!(asked.iter().filter(|asked| asked.contains("/pods/")).count(), expected, "{asked:?}");
    }
}

#[tokio::test]
async fn last_words_that_wait_for_their_checkpoint_keep_nobody_else_waiting() {
    let sessions = serving_seen(&Asked::default(), Value::Null, 20, Cache::default()).await;
    let start = now();
    let last_words = (0..20).map(|runner| {
        let pod = pod(runner).name;
        let delta = json!({"number": 1, "fromMs": 0, "toMs": 1_000, "metrics": [], "done": "completed",
            "generator": {"cpuSeconds": 0.1, "periods": 0, "throttledPeriods": 0}});
        let body =
            json!({"version": 2, "runner": runner, "pod": pod, "start": start, "startedAt": start, "deltas": [delta]});
        let (sessions, token) = (sessions.clone(), token(&pod));
        async move { post(&sessions, "deltas", &token, Body::from(body.to_string())).await }
    });
    // Two bodies are dealt with at the same time, and who waits longer than five seconds for that is turned away.
    for (status, reply) in join_all(last_words).await {
        assert_eq!(
            (status, &reply["received"], &reply["acknowledged"]),
            (StatusCode::OK, &json!(1), &json!(0))
        );
    }
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

#[test]
fn whoever_waits_for_a_session_that_is_busy_keeps_no_thread_from_others() {
    let (done, is_done) = std::sync::mpsc::channel();
    // One thread for all that is asynchronous: one who waits on it for a session would keep it from who ends the merge.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(while_a_merge_is_under_way());
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(120)).expect("all wait for one session");
}

async fn while_a_merge_is_under_way() {
    let sessions = serving(&Asked::default()).await;
    let (cell, bearer) = (cell_of(&sessions), token("checkout-1-0"));
    let says = || Body::from(hello(0, "checkout-1-0").to_string());
    assert_eq!(post(&sessions, "hello", &bearer, says()).await.0, StatusCode::OK);
    let (begun, is_begun) = tokio::sync::oneshot::channel();
    let (end, is_ended) = std::sync::mpsc::channel();
    let merging = {
        let cell = cell.clone();
        spawn_blocking(move || {
            cell.speak_blocking(0, |session| {
                begun.send(session.state().runners[0].pod.clone()).unwrap();
                is_ended.recv().unwrap();
            });
        })
    };
    let bound = is_begun.await.unwrap();
    let before = cell.last_heard(0, bound.as_ref()).expect("it said hello");
    let asks = {
        let sessions = sessions.clone();
        tokio::spawn(async move { post(&sessions, "hello", &bearer, says()).await.0 })
    };
    let looks = {
        let cell = cell.clone();
        tokio::spawn(async move { cell.snapshot().await.runners.len() })
    };
    // Its runner is let in and heard all the same.
    while cell.last_heard(0, bound.as_ref()) == Some(before) {
        tokio::task::yield_now().await;
    }
    assert!(!asks.is_finished() && !looks.is_finished());
    end.send(()).unwrap();
    merging.await.unwrap();
    assert_eq!((asks.await.unwrap(), looks.await.unwrap()), (StatusCode::OK, 1));
}

fn cell_of(sessions: &Sessions) -> Arc<super::super::cell::Cell> {
    sessions.cell(&RunKey::new("shop", "checkout-1")).unwrap()
}

#[tokio::test]
async fn one_run_takes_one_turn_however_many_of_its_messages_wait() {
    let sessions = serving(&Asked::default()).await;
    let (cell, bearer) = (cell_of(&sessions), token("checkout-1-0"));
    let held = cell.turn.clone().acquire_owned().await.unwrap();
    let says = Body::from(hello(0, "checkout-1-0").to_string());
    let waiting = {
        let sessions = sessions.clone();
        tokio::spawn(async move { post(&sessions, "hello", &bearer, says).await.0 })
    };
    // It was let in, and its body read.
    while cell.bodies.available_permits() == super::super::admission::RUN_BODIES {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    assert!(sessions.room().has_all_turns(), "the places of others are free");
    drop(held);
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
}
