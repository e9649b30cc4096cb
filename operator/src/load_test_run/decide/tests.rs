// SPDX-License-Identifier: Apache-2.0
//! Whole runs, decided step by step in a world that is only played; and the same once more for each effect after which
//! the operator may be killed.

mod delays;
mod policy;
mod record;
mod replicas;
mod several;
mod story;
mod targets;
mod world;

use rstest::rstest;
use upsurge_core::epochs::key;
use upsurge_crds::{
    names::reasons,
    v1alpha1::{EndCauseType, EpochOutcome, LoadTestRunStatus, PinnedObject, Verdict},
};

use self::{
    story::{Event, Story},
    world::World,
};
use super::*;
use crate::load_test_run::fixtures;

/// How a run ended.
#[derive(Debug, PartialEq)]
struct End {
    verdict: Option<Verdict>,
    reason: Option<String>,
    message: Option<String>,
    cause: Option<EndCauseType>,
    requests: Option<i64>,
    checks: usize,
    company: usize,
    jobs: u32,
    pods_at_work: usize,
    /// Of a run of several epochs: which there were, and what came out of them.
    epochs: Vec<(String, Option<EpochOutcome>)>,
    capacity: Option<String>,
    /// What decides on the replicas of the target, once the run is over.
    cluster: Vec<PinnedObject>,
    /// How each runner ended: one that was not told to stop shows it.
    runners: Vec<String>,
}

/// What is left of a run that is over and whose Job is gone.
fn left(remembered: bool) -> Left {
    Left { remembered, has_job: Some(false), keep: Keep::default() }
}

/// Plays a run to its end, with an operator that is killed after so many effects; gives the effects that it took, too.
fn played(story: &Story, killed_after: Option<usize>) -> (End, Vec<Effect>) {
    let (end, done, _) = played_in_full(story, killed_after);
    (end, done)
}

/// The levels of the epochs that it began.
fn begun(story: &Story, killed_after: Option<usize>) -> Vec<String> {
    played_in_full(story, killed_after).2
}

fn played_in_full(story: &Story, killed_after: Option<usize>) -> (End, Vec<Effect>, Vec<String>) {
    let mut world = World::new(story);
    if story.shares {
        world.occupy("other");
    }
    let mut done = Vec::new();
    let mut refusal = None;
    for _ in 0..2_000 {
        world.turn();
        if world.is_finished() {
            break;
        }
        let decision = decide(&world.situation(refusal.take()));
        for effect in &decision.effects {
            refusal = world.carry_out(effect, &decision.state);
            done.push(effect.clone());
            if killed_after == Some(done.len()) {
                world.kill_operator();
                refusal = None;
                break;
            }
            if refusal.is_some() || world.delay.is_some() {
                break;
            }
        }
        if let Look::After(wait) = decision.look {
            world.pass(wait);
        }
    }
    assert!(world.is_finished(), "not finished after {done:?}");
    let cleared = clear_up(&world.run, &left(false), world.now());
    cleared.effects.iter().for_each(|effect| drop(world.carry_out(effect, &cleared.state)));
    world.leave("uid of other");
    assert_eq!(world.leases, Default::default(), "left behind on the target");
    assert!(!is_kept(&world.run), "it would stay for ever");
    let status = base(&world.run);
    let end = End {
        verdict: status.verdict,
        reason: status.reason,
        // For how long another load was beside depends on how long the operator was away.
        message: status.message.map(|text| text.split("; another run").next().unwrap_or_default().to_owned()),
        cause: status.end_cause.map(|cause| cause.type_),
        requests: status.summary.map(|summary| summary.requests),
        checks: status.checks.len(),
        company: status.company.len(),
        jobs: world.jobs,
        pods_at_work: world.pods_at_work(),
        epochs: status.epochs.into_iter().map(|epoch| (key(&epoch), epoch.outcome)).collect(),
        capacity: status.capacity.and_then(|capacity| capacity.level),
        cluster: world.cluster.clone(),
        runners: status.runners.into_iter().map(|runner| runner.state).collect(),
    };
    (end, done, world.begun)
}

#[rstest]
#[case::to_its_planned_end(Story::of(Event::None), Verdict::Passed, reasons::THRESHOLDS_MET)]
#[case::made_by_hand(Story { by_hand: true, ..Story::of(Event::None) }, Verdict::Passed, reasons::THRESHOLDS_MET)]
#[case::with_steps_after(Story { after: true, ..Story::of(Event::None) }, Verdict::Passed, reasons::THRESHOLDS_MET)]
#[case::with_checks(Story { checks: true, ..Story::of(Event::None) }, Verdict::Inconclusive, reasons::CHECK_UNANSWERED)]
#[case::with_checks_of_its_own_server(
    Story { checks: true, own_server: true, after: true, ..Story::of(Event::None) },
    Verdict::Inconclusive,
    reasons::CHECK_UNANSWERED
)]
#[case::aborted_with_checks_of_its_own_server(
    Story { checks: true, own_server: true, ..Story::of(Event::AbortIn(Phase::Running)) },
    Verdict::Aborted,
    reasons::ABORTED
)]
#[case::a_search(Story { search: true, ..Story::of(Event::None) }, Verdict::Passed, reasons::CAPACITY_FOUND)]
#[case::a_search_with_steps_after(
    Story { search: true, after: true, ..Story::of(Event::None) }, Verdict::Passed, reasons::CAPACITY_FOUND)]
