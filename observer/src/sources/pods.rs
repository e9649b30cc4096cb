// SPDX-License-Identifier: Apache-2.0
//! What a pod says about its life.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::{ContainerState, ContainerStatus, Pod, PodCondition},
    apimachinery::pkg::apis::meta::v1::Time,
};
use upsurge_figures::observation::Life;

use crate::fact::Fact;

/// Labels in which controllers keep the revision of the pod template.
pub const REVISIONS: [&str; 3] =
    ["pod-template-hash", "controller-revision-hash", "rollouts-pod-template-hash"];
/// Why a container waits if its image can't be had.
const IMAGE: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
];

/// The steps that a pod has come to, in the order in which they follow each other. `NotReady` and the like are told of every pod
/// that isn't; whether it ever was is not known here.
pub fn facts(pod: &Pod) -> Vec<Fact> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let fact = |life| Fact::pod(name, life);
    let mut facts = vec![fact(Life::Created).since(pod.metadata.creation_timestamp.as_ref())];
    if let Some(scheduled) = condition(pod, "PodScheduled") {
        let message = || scheduled.message.clone().unwrap_or_default();
        let life = match (scheduled.status.as_str(), scheduled.reason.as_deref()) {
            ("True", _) => {
                Some(Life::Scheduled { node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) })
            }
            (_, Some("Unschedulable")) => Some(Life::Unschedulable { message: message() }),
            _ => None,
        };
        facts.extend(life.map(|life| fact(life).since(scheduled.last_transition_time.as_ref())));
    }
    facts.extend(image_failure(pod).map(|message| fact(Life::ImagePullFailed { message })));
    // Those of a container that was started again come before its new start.
    facts.extend(ends(pod).map(|(life, at)| fact(life).since(at)));
    facts.extend(started(pod).map(|at| Fact { stamped: Some(at), ..fact(Life::Started) }));
    let ready = condition(pod, "Ready");
    let life = if is_ready(pod) { Life::Ready } else { Life::NotReady };
    facts.push(fact(life).since(ready.and_then(|ready| ready.last_transition_time.as_ref())));
    facts.extend(asked_to_end(pod).map(|at| Fact { stamped: Some(at), ..fact(Life::Terminating) }));
    facts.extend(stopped(pod).map(|at| Fact { stamped: Some(at), ..fact(Life::Stopped) }));
    facts
}

/// The revision of the template that a pod was made from.
pub fn revision(pod: &Pod) -> Option<String> {
    let labels = pod.metadata.labels.as_ref()?;
    REVISIONS.iter().find_map(|label| labels.get(*label)).cloned()
}

/// Whether it is neither about to go nor ended.
pub fn is_alive(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && !has_ended(pod)
}

fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready.status == "True") && !has_ended(pod)
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase.is_some_and(|phase| phase == "Succeeded" || phase == "Failed")
}

fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_)
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten())
}

/// Why an image can't be pulled, be it of a container or of one that comes before them.
fn image_failure(pod: &Pod) -> Option<String> {
    let first = pod.status.iter().flat_map(|status| status.init_container_statuses.iter().flatten());
    let waiting = first.chain(containers(pod)).filter_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        Some((container, waiting.reason.as_deref()?, waiting.message.as_deref()))
    });
    let mut failed = waiting.filter(|(_, reason, _)| IMAGE.contains(reason));
    failed.next().map(|(container, reason, message)| {
        format!("{reason}: image {}: {}", container.image, message.unwrap_or_default())
    })
}

/// When the last container was started, if all of them run.
fn started(pod: &Pod) -> Option<Timestamp> {
    let expected = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    let running: Vec<Timestamp> = containers(pod)
        .filter_map(|container| Some(container.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0))
        .collect();
    running.iter().copied().max().filter(|_| running.len() >= expected)
}

/// Containers that ended, oldest first.
fn ends(pod: &Pod) -> impl Iterator<Item = (Life, Option<&Time>)> {
    let restarts = containers(pod).map(|container| u32::try_from(container.restart_count).unwrap_or(0)).sum();
    let states = containers(pod).flat_map(|container| [&container.last_state, &container.state]);
    let terminated = states
        .filter_map(|state| state.as_ref().and_then(|state: &ContainerState| state.terminated.as_ref()));
    let mut ends: Vec<(Life, Option<&Time>)> = terminated
        .map(|end| {
            let reason = end.reason.clone().unwrap_or_default();
            (Life::Ended { reason, exit_code: end.exit_code, restarts }, end.finished_at.as_ref())
        })
        .collect();
    ends.sort_by_key(|(_, at)| at.map(|time| time.0));
    ends.into_iter()
}

/// When its last container ended, of one that was asked to end. As long as one of them runs, or does not say, it is not known.
fn stopped(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.deletion_timestamp.as_ref()?;
    let ends = containers(pod)
        .map(|container| Some(container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref()?.0));
    ends.collect::<Option<Vec<Timestamp>>>()?.into_iter().max()
}

