// SPDX-License-Identifier: Apache-2.0
//! The collector: who may speak, what outlives the operator, and two operators at once.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt as _;
use k8s_openapi::{
    api::{batch::v1::Job, core::v1::ConfigMap},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{ResourceExt as _, api::DeleteParams};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use upsurge_core::{
    metrics::{Metrics, Selector, SeriesKey, Sink, Tags, names},
    protocol::RunPlan,
    validate::validate,
};
use upsurge_crds::{internal::Checkpoint, names::TOKEN_AUDIENCE};
use upsurge_operator::collector::{self, SessionConfig, Sessions, discard};

use crate::space::{PAUSE, Space, object, until, with_kinds, without_kinds};

async fn post(router: &Router, path: &str, token: Option<&str>, body: &Value) -> (StatusCode, Value) {
    let mut request = Request::post(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A run in short: any object may own a Job and a checkpoint.
async fn run(space: &Space) -> (SessionConfig, Job) {
    let owner: ConfigMap = space.create(json!({"metadata": {"name": "run-1"}})).await;
    let owner = OwnerReference {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        name: owner.name_any(),
        uid: owner.uid().unwrap(),
        ..OwnerReference::default()
    };
    let job: Job = space
        .create(json!({
            "metadata": {"name": "run-1", "ownerReferences": [owner]},
            "spec": {"suspend": true, "completions": 2, "parallelism": 2, "completionMode": "Indexed",
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "runner", "image": PAUSE}]}}},
        }))
        .await;
    let plan: RunPlan = object(json!({
        "namespace": space.name, "run": "run-1", "uid": owner.uid, "runners": 2,
        "test": {
            "target": {"baseURL": "http://checkout"},
            "scenarios": [{"name": "browse", "steps": [{"request": {"name": "home", "url": "/"}}]}],
            "load": {"unit": "Users", "constant": {"level": 2, "duration": "1m"}},
        },
    }));
    let valid = Arc::new(validate(&plan.test).unwrap());
    let config = SessionConfig {
        plan: Arc::new(plan),
        valid,
        whole: None,
        job: "run-1".into(),
        checkpoint: "run-1-checkpoint".into(),
        labels: BTreeMap::new(),
        owner,
        is_under_way: false,
    };
    (config, job)
}

fn hello(runner: u32, pod: &str) -> Value {
    json!({"version": 2, "runner": runner, "pod": pod, "sentAt": 0, "readiness": "ready"})
}