#[case::a_search_that_is_aborted(
    Story { search: true, after: true, ..Story::of(Event::AbortIn(Phase::Running)) }, Verdict::Aborted, reasons::ABORTED)]
#[case::a_search_whose_runner_is_killed(
    Story { search: true, ..Story::of(Event::PodKilled) }, Verdict::Error, reasons::RUNNER_OOM_KILLED)]
#[case::a_search_for_replicas(
    Story { replicas: true, ..Story::of(Event::None) }, Verdict::Passed, reasons::CAPACITY_FOUND)]
#[case::a_search_for_replicas_that_is_aborted(
    Story { replicas: true, ..Story::of(Event::AbortIn(Phase::Running)) }, Verdict::Aborted, reasons::ABORTED)]
#[case::a_search_for_replicas_that_is_aborted_too_late(
    Story { replicas: true, ..Story::of(Event::AbortIn(Phase::Restoring)) }, Verdict::Passed, reasons::CAPACITY_FOUND)]
#[case::a_search_for_replicas_whose_runner_is_killed(
    Story { replicas: true, ..Story::of(Event::PodKilled) }, Verdict::Error, reasons::RUNNER_OOM_KILLED)]
#[case::a_search_for_replicas_that_nobody_may_set(
    Story { replicas: true, ..Story::of(Event::ReplicasRefused) }, Verdict::Error, reasons::PINNING_FORBIDDEN)]
#[case::a_search_for_replicas_that_are_never_ready(
    Story { replicas: true, ..Story::of(Event::NeverReady) }, Verdict::Inconclusive, reasons::TARGET_NOT_READY)]
#[case::a_search_for_replicas_whose_job_can_never_be_made(
    Story { replicas: true, ..Story::of(Event::JobFails(u32::MAX)) }, Verdict::Error, reasons::DEADLINE_EXCEEDED)]
#[case::a_search_for_replicas_whose_checkpoint_is_damaged(
    Story { replicas: true, ..Story::of(Event::DamagedIn(Phase::Running)) }, Verdict::Error, reasons::CHECKPOINT_DAMAGED)]
#[case::a_search_for_replicas_whose_checkpoint_is_damaged_at_last(
    Story { replicas: true, ..Story::of(Event::DamagedIn(Phase::Restoring)) }, Verdict::Passed, reasons::CAPACITY_FOUND)]
#[case::an_aborted_search_for_replicas_whose_checkpoint_is_damaged_at_last(
    Story { replicas: true, then: Event::DamagedIn(Phase::Restoring), ..Story::of(Event::AbortIn(Phase::Running)) },
    Verdict::Aborted,
    reasons::ABORTED
)]
#[case::beside_another_load(Story { shares: true, ..Story::of(Event::None) }, Verdict::Passed, reasons::THRESHOLDS_MET)]
#[case::aborted_beside_another_load(
    Story { shares: true, ..Story::of(Event::AbortIn(Phase::Running)) },
    Verdict::Aborted,
    reasons::ABORTED
)]
#[case::aborted_at_once(Story::of(Event::AbortIn(Phase::Pending)), Verdict::Aborted, reasons::ABORTED)]
#[case::aborted_while_pods_come(
    Story::of(Event::AbortIn(Phase::Preparing)),
    Verdict::Aborted,
    reasons::ABORTED
)]
#[case::aborted_before_the_start(
    Story::of(Event::AbortIn(Phase::Starting)),
    Verdict::Aborted,
    reasons::ABORTED
)]
#[case::aborted_under_load(Story::of(Event::AbortIn(Phase::Running)), Verdict::Aborted, reasons::ABORTED)]
#[case::aborted_when_the_load_has_ended(
    Story::of(Event::AbortIn(Phase::Collecting)),
    Verdict::Aborted,
    reasons::ABORTED
)]
#[case::aborted_with_steps_after(
    Story { after: true, ..Story::of(Event::AbortIn(Phase::Collecting)) }, Verdict::Aborted, reasons::ABORTED)]
