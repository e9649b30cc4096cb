// SPDX-License-Identifier: Apache-2.0
//! The state machine, as tables: what is observed, and what comes next.

use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::protocol::{AfterOutcome, RunnerEnd};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{EndCauseType, ThresholdResult},
};

use super::*;
use crate::load_test_run::{
    fixtures::{at, plan, pods, search, session, standing},
    pods::PodEnd,
};

/// What is observed of the run of three runners, at a time since the phase began at 0.
struct Case {
    phase: Phase,
    cause: Option<Cause>,
    abort: bool,
    job: Option<JobState>,
    pods: Vec<RunnerPod>,
    forbidden: Option<&'static str>,
    session: SessionSnapshot,
    watch_until: Option<Timestamp>,
    spec: Value,
}

fn case(phase: Phase, session: SessionSnapshot) -> Case {
    Case {
        phase,
        cause: None,
        abort: false,
        job: Some(JobState { created: Some(at(0)), ..JobState::default() }),
        pods: pods(),
        forbidden: None,
        session,
        watch_until: None,
        spec: json!({}),
    }
}

fn preparing() -> Case {
    let mut case = case(Phase::Preparing, session(None, None));
    case.pods.iter_mut().for_each(|pod| pod.running = false);
    case
}

fn starting() -> Case {
    case(Phase::Starting, session(Some(Readiness::Preparing), None))
}

fn running() -> Case {
    case(Phase::Running, session(Some(Readiness::Ready), Some(at(0))))
}

fn done(mut case: Case) -> Case {
    case.session.runners.iter_mut().for_each(|runner| runner.end = Some(RunnerEnd::Completed));
    case.session.all_done = true;
    case
}

impl Case {
    fn next(&self, now: i64) -> Transition {
        let plan = plan(&self.spec);
        let facts = Facts {
            phase: self.phase,
            since: at(0),
            cause: self.cause.as_ref(),
            abort: self.abort,
            plan: &plan,
            job: self.job.as_ref(),
            pods: &self.pods,
            forbidden: self.forbidden,
            session: &self.session,
            watch_until: self.watch_until,
        };
        next(&facts, at(now))
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn pod(self, change: impl FnOnce(&mut RunnerPod)) -> Self {
        self.with(|case| change(&mut case.pods[1]))
    }

    fn ended(self, exit_code: i32, reason: &str) -> Self {
        let end = PodEnd {
            exit_code: Some(exit_code),
            reason: reason.into(),
            at: Some(at(12)),
            ..PodEnd::default()
        };
        self.pod(|pod| (pod.end, pod.running) = (Some(end), false))
    }

    fn runner_end(self, end: RunnerEnd) -> Self {
        self.with(|case| case.session.runners[1].end = Some(end))
    }
}

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

fn entered(transition: &Transition) -> Option<Phase> {
    match transition {
        Transition::Enter { phase, .. } => Some(*phase),
        _ => None,
    }
}

#[rstest]
#[case::no_pod_runs_yet(preparing(), 1, None)]
#[case::all_pods_run(preparing().with(|case| case.pods = pods()), 1, Some(Phase::Starting))]
#[case::all_were_heard(preparing().with(|case| case.session = session(Some(Readiness::Preparing), None)), 1, Some(Phase::Starting))]
#[case::the_load_began_before_anybody_looked(
    preparing().with(|case| case.session = session(Some(Readiness::Ready), Some(at(1)))), 1, Some(Phase::Running))]
