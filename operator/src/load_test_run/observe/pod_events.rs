// SPDX-License-Identifier: Apache-2.0
//! What the kubelet tells only in events: why a pod whose container is not created yet hangs, for example because a
//! ConfigMap is missing. Asked for one pod, and only while it hangs. And what the Job controller tells there of pods that it can't make.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::{batch::v1::Job, core::v1::Event};
use kube::{Api, Client, ResourceExt, api::ListParams};

use crate::load_test_run::pods::RunnerPod;

/// Time that the creation of a container takes where nothing is wrong.
const USUAL: Duration = Duration::from_secs(2);
/// Reasons of events that say why a container can't be created.
const TROUBLE: [&str; 3] = ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"];

/// Lets the first pod that hangs say why.
///
/// # Errors
/// When the API server does not answer.
pub async fn complete(client: &Client, namespace: &str, pods: &mut [RunnerPod]) -> Result<(), kube::Error> {
    let limit = Timestamp::now() - USUAL;
    let hangs =
        |pod: &&mut RunnerPod| pod.is_being_created() && pod.scheduled.is_some_and(|since| since <= limit);
    let Some(pod) = pods.iter_mut().find(hangs) else { return Ok(()) };
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let list = api.list(&ListParams::default().fields(&format!("involvedObject.uid={}", pod.uid))).await?;
    if let Some(trouble) = trouble(&list.items) {
        pod.waiting = Some(trouble);
    }
    Ok(())
}

/// The newest event in which the Job controller says that it can't create pods.
///
/// # Errors
/// When the API server does not answer.
pub async fn creation_failure(
    client: &Client,
    namespace: &str,
    job: &Job,
) -> Result<Option<String>, kube::Error> {
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let uid = job.uid().unwrap_or_default();
    let selector = format!("involvedObject.uid={uid},reason=FailedCreate");
    let list = api.list(&ListParams::default().fields(&selector)).await?;
    let newest = list.items.into_iter().max_by_key(|event| {
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        last.or(event.event_time.as_ref().map(|time| time.0))
    });
    Ok(newest.and_then(|event| event.message))
}

/// What holds up the pod by its newest event; nothing if that tells of progress. Of several mounts that fail at the same
/// time, one that says what is missing rather than one that says that time went by.
fn trouble(events: &[Event]) -> Option<(String, String)> {
    let at = |event: &Event| {
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        last.or(event.event_time.as_ref().map(|time| time.0))
    };
    let is_trouble = |event: &Event| event.reason.as_deref().is_some_and(|reason| TROUBLE.contains(&reason));
    let newest = events.iter().max_by_key(|event| at(event)).filter(|event| is_trouble(event))?;
    let progress = events.iter().filter(|event| !is_trouble(event)).filter_map(at).max();
    let since = events.iter().filter(|event| is_trouble(event) && at(event) >= progress);
    let vague =
        |event: &Event| event.message.as_ref().is_none_or(|message| message.contains("timed out waiting"));
    let told = since.filter(|event| !vague(event)).max_by_key(|event| at(event)).unwrap_or(newest);
    Some((told.reason.clone()?, told.message.clone().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn event(second: u32, reason: &str, message: &str) -> Event {
        serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {}, "reason": reason, "message": message,
            "lastTimestamp": format!("2030-01-01T00:00:{second:02}Z"),
        }))
        .unwrap()
    }

    #[rstest]
    #[case::nothing(vec![], None)]
    #[case::scheduled(vec![event(1, "Scheduled", "")], None)]
    #[case::missing(vec![event(1, "Scheduled", ""), event(2, "FailedMount", "not found")], Some("not found"))]
    #[case::the_newest_counts(vec![event(9, "FailedMount", "b"), event(2, "FailedMount", "a")], Some("b"))]
    #[case::found_meanwhile(vec![event(2, "FailedMount", "not found"), event(9, "Pulling", "")], None)]
    #[case::what_is_missing_says_more(
        vec![event(2, "FailedMount", "not found"), event(9, "FailedMount", "timed out waiting for the condition")],
        Some("not found"))]
    #[case::but_only_of_this_attempt(
        vec![event(2, "FailedMount", "not found"), event(3, "Pulling", ""), event(9, "FailedMount", "timed out waiting")],
        Some("timed out waiting"))]
    fn the_newest_event_tells_what_holds_a_pod_up(
        #[case] events: Vec<Event>,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(trouble(&events).map(|(_, message)| message).as_deref(), expected);
    }
}