fn deltas(runner: u32, pod: &str, start: i64, numbers: &[u64], done: bool) -> Value {
    let mut metrics = Metrics::default();
    metrics.add(SeriesKey { metric: names::HTTP_REQS.into(), tags: Tags::default() }, &Sink::Counter(10.0));
    let generator = json!({"cpuSeconds": 0.1, "periods": 0, "throttledPeriods": 0});
    let deltas: Vec<_> = numbers
        .iter()
        .map(|number| {
            let mut delta = json!({"number": number, "fromMs": number * 1000 - 1000, "toMs": number * 1000,
                "metrics": metrics, "generator": generator});
            if done && Some(number) == numbers.last() {
                delta["done"] = json!("completed");
            }
            delta
        })
        .collect();
    json!({"version": 2, "runner": runner, "pod": pod, "start": start, "startedAt": start + 1_000_000, "deltas": deltas})
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_runner_speaks_only_for_itself_and_what_it_says_outlives_the_operator() {
    let space = Space::new("collector").await;
    let made = with_kinds(&space.client).await;
    let (config, job) = run(&space).await;
    let key = config.key();
    let path = |what: &str| format!("/v1/runs/{}/run-1/{what}", space.name);
    let pods =
        [space.runner(Some(&job), "run-1-0", "0").await, space.runner(Some(&job), "run-1-1", "1").await];
    let stranger = space.runner(None, "stranger", "0").await;
    let mut tokens = Vec::new();
    for pod in &pods {
        tokens.push(space.token(Some(pod), TOKEN_AUDIENCE).await);
    }

    let sessions = Sessions::new(space.client.clone());
    let router = collector::router(sessions.clone());
    let own = hello(0, "run-1-0");
    assert_eq!(
        post(&router, &path("hello"), Some(&tokens[0]), &own).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    sessions.set_serving(true);
    let gone = post(&router, &path("hello"), Some(&tokens[0]), &own).await;
    assert_eq!(gone.0, StatusCode::GONE, "there is no such LoadTestRun: {}", gone.1);
    sessions.open(config.clone()).await.unwrap();

    let foreign = space.token(Some(&pods[0]), "https://kubernetes.default.svc").await;
    let unbound = space.token(None, TOKEN_AUDIENCE).await;
    let strange = space.token(Some(&stranger), TOKEN_AUDIENCE).await;
    for (who, token, body, expected) in [
        ("nobody", None, own.clone(), StatusCode::UNAUTHORIZED),
        ("a forged token", Some("a.b.c"), own.clone(), StatusCode::UNAUTHORIZED),
        ("a token for the API server", Some(foreign.as_str()), own.clone(), StatusCode::UNAUTHORIZED),
        ("a token of no pod", Some(unbound.as_str()), own.clone(), StatusCode::FORBIDDEN),
        ("a pod of no Job", Some(strange.as_str()), hello(0, "stranger"), StatusCode::FORBIDDEN),
        ("a pod of no Job that lies", Some(strange.as_str()), own.clone(), StatusCode::FORBIDDEN),
        ("runner 0 as runner 1", Some(tokens[0].as_str()), hello(1, "run-1-0"), StatusCode::FORBIDDEN),
        ("runner 0 as runner 1's pod", Some(tokens[0].as_str()), hello(1, "run-1-1"), StatusCode::FORBIDDEN),
        ("runner 0 without sense", Some(tokens[0].as_str()), json!({}), StatusCode::BAD_REQUEST),
    ] {
        let (status, message) = post(&router, &path("hello"), token, &body).await;
        assert_eq!(status, expected, "{who}: {message}");
    }

    let reply = post(&router, &path("hello"), Some(&tokens[0]), &own).await.1;
    assert_eq!((&reply["command"], reply.get("plan")), (&json!("wait"), None), "who has a plan gets none");
    let mut asking = own.clone();
    asking["wantsPlan"] = json!(true);
    let reply = post(&router, &path("hello"), Some(&tokens[0]), &asking).await.1;
    assert_eq!(reply["plan"], serde_json::to_value(&*config.plan).unwrap());
    assert_eq!(post(&router, &path("hello"), Some(&strange), &asking).await.0, StatusCode::FORBIDDEN);
    let start = until("the start", || async {
        let (status, reply) = post(&router, &path("hello"), Some(&tokens[1]), &hello(1, "run-1-1")).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        reply["command"]["start"]["at"].as_i64()
    })
    .await;
    let same = post(&router, &path("hello"), Some(&tokens[0]), &own).await.1;
    assert_eq!(same["command"]["start"]["at"], start);
    assert!(start > same["sentAt"].as_i64().unwrap(), "it is still to come");

    let (status, reply) =
        post(&router, &path("deltas"), Some(&tokens[0]), &deltas(0, "run-1-0", start, &[1, 2], false)).await;
    assert_eq!((status, &reply["received"]), (StatusCode::OK, &json!(2)), "{reply}");
    let (status, reply) =
        post(&router, &path("deltas"), Some(&tokens[0]), &deltas(0, "run-1-0", start, &[9], false)).await;
    assert_eq!((status, &reply["received"]), (StatusCode::CONFLICT, &json!(2)), "{reply}");
    let last = deltas(0, "run-1-0", start, &[2, 3], true);
    let (_, reply) = post(&router, &path("deltas"), Some(&tokens[0]), &last).await;
    assert_eq!((&reply["received"], &reply["command"]), (&json!(3), &json!("continue")), "{reply}");
    until("all of it to be durable", || async {
        let nothing = deltas(0, "run-1-0", start, &[], false);
        let (_, reply) = post(&router, &path("deltas"), Some(&tokens[0]), &nothing).await;
        (reply["acknowledged"] == 3).then_some(())
    })
    .await;

    // Another operator takes over. What this one adds after that is not durable, and so not acknowledged.
    let next = Sessions::new(space.client.clone());
    next.set_serving(true);
    next.open(config.clone()).await.unwrap();
    let restored = next.snapshot(&key).await.unwrap();
    assert_eq!(restored.metrics.count(names::HTTP_REQS, &Selector::default()), 30.0);
    assert_eq!((restored.runners[0].acknowledged, restored.all_done), (3, false));
    sessions.close(&key).await;

    let router = collector::router(next.clone());
    let last = deltas(1, "run-1-1", start, &[1], true);
    let (_, reply) = post(&router, &path("deltas"), Some(&tokens[1]), &last).await;
    assert_eq!(reply["acknowledged"], 1, "{reply}");
    let done = next.snapshot(&key).await.unwrap();
    assert!(done.all_done && done.durable);
    assert_eq!(done.metrics.count(names::HTTP_REQS, &Selector::default()), 40.0);
    assert_eq!(done.t0.unwrap().as_nanosecond(), i128::from(start));
    let checkpoint = space.api::<Checkpoint>().get("run-1-checkpoint").await.unwrap();
    assert_eq!(checkpoint.owner_references()[0].uid, config.owner.uid);
    assert_eq!(checkpoint.labels()["app.kubernetes.io/component"], "checkpoint");

    // A runner of a release to come, of whose words only the first are known.
    let strange = json!({"version": 9, "runner": 1, "pod": "run-1-1", "readiness": "entangled"});
    let (status, reply) = post(&router, &path("hello"), Some(&tokens[1]), &strange).await;
    assert_eq!((status, &reply["serves"]), (StatusCode::OK, &json!({"from": 2, "to": 3})), "{reply}");
    let told = reply["command"]["stop"]["reason"].as_str().unwrap();
    assert!(told.contains("version 9") && told.contains("versions 2 and 3"), "{told}");

    next.close(&key).await;
    assert!(next.snapshot(&key).await.is_none());
    let (status, _) = post(&router, &path("deltas"), Some(&tokens[1]), &last).await;
    assert_eq!(status, StatusCode::GONE);
    without_kinds(&space.client, made).await;
    space.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn two_operators_at_once_do_not_count_twice() {
    let space = Space::new("fenced").await;
    let made = with_kinds(&space.client).await;
    let (config, job) = run(&space).await;
    let pod = space.runner(Some(&job), "run-1-0", "0").await;
    let token = space.token(Some(&pod), TOKEN_AUDIENCE).await;
    let (old, new) = (Sessions::new(space.client.clone()), Sessions::new(space.client.clone()));
    for sessions in [&old, &new] {
        sessions.set_serving(true);
        sessions.open(config.clone()).await.unwrap();
    }
    let path = format!("/v1/runs/{}/run-1/deltas", space.name);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap();
    let said = deltas(0, "run-1-0", now, &[1, 2], true);
    // Whoever finds the checkpoint changed by the other forgets its own view and goes on from the other's; the
    // runner sends again what is not acknowledged.
    for sessions in [&new, &old, &new, &old] {
        let (router, path, token, said) = (collector::router(sessions.clone()), &path, &token, &said);
        until("the acknowledgement", || async {
            let (status, reply) = post(&router, path, Some(token), said).await;
            assert_eq!(status, StatusCode::OK, "{reply}");
            Some(()).filter(|()| reply["acknowledged"] == 2)
        })
        .await;
    }
    for sessions in [&old, &new] {
        let metrics = sessions.snapshot(&config.key()).await.unwrap().metrics;
        assert_eq!(metrics.count(names::HTTP_REQS, &Selector::default()), 20.0);
        sessions.close(&config.key()).await;
    }
    without_kinds(&space.client, made).await;
    space.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_checkpoint_of_another_version_is_left_alone() {
    let space = Space::new("foreign").await;
    let made = with_kinds(&space.client).await;
    let (config, _job) = run(&space).await;
    let foreign: Checkpoint = space
        .create(json!({
            "metadata": {"name": "run-1-checkpoint", "ownerReferences": [config.owner]},
            "spec": {"payloadVersion": 99, "data": "AAAA"},
        }))
        .await;
    let sessions = Sessions::new(space.client.clone());
    let error = sessions.open(config.clone()).await.unwrap_err();
    assert_eq!(error.reason(), Some("CheckpointUnknown"), "{error}");
    assert!(error.to_string().contains("99") && error.to_string().contains("knows the forms"), "{error}");
    discard(&space.client, &space.name, "run-1-checkpoint").await.unwrap();
    let left = space.api::<Checkpoint>().get("run-1-checkpoint").await.unwrap();
    assert_eq!(left, foreign);
    without_kinds(&space.client, made).await;
    space.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_run_of_the_version_before_goes_on_from_its_config_map() {
    let space = Space::new("legacy").await;
    let made = with_kinds(&space.client).await;
    let (config, _job) = run(&space).await;
    let under_way = SessionConfig { is_under_way: true, ..config.clone() };
    let sessions = Sessions::new(space.client.clone());
    let error = sessions.open(under_way.clone()).await.unwrap_err();
    assert_eq!(error.reason(), Some("CheckpointDamaged"), "there is neither: {error}");
    // What an operator writes that knows ConfigMaps only: the same bytes.
    sessions.open(config.clone()).await.unwrap();
    sessions.close(&config.key()).await;
    let checkpoints = space.api::<Checkpoint>();
    let written = checkpoints.get("run-1-checkpoint").await.unwrap();
    checkpoints.delete("run-1-checkpoint", &DeleteParams::default()).await.unwrap();
    let legacy: ConfigMap = space
        .create(json!({
            "metadata": {"name": "run-1-checkpoint", "ownerReferences": [config.owner]},
            "binaryData": {"checkpoint": written.spec.data},
        }))
        .await;
    sessions.open(under_way).await.unwrap();
    let taken_over = checkpoints.get("run-1-checkpoint").await.unwrap().spec;
    assert_eq!(taken_over.payload_version, written.spec.payload_version);
    assert_ne!(taken_over.data, written.spec.data, "a session that follows has a number of its own");
    sessions.close(&config.key()).await;
    let left = space.api::<ConfigMap>().get("run-1-checkpoint").await.unwrap();
    assert_eq!(left, legacy, "it is not written");
    without_kinds(&space.client, made).await;
    space.end().await;
}
