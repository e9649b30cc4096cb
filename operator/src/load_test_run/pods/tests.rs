//! What is read from pods and Jobs.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn pod(status: Value) -> RunnerPod {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "base-1-abcde", "labels": {"batch.kubernetes.io/job-completion-index": "1"}},
        "status": status
    }))
    .unwrap();
    RunnerPod::of(&pod)
}

fn container(state: Value) -> Value {
    json!([{"name": "runner", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}])
}

#[test]
fn a_pod_without_a_node_says_why() {
    let condition =
        json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"});
    let pod = pod(json!({"phase": "Pending", "conditions": [condition]}));
    assert_eq!((pod.index, pod.unschedulable.as_deref()), (1, Some("0/1 nodes")));
    assert!(pod.is_quiet(false) && pod.scheduled.is_none() && pod.end.is_none());
}

#[test]
fn a_pod_whose_image_cannot_be_pulled_waits_since_it_was_scheduled() {
    let scheduled =
        json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let waiting = container(json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}));
    let pod = pod(json!({"phase": "Pending", "conditions": [scheduled], "containerStatuses": waiting}));
    assert_eq!(pod.waiting, Some(("ImagePullBackOff".into(), "no such image".into())));
    assert_eq!(pod.scheduled, Some("2026-01-01T00:00:00Z".parse().unwrap()));
}

#[test]
fn a_running_pod_is_not_quiet() {
    let pod = pod(json!({"phase": "Running", "containerStatuses": container(json!({"running": {}}))}));
    assert!(pod.running && !pod.is_quiet(false));
}

#[test]
fn a_pod_whose_runner_was_heard_is_not_quiet_before_it_is_seen_to_run() {
    let waiting = container(json!({"waiting": {"reason": "ContainerCreating"}}));
    let pod = pod(json!({"phase": "Pending", "containerStatuses": waiting}));
    assert!(pod.is_quiet(false) && !pod.is_quiet(true));
}

#[rstest]
#[case::out_of_memory(137, "OOMKilled", Some(9))]
#[case::killed(143, "Error", Some(15))]
#[case::failed(1, "Error", None)]
#[case::beyond_all_signals(255, "Error", None)]
fn the_end_of_a_container_tells_code_and_signal(
    #[case] code: i32,
    #[case] reason: &str,
    #[case] signal: Option<i32>,
) {
    let ended = json!({"terminated": {"exitCode": code, "reason": reason, "message": "last words\n",
                                      "finishedAt": "2026-01-01T00:00:12Z"}});
    let end = pod(json!({"phase": "Failed", "containerStatuses": container(ended)})).end.unwrap();
    assert_eq!((end.exit_code, end.reason.as_str(), end.signal()), (Some(code), reason, signal));
    assert_eq!((end.message.as_str(), end.is_success()), ("last words", false));
}

#[test]
fn an_evicted_pod_ends_without_an_exit_code() {
    let end = pod(json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})).end.unwrap();
    assert_eq!(
        (end.exit_code, end.reason.as_str(), end.message.as_str()),
        (None, "Evicted", "low on memory")
    );
    let ended = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
    assert!(
        pod(json!({"phase": "Succeeded", "containerStatuses": container(ended)})).end.unwrap().is_success()
    );
    assert!(pod(json!({"phase": "Succeeded"})).end.unwrap().is_success());
}

#[rstest]
#[case::active(json!([]), None, false)]
#[case::complete(json!([{"type": "Complete", "status": "True"}]), None, true)]
#[case::about_to_fail(json!([{"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded"}]),
    Some("BackoffLimitExceeded"), false)]
#[case::failed(json!([{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]), Some("DeadlineExceeded"), true)]
#[case::a_condition_that_does_not_hold(json!([{"type": "Failed", "status": "False", "reason": "x"}]), None, false)]
fn a_job_tells_whether_it_failed(
    #[case] conditions: Value,
    #[case] failure: Option<&str>,
    #[case] finished: bool,
) {
    let job: Job =
        serde_json::from_value(json!({"metadata": {}, "status": {"conditions": conditions}})).unwrap();
    let state = JobState::of(&job);
    assert_eq!(state.failure.map(|(reason, _)| reason).as_deref(), failure);
    assert_eq!(state.finished, finished);
}