#[case::a_threshold_stops_it(Story::of(Event::Breach), Verdict::Failed, reasons::THRESHOLDS_BREACHED)]
#[case::aborted_when_a_threshold_stops_it(
    Story { then: Event::AbortIn(Phase::Stopping), ..Story::of(Event::Breach) }, Verdict::Failed, reasons::THRESHOLDS_BREACHED)]
#[case::a_runner_is_killed(Story::of(Event::PodKilled), Verdict::Error, reasons::RUNNER_OOM_KILLED)]
#[case::a_quota_forbids_the_job(Story::of(Event::JobRefused), Verdict::Error, reasons::PODS_FORBIDDEN)]
#[case::its_job_can_be_made_at_the_fourth_try(
    Story::of(Event::JobFails(3)),
    Verdict::Passed,
    reasons::THRESHOLDS_MET
)]
#[case::its_job_can_never_be_made(
    Story::of(Event::JobFails(u32::MAX)),
    Verdict::Error,
    reasons::DEADLINE_EXCEEDED
)]
#[case::aborted_when_its_job_can_not_be_made(
    Story { then: Event::AbortIn(Phase::Pending), ..Story::of(Event::JobFails(u32::MAX)) }, Verdict::Aborted, reasons::ABORTED)]
#[case::its_name_is_taken(Story::of(Event::ForeignIn(Phase::Pending)), Verdict::Error, reasons::NAME_TAKEN)]
#[case::aborted_when_its_name_is_taken(
    Story { then: Event::AbortIn(Phase::Pending), ..Story::of(Event::ForeignIn(Phase::Pending)) },
    Verdict::Aborted,
    reasons::ABORTED
)]
#[case::its_job_is_replaced(
    Story::of(Event::ForeignIn(Phase::Running)),
    Verdict::Error,
    reasons::RUNNER_LOST
)]
#[case::the_checkpoint_is_damaged(
    Story::of(Event::DamagedIn(Phase::Running)),
    Verdict::Error,
    reasons::CHECKPOINT_DAMAGED
)]
fn a_run_ends_the_same_whenever_its_operator_is_killed(
    #[case] story: Story,
    #[case] verdict: Verdict,
    #[case] reason: &str,
) {
    let (end, done) = played(&story, None);
    assert_eq!((end.verdict, end.reason.as_deref()), (Some(verdict), Some(reason)), "{end:?}");
    assert_eq!(end.pods_at_work, 0, "pods are left: {end:?}");
    assert!(end.jobs <= 1, "{end:?}");
    assert_eq!(end.company, usize::from(story.shares), "{end:?}");
    assert_eq!(end.cluster, world::found(), "what was found is put back");
    for effects in 1..done.len() {
        let (again, _) = played(&story, Some(effects));
        assert_eq!(again, end, "killed after {effects} effects, the last {:?}", done[effects - 1]);
    }
}

#[test]
fn a_search_begins_each_epoch_once_whenever_its_operator_is_killed() {
    let story = Story { search: true, ..Story::of(Event::None) };
    let (end, done) = played(&story, None);
    let passed = |level: &str| (level.to_owned(), Some(EpochOutcome::Passed));
    let failed = |level: &str| (level.to_owned(), Some(EpochOutcome::Failed));
    assert_eq!(end.epochs, [passed("10"), passed("20"), failed("40")]);
    assert_eq!(
        (end.capacity.as_deref(), end.requests),
        (Some("20"), Some(1_200)),
        "the figures are of the second"
    );
    for effects in 0..done.len() {
        let begun = begun(&story, (effects > 0).then_some(effects));
        assert_eq!(begun, ["10", "20", "40"], "killed after {effects} effects");
    }
}

/// One step; gives the effects.
fn step(world: &mut World) -> Decision {
    world.turn();
    let decision = decide(&world.situation(None));
    decision.effects.iter().for_each(|effect| drop(world.carry_out(effect, &decision.state)));
    decision
}

#[test]
fn a_server_that_the_test_names_is_asked_by_a_runner_and_not_by_the_operator() {
    let story = Story { checks: true, own_server: true, ..Story::of(Event::None) };
    let (end, done) = played(&story, None);
    assert_eq!(end.checks, 1);
    assert!(done.iter().any(|effect| matches!(effect, Effect::HavePrometheusAsked { .. })));
    assert!(!done.iter().any(|effect| matches!(effect, Effect::AskPrometheus { .. })));
}

#[test]
fn an_abort_after_the_load_keeps_all_figures() {
    let (whole, _) = played(&Story::of(Event::None), None);
    let (aborted, _) = played(&Story::of(Event::AbortIn(Phase::Collecting)), None);
    assert_eq!(aborted.requests, whole.requests);
    assert!(aborted.message.unwrap().contains("after its load had ended"));
}

