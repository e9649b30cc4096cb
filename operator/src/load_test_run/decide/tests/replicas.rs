// SPDX-License-Identifier: Apache-2.0
//! Runs that set the replicas of their target: what is put back, and what is left.

mod compared;
mod sized;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::{
    conditions,
    names::conditions::{RECORD_NOT_KEPT, TARGET_RESTORED},
};

use super::*;
use crate::load_test_run::pinning::Hidden;

/// For how long an operator leads, usually.
const LONG: Duration = Duration::from_secs(3_600);

fn fewest(event: Event) -> Story {
    Story { replicas: true, ..Story::of(event) }
}

/// Plays a run until something holds.
fn until(world: &mut World, reached: impl Fn(&World) -> bool) {
    for _ in 0..2_000 {
        if reached(world) {
            return;
        }
        if let Look::After(wait) = step(world).look {
            world.pass(wait);
        }
    }
    panic!("never: {:?}", world.run.status);
}

fn phase(world: &World) -> Option<Phase> {
    world.run.status.as_ref().and_then(|status| status.phase)
}

#[test]
fn each_epoch_has_its_replicas_whenever_the_operator_is_killed_and_they_are_put_back() {
    let story = fewest(Event::None);
    let (end, done) = played(&story, None);
    let failed = |replicas| (format!("10 with {replicas}"), Some(EpochOutcome::Failed));
    let passed = |replicas| (format!("10 with {replicas}"), Some(EpochOutcome::Passed));
    assert_eq!(end.epochs, [failed(1), failed(2), passed(4), passed(3)]);
    assert!(end.message.unwrap().starts_with("3 replicas carry 10 iterations/s, and 2 do not"));
    assert_eq!(end.requests, Some(600), "the figures are of the probe with three");
    for effects in 0..done.len() {
        assert_eq!(
            begun(&story, (effects > 0).then_some(effects)).len(),
            4,
            "killed after {effects} effects"
        );
    }
}

#[test]
fn a_namespace_in_which_replicas_may_not_be_set_is_told_before_anything_is_made() {
    let mut world = World::new(&fewest(Event::None));
    world.may_set_replicas = false;
    let decision = decide(&world.situation(None));
    assert_eq!(decision.effects, [Effect::WriteStatus]);
    let state = decision.state;
    assert_eq!((state.phase, state.verdict), (Some(Phase::Finished), Some(Verdict::Error)));
    assert_eq!(state.reason.as_deref(), Some(reasons::PINNING_FORBIDDEN));
    let message = state.message.unwrap();
    assert!(
        message.contains("Deployment/checkout") && message.contains("add shop to pinning.namespaces"),
        "{message}"
    );
}

#[test]
fn what_was_found_is_in_the_status_and_the_run_is_kept_before_anything_is_set() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| world.run.status.as_ref().is_some_and(|status| status.pinning.is_some()));
    assert_eq!(world.cluster, world::found());
    let pinning = world.run.status.as_ref().unwrap().pinning.clone().unwrap();
    assert_eq!((pinning.originals, pinning.replicas), (world::found(), 1));
    until(&mut world, |world| is_kept(&world.run));
    assert_eq!(world.cluster, world::found());
    until(&mut world, |world| world.cluster != world::found());
    assert_eq!(phase(&world), Some(Phase::Pending), "there is no load yet");
}

#[test]
fn a_run_is_finished_and_its_target_free_only_when_all_is_put_back() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| phase(world) == Some(Phase::Restoring));
    let status = world.run.status.clone().unwrap();
    assert_eq!((status.verdict, status.completion_time), (None, None));
    assert_eq!(
        (status.pinning.unwrap().outcome, world.kept.as_ref()),
        (None, None),
        "it is judged after that"
    );
    assert!(!world.leases.is_empty());
    until(&mut world, World::is_finished);
    let status = world.run.status.clone().unwrap();
    assert!(conditions::is_true(&status.conditions, TARGET_RESTORED), "{:?}", status.conditions);
    assert_eq!(status.verdict, Some(Verdict::Passed));
    assert!(status.capacity.is_some() && world.kept.is_some());
    assert!(is_kept(&world.run));
    let effects = clear_up(&world.run, &left(false), world.now()).effects;
    assert!(effects.contains(&Effect::ReleaseRun(Vec::new())) && effects.contains(&Effect::LeaveTarget));
}

