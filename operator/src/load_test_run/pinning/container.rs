// SPDX-License-Identifier: Apache-2.0
//! The container whose size a run sets: what it has now, whether all pods have that, and what has to be written for it to have another.
//!
//! It is written as the whole list of containers under the version that was read, as a merge replaces lists.

use std::collections::BTreeMap;

use kube::{
    Api, Client,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{PinnedContainer, PinnedObject, PinningStatus, SizesLoad};

/// Where the containers of a workload are.
const CONTAINERS: &str = "/spec/template/spec/containers";
/// The field that names one of them.
const FIELD: &str = "spec.load.scalability.sizes.container";

/// That a run sets the size of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing<'a> {
    /// Its name; `None` of the only one.
    pub container: Option<&'a str>,
}

impl<'a> Sizing<'a> {
    /// That of a test.
    pub fn of(asked: &'a SizesLoad) -> Self {
        Self { container: asked.container.as_deref() }
    }

    /// That of a run which has noted what it found: a container that came later is not meant.
    pub fn noted(known: &'a PinningStatus) -> Option<Self> {
        let container = known.originals.iter().find_map(|original| original.container.as_ref())?;
        Some(Self { container: Some(&container.name) })
    }
}

/// The API of the workload that an object is of.
pub(super) fn workloads(client: &Client, namespace: &str, object: &PinnedObject) -> Api<DynamicObject> {
    let (group, version) = object.api_version.split_once('/').unwrap_or(("", &object.api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &object.kind));
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// A workload as it is now; `None` if it is gone. The operator may list workloads, and need not get them.
pub(super) async fn read(api: &Api<DynamicObject>, name: &str) -> Result<Option<DynamicObject>, kube::Error> {
    let this = ListParams::default().fields(&format!("metadata.name={name}"));
    Ok(api.list(&this).await?.items.into_iter().next())
}

/// The container that is meant, or why there is none that is.
pub(super) fn container(object: &DynamicObject, sizing: Sizing<'_>) -> Result<PinnedContainer, String> {
    let listed = object.data.pointer(CONTAINERS).and_then(Value::as_array);
    let containers: Vec<&Value> = listed.into_iter().flatten().collect();
    let name = |container: &Value| container["name"].as_str().unwrap_or_default().to_owned();
    let names = || containers.iter().copied().map(name).collect::<Vec<String>>().join(", ");
    let found = match (sizing.container, containers.as_slice()) {
        (Some(wanted), all) => {
            all.iter().copied().find(|one| one["name"] == wanted).ok_or_else(|| {
                format!("{FIELD}: the workload has no container {wanted}; it has {}", names())
            })?
        }
        (None, [one]) => *one,
        (None, _) => {
            return Err(format!(
                "{FIELD}: the workload has several containers, so name one of them: {}",
                names()
            ));
        }
    };
    Ok(PinnedContainer {
        name: name(found),
        requests: amounts(found, "requests"),
        limits: amounts(found, "limits"),
    })
}

fn amounts(container: &Value, list: &str) -> BTreeMap<String, String> {
    let all = container["resources"][list].as_object();
    let text = |amount: &Value| amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    all.into_iter().flatten().map(|(name, amount)| (name.clone(), text(amount))).collect()
}

/// What is still to be done until all pods have the template that the workload has; `None` if they have it.
pub(super) fn rollout(object: &DynamicObject) -> Option<String> {
    let number = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_i64);
    let count = |pointer: &str| number(pointer).unwrap_or_default();
    if number("/status/observedGeneration") < object.metadata.generation {
        return Some("its controller has not seen the change yet".into());
    }
    let wanted = number("/spec/replicas").unwrap_or(1);
    let (updated, all, ready) =
        (count("/status/updatedReplicas"), count("/status/replicas"), count("/status/readyReplicas"));
    if (updated, all, ready) == (wanted, wanted, wanted) {
        return None;
    }
    let others = (all - updated).max(0);
    let mut told = format!("{updated} of {wanted} pods are replaced, and {others} of before are left");
    let partition = count("/spec/updateStrategy/rollingUpdate/partition");
    if object.data.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        told += ": its rollouts are paused (spec.paused)";
    } else if object.data.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
        told += ": it leaves that to whoever deletes them (spec.updateStrategy is OnDelete)";
    } else if partition > 0 {
        told += &format!(": it keeps {partition} as they are (spec.updateStrategy.rollingUpdate.partition)");
    }
    Some(told)
}

