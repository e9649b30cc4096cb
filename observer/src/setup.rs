// SPDX-License-Identifier: Apache-2.0
//! How a workload and its autoscaler are set up, for whoever writes down what was tested. It is read from what is watched anyway, and no
//! event: it is kept as it was when the load started.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::serde::Serialize;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::sources::autoscalers::Autoscalers;

/// Most bytes of images, of resources, and of the autoscaler's spec, as JSON. What takes more is left out as a whole.
const MOST: usize = 4 << 10;

/// About how many times the bytes of its JSON a setup takes in memory, as maps of short words do.
const HELD: usize = 12;

/// How a workload and its autoscaler are set up. What is not known is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {
    /// Images of its containers, by name of the container.
    pub images: BTreeMap<String, String>,
    /// `resources` of its containers, by name of the container.
    pub resources: BTreeMap<String, Value>,
    /// `spec` of its HorizontalPodAutoscaler; of several, the oldest.
    pub autoscaler: Option<Value>,
}

/// A [`Setup`] that the observer writes and others read; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct SharedSetup(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    setup: Arc<Setup>,
    /// About how many bytes it takes.
    bytes: usize,
    is_fixed: bool,
    knows_workload: bool,
    knows_autoscaler: bool,
}

impl SharedSetup {
    /// What is known.
    pub fn get(&self) -> Arc<Setup> {
        Arc::clone(&self.lock().setup)
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// It stays as it is now. What is not known by now is taken when it is seen for the first time.
    pub fn fix(&self) {
        self.lock().is_fixed = true;
    }

    /// The workload was seen.
    pub(crate) fn see_workload(&self, object: &DynamicObject) {
        let mut held = self.lock();
        if held.is_fixed && held.knows_workload {
            return;
        }
        held.knows_workload = true;
        let (images, resources) = containers(object);
        let setup = Arc::make_mut(&mut held.setup);
        (setup.images, setup.resources) = (images, resources);
        held.weigh();
    }

    /// Autoscalers were seen.
    pub(crate) fn see_autoscalers(&self, autoscalers: &Autoscalers) {
        let mut held = self.lock();
        if held.is_fixed && held.knows_autoscaler {
            return;
        }
        held.knows_autoscaler = true;
        let spec = autoscalers.spec().filter(fits);
        if held.setup.autoscaler != spec {
            Arc::make_mut(&mut held.setup).autoscaler = spec;
            held.weigh();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn weigh(&mut self) {
        let Setup { images, resources, autoscaler } = &*self.setup;
        let json = serde_json::to_vec(&(images, resources, autoscaler));
        self.bytes = json.map_or(0, |json| HELD * json.len());
    }
}

/// Images and resources of the containers in a workload's template.
fn containers(object: &DynamicObject) -> (BTreeMap<String, String>, BTreeMap<String, Value>) {
    let all = object.data.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let named = || all.into_iter().flatten().filter_map(|one| Some((one.get("name")?.as_str()?, one)));
    let images: BTreeMap<String, String> = named()
        .filter_map(|(name, one)| Some((name.to_owned(), one.get("image")?.as_str()?.to_owned())))
        .collect();
    let said = |resources: &&Value| resources.as_object().is_some_and(|resources| !resources.is_empty());
    let resources: BTreeMap<String, Value> = named()
        .filter_map(|(name, one)| Some((name.to_owned(), one.get("resources").filter(said)?.clone())))
        .collect();
    (Some(images).filter(fits).unwrap_or_default(), Some(resources).filter(fits).unwrap_or_default())
}

fn fits<T: Serialize>(value: &T) -> bool {
    serde_json::to_vec(value).is_ok_and(|json| json.len() <= MOST)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{Change, Observer, Seen, Target};

    fn deployment(image: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [
                {"name": "main", "image": image, "resources": {"requests": {"cpu": "100m"}},
                 "env": [{"name": "TOKEN", "value": "hunter2"}]},
                {"name": "mesh", "image": "mesh:1", "resources": {}},
            ]}}},
        }))
        .unwrap()
    }

    fn hpas(max: u32) -> Seen {
        let hpa = json!({
            "metadata": {"name": "checkout"},
            "spec": {"maxReplicas": max,
                     "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}},
        });
        Seen::Autoscalers(Change::Listed(vec![serde_json::from_value(hpa).unwrap()]))
    }

    fn observer(setup: &SharedSetup) -> Observer {
        let target = Target {
            namespace: "shop".into(),
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "checkout".into(),
        };
        Observer::new(target).with_setup(setup.clone())
    }

    #[test]
    fn it_is_as_it_was_when_the_load_started() {
        let (setup, now) = (SharedSetup::default(), Timestamp::UNIX_EPOCH);
        let mut observer = observer(&setup);
        observer.see(Seen::Workload(Change::Listed(vec![deployment("checkout:1")])), now);
        observer.see(hpas(5), now);
        observer.see(Seen::Workload(Change::Applied(Box::new(deployment("checkout:2")))), now);
        setup.fix();
        observer.see(Seen::Workload(Change::Applied(Box::new(deployment("checkout:3")))), now);
        observer.see(hpas(9), now);
        let found = setup.get();
        let images = [("main", "checkout:2"), ("mesh", "mesh:1")];
        assert_eq!(found.images, images.map(|(name, image)| (name.to_owned(), image.to_owned())).into());
        assert_eq!(found.resources, [("main".to_owned(), json!({"requests": {"cpu": "100m"}}))].into());
        assert_eq!(found.autoscaler.as_ref().unwrap()["maxReplicas"], 5);
    }

    #[test]
    fn what_was_not_known_at_the_start_is_taken_when_it_is_seen_first() {
        let (setup, now) = (SharedSetup::default(), Timestamp::UNIX_EPOCH);
        let mut observer = observer(&setup);
        setup.fix();
        assert_eq!(*setup.get(), Setup::default());
        for max in [5, 9] {
            observer.see(hpas(max), now);
        }
        assert_eq!(setup.get().autoscaler.as_ref().unwrap()["maxReplicas"], 5);
    }

    #[test]
    fn what_is_too_long_is_left_out_as_a_whole() {
        let (setup, now) = (SharedSetup::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(setup.bytes(), 0);
        let long = deployment(&"x".repeat(MOST));
        observer(&setup).see(Seen::Workload(Change::Listed(vec![long])), now);
        assert!((HELD..HELD * MOST).contains(&setup.bytes()), "{}", setup.bytes());
        assert!(setup.get().images.is_empty() && setup.get().resources.len() == 1);
    }
}
