// SPDX-License-Identifier: Apache-2.0
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
    // What the cache keeps of it says the same.
    let mut kept = pod.clone();
    crate::cache::prune::pod(&mut kept);
    assert_eq!(RunnerPod::of(&kept), RunnerPod::of(&pod));
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

/// A container's status, with the rest of what the kubelet writes.
fn status_of(name: &str, state: Value) -> Value {
    json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state})
}

fn ended(code: i32) -> Value {
    let reason = if code == 0 { "Completed" } else { "Error" };
    json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": "2026-01-01T00:00:12Z"}})
}

fn up() -> Value {
    json!({"running": {"startedAt": "2026-01-01T00:00:01Z"}})
}

/// The kubelet sorts containers by name: those of others may come first.
fn beside(sidecar: Value, runner: Value, phase: &str) -> RunnerPod {
    pod(
        json!({"phase": phase, "containerStatuses": [status_of("istio-proxy", sidecar), status_of("runner", runner)]}),
    )
}

#[rstest]
#[case::both_run(up(), up(), "Running", (true, None, false))]
#[case::the_sidecar_ended_first(ended(1), up(), "Running", (true, None, false))]
#[case::the_sidecar_never_exits(up(), ended(0), "Running", (false, Some(0), true))]
#[case::the_sidecar_never_started(json!({"waiting": {"reason": "ImagePullBackOff"}}), ended(0), "Running", (false, Some(0), true))]
#[case::the_runner_failed_beside_it(up(), ended(1), "Running", (false, Some(1), true))]
#[case::both_ended(ended(0), ended(0), "Succeeded", (false, Some(0), false))]
#[case::only_the_sidecar_failed(ended(137), ended(0), "Failed", (false, Some(0), false))]
#[case::the_pod_was_ended(up(), ended(0), "Failed", (false, Some(0), false))]
fn the_end_of_a_pod_is_that_of_its_runner(
    #[case] sidecar: Value,
    #[case] runner: Value,
    #[case] phase: &str,
    #[case] (running, code, lingers): (bool, Option<i32>, bool),
) {
    let pod = beside(sidecar, runner, phase);
    assert_eq!(
        (pod.running, pod.end.as_ref().and_then(|end| end.exit_code), pod.lingers),
        (running, code, lingers)
    );
    assert_eq!((pod.is_quiet(true), pod.is_over()), (code.is_some(), code.is_some() && !lingers));
}

#[test]
fn a_sidecar_that_failed_is_named() {
    let words = "container istio-proxy exited with code 137";
    assert_eq!(beside(ended(137), ended(0), "Failed").beside.as_deref(), Some(words));
    assert_eq!(beside(ended(0), ended(1), "Failed").beside, None);
}

/// A pod whose runner has this state after one init container, which may be a native sidecar.
fn after_init(init: &Value, is_sidecar: bool, runner: Value, phase: &str) -> RunnerPod {
    let policy = is_sidecar.then_some("Always");
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "base-1-abcde"},
        "spec": {"containers": [{"name": "runner"}], "initContainers": [{"name": "proxy", "restartPolicy": policy}]},
        "status": {"phase": phase, "containerStatuses": [status_of("runner", runner)],
                   "initContainerStatuses": [init]},
    }))
    .unwrap();
    RunnerPod::of(&pod)
}

#[rstest]
#[case::pulls(status_of("proxy", json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}})), true,
    ("ImagePullBackOff", "init container proxy: no such image"))]
#[case::crashes(status_of("proxy", json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}})), true,
    ("CrashLoopBackOff", "init container proxy: back-off 10s"))]
#[case::works(status_of("proxy", up()), false, ("PodInitializing", "init container proxy has not ended yet"))]
#[case::starts(status_of("proxy", up()), true, ("PodInitializing", "init container proxy has not started up yet"))]
#[case::is_done(status_of("proxy", ended(0)), false, ("PodInitializing", ""))]
fn an_init_container_that_is_in_the_way_is_named(
    #[case] init: Value,
    #[case] is_sidecar: bool,
    #[case] (reason, message): (&str, &str),
) {
    let runner = json!({"waiting": {"reason": "PodInitializing"}});
    let pod = after_init(&init, is_sidecar, runner, "Pending");
    assert_eq!(pod.waiting, Some((reason.into(), message.into())));
}

#[test]
fn a_native_sidecar_that_is_up_is_in_nobodys_way_and_ends_with_the_runner() {
    let mut proxy = status_of("proxy", up());
    proxy["started"] = json!(true);
    let pod =
        after_init(&proxy, true, json!({"waiting": {"reason": "CreateContainerConfigError"}}), "Pending");
    assert_eq!(pod.waiting.as_ref().map(|(reason, _)| reason.as_str()), Some("CreateContainerConfigError"));
    // The kubelet ends it; nobody need delete the pod, which would take its log away.
    let pod = after_init(&proxy, true, ended(0), "Running");
    assert!(pod.end.as_ref().is_some_and(PodEnd::is_success) && pod.is_over());
}

#[test]
fn an_init_container_that_failed_is_why_the_runner_never_started() {
    let mut init = ended(3);
    init["terminated"]["message"] = json!("iptables: permission denied");
    let waiting = json!({"waiting": {"reason": "PodInitializing"}});
    let end = after_init(&status_of("proxy", init), false, waiting, "Failed").end.unwrap();
    assert_eq!(end.init.as_deref(), Some("init container proxy exited with code 3"));
    assert_eq!((end.exit_code, end.message.as_str()), (None, "iptables: permission denied"));
}

#[rstest]
#[case::untold(json!({"waiting": {"reason": "ContainerCreating"}}), true)]
#[case::told(json!({"waiting": {"reason": "ErrImagePull", "message": "no such image"}}), false)]
#[case::runs(up(), false)]
#[case::ended(ended(0), false)]
fn what_a_pod_waits_for_is_asked_only_if_it_does_not_say(#[case] runner: Value, #[case] expected: bool) {
    let scheduled =
        json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let pod =
        pod(json!({"phase": "Pending", "conditions": [scheduled], "containerStatuses": container(runner)}));
    assert_eq!(pod.is_being_created(), expected);
}
