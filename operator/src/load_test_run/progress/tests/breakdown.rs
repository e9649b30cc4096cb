// SPDX-License-Identifier: Apache-2.0
//! What breaks, what only seems to, and what is told of it.

use super::*;

fn waiting(reason: &str) -> Option<(String, String)> {
    Some((reason.into(), "the details".into()))
}

/// Words of the kubelet, of a container runtime and of the Job controller.
const NO_FILE: &str = "MountVolume.SetUp failed for volume \"files\" : configmap \"users\" not found";
const NO_SECRET: &str = "secret \"shop-login\" not found";
const TOO_SMALL: &str = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc \
    create failed: unable to start container process: container init was OOM-killed (memory limit too low?): unknown";
const QUOTA: &str = "Error creating: pods \"base-0-abcde\" is forbidden: failed quota: compute: must specify limits.cpu \
    for: runner; limits.memory for: runner";

fn with_file(case: Case) -> Case {
    let source = json!({"configMapKeyRef": {"name": "users", "key": "users.csv"}});
    case.with(|case| case.spec = json!({"data": [{"name": "users", "csv": {"source": source}}]}))
}

/// The operator was started anew in the middle of the load, after 100 s, and has heard its runners last at that second.
fn heard_by_the_next_operator(second: i64) -> Case {
    running().with(|case| {
        case.session.opened_at = at(100);
        case.session.runners.iter_mut().for_each(|runner| runner.last_seen = Some(at(second)));
    })
}

#[rstest]
#[case::image(preparing().pod(|pod| pod.waiting = waiting("ErrImagePull")), 11, "ImagePullFailed", "pod pod-1")]
#[case::image_name(preparing().pod(|pod| pod.waiting = waiting("InvalidImageName")), 1, "ImagePullFailed", "the details")]
#[case::secret(preparing().pod(|pod| pod.waiting = waiting("CreateContainerConfigError")), 11, "ContainerConfigError", "details")]
#[case::quota(preparing().with(|case| (case.pods, case.forbidden) = (vec![], Some("exceeded quota"))), 6, "PodsForbidden", "exceeded quota")]
#[case::no_limits(
    preparing().with(|case| (case.pods, case.forbidden) = (vec![], Some(QUOTA))), 6, "PodsForbidden",
    "set spec.runner.resources.limits.cpu")]
#[case::a_file_that_never_came(
    with_file(preparing().pod(|pod| pod.waiting = Some(("FailedMount".into(), NO_FILE.into())))), 300, "FileNotFound",
    "runner 1 of 3 (pod pod-1) waits: ConfigMap users does not exist (spec.data[0].csv.source.configMapKeyRef)")]
#[case::a_secret_that_never_came(
    preparing().pod(|pod| pod.waiting = Some(("CreateContainerConfigError".into(), NO_SECRET.into()))), 300,
    "ContainerConfigError", "Secret shop-login does not exist (spec.secrets[0].secretKeyRef)")]
#[case::too_little_memory(
    preparing().ended(128, "StartError").pod(|pod| pod.end.as_mut().unwrap().message = TOO_SMALL.into()), 13,
    "RunnerOOMKilled", "raise spec.runner.resources.limits.memory")]
#[case::gone_while_started(
    preparing().ended(128, "StartError").pod(|pod| pod.end.as_mut().unwrap().message =
        "failed to start containerd task \"53f3\": cannot start a stopped process: unknown".into()), 13,
    "RunnerLost", "as it does when spec.runner.resources.limits.memory is too low")]
#[case::a_runner_that_only_says_so(
    preparing().ended(1, "Error").pod(|pod| pod.end.as_mut().unwrap().message = "cannot start a stopped process".into()), 13,
    "RunnerFailed", "exited with code 1 (cannot start a stopped process)")]
#[case::init_container(
    preparing().pod(|pod| pod.end =
        Some(PodEnd { init: Some("init container proxy exited with code 3".into()), ..PodEnd::default() })), 13,
    "RunnerLost", "runner 1 of 3 (pod pod-1) never started: init container proxy exited with code 3")]
#[case::sidecar(
    running().with(|case| {
        case.job.as_mut().unwrap().failure = Some(("BackoffLimitExceeded".into(), "too many failures".into()));
        case.pods[1].beside = Some("container proxy exited with code 9".into());
    }), 13, "RunnerFailed", "container proxy exited with code 9 beside runner 1 of 3 (pod pod-1)")]
#[case::no_room(preparing().pod(|pod| pod.unschedulable = Some("0/1 nodes".into())), 300, "Unschedulable", "0/1 nodes")]
#[case::too_slow(
    preparing(),
    300,
    "DeadlineExceeded",
    "spec.deadlines.prepare of 5m has passed: 0 of 3 runners up"
)]
#[case::not_ready_in_time(starting(), 60, "DeadlineExceeded", "spec.deadlines.start of 1m has passed")]
#[case::not_heard_of(starting().with(|case| case.session.runners[1].readiness = None), 60, "DeadlineExceeded",
    "0 of 3 runners ready to start; waiting for runner 1 of 3 (pod pod-1), which has not reached the operator: its log says why")]
#[case::unresolved(
    starting().with(|case| case.session.runners[2].readiness =
        Some(Readiness::Failed { reason: "TargetUnresolved".into(), message: "no such host".into() })),
    1, "TargetUnresolved", "runner 2 of 3 (pod pod-2): no such host")]
#[case::out_of_memory(running().ended(137, "OOMKilled"), 13, "RunnerOOMKilled", "at 12 s; a third of the load is missing")]
#[case::killed(running().ended(137, "Error"), 13, "RunnerFailed",
    "runner 1 of 3 (pod pod-1) was killed by signal 9 at 12 s; a third of the load is missing")]