/// What is stamped is when the pod will be gone at the latest: its grace period after it was asked to end.
fn asked_to_end(pod: &Pod) -> Option<Timestamp> {
    let latest = pod.metadata.deletion_timestamp.as_ref()?.0;
    let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or_default();
    Some(latest.saturating_sub(SignedDuration::from_secs(grace)).unwrap_or(latest))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(text: &str) -> Option<Timestamp> {
        Some(format!("2030-01-01T00:{text}Z").parse().unwrap())
    }

    fn told(pod: Value) -> Vec<(Life, Option<Timestamp>)> {
        let facts = facts(&serde_json::from_value(pod).unwrap());
        let life = |fact: Fact| match fact.what {
            upsurge_figures::observation::What::Pod { pod, life } => {
                assert_eq!(pod, "checkout-1");
                (life, fact.stamped)
            }
            other => panic!("{other:?}"),
        };
        facts.into_iter().map(life).collect()
    }

    fn pod(status: &Value) -> Value {
        json!({
            "metadata": {"name": "checkout-1", "creationTimestamp": "2030-01-01T00:00:00Z"},
            "spec": {"containers": [{"name": "main"}, {"name": "proxy"}]},
            "status": status,
        })
    }

    fn container(name: &str, state: &Value, last: &Value, restarts: i32) -> Value {
        json!({"name": name, "image": "shop/checkout:1", "imageID": "", "ready": true, "restartCount": restarts,
            "state": state, "lastState": last})
    }

    fn running(at: &str) -> Value {
        json!({"running": {"startedAt": format!("2030-01-01T00:{at}Z")}})
    }

    #[test]
    fn each_step_has_the_stamp_of_its_condition() {
        let status = json!({"phase": "Running", "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2030-01-01T00:00:01Z"},
            {"type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T00:00:09Z"},
        ], "containerStatuses": [
            container("main", &running("00:05"), &json!({}), 0), container("proxy", &running("00:03"), &json!({}), 0),
        ]});
        let steps = [
            (Life::Created, at("00:00")),
            (Life::SCHEDULED, at("00:01")),
            (Life::Started, at("00:05")),
            (Life::Ready, at("00:09")),
        ];
        assert_eq!(told(pod(&status)), steps, "it has started when its last container has");
        let mut one = status;
        one["containerStatuses"].as_array_mut().unwrap().pop();
        assert!(!told(pod(&one)).iter().any(|(life, _)| *life == Life::Started), "one of two runs");
    }

    #[test]
    fn what_keeps_a_pod_from_running_is_told_in_the_words_of_who_knows() {
        let unschedulable = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/3 nodes are available", "lastTransitionTime": "2030-01-01T00:00:00Z"}]});
        let message = "0/3 nodes are available".to_owned();
        assert!(told(pod(&unschedulable)).contains(&(Life::Unschedulable { message }, at("00:00"))));
        let gated =
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]});
        assert_eq!(told(pod(&gated)).len(), 2, "created and not ready");
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "back-off"}});
        let image = json!({"containerStatuses": [container("main", &waiting, &json!({}), 0)]});
        let message = "ImagePullBackOff: image shop/checkout:1: back-off".to_owned();
        assert!(told(pod(&image)).contains(&(Life::ImagePullFailed { message }, None)));
    }

    #[test]
    fn a_container_that_ended_is_told_before_its_new_start() {
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2030-01-01T00:02:00Z"}});
        let status = json!({"phase": "Running", "containerStatuses": [
            container("main", &running("02:01"), &killed, 2), container("proxy", &running("00:03"), &json!({}), 1),
        ]});
        let steps = told(pod(&status));
        let ended = Life::Ended { reason: "OOMKilled".into(), exit_code: 137, restarts: 3 };
        assert_eq!(steps[1..3], [(ended, at("02:00")), (Life::Started, at("02:01"))]);
    }

    #[test]
    fn a_pod_that_goes_was_asked_to_its_grace_period_earlier() {
        let mut going = pod(&json!({}));
        going["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:10:30Z");
        going["metadata"]["deletionGracePeriodSeconds"] = json!(30);
        assert_eq!(told(going.clone()).pop(), Some((Life::Terminating, at("10:00"))));
        assert!(!is_alive(&serde_json::from_value(going).unwrap()));
    }

    #[test]
    fn a_pod_has_stopped_once_the_last_of_its_containers_has() {
        let ended =
            |at: &str| json!({"terminated": {"exitCode": 0, "finishedAt": format!("2030-01-01T00:{at}Z")}});
        let one = container("main", &ended("10:05"), &json!({}), 0);
        let with = |proxy: &Value| {
            let containers = json!([one.clone(), container("proxy", proxy, &json!({}), 0)]);
            let mut pod = pod(&json!({"containerStatuses": containers}));
            pod["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:10:30Z");
            told(pod).pop().unwrap()
        };
        assert_eq!(with(&running("00:01")).0, Life::Terminating, "one of two still runs");
        assert_eq!(with(&ended("10:09")), (Life::Stopped, at("10:09")));
        let mut bound = pod(&json!({"conditions": [{"type": "PodScheduled", "status": "True"}]}));
        bound["spec"]["nodeName"] = json!("worker-1");
        assert!(told(bound).contains(&(Life::Scheduled { node: Some("worker-1".into()) }, None)));
    }

    #[test]
    fn a_pod_that_failed_is_not_ready_whatever_its_condition_says() {
        let status = json!({"phase": "Failed", "reason": "Evicted", "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2030-01-01T00:00:09Z"}]});
        assert_eq!(told(pod(&status)).pop().unwrap().0, Life::NotReady);
    }
}
