// SPDX-License-Identifier: Apache-2.0
//! What an autoscaler needs and containers don't say: it can read a share of what is asked for only if every container asks for some.

use std::collections::BTreeSet;

use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Container, Pod},
};

/// Resources of which autoscalers read shares.
const RESOURCES: [&str; 2] = ["cpu", "memory"];

/// A container that asks for nothing of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingRequest {
    /// Name of the container.
    pub container: String,
    /// The resource: `cpu` or `memory`.
    pub resource: &'static str,
    /// Field of the pod template that is to say it, such as `initContainers`.
    pub field: &'static str,
}

/// What the containers of a pod don't ask for. What is set for the pod as a whole counts for all of them.
pub fn missing(pod: &Pod) -> BTreeSet<MissingRequest> {
    let Some(spec) = pod.spec.as_ref().filter(|spec| spec.resources.is_none()) else {
        return BTreeSet::new();
    };
    // Those that end before the others are not counted by autoscalers.
    let beside = spec.init_containers.iter().flatten();
    let beside = beside.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let all = spec.containers.iter().map(|container| (container, "containers"));
    all.chain(beside.map(|container| (container, "initContainers")))
        .flat_map(|(container, field)| {
            let missing = RESOURCES.into_iter().filter(move |resource| !asks_for(container, resource));
            missing.map(move |resource| MissingRequest { container: container.name.clone(), resource, field })
        })
        .collect()
}

/// Those of them that an autoscaler needs.
pub fn needed(hpa: &HorizontalPodAutoscaler, missing: &BTreeSet<MissingRequest>) -> Option<MissingRequest> {
    let of_all = |name: &str| missing.iter().find(|one| one.resource == name);
    let of_one = |name: &str, container: &str| {
        missing.iter().find(|one| one.resource == name && one.container == container)
    };
    let found = hpa.spec.metrics.iter().flatten().find_map(|metric| {
        if let Some(source) = &metric.resource {
            return source.target.average_utilization.and_then(|_| of_all(&source.name));
        }
        let source = metric.container_resource.as_ref()?;
        source.target.average_utilization.and_then(|_| of_one(&source.name, &source.container))
    });
    found.cloned()
}

fn asks_for(container: &Container, resource: &str) -> bool {
    // A limit without a request is taken for the request, too.
    container.resources.as_ref().is_some_and(|resources| {
        [&resources.requests, &resources.limits]
            .into_iter()
            .flatten()
            .any(|amounts| amounts.contains_key(resource))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn hpa(metric: &Value) -> HorizontalPodAutoscaler {
        serde_json::from_value(json!({"spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "checkout"}, "maxReplicas": 7, "metrics": [metric]}}))
        .unwrap()
    }

    fn share(resource: &str) -> Value {
        json!({"type": "Resource", "resource": {"name": resource, "target": {"type": "Utilization", "averageUtilization": 80}}})
    }

    #[rstest]
    #[case::of_any_container(share("cpu"), Some(("mesh", "cpu", "initContainers")))]
    #[case::of_memory(share("memory"), Some(("main", "memory", "containers")))]
    #[case::as_an_amount(
        json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "1"}}}), None
    )]
    #[case::of_one_that_asks(
        json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "main",
            "target": {"type": "Utilization", "averageUtilization": 80}}}), None
    )]
    #[case::of_one_that_does_not(
        json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "mesh",
            "target": {"type": "Utilization", "averageUtilization": 80}}}), Some(("mesh", "cpu", "initContainers"))
    )]
    #[case::of_something_else(
        json!({"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": {"type": "AverageValue", "averageValue": "9"}}}), None
    )]
    fn an_autoscaler_needs_the_requests_that_its_metrics_are_shares_of(
        #[case] metric: Value,
        #[case] expected: Option<(&str, &str, &str)>,
    ) {
        let pod = serde_json::from_value(json!({"spec": {
            "containers": [
                {"name": "main", "resources": {"limits": {"cpu": "1"}}},
                {"name": "proxy", "resources": {"requests": {"memory": "1Mi"}}},
            ],
            "initContainers": [{"name": "mesh", "restartPolicy": "Always", "resources": {"requests": {"memory": "1Mi"}}}, {"name": "migrate"}],
        }}))
        .unwrap();
        let found = needed(&hpa(&metric), &missing(&pod));
        let found = found.as_ref().map(|one| (one.container.as_str(), one.resource, one.field));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_set_for_the_whole_pod_is_missing_of_none() {
        let pod =
            json!({"spec": {"containers": [{"name": "main"}], "resources": {"requests": {"cpu": "1"}}}});
        assert_eq!(missing(&serde_json::from_value(pod).unwrap()).len(), 0);
    }
}