#[test]
fn what_is_done_in_a_run_without_trouble() {
    let (_, done) = played(&Story { checks: true, after: true, ..Story::of(Event::None) }, None);
    let names =
        |effect: &Effect| format!("{effect:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned();
    let mut names: Vec<String> = done.iter().map(names).collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "WriteLease",
            "OpenSession",
            "ApplyGroundwork",
            "CreateJob",
            "WriteStatus",
            "RunAfter",
            "WriteStatus",
            "AskPrometheus",
            "KeepRecord",
            "WriteStatus"
        ]
    );
}

#[test]
fn a_finished_run_is_cleared_up_once_it_is_known_to_be_over() {
    let mut world = World::new(&Story::of(Event::AbortIn(Phase::Pending)));
    while !world.is_finished() {
        world.turn();
        let decision = decide(&world.situation(None));
        decision.effects.iter().for_each(|effect| drop(world.carry_out(effect, &decision.state)));
    }
    let all = [
        Effect::CloseSession,
        Effect::LeaveTarget,
        Effect::DropCheckpoint,
        Effect::Forget,
        Effect::RemoveRunners,
    ];
    let after = |seconds| world.now() + jiff::SignedDuration::from_secs(seconds);
    let effects = |left, now| clear_up(&world.run, &left, now).effects;
    assert_eq!(effects(left(false), after(10)), all, "an operator may have died meanwhile");
    assert_eq!(effects(left(true), after(10_000)), all);
    assert_eq!(effects(left(false), after(10_000)), []);
    assert_eq!(gone(&world.run).effects, [Effect::CloseSession, Effect::LeaveTarget, Effect::Forget]);
}

#[test]
fn no_runner_is_made_that_could_not_check_whom_it_speaks_to() {
    let mut world = World::new(&Story::of(Event::None));
    // First it takes its target.
    while matches!(decide(&world.situation(None)).effects.as_slice(), [Effect::WriteLease(_), ..]) {
        step(&mut world);
    }
    let mut situation = world.situation(None);
    situation.runner = Err("Secret upsurge-collector-tls is forbidden".into());
    let decision = decide(&situation);
    assert_eq!((decision.effects, decision.state.phase), (vec![Effect::WriteStatus], Some(Phase::Pending)));
    let message = decision.state.message.unwrap_or_default();
    assert!(message.contains("certificate: Secret upsurge-collector-tls is forbidden"), "{message}");
    assert!(matches!(decision.look, Look::After(_)), "it is looked at again");
}

#[test]
fn runners_of_a_run_that_is_over_are_kept_for_their_logs_and_then_deleted() {
    let mut run = fixtures::run(&serde_json::json!({}));
    let ended = fixtures::at(0);
    let after = |seconds| ended + jiff::SignedDuration::from_secs(seconds);
    let left = |has_job| Left { remembered: false, has_job, keep: Keep::default() };
    for (verdict, kept) in [(Verdict::Passed, 60), (Verdict::Failed, 600), (Verdict::Error, 600)] {
        run.status = Some(LoadTestRunStatus {
            phase: Some(Phase::Finished),
            verdict: Some(verdict),
            completion_time: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(ended)),
            ..LoadTestRunStatus::default()
        });
        let decision = |has_job, seconds| clear_up(&run, &left(has_job), after(seconds));
        let early = decision(Some(true), kept - 10);
        assert_eq!(early.look, Look::After(Duration::from_secs(10)), "{verdict:?}");
        assert!(!early.effects.contains(&Effect::RemoveRunners));
        let late = decision(Some(true), kept);
        assert!(late.effects.contains(&Effect::RemoveRunners) && late.look == Look::AtChange);
        // Also hours later, by an operator that has just begun; and only where there is something left.
        assert_eq!(decision(Some(true), 9_000).effects, [Effect::RemoveRunners]);
        assert_eq!(decision(Some(false), 9_000).effects, []);
        let unknown = decision(None, 9_000);
        assert!(
            unknown.effects.is_empty() && matches!(unknown.look, Look::After(_)),
            "not all was listed yet"
        );
    }
}

#[test]
fn only_what_shows_figures_is_done_on_facts_that_may_lag_behind() {
    let mut world = World::new(&Story::of(Event::None));
    let (mut shown, mut acted) = (0, Vec::new());
    while !world.is_finished() {
        world.turn();
        let situation = world.situation(None);
        let decision = decide(&situation);
        if decision.only_shows(&situation.run) {
            shown += 1;
            let phase = situation.run.status.as_ref().and_then(|status| status.phase);
            assert_eq!(phase, decision.state.phase);
        } else {
            acted.push(decision.state.phase);
        }
        decision.effects.iter().for_each(|effect| drop(world.carry_out(effect, &decision.state)));
        world.pass(Duration::from_millis(200));
    }
    assert!(shown > 40, "{shown} looks");
    assert!(acted.len() < 10, "{acted:?}");
}
