// SPDX-License-Identifier: Apache-2.0
//! What a pod says about its life.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use upsurge_core::autoscaling::PodTimes;

/// Labels in which controllers keep the revision of the pod template.
const REVISIONS: [&str; 3] = ["pod-template-hash", "controller-revision-hash", "rollouts-pod-template-hash"];

/// A pod as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenPod {
    /// Ready, and not about to go.
    pub ready: bool,
    /// Neither about to go nor ended.
    pub alive: bool,
    /// Revision of the template it was made from.
    pub revision: Option<String>,
    /// Whether no node has room for it.
    pub unschedulable: bool,
    /// Its life.
    pub times: PodTimes,
}

impl SeenPod {
    /// Reads a pod that was seen at an instant.
    pub fn read(pod: &Pod, now: Timestamp) -> Self {
        let status = pod.status.as_ref();
        let conditions = || status.iter().flat_map(|status| status.conditions.iter().flatten());
        let since = |type_: &str| {
            let condition =
                conditions().find(|condition| condition.type_ == type_ && condition.status == "True");
            condition.map(|condition| condition.last_transition_time.as_ref().map_or(now, |time| time.0))
        };
        let containers = status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let running = containers
            .filter_map(|container| container.state.as_ref()?.running.as_ref()?.started_at.as_ref());
        let going = pod.metadata.deletion_timestamp.is_some();
        let ended = status
            .and_then(|status| status.phase.as_deref())
            .is_some_and(|phase| phase == "Succeeded" || phase == "Failed");
        let ready = since("Ready");
        // What is stamped is when the pod will be gone at the latest: its grace period after it was asked to end.
        let asked_to_end = pod.metadata.deletion_timestamp.as_ref().map(|time| {
            let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or_default();
            time.0.saturating_sub(SignedDuration::from_secs(grace)).unwrap_or(time.0)
        });
        let containers: Vec<_> =
            status.iter().flat_map(|status| status.container_statuses.iter().flatten()).collect();
        // Each of them, or it is not known yet when the last one ends.
        let ends: Option<Vec<Timestamp>> = containers
            .iter()
            .map(|container| Some(container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref()?.0))
            .collect();
        let last_end = ends.and_then(|ends| ends.into_iter().max()).filter(|_| going);
        let labels = pod.metadata.labels.as_ref();
        Self {
            ready: ready.is_some() && !going && !ended,
            alive: !going && !ended,
            revision: REVISIONS.iter().find_map(|label| labels?.get(*label)).cloned(),
            unschedulable: conditions().any(|condition| {
                condition.type_ == "PodScheduled"
                    && condition.status == "False"
                    && condition.reason.as_deref() == Some("Unschedulable")
            }),
            times: PodTimes {
                name: pod.metadata.name.clone().unwrap_or_default(),
                node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
                created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0),
                scheduled: since("PodScheduled"),
                started: running.map(|time| time.0).max(),
                ready,
                deleted: going.then_some(now),
                terminating: asked_to_end,
                ended: last_end,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(conditions: &Value, metadata: &Value) -> SeenPod {
        let mut pod = json!({
            "metadata": {"name": "checkout-1", "creationTimestamp": "2030-01-01T00:00:00Z",
                "labels": {"pod-template-hash": "abc"}},
            "spec": {"nodeName": "worker-1", "containers": []},
            "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [
                {"name": "main", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                 "state": {"running": {"startedAt": "2030-01-01T00:00:03Z"}}}]},
        });
        for (key, value) in metadata.as_object().unwrap() {
            pod["metadata"][key] = value.clone();
        }
        SeenPod::read(&serde_json::from_value(pod).unwrap(), "2030-01-01T01:00:00Z".parse().unwrap())
    }

    fn ready() -> Value {
        json!([
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2030-01-01T00:00:01Z"},
            {"type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T00:00:05Z"},
        ])
    }

    #[test]
    fn the_life_of_a_pod_is_read_from_its_status() {
        let seen = pod(&ready(), &json!({}));
        let at = |second: &str| Some(format!("2030-01-01T00:00:0{second}Z").parse().unwrap());
        assert!(seen.ready && seen.alive && !seen.unschedulable);
        assert_eq!(seen.revision.as_deref(), Some("abc"));
        assert_eq!(seen.times.node.as_deref(), Some("worker-1"));
        assert_eq!((seen.times.created, seen.times.scheduled), (at("0"), at("1")));
        assert_eq!((seen.times.started, seen.times.ready, seen.times.deleted), (at("3"), at("5"), None));
    }

    #[test]
    fn a_pod_about_to_go_is_no_supply() {
        let seen = pod(&ready(), &json!({"deletionTimestamp": "2030-01-01T00:10:00Z"}));
        assert!(!seen.ready && !seen.alive);
        assert!(seen.times.deleted.is_some());
    }

    #[test]
    fn when_a_pod_was_asked_to_end_and_did_is_known_once_each_container_has() {
        let metadata = json!({"deletionTimestamp": "2030-01-01T00:10:30Z", "deletionGracePeriodSeconds": 30});
        let mut pod = json!({"metadata": metadata, "status": {"containerStatuses": [
            {"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0,
             "state": {"terminated": {"exitCode": 0, "finishedAt": "2030-01-01T00:10:04Z"}}},
            {"name": "proxy", "image": "", "imageID": "", "ready": true, "restartCount": 0,
             "state": {"running": {"startedAt": "2030-01-01T00:00:03Z"}}}]}});
        let read = |pod: &Value| {
            let pod = serde_json::from_value(pod.clone()).unwrap();
            let times = SeenPod::read(&pod, "2030-01-01T01:00:00Z".parse().unwrap()).times;
            [times.terminating, times.ended].map(|time| time.map(|time| time.to_string()))
        };
        let at = |text: &str| Some(text.to_owned());
        assert_eq!(read(&pod), [at("2030-01-01T00:10:00Z"), None], "the grace period is not part of it");
        pod["status"]["containerStatuses"][1]["state"] =
            json!({"terminated": {"exitCode": 0, "finishedAt": "2030-01-01T00:10:09Z"}});
        assert_eq!(read(&pod), [at("2030-01-01T00:10:00Z"), at("2030-01-01T00:10:09Z")]);
        pod["metadata"] = json!({});
        assert_eq!(read(&pod), [None, None], "a pod that nobody asked has ended by itself");
    }

    #[test]
    fn a_pod_without_a_node_is_noticed() {
        let seen =
            pod(&json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]), &json!({}));
        assert!(seen.unschedulable && !seen.ready && seen.alive);
        assert_eq!(seen.times.scheduled, None);
    }
}
