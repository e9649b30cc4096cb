// SPDX-License-Identifier: Apache-2.0
//! The edge against an API server that is only played: it lists what it is told to, and its watches end as the test wants.

mod played;

use serde_json::{Value, json};
use upsurge_figures::observation::{Life, Source};

use self::played::{Cluster, pod};
use super::*;

const PODS: &str = "/api/v1/namespaces/shop/pods";
const METRICS: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods";
const EVENTS: &str = "/api/v1/namespaces/shop/events";
const SCALED_OBJECTS: &str = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects";

fn is_of(what: &What, name: &str) -> bool {
    matches!(what, What::Pod { pod, .. } if pod == name)
}

fn lost(what: &What, of: Source) -> bool {
    matches!(what, What::Lost { source, .. } if *source == of)
}

fn is_listed(event: &Event, of: Source) -> bool {
    event.what == What::Listed { source: of }
}

/// What was told of pods, in short.
fn course(events: &[Event]) -> Vec<(bool, String)> {
    let short = |event: &Event| {
        let text = match &event.what {
            What::Pod { pod, life: Life::Created | Life::Gone } => Some(format!(
                "{} {pod}",
                if matches!(event.what, What::Pod { life: Life::Gone, .. }) { "-" } else { "+" }
            )),
            What::Lost { source: Source::Pods, .. } => Some("lost".into()),
            What::Listed { source: Source::Pods } => Some("listed".into()),
            _ => None,
        };
        text.map(|text| (event.found, text))
    };
    events.iter().filter_map(short).collect()
}

fn expect(events: &[Event], course_of: &[(bool, &str)]) {
    let expected: Vec<(bool, String)> =
        course_of.iter().map(|(found, text)| (*found, (*text).to_owned())).collect();
    assert_eq!(course(events), expected);
}

#[tokio::test]
async fn what_is_listed_was_found_and_what_a_watch_brings_is_live() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    cluster.set(PODS, &[pod("a")]);
    let observed = cluster.observe();
    for source in [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints] {
        observed.until(|events| events.iter().any(|event| is_listed(event, source))).await;
    }
    cluster.send(PODS, &json!({"type": "ADDED", "object": pod("b")})).await;
    cluster.send(PODS, &json!({"type": "DELETED", "object": pod("a")})).await;
    let events = observed.until(|events| events.iter().any(|event| event.what == gone("a"))).await;
    expect(&events, &[(true, "+ a"), (false, "listed"), (false, "+ b"), (false, "- a")]);
    assert!(!events.iter().any(|event| matches!(event.what, What::Lost { .. })));
    let asked = cluster.asked(PODS);
    assert!(asked.iter().all(|query| query.contains("labelSelector=app%3Dcheckout")), "{asked:?}");
}

fn gone(pod: &str) -> What {
    What::Pod { pod: pod.into(), life: Life::Gone }
}

#[tokio::test]
async fn a_watch_that_breaks_is_a_gap_and_what_is_there_after_it_was_found() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    cluster.set(PODS, &[pod("a"), pod("b")]);
    let observed = cluster.observe();
    observed.until(|events| events.iter().any(|event| is_listed(event, Source::Pods))).await;
    cluster.watched(PODS, 1).await;
    cluster.set(PODS, &[pod("b"), pod("c")]);
    cluster.break_off(PODS).await;
    let events = observed
        .until(|events| events.iter().filter(|event| is_listed(event, Source::Pods)).count() == 2)
        .await;
    expect(
        &events,
        &[
            (true, "+ a"),
            (true, "+ b"),
            (false, "listed"),
            (false, "lost"),
            (true, "- a"),
            (true, "+ c"),
            (false, "listed"),
        ],
    );
    assert!(!events.iter().any(|event| lost(&event.what, Source::Endpoints)), "others go on");
}

#[tokio::test]
async fn a_watch_that_is_too_old_is_a_gap_too() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    let observed = cluster.observe();
    observed.until(|events| events.iter().any(|event| is_listed(event, Source::Pods))).await;
    cluster.set(PODS, &[pod("a")]);
    let gone = json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old resource version"});
    cluster.send(PODS, &json!({"type": "ERROR", "object": gone})).await;
    let events = observed
        .until(|events| events.iter().filter(|event| is_listed(event, Source::Pods)).count() == 2)
        .await;
    expect(&events, &[(false, "listed"), (false, "lost"), (true, "+ a"), (false, "listed")]);
    let why = events.iter().find_map(|event| match &event.what {
        What::Lost { message, .. } => Some(message.clone()),
        _ => None,
    });
    assert!(why.unwrap().contains("too old resource version"));
}

#[tokio::test]
async fn a_watch_that_ends_as_it_should_goes_on_from_where_it_was() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    let observed = cluster.observe();
    observed.until(|events| events.iter().any(|event| is_listed(event, Source::Pods))).await;
    let mut last = pod("a");
    last["metadata"]["resourceVersion"] = json!("77");
    cluster.send(PODS, &json!({"type": "ADDED", "object": last})).await;
    cluster.end(PODS).await;
    cluster.send(PODS, &json!({"type": "ADDED", "object": pod("b")})).await;
    let events = observed.until(|events| events.iter().any(|event| is_of(&event.what, "b"))).await;
    expect(&events, &[(false, "listed"), (false, "+ a"), (false, "+ b")]);
    let asked = cluster.asked(PODS);
    assert_eq!(asked.iter().filter(|query| !query.contains("watch=true")).count(), 1, "listed once");
    assert!(asked.last().unwrap().contains("resourceVersion=77"), "{asked:?}");
}