#[case::not_all_are_ready(starting(), 1, None)]
#[case::the_start_is_decided(starting().with(|case| case.session.t0 = Some(at(1))), 1, Some(Phase::Running))]
#[case::load_goes_on(running(), 20, None)]
#[case::all_runners_are_done(done(running()), 60, Some(Phase::Collecting))]
#[case::all_was_over_before_anybody_looked(done(starting().with(|case| case.session.t0 = Some(at(0)))), 70, Some(Phase::Running))]
#[case::a_completed_pod_is_no_failure(done(running().ended(0, "Completed")), 61, Some(Phase::Collecting))]
#[case::asked_to_stop_too_late(done(running().with(|case| case.abort = true)), 61, Some(Phase::Collecting))]
fn phases_follow_what_is_observed(#[case] case: Case, #[case] now: i64, #[case] expected: Option<Phase>) {
    let transition = case.next(now);
    assert_eq!(entered(&transition), expected, "{transition:?}");
    assert!(!matches!(transition, Transition::Stop(_) | Transition::Conclude), "{transition:?}");
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

#[test]
fn a_breached_threshold_stops_the_run_with_its_numbers_however_late_anybody_looks() {
    let breach = ThresholdResult {
        metric: "http_req_failed".into(),
        condition: "rate < 1%".into(),
        observed: "7.2%".into(),
        passed: false,
        detail: None,
        undecided: false,
    };
    let breached = |case: Case| case.with(|case| case.session.abort_breach = Some(breach.clone()));
    // The collector stops the runners by itself, and they may be done before a controller looks.
    for case in [breached(running()), breached(done(running()))] {
        let Transition::Stop(cause) = case.next(10) else { panic!("{:?}", case.next(10)) };
        assert_eq!(cause.reason(), reasons::THRESHOLDS_BREACHED);
        assert_eq!(cause.message(), "http_req_failed rate < 1%: observed 7.2%; abortOnFail stopped the run");
    }
}

#[test]
fn a_load_that_was_told_to_stop_is_never_judged_as_the_whole_one_though_nobody_knows_why_any_more() {
    let told = |case: Case| case.with(|case| case.session.stop = Some("the figures are too heavy".into()));
    for case in [told(running()), told(done(running())), told(starting())] {
        let Transition::Stop(cause) = case.next(10) else { panic!("{:?}", case.next(10)) };
        assert_eq!((cause.type_(), cause.message()), (EndCauseType::Breakdown, "the figures are too heavy"));
    }
}

fn stopping(t0: Option<Timestamp>) -> Case {
    case(Phase::Stopping, session(Some(Readiness::Ready), t0))
        .with(|case| case.cause = Some(Cause::aborted()))
}

#[rstest]
#[case::runners_drain(stopping(Some(at(0))), 2, None)]
#[case::all_have_reported(done(stopping(Some(at(0)))), 2, Some(Phase::Collecting))]
#[case::pods_are_gone(stopping(Some(at(0))).with(|case| case.pods.clear()), 2, Some(Phase::Collecting))]
#[case::a_runner_at_work_is_not_seen_to_run_yet(stopping(Some(at(0))).pod(not_seen_to_run), 2, None)]
#[case::a_runner_hangs(stopping(Some(at(0))), 20, Some(Phase::Collecting))]
#[case::a_runner_may_hear_of_it_late(stopping(Some(at(0))), 19, None)]
fn stopping_ends_when_all_are_quiet(#[case] case: Case, #[case] now: i64, #[case] expected: Option<Phase>) {
    let transition = case.next(now);
    assert_eq!(entered(&transition), expected, "{transition:?}");
    if let Transition::Enter { message, .. } = transition {
        assert_eq!(message, Cause::aborted().message());
    }
}

#[test]
fn a_run_whose_load_never_started_has_nothing_to_collect() {
    let case = stopping(None).with(|case| case.pods.clear());
    assert_eq!(case.next(1), Transition::Conclude);
}

fn collecting() -> Case {
    let mut case = done(case(Phase::Collecting, session(Some(Readiness::Ready), Some(at(-60)))));
    case.pods.iter_mut().for_each(left);
    case
}

fn left(pod: &mut RunnerPod) {
    (pod.running, pod.end) = (false, Some(PodEnd { exit_code: Some(0), ..PodEnd::default() }));
}

/// A pod of which the kubelet has not written yet that it runs.
fn not_seen_to_run(pod: &mut RunnerPod) {
    (pod.running, pod.end) = (false, None);
}

#[rstest]
#[case::settled(collecting(), 1, true)]
#[case::a_sidecar_goes_on(
    collecting().pod(|pod| pod.lingers = true), 1, true)]
#[case::pods_still_leave(collecting().with(|case| case.pods = pods()), 1, false)]
#[case::a_pod_at_work_is_not_seen_to_run_yet(collecting().pod(not_seen_to_run), 1, false)]
#[case::a_pod_in_the_place_of_the_runner_never_ran(
    collecting().pod(|pod| (pod.name, pod.running, pod.end) = ("other".into(), false, None)), 1, true)]
