// SPDX-License-Identifier: Apache-2.0
//! The state machine, as tables: what is observed, and what comes next.

mod breakdown;

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

#[rstest]
#[case::within_the_time_to_rest(119, true)]
#[case::for_longer(120, false)]
fn a_target_that_comes_to_rest_between_two_probes_has_its_own_time_for_that(
    #[case] now: i64,
    #[case] waits: bool,
) {
    let mut case = case(Phase::Running, session(Some(Readiness::Ready), None));
    case.spec = search();
    case.spec["autoscaling"] = json!({"waitForIdle": {"timeout": "1m"}});
    case.spec["deadlines"] = json!({"start": "1m"});
    case.session.waits_for = Some("waiting at most 1m for a quiet target: it has 2 replicas".into());
    case.session.epochs = Some(standing(&plan(&case.spec), Vec::new()));
    case.session.runners.iter_mut().for_each(|runner| runner.last_seen = Some(at(now)));
    let transition = case.next(now);
    let told =
        matches!(&transition, Transition::Stay { message, .. } if message.ends_with("it has 2 replicas"));
    assert_eq!((told, matches!(transition, Transition::Stop(_))), (waits, !waits), "{transition:?}");
}