/// All containers of a workload, one of them with other requests and limits; `None` if that one is gone.
pub(super) fn resized(object: &DynamicObject, to: &PinnedContainer) -> Option<Value> {
    let mut containers = object.data.pointer(CONTAINERS)?.clone();
    let one = containers.as_array_mut()?.iter_mut().find(|one| one["name"] == to.name.as_str())?;
    let resources = one.as_object_mut()?.entry("resources").or_insert_with(|| json!({})).as_object_mut()?;
    for (list, amounts) in [("requests", &to.requests), ("limits", &to.limits)] {
        if amounts.is_empty() {
            resources.remove(list);
        } else {
            resources.insert(list.to_owned(), json!(amounts));
        }
    }
    Some(containers)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn object(more: &Value) -> DynamicObject {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "checkout", "generation": 4}, "spec": {}});
        for (name, value) in more.as_object().unwrap() {
            object[name] = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    fn with_containers(containers: &Value) -> DynamicObject {
        object(&json!({"spec": {"template": {"spec": {"containers": containers}}}}))
    }

    fn size(name: &str, cpu: &str) -> PinnedContainer {
        let requests = BTreeMap::from([("cpu".to_owned(), cpu.to_owned())]);
        PinnedContainer { name: name.into(), requests, ..PinnedContainer::default() }
    }

    #[rstest]
    #[case::the_only_one(json!([{"name": "app", "resources": {"requests": {"cpu": 1}}}]), None, Ok(size("app", "1")))]
    #[case::by_name(
        json!([{"name": "proxy"}, {"name": "app", "resources": {"requests": {"cpu": "250m"}}}]),
        Some("app"), Ok(size("app", "250m")))]
    #[case::without_any(json!([{"name": "app"}]), None, Ok(PinnedContainer { name: "app".into(), ..Default::default() }))]
    #[case::of_two(
        json!([{"name": "proxy"}, {"name": "app"}]), None,
        Err("the workload has several containers, so name one of them: proxy, app"))]
    #[case::of_none(json!([{"name": "app"}]), Some("web"), Err("the workload has no container web; it has app"))]
    fn the_container_that_is_meant_is_found_or_it_is_said_why_not(
        #[case] containers: Value,
        #[case] named: Option<&str>,
        #[case] expected: Result<PinnedContainer, &str>,
    ) {
        let found = container(&with_containers(&containers), Sizing { container: named });
        assert_eq!(
            found,
            expected.map_err(|message| format!("spec.load.scalability.sizes.container: {message}"))
        );
    }

    #[test]
    fn a_container_gets_a_size_and_keeps_all_else() {
        let there = json!([
            {"name": "proxy", "image": "proxy"},
            {"name": "app", "image": "shop",
                "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}, "claims": [{"name": "gpu"}]}},
        ]);
        let written = resized(&with_containers(&there), &size("app", "500m")).unwrap();
        let resources = json!({"requests": {"cpu": "500m"}, "claims": [{"name": "gpu"}]});
        let expected = json!([{"name": "proxy", "image": "proxy"}, {"name": "app", "image": "shop", "resources": resources}]);
        assert_eq!(written, expected);
        let written = resized(&with_containers(&there), &size("proxy", "1")).unwrap();
        assert_eq!(written[0]["resources"], json!({"requests": {"cpu": "1"}}));
        assert_eq!(resized(&with_containers(&there), &size("gone", "1")), None);
    }

    #[rstest]
    #[case::over(json!({"replicas": 2}), json!({"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}), None)]
    #[case::not_seen(
        json!({"replicas": 2}), json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}),
        Some("its controller has not seen the change yet"))]
    #[case::never_seen(json!({}), json!({}), Some("its controller has not seen the change yet"))]
    #[case::some_of_before(
        json!({"replicas": 2}), json!({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 2}),
        Some("1 of 2 pods are replaced, and 2 of before are left"))]
    #[case::paused(
        json!({"replicas": 1, "paused": true}), json!({"observedGeneration": 4, "replicas": 1, "readyReplicas": 1}),
        Some("0 of 1 pods are replaced, and 1 of before are left: its rollouts are paused (spec.paused)"))]
    #[case::by_hand(
        json!({"replicas": 1, "updateStrategy": {"type": "OnDelete"}}),
        json!({"observedGeneration": 4, "replicas": 1, "readyReplicas": 1}),
        Some("0 of 1 pods are replaced, and 1 of before are left: it leaves that to whoever deletes them (spec.updateStrategy \
              is OnDelete)"))]
    #[case::in_part(
        json!({"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}}),
        json!({"observedGeneration": 4, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 2}),
        Some("1 of 2 pods are replaced, and 1 of before are left: it keeps 1 as they are \
              (spec.updateStrategy.rollingUpdate.partition)"))]
    fn a_rollout_is_over_when_all_pods_have_the_template(
        #[case] spec: Value,
        #[case] status: Value,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(rollout(&object(&json!({"spec": spec, "status": status}))).as_deref(), expected);
    }
}