#[test]
fn what_somebody_else_has_changed_is_left_and_told() {
    let mut world = World::new(&fewest(Event::AutoscalerChangedIn(Phase::Restoring)));
    until(&mut world, World::is_finished);
    let status = world.run.status.clone().unwrap();
    assert_eq!(status.verdict, Some(Verdict::Passed));
    let told = "HorizontalPodAutoscaler/checkout has minReplicas 2 and maxReplicas 20, and had minReplicas 2 and maxReplicas 10";
    assert!(status.message.unwrap().contains(told));
    assert!(status.warnings.iter().any(|warning| warning.starts_with(told)), "{:?}", status.warnings);
    let condition = conditions::find(&status.conditions, TARGET_RESTORED).unwrap();
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", reasons::LEFT_AS_IT_IS));
    assert_eq!(
        (world.cluster[0].min_replicas, world.cluster[0].max_replicas),
        (Some(2), Some(20)),
        "only one of its bounds was changed"
    );
    assert_eq!(world.cluster[1].replicas, Some(2), "the rest is put back");
}

#[test]
fn what_may_not_be_put_back_is_tried_until_its_deadline_and_then_told() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| phase(world) == Some(Phase::Restoring));
    let refusal = || Some(Cause::breakdown(reasons::PINNING_FORBIDDEN, "nobody may"));
    let early = decide(&world.situation(refusal()));
    assert_eq!(
        (early.effects.as_slice(), early.state.phase),
        (&[Effect::WriteStatus][..], Some(Phase::Restoring))
    );
    assert!(matches!(early.look, Look::After(_)) && early.state.message.unwrap().contains("nobody may"));
    world.pass(Duration::from_secs(301));
    assert!(
        matches!(decide(&world.situation(None)).effects[..], [Effect::SetReplicas(_)]),
        "it is tried once more"
    );
    let late = decide(&world.situation(refusal()));
    late.effects.iter().for_each(|effect| drop(world.carry_out(effect, &late.state)));
    until(&mut world, World::is_finished);
    let status = world.run.status.clone().unwrap();
    assert_eq!(status.verdict, Some(Verdict::Passed));
    let pinning = status.pinning.unwrap();
    assert!(pinning.restored && pinning.left.len() == 2, "{pinning:?}");
    assert!(status.message.unwrap().contains(&pinning.left.join("; ")));
}

#[test]
fn what_may_not_be_looked_at_is_not_taken_for_put_back() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| phase(world) == Some(Phase::Restoring));
    let mut situation = world.situation(None);
    let scaler = situation.scaler.as_mut().unwrap();
    scaler.present.remove(0);
    let why = "it may not be read: because";
    scaler.hidden = vec![Hidden { object: world::found()[0].clone(), why: why.into() }];
    let first = decide(&situation).effects;
    assert!(matches!(&first[..], [Effect::SetReplicas(changes)] if changes.len() == 1), "{first:?}");
    situation.scaler.as_mut().unwrap().present.clear();
    let waits = decide(&situation).state;
    assert_eq!(waits.phase, Some(Phase::Restoring));
    assert!(waits.message.unwrap().contains(why));
    (situation.now, situation.led_for) = (world.now() + SignedDuration::from_secs(301), LONG);
    let late = decide(&situation);
    late.effects.iter().for_each(|effect| drop(world.carry_out(effect, &late.state)));
    until(&mut world, World::is_finished);
    let late = world.run.status.clone().unwrap();
    assert_eq!((late.phase, late.verdict), (Some(Phase::Finished), Some(Verdict::Passed)));
    assert!(!conditions::is_true(&late.conditions, TARGET_RESTORED));
    let left = late.pinning.unwrap().left;
    let told = format!(
        "HorizontalPodAutoscaler/checkout had minReplicas 2 and maxReplicas 10 before the run: {why}; to put it back: \
         kubectl -n shop patch HorizontalPodAutoscaler/checkout --type=merge -p {}",
        r#"'{"spec":{"minReplicas":2,"maxReplicas":10}}'"#
    );
    let condition = conditions::find(&late.conditions, TARGET_RESTORED).unwrap();
    assert_eq!((&left, &condition.message), (&vec![told.clone()], &told));
}

#[test]
fn an_aborted_run_says_what_keeps_it_from_its_end() {
    let mut world = World::new(&fewest(Event::AbortIn(Phase::Running)));
    until(&mut world, |world| phase(world) == Some(Phase::Restoring));
    let refusal = Cause::breakdown(reasons::PINNING_FORBIDDEN, "nobody may");
    let waits = decide(&world.situation(Some(refusal))).state;
    assert!(waits.message.unwrap().contains("nobody may"));
    until(&mut world, World::is_finished);
    assert_eq!(world.run.status.unwrap().verdict, Some(Verdict::Aborted));
}

