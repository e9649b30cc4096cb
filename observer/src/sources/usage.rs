// SPDX-License-Identifier: Apache-2.0
//! What the metrics API says about the CPU and memory of a pod, beside what the pod asks for and may use.

use jiff::{SignedDuration, Timestamp};
use kube::core::DynamicObject;
use serde_json::Value;
use upsurge_figures::observation::{Amount, ContainerUsage, PodUsage};

use super::resources::Resources;
use crate::quantity::quantity;

/// When a pod was measured.
pub fn measured(object: &DynamicObject) -> Option<Timestamp> {
    object.data.get("timestamp")?.as_str()?.parse().ok()
}

/// What is used of a pod whose resources are these, if it was seen. `None` if it says nothing that can be read.
pub fn usage(object: &DynamicObject, resources: Option<&Resources>) -> Option<PodUsage> {
    let window = object.data.get("window").and_then(Value::as_str);
    let window = window.and_then(|text| text.parse::<SignedDuration>().ok());
    let containers = object.data.get("containers")?.as_array()?.iter();
    let containers = containers.map(|told| container(told, resources)).collect::<Option<Vec<_>>>()?;
    Some(PodUsage {
        pod: object.metadata.name.clone()?,
        at: measured(object)?,
        window: window.map_or(0.0, |window| window.as_secs_f64()),
        containers,
        is_seen: resources.is_some(),
    })
}

fn container(told: &Value, resources: Option<&Resources>) -> Option<ContainerUsage> {
    let name = told.get("name")?.as_str()?;
    let [cpu, memory] = resources.and_then(|all| all.bounds(name)).unwrap_or_default();
    let amount = |resource: &str, (request, limit): (Option<f64>, Option<f64>)| {
        let used = quantity(told.pointer(&format!("/usage/{resource}"))?.as_str()?)?;
        Some(Amount { used, request, limit })
    };
    Some(ContainerUsage { name: name.into(), cpu: amount("cpu", cpu)?, memory: amount("memory", memory)? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(containers: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {"name": "checkout-1", "namespace": "shop", "creationTimestamp": "2030-01-01T00:01:00Z"},
            "timestamp": "2030-01-01T00:00:52Z", "window": "1m10.5s", "containers": containers,
        }))
        .unwrap()
    }

    fn pod(spec: &Value) -> Option<Resources> {
        Resources::of(&serde_json::from_value(json!({"spec": spec})).unwrap())
    }

    #[test]
    fn usage_is_told_by_container_beside_its_request_and_limit() {
        let resources = pod(&json!({"containers": [
            {"name": "main", "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}},
        ], "initContainers": [{"name": "mesh", "restartPolicy": "Always", "resources": {"limits": {"cpu": "1"}}}]}));
        let object = told(&json!([
            {"name": "main", "usage": {"cpu": "1500000000n", "memory": "65536Ki"}},
            {"name": "mesh", "usage": {"cpu": "250m", "memory": "1Mi"}},
        ]));
        let usage = usage(&object, resources.as_ref()).unwrap();
        assert_eq!((usage.pod.as_str(), usage.window, usage.is_seen), ("checkout-1", 70.5, true));
        assert_eq!(usage.at, "2030-01-01T00:00:52Z".parse().unwrap(), "its own time");
        let [main, mesh] = &usage.containers[..] else { panic!("{usage:?}") };
        assert_eq!(main.cpu, Amount { used: 1.5, request: Some(0.25), limit: None });
        let mebibyte = f64::from(1 << 20);
        let memory =
            Amount { used: 64.0 * mebibyte, request: Some(64.0 * mebibyte), limit: Some(128.0 * mebibyte) };
        assert_eq!(main.memory, memory);
        assert_eq!(mesh.cpu, Amount { used: 0.25, request: Some(1.0), limit: Some(1.0) });
        let [cpu, _] = usage.sum();
        assert_eq!(cpu, Amount { used: 1.75, request: Some(1.25), limit: None }, "not known of the whole");
    }

    #[test]
    fn of_a_pod_that_was_not_seen_only_what_it_uses_is_known() {
        let object = told(&json!([{"name": "main", "usage": {"cpu": "1", "memory": "1Mi"}}]));
        let usage = usage(&object, None).unwrap();
        assert!(
            !usage.is_seen && usage.containers[0].cpu == Amount { used: 1.0, request: None, limit: None }
        );
    }

    #[test]
    fn what_can_not_be_read_is_nothing() {
        let object = told(&json!([{"name": "main", "usage": {"cpu": "much", "memory": "1Mi"}}]));
        assert_eq!(usage(&object, None), None);
    }
}
