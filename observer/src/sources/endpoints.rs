// SPDX-License-Identifier: Apache-2.0
//! What EndpointSlices say about pods.

use std::collections::BTreeMap;

use k8s_openapi::api::discovery::v1::EndpointSlice;

/// A pod in a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// UID of the pod, where the slice says it.
    pub uid: Option<String>,
    /// Whether it is ready there.
    pub ready: bool,
}

/// The pods of a slice by name.
pub fn pods_of(slice: &EndpointSlice) -> BTreeMap<String, Endpoint> {
    let mut pods: BTreeMap<String, Endpoint> = BTreeMap::new();
    for endpoint in slice.endpoints.iter().flatten() {
        let Some(target) =
            endpoint.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"))
        else {
            continue;
        };
        let Some(name) = &target.name else { continue };
        // Unknown is to be taken as ready, says the API.
        let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true);
        let pod = pods.entry(name.clone()).or_default();
        pod.ready |= ready;
        pod.uid.clone_from(&target.uid);
    }
    pods
}

/// All slices of a namespace, by name.
#[derive(Clone, Debug, Default)]
pub struct Slices(BTreeMap<String, BTreeMap<String, Endpoint>>);

impl Slices {
    /// These, and no others.
    pub fn list(&mut self, slices: impl IntoIterator<Item = EndpointSlice>) {
        let named = slices
            .into_iter()
            .map(|slice| (slice.metadata.name.clone().unwrap_or_default(), pods_of(&slice)));
        self.0 = named.collect();
    }

    /// A slice is new or changed, or without pods because it is gone. Returns the pods that it names or named.
    pub fn set(&mut self, slice: &EndpointSlice, is_there: bool) -> Vec<String> {
        let name = slice.metadata.name.clone().unwrap_or_default();
        let now = if is_there { pods_of(slice) } else { BTreeMap::new() };
        let mut touched: Vec<String> = now.keys().cloned().collect();
        let before = if now.is_empty() { self.0.remove(&name) } else { self.0.insert(name, now) };
        touched.extend(before.into_iter().flat_map(BTreeMap::into_keys));
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Whether a pod is ready in any slice; `None` if none names it. An entry of an earlier pod of the same name is not its own.
    pub fn serves(&self, pod: &str, uid: Option<&str>) -> Option<bool> {
        let named = self.0.values().filter_map(|pods| pods.get(pod));
        let own = named
            .filter(|endpoint| endpoint.uid.as_deref().zip(uid).is_none_or(|(said, actual)| said == actual));
        own.map(|endpoint| endpoint.ready).reduce(|one, other| one || other)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn slice(name: &str, endpoints: &Value) -> EndpointSlice {
        serde_json::from_value(json!({
            "metadata": {"name": name}, "addressType": "IPv4", "endpoints": endpoints,
        }))
        .unwrap()
    }

    fn endpoint(pod: &str, uid: &str, conditions: &Value) -> Value {
        json!({"addresses": ["10.0.0.1"], "conditions": conditions, "targetRef": {"kind": "Pod", "name": pod, "uid": uid}})
    }

    #[test]
    fn a_pod_serves_if_any_slice_has_it_as_ready() {
        let mut slices = Slices::default();
        slices.list([
            slice("ipv4", &json!([endpoint("a", "1", &json!({"ready": false}))])),
            slice(
                "ipv6",
                &json!([endpoint("a", "1", &json!({})), endpoint("b", "2", &json!({"ready": false}))]),
            ),
        ]);
        assert_eq!(slices.serves("a", Some("1")), Some(true), "unknown is ready");
        assert_eq!(slices.serves("b", Some("2")), Some(false));
        assert_eq!(slices.serves("b", Some("3")), None, "a pod of that name that was there before");
        assert_eq!(slices.serves("c", None), None);
    }

    #[test]
    fn who_was_in_a_slice_is_told_of_its_change_too() {
        let mut slices = Slices::default();
        let both =
            json!([endpoint("a", "1", &json!({"ready": true})), endpoint("b", "2", &json!({"ready": true}))]);
        assert_eq!(slices.set(&slice("ipv4", &both), true), ["a", "b"]);
        assert_eq!(slices.set(&slice("ipv4", &json!([endpoint("b", "2", &json!({}))])), true), ["a", "b"]);
        assert_eq!(slices.set(&slice("ipv4", &Value::Null), false), ["b"]);
        assert_eq!(slices.serves("b", None), None);
    }

    #[test]
    fn what_is_no_pod_is_left_out() {
        let others = json!([{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Node", "name": "n"}}]);
        assert!(pods_of(&slice("ipv4", &others)).is_empty());
    }
}
