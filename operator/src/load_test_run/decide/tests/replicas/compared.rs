// SPDX-License-Identifier: Apache-2.0
//! Tests of scalability: one count of replicas after the other.

use super::*;

fn compares() -> Story {
    Story { compares: true, ..fewest(Event::None) }
}

#[test]
fn each_count_of_replicas_is_measured_whenever_the_operator_is_killed() {
    let story = compares();
    let (end, done) = played(&story, None);
    let passed = |level: &str| (level.to_owned(), Some(EpochOutcome::Passed));
    // Up in the first round, down in the second.
    let expected = [passed("2 with 1"), passed("4 with 2"), passed("4 with 2"), passed("2 with 1")];
    assert_eq!(end.epochs, expected);
    assert_eq!(end.reason.as_deref(), Some(reasons::SCALABILITY_MEASURED));
    assert!(end.message.unwrap().starts_with("2 replicas serve 2 times what 1 replica can"));
    assert_eq!(end.cluster, world::found(), "it is put back");
    for effects in 1..done.len() {
        assert_eq!(begun(&story, Some(effects)).len(), 4, "killed after {effects} effects");
    }
}

#[test]
fn whoever_compares_replicas_that_may_not_be_set_is_told_by_which_field() {
    let mut world = World::new(&compares());
    world.may_set_replicas = false;
    let message = decide(&world.situation(None)).state.message.unwrap();
    assert!(
        message.starts_with("spec.load.scalability sets the replicas of Deployment/checkout"),
        "{message}"
    );
}

#[test]
fn a_count_that_never_gets_ready_ends_the_test_and_the_target_is_put_back() {
    let mut world = World::new(&compares());
    until(&mut world, |world| world.begun.len() == 1);
    world.break_pods();
    until(&mut world, World::is_finished);
    let status = world.run.status.clone().unwrap();
    let told = (status.verdict, status.reason.as_deref());
    assert_eq!(told, (Some(Verdict::Inconclusive), Some(reasons::TARGET_NOT_READY)));
    let message = status.message.unwrap();
    assert!(message.contains("it was set to 2 replicas"), "{message}");
    // What was measured until then is not lost, nor is what was not measured told as if it had been.
    assert!(message.contains("; until then 1 replica served "), "{message}");
    let counts = status.scalability.unwrap().counts;
    assert_eq!(counts.iter().map(|count| (count.replicas, count.passed)).collect::<Vec<_>>(), [(1, 1)]);
    let outcomes: Vec<_> = status.epochs.iter().map(|epoch| epoch.outcome).collect();
    assert_eq!(outcomes, [Some(EpochOutcome::Passed)]);
    assert_eq!(world.cluster, world::found());
}

#[test]
fn a_checkpoint_that_is_lost_while_things_are_put_back_costs_no_verdict_either() {
    let mut world = World::new(&compares());
    until(&mut world, |world| {
        let pinning = world.run.status.as_ref().and_then(|status| status.pinning.as_deref());
        pinning.is_some_and(|pinning| pinning.restored)
    });
    let damaged = || Cause::breakdown(reasons::CHECKPOINT_DAMAGED, "the checkpoint is damaged");
    let state = decide(&world.situation(Some(damaged()))).state;
    let told = (state.verdict, state.reason.as_deref());
    assert_eq!(told, (Some(Verdict::Passed), Some(reasons::SCALABILITY_MEASURED)));
    assert!(state.message.unwrap().starts_with("2 replicas serve 2 times what 1 replica can"));
    let counts = state.scalability.unwrap().counts;
    assert_eq!(counts.iter().map(|count| count.passed).collect::<Vec<i32>>(), [2, 2]);
    assert_eq!((state.summary, state.capacity), (None, None));
    // Of measurements that are not all known, nothing can be said.
    world.run.status.as_mut().unwrap().epochs.remove(0);
    let state = decide(&world.situation(Some(damaged()))).state;
    assert_eq!((state.verdict, state.scalability), (Some(Verdict::Error), None));
}

#[test]
fn the_record_has_what_was_found_and_the_figures_of_the_last_measurement_that_passed() {
    let mut world = World::new(&compares());
    until(&mut world, World::is_finished);
    let record = world.kept.clone().unwrap();
    let told = world.run.status.as_ref().unwrap().scalability.as_deref();
    assert!(told.is_some() && record.scalability.as_ref() == told);
    let shown = record.shown().unwrap();
    let replicas = shown.result.as_ref().and_then(|result| result.pinned_replicas);
    // Down in the second round.
    assert_eq!((record.shown_epoch, shown.number, replicas), (Some(4), 4, Some(1)));
    assert_eq!(shown.counted_stage.as_deref(), Some("measure"));
}