#[test]
fn a_run_that_is_deleted_and_has_noted_no_workload_goes_after_all() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| phase(world) == Some(Phase::Running));
    world.run.metadata.deletion_timestamp = Some(Time(world.now()));
    let decision =
        |seconds| deleted(&world.run, None, None, LONG, world.now() + SignedDuration::from_secs(seconds));
    assert_eq!(decision(1).effects, [Effect::CloseSession]);
    assert!(matches!(decision(301).effects.last(), Some(Effect::ReleaseRun(left)) if left.len() == 2));
}

#[test]
fn a_run_that_is_deleted_goes_once_all_is_put_back() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| phase(world) == Some(Phase::Running));
    world.run.metadata.deletion_timestamp = Some(Time(world.now()));
    assert_ne!(world.cluster, world::found());
    let first = deleted(&world.run, world.scaler().as_ref(), None, LONG, world.now());
    assert!(
        matches!(first.effects[..], [Effect::CloseSession, Effect::SetReplicas(_)]),
        "{:?}",
        first.effects
    );
    first.effects.iter().for_each(|effect| drop(world.carry_out(effect, &first.state)));
    assert_eq!(world.cluster, world::found());
    let last = deleted(&world.run, world.scaler().as_ref(), None, LONG, world.now());
    let expected =
        [Effect::CloseSession, Effect::LeaveTarget, Effect::Forget, Effect::ReleaseRun(Vec::new())];
    assert_eq!(last.effects, expected);
}

#[test]
fn a_run_that_is_deleted_is_not_kept_for_ever_by_what_may_not_be_put_back() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| phase(world) == Some(Phase::Running));
    world.run.metadata.deletion_timestamp = Some(Time(world.now()));
    let refusal = Cause::breakdown(reasons::PINNING_FORBIDDEN, "nobody may");
    let scaler = world.scaler();
    let decision = |seconds| {
        let now = world.now() + SignedDuration::from_secs(seconds);
        deleted(&world.run, scaler.as_ref(), Some(&refusal), LONG, now)
    };
    assert_eq!(decision(1).effects, [Effect::CloseSession]);
    assert!(matches!(decision(301).effects.last(), Some(Effect::ReleaseRun(left)) if left.len() == 2));
}

#[test]
fn a_target_that_is_not_ready_for_the_next_epoch_ends_the_search_before_its_load() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| world.begun.len() == 1);
    world.break_pods();
    until(&mut world, World::is_finished);
    let status = world.run.status.clone().unwrap();
    assert_eq!(
        (status.verdict, status.reason.as_deref()),
        (Some(Verdict::Inconclusive), Some(reasons::TARGET_NOT_READY))
    );
    assert!(status.message.unwrap().contains("it was set to 2 replicas"));
    assert_eq!((world.begun.len(), world.cluster), (1, world::found()));
}

#[test]
fn a_search_that_may_set_no_more_replicas_keeps_what_it_has_measured() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| world.begun.len() == 2);
    let refusal = Cause::breakdown(reasons::PINNING_FORBIDDEN, "nobody may any more");
    let decision = decide(&world.situation(Some(refusal)));
    assert_eq!(decision.state.phase, Some(Phase::Stopping));
    decision.effects.iter().for_each(|effect| drop(world.carry_out(effect, &decision.state)));
    until(&mut world, World::is_finished);
    let status = world.run.status.clone().unwrap();
    assert_eq!(
        (status.verdict, status.reason.as_deref()),
        (Some(Verdict::Error), Some(reasons::PINNING_FORBIDDEN))
    );
    assert_eq!(status.epochs[0].outcome, Some(EpochOutcome::Failed));
    assert!(world.kept.is_some(), "it leaves its record");
    assert_eq!(world.cluster, world::found());
}

#[test]
fn a_target_that_somebody_else_sets_each_time_is_given_up() {
    let mut world = World::new(&fewest(Event::AutoscalerChangedIn(Phase::Running)));
    for _ in 0..2_000 {
        if world.is_finished() {
            break;
        }
        step(&mut world);
        world.pass(Duration::from_millis(500));
    }
    let status = world.run.status.clone().unwrap();
    assert_eq!(
        (status.verdict, status.reason.as_deref()),
        (Some(Verdict::Inconclusive), Some(reasons::TARGET_NOT_READY))
    );
    let message = status.message.unwrap();
    assert!(message.contains("Deployment/checkout does not stay at 2 replicas"), "{message}");
    let bounds = |object: &PinnedObject| (object.min_replicas, object.max_replicas);
    assert_eq!(bounds(&world.cluster[0]), (Some(2), Some(20)), "what somebody else has set");
    assert_eq!(world.cluster[1], world::found()[1]);
}