#[tokio::test]
async fn what_may_not_be_seen_is_told_with_the_reason() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    cluster.forbid(PODS);
    cluster.forbid(EVENTS);
    let observed = cluster.observe();
    let events = observed
        .until(|events| {
            [Source::Autoscaler, Source::Workload]
                .iter()
                .all(|source| events.iter().any(|event| is_listed(event, *source)))
                && events.iter().any(|event| lost(&event.what, Source::Pods))
        })
        .await;
    assert!(
        !events
            .iter()
            .any(|event| lost(&event.what, Source::Autoscaler) || lost(&event.what, Source::Workload))
    );
    // What need not be there is asked for once.
    cluster.forbidden(PODS, 2).await;
    assert_eq!((cluster.asked(EVENTS).len(), cluster.asked(SCALED_OBJECTS).len()), (1, 0));
}

#[tokio::test]
async fn keda_is_asked_once_an_autoscaler_is_its_own() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    let hpa = json!({"metadata": {"name": "keda-hpa-checkout", "resourceVersion": "5", "ownerReferences": [
        {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "checkout", "uid": "k"}]},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}, "maxReplicas": 7}});
    cluster.set("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers", &[hpa]);
    let scaled = json!({"metadata": {"name": "checkout", "resourceVersion": "5"}, "spec": {
        "scaleTargetRef": {"name": "checkout"}, "maxReplicaCount": 7}});
    cluster.set(SCALED_OBJECTS, &[scaled]);
    let observed = cluster.observe();
    let least = |events: &[Event]| {
        events.iter().rev().find_map(|event| match &event.what {
            What::Autoscaler(autoscaler) => Some((autoscaler.kind.clone(), autoscaler.min)),
            _ => None,
        })
    };
    observed.until(|events| least(events) == Some(("ScaledObject".into(), 0))).await;
}

#[tokio::test]
async fn without_a_selector_no_pod_is_taken_for_its_own() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    cluster.select("");
    cluster.set(PODS, &[pod("stranger")]);
    let observed = cluster.observe();
    let events = observed
        .until(|events| {
            events.iter().any(|event| is_listed(event, Source::Workload))
                && events.iter().any(|event| is_listed(event, Source::Endpoints))
                && events.iter().any(|event| lost(&event.what, Source::Pods))
        })
        .await;
    assert!(!events.iter().any(|event| is_of(&event.what, "stranger")));
    assert_eq!(cluster.asked(PODS), Vec::<String>::new());
}

#[tokio::test]
async fn the_scale_of_another_kind_is_looked_at() {
    let cluster = Cluster::begin("argoproj.io/v1alpha1", "Rollout");
    let observed = cluster.observe();
    observed.until(|events| events.iter().any(|event| is_listed(event, Source::Workload))).await;
    cluster.scale_to(5);
    let events =
        observed.until(|events| events.iter().any(|event| event.what == What::Asked { replicas: 5 })).await;
    let told = events.iter().find(|event| event.what == What::Asked { replicas: 5 });
    assert!(!told.unwrap().found, "it was another number a second before");
}

#[tokio::test]
async fn a_workload_that_is_not_there_is_told_of() {
    let cluster = Cluster::begin("apps/v1", "DaemonSet");
    let observed = cluster.observe();
    let sources = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    let all_lost =
        |events: &[Event]| sources.iter().all(|source| events.iter().any(|event| lost(&event.what, *source)));
    let events = observed.until(all_lost).await;
    let said = serde_json::to_value(&events[0].what).unwrap();
    assert!(said["message"].as_str().is_some_and(|text| text.contains("knows no kind DaemonSet")), "{said}");
    assert_eq!(said["source"], Value::from("workload"));
}

#[tokio::test]
async fn usage_of_the_workloads_own_pods_is_asked_for() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    cluster.set(PODS, &[pod("a")]);
    let measured = json!({"metadata": {"name": "a"}, "timestamp": "2030-01-01T00:00:00Z", "window": "15s",
        "containers": [{"name": "main", "usage": {"cpu": "1", "memory": "1Mi"}}]});
    cluster.set(METRICS, &[measured]);
    let observed = cluster.observe();
    let is_usage = |event: &Event| matches!(&event.what, What::Usage { pods, .. } if pods[0].pod == "a");
    observed.until(|events| events.iter().any(is_usage)).await;
    observed.until(|events| events.iter().any(|event| is_listed(event, Source::Usage))).await;
    assert!(cluster.asked(METRICS).iter().all(|query| query.contains("labelSelector=app%3Dcheckout")));
}

#[tokio::test]
async fn a_metrics_api_that_may_not_be_asked_is_told_with_what_to_do() {
    let cluster = Cluster::begin("apps/v1", "Deployment");
    cluster.set(PODS, &[pod("a")]);
    cluster.forbid(METRICS);
    let observed = cluster.observe();
    let events = observed.until(|events| events.iter().any(|event| lost(&event.what, Source::Usage))).await;
    let said = events.iter().find(|event| lost(&event.what, Source::Usage)).unwrap();
    let said = serde_json::to_value(&said.what).unwrap();
    assert!(
        said["message"].as_str().is_some_and(|text| text.contains("grant list on pods of metrics.k8s.io")),
        "{said}"
    );
}
