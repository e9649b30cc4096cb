// SPDX-License-Identifier: Apache-2.0
//! What EndpointSlices say about pods.

use std::collections::BTreeMap;

use k8s_openapi::api::discovery::v1::EndpointSlice;

/// The pods of a slice, by name, and whether they are ready to serve.
pub fn pods_of(slice: &EndpointSlice) -> BTreeMap<String, bool> {
    let mut pods = BTreeMap::new();
    for endpoint in slice.endpoints.iter().flatten() {
        let Some(target) =
            endpoint.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"))
        else {
            continue;
        };
        // Unknown is to be taken as ready, says the API.
        let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true);
        if let Some(name) = &target.name {
            *pods.entry(name.clone()).or_default() |= ready;
        }
    }
    pods
}