#[test]
fn a_run_whose_namespace_is_taken_from_the_list_ends_before_the_next_epoch() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| world.begun.len() == 1);
    world.may_set_replicas = false;
    until(&mut world, World::is_finished);
    let status = world.run.status.clone().unwrap();
    assert_eq!(status.verdict, Some(Verdict::Inconclusive));
    assert!(status.message.unwrap().contains("the operator may not set the replicas any more"));
    assert_eq!((world.begun.len(), world.cluster), (1, world::found()));
}

#[test]
fn an_abort_is_heard_while_pods_are_awaited_between_two_epochs() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| world.begun.len() == 1);
    world.break_pods();
    until(&mut world, |world| {
        world.cluster != world::found() && world.scaler().unwrap().levels.ready == Some(0)
    });
    world.run.spec.abort = true;
    until(&mut world, World::is_finished);
    assert_eq!(world.run.status.as_ref().unwrap().verdict, Some(Verdict::Aborted));
    assert_eq!(world.cluster, world::found());
}

#[test]
fn an_operator_that_comes_after_the_deadline_tries_for_a_while_all_the_same() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| phase(world) == Some(Phase::Restoring));
    // For longer than the deadline there was no operator, and what kept it away is not over yet.
    world.pass(Duration::from_secs(600));
    world.kill_operator();
    world.run.metadata.deletion_timestamp = Some(Time(world.now() - SignedDuration::from_secs(600)));
    let refusal = Cause::breakdown(reasons::PINNING_FORBIDDEN, "failed calling webhook");
    let goes = |world: &World, led_for| {
        let scaler = world.scaler();
        let decision = deleted(&world.run, scaler.as_ref(), Some(&refusal), led_for, world.now());
        decision.effects.iter().any(|effect| matches!(effect, Effect::ReleaseRun(_)))
    };
    let is_over = |world: &World| {
        let state = decide(&world.situation(Some(refusal.clone()))).state;
        state.pinning.unwrap().restored
    };
    assert!(!is_over(&world) && !goes(&world, Duration::from_secs(59)));
    world.pass(Duration::from_secs(60));
    assert!(is_over(&world) && goes(&world, Duration::from_secs(60)));
}

#[test]
fn what_does_not_stay_as_it_was_put_back_counts_as_refused() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| phase(world) == Some(Phase::Restoring));
    let decision = decide(&world.situation(None));
    let put_back: Vec<PinnedObject> = decision.changes().iter().map(|change| change.to.clone()).collect();
    assert_eq!(undone(&decision, &[]), None, "nothing was tried yet");
    let cause = undone(&decision, &put_back).unwrap();
    let told =
        "HorizontalPodAutoscaler/checkout does not stay as it was put back: something else sets it each time";
    assert_eq!((cause.reason(), cause.message()), (reasons::PINNING_FORBIDDEN, told));
    let others: Vec<PinnedObject> =
        put_back.into_iter().map(|object| PinnedObject { name: "other".into(), ..object }).collect();
    assert_eq!(undone(&decision, &others), None);
}

#[test]
fn a_checkpoint_that_is_lost_while_things_are_put_back_costs_the_record_and_not_the_verdict() {
    let mut world = World::new(&fewest(Event::None));
    until(&mut world, |world| {
        let pinning = world.run.status.as_ref().and_then(|status| status.pinning.as_deref());
        pinning.is_some_and(|pinning| pinning.restored)
    });
    let damaged = || Cause::breakdown(reasons::CHECKPOINT_DAMAGED, "the checkpoint is damaged");
    let state = decide(&world.situation(Some(damaged()))).state;
    assert_eq!((state.phase, state.verdict), (Some(Phase::Finished), Some(Verdict::Passed)));
    assert_eq!(state.reason.as_deref(), Some(reasons::CAPACITY_FOUND));
    assert!(state.message.unwrap().starts_with("3 replicas carry 10 iterations/s, and 2 do not"));
    assert_eq!(state.capacity.unwrap().replicas, Some(3));
    assert_eq!(state.summary, None, "it would be of another probe");
    assert!(state.warnings.iter().any(|warning| warning.ends_with("is lost: the checkpoint is damaged")));
    assert!(conditions::is_true(&state.conditions, TARGET_RESTORED));
    let told = conditions::find(&state.conditions, RECORD_NOT_KEPT).unwrap();
    assert_eq!(told.reason, reasons::RECORD_GIVEN_UP);
    // Of epochs that are not all known, nothing can be said.
    world.run.status.as_mut().unwrap().epochs.remove(0);
    let state = decide(&world.situation(Some(damaged()))).state;
    assert_eq!((state.verdict, state.capacity), (Some(Verdict::Error), None));
    assert_eq!(state.reason.as_deref(), Some(reasons::CHECKPOINT_DAMAGED));
}
