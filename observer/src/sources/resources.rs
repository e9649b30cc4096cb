// SPDX-License-Identifier: Apache-2.0
//! How much CPU and memory the containers of a pod ask for and may use, from which follows the most that an autoscaler can
//! read of its CPU.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::quantity::quantity;

/// Cores or bytes of a container: asked for, and at most.
type Bounds = (Option<f64>, Option<f64>);

/// CPU and memory of a pod's containers, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources(BTreeMap<String, [Bounds; 2]>);

impl Resources {
    /// What a pod says. What is set for the pod as a whole is none of a container's, so nothing is known then.
    pub fn of(pod: &Pod) -> Option<Self> {
        let spec = pod.spec.as_ref().filter(|spec| spec.resources.is_none())?;
        // Containers that run beside the others count, those that end before them don't.
        let beside = spec.init_containers.iter().flatten();
        let beside = beside.filter(|container| container.restart_policy.as_deref() == Some("Always"));
        let all = spec.containers.iter().chain(beside);
        Some(Self(all.map(|container| (container.name.clone(), bounds(container))).collect()))
    }

    /// Most cores that all containers can use, or one of them; `None` if one has no limit.
    pub fn most_cores(&self, container: Option<&str>) -> Option<f64> {
        self.sum(container, |(_, limit)| limit)
    }

    /// The same as percent of what they ask for.
    pub fn most_percent(&self, container: Option<&str>) -> Option<f64> {
        let request =
            self.sum(container, |(request, limit)| request.or(limit)).filter(|cores| *cores > 0.0)?;
        Some(self.most_cores(container)? / request * 100.0)
    }

    /// CPU and memory of a container, asked for and at most. A request that isn't said is the limit.
    pub fn bounds(&self, container: &str) -> Option<[Bounds; 2]> {
        Some(self.0.get(container)?.map(|(request, limit)| (request.or(limit), limit)))
    }

    fn sum(&self, container: Option<&str>, of: impl Fn(Bounds) -> Option<f64>) -> Option<f64> {
        match container {
            Some(name) => of(self.0.get(name)?[0]),
            None => {
                self.0.values().map(|[cpu, _]| of(*cpu)).sum::<Option<f64>>().filter(|_| !self.0.is_empty())
            }
        }
    }
}

fn bounds(container: &Container) -> [Bounds; 2] {
    ["cpu", "memory"].map(|resource| {
        let Some(resources) = &container.resources else { return (None, None) };
        let request = resources.requests.as_ref().and_then(|all| quantity(&all.get(resource)?.0));
        let limit = resources.limits.as_ref().and_then(|all| quantity(&all.get(resource)?.0));
        (request, limit)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resources(spec: &Value) -> Option<Resources> {
        Resources::of(&serde_json::from_value(json!({"spec": spec})).unwrap())
    }

    #[test]
    fn the_most_that_can_be_read_is_the_limit_as_percent_of_the_request() {
        let cpu =
            |request: &str, limit: &str| json!({"requests": {"cpu": request}, "limits": {"cpu": limit}});
        let two = resources(&json!({
            "containers": [{"name": "main", "resources": cpu("250m", "1")}],
            "initContainers": [
                {"name": "proxy", "restartPolicy": "Always", "resources": cpu("250m", "500m")},
                {"name": "migrate"},
            ],
        }))
        .unwrap();
        assert_eq!((two.most_cores(None), two.most_percent(None)), (Some(1.5), Some(300.0)));
        assert_eq!(two.most_percent(Some("main")), Some(400.0));
        assert_eq!(two.most_percent(Some("other")), None);
    }

    #[test]
    fn without_a_limit_there_is_no_most() {
        let without = resources(&json!({"containers": [
            {"name": "main", "resources": {"requests": {"cpu": "1"}}},
            {"name": "proxy", "resources": {"limits": {"cpu": "1"}}},
        ]}))
        .unwrap();
        assert_eq!((without.most_cores(None), without.most_percent(None)), (None, None));
        assert_eq!(
            without.most_percent(Some("proxy")),
            Some(100.0),
            "a request that isn't said is the limit"
        );
        assert_eq!(resources(&json!({"containers": [], "resources": {"limits": {"cpu": "1"}}})), None);
    }
}
