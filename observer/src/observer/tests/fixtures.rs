// SPDX-License-Identifier: Apache-2.0
//! A namespace with one workload, and what an observer tells of it.

use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// Seconds after the begin.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + second).unwrap()
}

pub fn from<K: DeserializeOwned>(json: Value) -> K {
    serde_json::from_value(json).unwrap()
}

pub fn listed<K: DeserializeOwned>(all: &[Value]) -> Change<K> {
    Change::Listed(all.iter().cloned().map(from).collect())
}

pub fn applied<K: DeserializeOwned>(one: &Value) -> Change<K> {
    Change::Applied(Box::new(from(one.clone())))
}

pub fn deleted<K: DeserializeOwned>(one: &Value) -> Change<K> {
    Change::Deleted(Box::new(from(one.clone())))
}

/// What was told.
pub struct Cluster {
    pub observer: Observer,
    pub events: Vec<Event>,
}

impl Cluster {
    pub fn new() -> Self {
        Self::of("apps/v1", "Deployment")
    }

    pub fn of(api_version: &str, kind: &str) -> Self {
        let observer = Observer::new(target(api_version, kind));
        Self { observer, events: Vec::new() }
    }

    /// Everything is listed for the first time, at the begin.
    pub fn begins(&mut self, workload: &Value, pods: &[Value]) {
        self.begins_at(0, workload, pods);
    }

    /// The same at a second.
    pub fn begins_at(&mut self, second: i64, workload: &Value, pods: &[Value]) {
        self.live(second, Seen::Workload(listed(std::slice::from_ref(workload))));
        self.live(second, Seen::Pods(listed(pods)));
        self.live(second, Seen::Slices(Change::Listed(Vec::new())));
    }

    /// A watch shows something.
    pub fn live(&mut self, second: i64, seen: Seen) {
        self.events.extend(self.observer.see(seen, at(second)));
    }

    pub fn told(&self, of: impl Fn(&What) -> bool) -> Vec<Event> {
        self.events.iter().filter(|event| of(&event.what)).cloned().collect()
    }

    pub fn tracker(&self) -> Tracker {
        let mut tracker = Tracker::default();
        self.events.iter().for_each(|event| tracker.see(event));
        tracker
    }

    pub fn levels(&self) -> Levels {
        self.tracker().levels()
    }
}

pub fn target(api_version: &str, kind: &str) -> Target {
    Target {
        namespace: "shop".into(),
        api_version: api_version.into(),
        kind: kind.into(),
        name: "checkout".into(),
    }
}

/// A Deployment that asks for so many replicas and has so many, all of its newest revision.
pub fn deployment(asked: u32, existing: u32, revision: &str) -> Value {
    json!({
        "metadata": {"name": "checkout", "uid": "0a1b2c3d-4e5f", "annotations": {"deployment.kubernetes.io/revision": revision}},
        "spec": {"replicas": asked},
        "status": {"replicas": existing, "updatedReplicas": existing, "conditions": [
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]},
    })
}

pub struct PodJson {
    pub json: Value,
}

/// A pod that was created at a second, and runs.
pub fn pod(name: &str, created: i64) -> PodJson {
    PodJson {
        json: json!({
            "metadata": {"name": name, "uid": format!("{name}-{created}"), "creationTimestamp": at(created).to_string(),
                "labels": {"app": "checkout"}},
            "spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}}]},
            "status": {"phase": "Running", "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": at(created).to_string()}],
                "containerStatuses": [{"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"running": {"startedAt": at(created).to_string()}}}]},
        }),
    }
}

impl PodJson {
    /// The same, ready since a second.
    pub fn ready(mut self, since: i64) -> Self {
        let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": at(since).to_string()});
        self.json["status"]["conditions"].as_array_mut().unwrap().push(ready);
        self
    }
}

/// A slice with pods that are ready or not.
pub fn slice(pods: &[(&str, bool)]) -> Value {
    let endpoint = |(name, ready): &(&str, bool)| json!({"addresses": ["10.0.0.1"], "conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": name}});
    let endpoints: Vec<Value> = pods.iter().map(endpoint).collect();
    json!({"metadata": {"name": "checkout-ipv4"}, "addressType": "IPv4", "endpoints": endpoints})
}

/// An autoscaler of the workload that was created at a second.
pub fn hpa(name: &str, created: i64, max: u32) -> Value {
    let cpu = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}});
    let reading = json!({"name": "cpu", "current": {"averageUtilization": 55, "averageValue": "275m"}});
    json!({
        "metadata": {"name": name, "creationTimestamp": at(created).to_string()},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"},
            "maxReplicas": max, "metrics": [{"type": "Resource", "resource": cpu}]},
        "status": {"desiredReplicas": 2, "currentReplicas": 2, "conditions": [
            {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"}],
            "currentMetrics": [{"type": "Resource", "resource": reading}]},
    })
}
