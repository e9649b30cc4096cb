// SPDX-License-Identifier: Apache-2.0
//! What is observed reaches the record, and goes on from there in the next operator.

mod misread;

use std::time::Duration;

use axum::http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::{BoxError, service_fn};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Event, Source, What},
};

use super::*;
use crate::played::failure;

const DEADLINE: Duration = Duration::from_secs(20);

fn checkout() -> Target {
    let (api_version, kind, name) = ("apps/v1".into(), "Deployment".into(), "checkout".into());
    target("shop", WorkloadReference { api_version, kind, name })
}

/// A cluster with one Deployment, in which nothing happens.
fn cluster(replicas: i32) -> Client {
    let service = service_fn(move |request: Request<Body>| async move {
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        if is_watch {
            std::future::pending::<()>().await;
        }
        let (code, body) = answer(request.uri().path(), replicas);
        Ok::<_, BoxError>(Response::builder().status(code).body(Body::from(body.to_string().into_bytes()))?)
    });
    Client::new(service, "shop")
}

fn answer(path: &str, replicas: i32) -> (u16, Value) {
    let list = |items: &[Value]| (200, json!({"metadata": {"resourceVersion": "9"}, "items": items}));
    let counted = json!({"replicas": replicas, "selector": "app=checkout"});
    match path {
        "/apis/apps/v1" => {
            let deployments = json!({"name": "deployments", "singularName": "", "namespaced": true, "kind": "Deployment",
                "verbs": ["list"]});
            (200, json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [deployments]}))
        }
        _ if path.ends_with("/scale") => (
            200,
            json!({"metadata": {"name": "checkout"}, "spec": {"replicas": replicas}, "status": counted}),
        ),
        _ if path.ends_with("/deployments") => list(&[
            json!({"metadata": {"name": "checkout"}, "spec": {"replicas": replicas}, "status": counted}),
        ]),
        _ if path.contains("/keda.sh/") => failure(404, "NotFound"),
        _ => list(&[]),
    }
}

async fn until(sink: &SharedRecord, holds: impl Fn(&[Event]) -> bool) {
    let reached = async {
        while !holds(sink.workload().log().events()) {
            sink.changed().await;
        }
    };
    timeout(DEADLINE, reached).await.unwrap_or_else(|_| panic!("{:#?}", sink.workload().log()));
}

fn is_listed(event: &Event) -> bool {
    event.what == What::Listed { source: Source::Workload }
}

#[test]
fn the_conditions_that_doubts_rest_on_are_those_that_the_observer_tells() {
    use upsurge_core::autoscaling::{FALLBACK, ONLY_AUTOSCALER, PAUSED};
    let told = [upsurge_observer::FALLBACK, upsurge_observer::ONLY_ONE, upsurge_observer::PAUSED];
    assert_eq!([FALLBACK, ONLY_AUTOSCALER, PAUSED], told);
}

#[tokio::test]
async fn what_happens_to_the_target_is_recorded_and_the_next_operator_goes_on_with_it() {
    let first = SharedRecord::default();
    let observing = spawn(cluster(2), checkout(), first.clone());
    until(&first, |events| events.iter().any(is_listed)).await;
    observing.abort();
    let kept = serde_json::to_value(first.kept().unwrap()).unwrap();
    let record = recorded(serde_json::from_value(kept).unwrap(), Demand::None);
    let before = record.workload().log().events().len();
    let second = SharedRecord::new(record);
    let observing = spawn(cluster(3), checkout(), second.clone());
    until(&second, |events| events.iter().skip(before).any(is_listed)).await;
    observing.abort();
    let events = second.workload().log().events()[before..].to_vec();
    let place = |of: &dyn Fn(&Event) -> bool| events.iter().position(of).unwrap();
    let lost = place(
        &|event| matches!(&event.what, What::Lost { source: Source::Workload, message } if message.contains("restarted")),
    );
    let asked = place(&|event| event.found && event.what == What::Asked { replicas: 3 });
    assert!(lost < asked && asked < place(&is_listed), "{events:#?}");
}
