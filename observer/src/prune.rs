// SPDX-License-Identifier: Apache-2.0
//! What of an object is kept while a listing comes in: what a source reads. A namespace may have thousands of pods, and whoever
//! writes them may fill their annotations. Pure.

use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Container, Pod, PodSpec},
    discovery::v1::{Endpoint, EndpointSlice},
};

use crate::sources::pods::REVISIONS;

/// Nothing is left out.
pub fn nothing<K>(_: &mut K) {}

/// A pod: its life, its node, the revision of its template, and the CPU of its containers.
pub fn pod(pod: &mut Pod) {
    pod.metadata.managed_fields = None;
    pod.metadata.annotations = None;
    if let Some(labels) = &mut pod.metadata.labels {
        labels.retain(|name, _| REVISIONS.contains(&name.as_str()));
    }
    let containers = |all: Vec<Container>| {
        let kept = all.into_iter().map(|container| Container {
            name: container.name,
            resources: container.resources,
            restart_policy: container.restart_policy,
            ..Container::default()
        });
        kept.collect::<Vec<_>>()
    };
    pod.spec = pod.spec.take().map(|spec| PodSpec {
        containers: containers(spec.containers),
        init_containers: spec.init_containers.map(containers),
        resources: spec.resources,
        node_name: spec.node_name,
        ..PodSpec::default()
    });
}

/// An EndpointSlice: which pods it names, and whether they are ready.
pub fn slice(slice: &mut EndpointSlice) {
    slice.metadata.managed_fields = None;
    slice.metadata.annotations = None;
    slice.metadata.labels = None;
    for endpoint in slice.endpoints.iter_mut().flatten() {
        *endpoint = Endpoint {
            conditions: endpoint.conditions.take(),
            target_ref: endpoint.target_ref.take(),
            ..Endpoint::default()
        };
    }
}

/// An autoscaler: all but who wrote its fields.
pub fn autoscaler(autoscaler: &mut HorizontalPodAutoscaler) {
    autoscaler.metadata.managed_fields = None;
    autoscaler.metadata.annotations = None;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sources::{endpoints, pods, resources::Resources};

    #[test]
    fn a_pod_says_the_same_without_what_is_left_out() {
        let whole: Pod = serde_json::from_value(json!({
            "metadata": {
                "name": "checkout-1", "creationTimestamp": "2030-01-01T00:00:00Z", "annotations": {"note": "x".repeat(1_000)},
                "labels": {"app": "checkout", "pod-template-hash": "7f"},
                "managedFields": [{"manager": "kubelet", "operation": "Update"}],
            },
            "spec": {
                "containers": [{"name": "main", "image": "shop/checkout", "env": [{"name": "A", "value": "b"}],
                                "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}}}],
                "initContainers": [{"name": "mesh", "restartPolicy": "Always", "resources": {"limits": {"cpu": "2"}}}],
            },
            "status": {"phase": "Running", "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2030-01-01T00:00:01Z"},
                {"type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T00:00:09Z"},
            ], "containerStatuses": [
                {"name": "main", "image": "shop/checkout", "imageID": "", "ready": true, "restartCount": 0,
                 "state": {"running": {"startedAt": "2030-01-01T00:00:05Z"}}},
            ]},
        }))
        .unwrap();
        let mut pruned = whole.clone();
        pod(&mut pruned);
        assert_eq!(pods::facts(&pruned), pods::facts(&whole));
        assert_eq!(pods::revision(&pruned).as_deref(), Some("7f"));
        assert_eq!(Resources::of(&pruned), Resources::of(&whole));
        let [before, after] = [&whole, &pruned].map(|pod| serde_json::to_string(pod).unwrap().len());
        assert!(after + 1_000 < before, "{after} of {before} bytes");
    }

    #[test]
    fn an_endpoint_slice_names_the_same_pods_without_what_is_left_out() {
        let whole: EndpointSlice = serde_json::from_value(json!({
            "metadata": {"name": "checkout-x", "annotations": {"note": "x"}, "labels": {"app": "checkout"}}, "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.7"], "conditions": {"ready": true}, "nodeName": "n",
                           "targetRef": {"kind": "Pod", "name": "checkout-1", "uid": "u"}}],
        }))
        .unwrap();
        let mut pruned = whole.clone();
        slice(&mut pruned);
        assert_eq!(endpoints::pods_of(&pruned), endpoints::pods_of(&whole));
        assert!(pruned.metadata.annotations.is_none() && pruned.metadata.labels.is_none());
    }
}
