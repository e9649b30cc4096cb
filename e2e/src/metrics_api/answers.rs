// SPDX-License-Identifier: Apache-2.0
//! What is answered to a path. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::{REQUESTS_PER_SECOND, Served};

/// Custom metrics: group and version.
pub(super) const CUSTOM: (&str, &str) = ("custom.metrics.k8s.io", "v1beta2");
/// External metrics.
pub(super) const EXTERNAL: (&str, &str) = ("external.metrics.k8s.io", "v1beta1");

/// The answer to a path, for autoscalers of one namespace; none to what is not there.
pub(super) fn answer(path: &str, namespace: &str, served: &Served, now: Timestamp) -> Option<Value> {
    let path = path.strip_prefix("/apis/")?.trim_end_matches('/');
    let mut segments = path.split('/');
    let api = (segments.next()?, segments.next()?);
    let rest: Vec<&str> = segments.collect();
    match (api, rest.as_slice()) {
        (CUSTOM, []) => Some(resources(CUSTOM, "pods/requests_per_second", "MetricValueList")),
        (EXTERNAL, []) => Some(resources(EXTERNAL, "externalmetrics", "ExternalMetricValueList")),
        // Of all pods, `*`, which comes in more than one spelling: pods that nobody asked for are none of this namespace.
        (CUSTOM, ["namespaces", of, "pods", _, metric])
            if *of == namespace && *metric == REQUESTS_PER_SECOND =>
        {
            Some(rates(namespace, served, now))
        }
        (EXTERNAL, ["namespaces", of, metric]) if *of == namespace => external(metric, served, now),
        _ => None,
    }
}

/// What there is in a group, for whoever discovers it.
fn resources((group, version): (&str, &str), name: &str, kind: &str) -> Value {
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{group}/{version}"),
        "resources": [{"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get"]}],
    })
}

fn rates(namespace: &str, served: &Served, now: Timestamp) -> Value {
    let item = |(pod, thousandths): (&String, &u64)| {
        json!({
            "describedObject": {"kind": "Pod", "apiVersion": "v1", "namespace": namespace, "name": pod},
            "metric": {"name": REQUESTS_PER_SECOND, "selector": null},
            "timestamp": format!("{now:.0}"), "windowSeconds": 1, "value": format!("{thousandths}m"),
        })
    };
    json!({
        "kind": "MetricValueList", "apiVersion": format!("{}/{}", CUSTOM.0, CUSTOM.1), "metadata": {},
        "items": served.rates.iter().map(item).collect::<Vec<_>>(),
    })
}

fn external(metric: &str, served: &Served, now: Timestamp) -> Option<Value> {
    let thousandths = served.external.get(metric)?;
    Some(json!({
        "kind": "ExternalMetricValueList", "apiVersion": format!("{}/{}", EXTERNAL.0, EXTERNAL.1), "metadata": {},
        "items": [{
            "metricName": metric, "metricLabels": {}, "timestamp": format!("{now:.0}"),
            "value": format!("{thousandths}m"),
        }],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(path: &str) -> Option<Value> {
        let served = Served {
            rates: [("target-a".to_owned(), 12_500)].into(),
            external: [("orders".to_owned(), 25_000)].into(),
        };
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        answer(path, "shop", &served, now)
    }

    #[test]
    fn pods_are_told_by_whatever_spelling_of_all() {
        for all in ["*", "%2A"] {
            let path =
                format!("/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/{all}/requests_per_second");
            let list = answered(&path).unwrap();
            assert_eq!(list.pointer("/items/0/value"), Some(&json!("12500m")));
            assert_eq!(list.pointer("/items/0/describedObject/name"), Some(&json!("target-a")));
            assert_eq!(list.pointer("/items/0/timestamp"), Some(&json!("2026-01-02T03:04:05Z")));
        }
    }

    #[test]
    fn an_external_metric_is_told_by_its_name() {
        let list = answered("/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/orders").unwrap();
        assert_eq!(list.pointer("/items/0/value"), Some(&json!("25000m")));
    }

    #[test]
    fn what_is_not_served_is_not_there() {
        for path in [
            "/apis",
            "/apis/custom.metrics.k8s.io/v1beta1",
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/other/pods/*/requests_per_second",
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/memory",
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/absent",
        ] {
            assert_eq!(answered(path), None, "{path}");
        }
        assert!(answered("/apis/custom.metrics.k8s.io/v1beta2").is_some());
        assert!(answered("/apis/external.metrics.k8s.io/v1beta1/").is_some());
    }
}