#[case::crashed(running().ended(101, "Error"), 13, "RunnerFailed", "exited with code 101")]
#[case::evicted(
    running().pod(|pod| pod.end = Some(PodEnd { reason: "Evicted".into(), ..PodEnd::default() })), 13, "RunnerLost", "Evicted")]
#[case::left_without_a_word(running().ended(0, "Completed"), 18, "RunnerFailed", "without having reported")]
#[case::pod_deleted(running().with(|case| { case.pods.remove(1); }), 13, "RunnerLost", "runner 1 of 3 (pod pod-1) was deleted")]
#[case::told_to_end_by_others(running().runner_end(RunnerEnd::Stopped { reason: "SIGTERM".into() }), 13, "RunnerLost", "SIGTERM")]
#[case::failed_by_its_own_words(
    running().runner_end(RunnerEnd::Failed { reason: "RunnerFailed".into(), message: "no sockets".into() }), 13,
    "RunnerFailed", "no sockets")]
#[case::job_gone(running().with(|case| (case.job, case.pods) = (None, vec![])), 13, "RunnerLost", "vanished")]
#[case::job_failed_for_itself(
    running().with(|case| case.job.as_mut().unwrap().failure = Some(("DeadlineExceeded".into(), "too long".into()))), 13,
    "RunnerFailed", "DeadlineExceeded: too long")]
#[case::silent(running(), 31, "RunnerLost", "runner 0 of 3 (pod pod-0) has not been heard for 31 s")]
#[case::silent_since_the_operator_began(
    running().with(|case| case.session.opened_at = at(100)), 160, "RunnerLost", "has not been heard for 60 s")]
#[case::silent_since_it_came_back(
    heard_by_the_next_operator(110),
    170,
    "RunnerLost",
    "has not been heard for 60 s"
)]
#[case::silent_long_after_it_came_back(
    heard_by_the_next_operator(165),
    195,
    "RunnerLost",
    "has not been heard for 30 s"
)]
#[case::asked_to_stop(running().with(|case| case.abort = true), 13, "Aborted", "spec.abort")]
#[case::results_overdue(
    running().with(|case| case.session.runners.iter_mut().for_each(|runner| runner.last_seen = Some(at(209)))),
    210, "DeadlineExceeded", "spec.deadlines.run of 3m30s has passed: 0 of 3 runners")]
fn what_breaks_stops_the_run_with_its_reason(
    #[case] case: Case,
    #[case] now: i64,
    #[case] reason: &str,
    #[case] part: &str,
) {
    let Transition::Stop(cause) = case.next(now) else { panic!("{:?}", case.next(now)) };
    assert_eq!(cause.reason(), reason, "{}", cause.message());
    assert!(cause.message().contains(part), "{part:?} is not in {:?}", cause.message());
}

#[rstest]
#[case::an_image_may_come(preparing().pod(|pod| pod.waiting = waiting("ErrImagePull")), 9)]
#[case::a_file_may_come(with_file(preparing().pod(|pod| pod.waiting = Some(("FailedMount".into(), NO_FILE.into())))), 299)]
#[case::a_secret_may_come(
    preparing().pod(|pod| pod.waiting = Some(("CreateContainerConfigError".into(), NO_SECRET.into()))), 299)]
#[case::room_may_be_made(preparing().pod(|pod| pod.unschedulable = Some("0/1 nodes".into())), 200)]
#[case::quota_may_be_freed(preparing().with(|case| (case.pods, case.forbidden) = (vec![], Some("exceeded quota"))), 4)]
#[case::containers_are_created_sometime(preparing().pod(|pod| pod.waiting = waiting("ContainerCreating")), 100)]
#[case::last_words_may_be_under_way(running().ended(0, "Completed"), 14)]
#[case::silence_is_not_for_long_yet(running(), 29)]
#[case::silence_of_the_operator_itself(running().with(|case| case.session.opened_at = at(100)), 159)]
#[case::silence_of_one_that_came_back(heard_by_the_next_operator(110), 169)]
fn what_may_heal_is_waited_for(#[case] case: Case, #[case] now: i64) {
    let transition = case.next(now);
    assert!(matches!(transition, Transition::Stay { .. }), "{transition:?}");
}

#[test]
fn of_several_ended_runners_the_one_that_failed_first_is_the_cause() {
    let case = running().with(|case| {
        // Kubernetes told the others to end, and one of them was even quicker.
        for (index, code, seconds) in [(0, 143, 11), (1, 139, 12), (2, 137, 14)] {
            case.pods[index].end = Some(PodEnd {
                exit_code: Some(code),
                reason: "Error".into(),
                at: Some(at(seconds)),
                ..PodEnd::default()
            });
        }
    });
    let Transition::Stop(cause) = case.next(15) else { panic!("{:?}", case.next(15)) };
    assert!(
        cause.message().contains("runner 1 of 3 (pod pod-1) was killed by signal 11"),
        "{}",
        cause.message()
    );
}

#[rstest]
#[case::while_it_starts(starting())]
#[case::while_it_runs(running())]
#[case::before_what_runners_say(running().runner_end(RunnerEnd::Stopped { reason: "told to".into() }))]
fn what_can_t_be_kept_ends_the_run_with_its_own_reason(#[case] case: Case) {
    let message = "it does not fit".to_owned();
    let problem = crate::collector::Problem { reason: reasons::CHECKPOINT_TOO_LARGE.into(), message };
    let case = case.with(|case| case.session.problem = Some(problem));
    let Transition::Stop(cause) = case.next(1) else { panic!("the run goes on") };
    assert_eq!((cause.reason(), cause.message()), (reasons::CHECKPOINT_TOO_LARGE, "it does not fit"));
    assert_eq!(cause.type_(), EndCauseType::Breakdown);
}
