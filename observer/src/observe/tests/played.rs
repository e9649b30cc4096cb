// SPDX-License-Identifier: Apache-2.0
//! The played API server.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tower::{BoxError, service_fn};

use super::*;

const DEADLINE: Duration = Duration::from_secs(20);

type Frame = Result<hyper::body::Frame<Bytes>, BoxError>;
type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// A pod of the workload.
pub fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "resourceVersion": "5",
        "creationTimestamp": "2030-01-01T00:00:00Z"}, "spec": {"containers": []}, "status": {}})
}

#[derive(Default)]
struct State {
    kind: String,
    api_version: String,
    selector: String,
    replicas: i32,
    lists: BTreeMap<String, Vec<Value>>,
    forbidden: BTreeSet<String>,
    /// Path and query of all that was asked for.
    asked: Vec<(String, String)>,
    /// The newest watch of each path, and how many there were.
    watches: BTreeMap<String, (usize, UnboundedSender<Frame>)>,
}

/// A namespace of a cluster.
#[derive(Clone)]
pub struct Cluster {
    state: Arc<watch::Sender<State>>,
}

impl Cluster {
    pub fn begin(api_version: &str, kind: &str) -> Self {
        let state = State {
            kind: kind.into(),
            api_version: api_version.into(),
            selector: "app=checkout".into(),
            replicas: 1,
            ..State::default()
        };
        let cluster = Self { state: Arc::new(watch::channel(state).0) };
        let workload = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout", "resourceVersion": "5"},
            "spec": {"replicas": 1}, "status": {"replicas": 1, "updatedReplicas": 1}});
        cluster.set("/apis/apps/v1/namespaces/shop/deployments", &[workload]);
        cluster
    }

    /// What is there of a kind.
    pub fn set(&self, path: &str, objects: &[Value]) {
        self.state.send_modify(|state| drop(state.lists.insert(path.into(), objects.to_vec())));
    }

    pub fn select(&self, selector: &str) {
        self.state.send_modify(|state| state.selector = selector.into());
    }

    pub fn scale_to(&self, replicas: i32) {
        self.state.send_modify(|state| state.replicas = replicas);
    }

    pub fn forbid(&self, path: &str) {
        self.state.send_modify(|state| state.forbidden.extend([path.to_owned()]));
    }

    /// Queries that were asked of a path.
    pub fn asked(&self, path: &str) -> Vec<String> {
        let state = self.state.borrow();
        state.asked.iter().filter(|(asked, _)| asked == path).map(|(_, query)| query.clone()).collect()
    }

    /// Waits until a path was refused so often.
    pub async fn forbidden(&self, path: &str, times: usize) {
        self.until(|state| state.asked.iter().filter(|(asked, _)| asked == path).count() >= times).await;
    }

    /// Waits until a path has been watched so often.
    pub async fn watched(&self, path: &str, times: usize) {
        self.until(|state| state.watches.get(path).is_some_and(|(count, _)| *count >= times)).await;
    }

    /// The watch of a path brings something.
    pub async fn send(&self, path: &str, event: &Value) {
        let line = Bytes::from(format!("{event}\n"));
        self.frame(path, Ok(hyper::body::Frame::data(line))).await;
    }

    /// The connection of a watch breaks.
    pub async fn break_off(&self, path: &str) {
        self.frame(path, Err("connection reset".into())).await;
    }

    /// The API server ends a watch, and another one takes its place.
    pub async fn end(&self, path: &str) {
        let before = self.state.borrow().watches[path].0;
        self.state.borrow().watches[path].1.close_channel();
        self.watched(path, before + 1).await;
    }

    async fn frame(&self, path: &str, frame: Frame) {
        self.watched(path, 1).await;
        self.state.borrow().watches[path].1.unbounded_send(frame).unwrap();
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        let mut state = self.state.subscribe();
        timeout(DEADLINE, state.wait_for(holds)).await.expect("in time").unwrap();
    }

    /// Whoever asks it.
    pub fn client(&self) -> Client {
        let cluster = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let answer = cluster.answer(&request);
            async move { Ok::<_, BoxError>(answer) }
        });
        Client::new(service, "shop")
    }

    /// The workload.
    pub fn target(&self) -> Target {
        let state = self.state.borrow();
        Target {
            namespace: "shop".into(),
            api_version: state.api_version.clone(),
            kind: state.kind.clone(),
            name: "checkout".into(),
        }
    }

    /// Observes the workload.
    pub fn observe(&self) -> Observed {
        let (events, told) = watch::channel(Vec::new());
        let observer = Observer::new(self.target());
        let task = tokio::spawn(observe(self.client(), observer, move |news| {
            events.send_modify(|all: &mut Vec<Event>| all.extend(news));
        }));
        Observed { told: Mutex::new(told), task }
    }

    fn answer(&self, request: &Request<Body>) -> Response<AnswerBody> {
        let (path, query) =
            (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
        let (code, body) = self.body(&path, &query);
        self.state.send_modify(|state| state.asked.push((path, query)));
        Response::builder().status(code).body(body).unwrap()
    }

    fn body(&self, path: &str, query: &str) -> (u16, AnswerBody) {
        if query.contains("watch=true") {
            let (sender, frames): (_, UnboundedReceiver<Frame>) = unbounded();
            self.state.send_modify(|state| {
                let times = state.watches.get(path).map_or(0, |(times, _)| *times);
                state.watches.insert(path.to_owned(), (times + 1, sender));
            });
            return (200, StreamBody::new(frames).boxed_unsync());
        }
        let (code, value) = self.value(path);
        let whole = Full::new(Bytes::from(value.to_string()));
        (code, whole.map_err(|never| match never {}).boxed_unsync())
    }

    fn value(&self, path: &str) -> (u16, Value) {
        let state = self.state.borrow();
        let failure = |code: u16, reason: &str| {
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
                "reason": reason, "message": format!("{reason} {path}")});
            (code, status)
        };
        if state.forbidden.contains(path) {
            return failure(403, "Forbidden");
        }
        if path.ends_with("/checkout/scale") {
            let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "checkout"},
                "spec": {"replicas": state.replicas}, "status": {"replicas": state.replicas, "selector": state.selector}});
            return (200, scale);
        }
        let resource = |name: &str, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["list"]});
        let known = |group: &str, resources: &[Value]| {
            (
                200,
                json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": resources}),
            )
        };
        match path {
            "/apis/apps/v1" => known("apps/v1", &[resource("deployments", "Deployment")]),
            "/apis/argoproj.io/v1alpha1" => known("argoproj.io/v1alpha1", &[resource("rollouts", "Rollout")]),
            _ if path.contains("/namespaces/shop/") => {
                let items = state.lists.get(path).cloned().unwrap_or_default();
                (
                    200,
                    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": items}),
                )
            }
            _ => failure(404, "NotFound"),
        }
    }
}

/// What an observer tells.
pub struct Observed {
    told: Mutex<watch::Receiver<Vec<Event>>>,
    task: JoinHandle<()>,
}

impl Observed {
    /// Waits until this holds of what was told; returns that.
    pub async fn until(&self, holds: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let mut told = self.told.lock().unwrap().clone();
        let waited = timeout(DEADLINE, told.wait_for(|events| holds(events))).await;
        match waited {
            Ok(events) => events.unwrap().clone(),
            Err(_) => panic!("told so far: {:#?}", self.told.lock().unwrap().borrow()),
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.task.abort();
    }
}