#[case::the_checkpoint_is_not_safe(collecting().with(|case| case.session.durable = false), 1, false)]
#[case::nothing_settles(collecting().with(|case| (case.pods, case.session.durable) = (pods(), false)), 15, true)]
#[case::the_autoscaler_is_watched(collecting().with(|case| case.watch_until = Some(at(100))), 50, false)]
#[case::until_it_is_decided(collecting().with(|case| case.watch_until = Some(at(100))), 100, true)]
#[case::but_not_after_an_early_end(
    collecting().with(|case| (case.watch_until, case.cause) = (Some(at(100)), Some(Cause::aborted()))), 50, true)]
fn collecting_ends_when_everything_is_in(#[case] case: Case, #[case] now: i64, #[case] expected: bool) {
    let transition = case.next(now);
    assert_eq!(transition == Transition::Conclude, expected, "{transition:?}");
}

#[rstest]
#[case::preparing(preparing(), false)]
#[case::starting(starting(), false)]
#[case::running(running(), false)]
#[case::results_come_in(collecting().with(|case| case.session.durable = false), true)]
#[case::the_autoscaler_is_watched(collecting().with(|case| case.watch_until = Some(at(100))), true)]
#[case::the_steps_after_the_load_are_done(tidying(), true)]
#[case::all_is_in(collecting(), true)]
fn an_abort_is_the_cause_in_every_phase(#[case] case: Case, #[case] after_load: bool) {
    let transition = case.with(|case| case.abort = true).next(1);
    let Transition::Stop(cause) = &transition else { panic!("{transition:?}") };
    assert_eq!(cause.type_(), EndCauseType::Aborted);
    assert_eq!(*cause == Cause::aborted_after_load(), after_load, "{}", cause.message());
}

#[rstest]
#[case::while_runners_drain(stopping(Some(at(0))))]
#[case::when_all_have_reported(done(stopping(Some(at(0)))))]
#[case::while_results_come_in(collecting().with(|case| case.cause = Some(Cause::breach("rate < 1%"))))]
fn an_abort_changes_nothing_for_a_run_that_ends_early_already(#[case] case: Case) {
    let before = case.next(2);
    assert_eq!(case.with(|case| case.abort = true).next(2), before);
}

#[test]
fn an_abort_does_not_take_the_steps_after_the_load_away() {
    let case = tidying().with(|case| (case.abort, case.cause) = (true, Some(Cause::aborted_after_load())));
    assert!(matches!(case.next(2), Transition::Stay { .. }), "{:?}", case.next(2));
}

/// The same with steps after the load, which runner 0 still does.
fn tidying() -> Case {
    collecting().with(|case| {
        (case.pods[0].running, case.pods[0].end) = (true, None);
        case.spec = json!({"after": [{"request": {"name": "tidy up", "url": "/"}}]});
    })
}

#[rstest]
#[case::they_take_long(tidying(), 200, false)]
#[case::the_runner_is_not_seen_to_run_yet(tidying().with(|case| not_seen_to_run(&mut case.pods[0])), 2, false)]
#[case::they_take_too_long(tidying(), 315, true)]
#[case::the_runner_leaves(tidying().with(|case| case.session.after = Some(AfterOutcome { result: Ok(()), verified: None })), 200, false)]
#[case::the_runner_left(
    tidying().with(|case| {
        case.session.after = Some(AfterOutcome { result: Ok(()), verified: None });
        left(&mut case.pods[0]);
    }),
    2, true)]
#[case::nobody_is_left_to_do_them(tidying().with(|case| case.pods.clear()), 2, true)]
fn steps_after_the_load_are_waited_for(#[case] case: Case, #[case] now: i64, #[case] expected: bool) {
    let transition = case.next(now);
    assert_eq!(transition == Transition::Conclude, expected, "{transition:?}");
    let told = matches!(&transition, Transition::Stay { message, .. } if message.contains("spec.after"));
    assert_eq!(told, !expected && case.session.after.is_none(), "{transition:?}");
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

#[rstest]
#[case::not_judged_yet(false)]
#[case::judged_and_not_durable(true)]
fn an_epoch_that_is_over_is_judged_once(#[case] awaits_epoch: bool) {
    let mut case = done(running());
    case.spec = search();
    let epochs = standing(&plan(&case.spec), Vec::new());
    case.session.epochs = Some(crate::collector::EpochsView { awaits_epoch, ..epochs });
    let transition = case.next(16);
    assert_eq!(transition == Transition::FinishEpoch, !awaits_epoch, "{transition:?}");
    assert_eq!(matches!(transition, Transition::Stay { .. }), awaits_epoch);
}
