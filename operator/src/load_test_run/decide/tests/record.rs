// SPDX-License-Identifier: Apache-2.0
//! The record of a run, whoever is killed and whatever refuses it.

use upsurge_crds::{
    conditions,
    names::conditions::{RECORD_NOT_KEPT, TARGET_RESTORED},
};
use upsurge_record::verify::verify;

use super::*;
use crate::records::Keeping;

/// Plays a run to its end, or until this holds; the operator is killed after so many effects.
fn played_until(world: &mut World, killed_after: Option<usize>, holds: impl Fn(&World, &Decision) -> bool) {
    let mut done = 0;
    for _ in 0..2_000 {
        world.turn();
        if world.is_finished() {
            return;
        }
        let decision = decide(&world.situation(None));
        for effect in &decision.effects {
            drop(world.carry_out(effect, &decision.state));
            done += 1;
            if killed_after == Some(done) {
                world.kill_operator();
                break;
            }
        }
        if let Look::After(wait) = decision.look {
            world.pass(wait);
        }
        if holds(world, &decision) {
            return;
        }
    }
    panic!("the run does not end");
}

fn told(world: &World) -> Option<(String, String)> {
    let status = base(&world.run);
    let condition = conditions::find(&status.conditions, RECORD_NOT_KEPT);
    condition.map(|condition| (condition.reason.clone(), condition.message.clone()))
}

#[rstest]
#[case::once(Story::of(Event::None))]
#[case::search(Story { search: true, ..Story::of(Event::None) })]
#[case::aborted(Story::of(Event::AbortIn(Phase::Running)))]
#[case::search_for_replicas(Story { replicas: true, ..Story::of(Event::None) })]
#[case::without_load(Story::of(Event::AbortIn(Phase::Preparing)))]
fn a_run_that_had_a_job_leaves_its_record_whoever_is_killed(#[case] story: Story) {
    for killed_after in std::iter::once(None).chain((1..60).map(Some)) {
        let mut world = World::new(&story);
        played_until(&mut world, killed_after, |_, _| false);
        let status = base(&world.run);
        let record = world.kept.as_ref().unwrap();
        assert_eq!(Some(record.outcome.verdict), status.verdict, "{killed_after:?}");
        assert_eq!(Some(&record.outcome.message), status.message.as_ref(), "{killed_after:?}");
        assert_eq!(record.epochs.is_empty(), status.load_end_time.is_none(), "{killed_after:?}");
        let figures = record.shown().map(|epoch| epoch.figures.summary.requests);
        assert_eq!(figures, status.summary.as_ref().map(|summary| summary.requests), "{killed_after:?}");
        // What is played of a search has no sums of what thresholds select.
        let differences =
            if story.search || story.replicas { Vec::new() } else { verify(record).differences };
        assert!(differences.is_empty(), "{differences:?}");
        assert_eq!(told(&world), None);
    }
}

#[test]
fn a_record_that_can_not_be_written_holds_up_the_verdict_and_changes_nothing_about_it() {
    let mut world = World::new(&Story::of(Event::None));
    let wait = Duration::from_secs(4);
    world.record = Keeping::Waits { why: "exceeded quota".into(), wait };
    played_until(&mut world, None, |_, decision| decision.look == Look::After(wait));
    assert!(!world.is_finished());
    let (reason, message) = told(&world).unwrap();
    assert_eq!(reason, reasons::RECORD_NOT_WRITTEN);
    assert!(message.ends_with("is tried again: exceeded quota"), "{message}");
    assert_eq!(base(&world.run).phase, Some(Phase::Collecting));
    let mut other = World::new(&Story::of(Event::None));
    played_until(&mut other, None, |_, _| false);

    world.record = Keeping::GivenUp { tries: 6, why: "exceeded quota".into() };
    played_until(&mut world, None, |_, _| false);
    assert_eq!(world.kept, None);
    let (reason, message) = told(&world).unwrap();
    assert_eq!(reason, reasons::RECORD_GIVEN_UP);
    assert!(message.contains("after 6 tries") && message.ends_with(": exceeded quota"), "{message}");
    let verdict = |world: &World| (base(&world.run).verdict, base(&world.run).message);
    assert_eq!(verdict(&world), verdict(&other));
}

#[test]
fn who_aborts_a_run_that_only_waits_for_its_record_ends_the_waiting_and_changes_no_verdict() {
    let mut other = World::new(&Story::of(Event::None));
    played_until(&mut other, None, |_, _| false);
    let mut world = World::new(&Story::of(Event::None));
    let wait = Duration::from_secs(4);
    world.record = Keeping::Waits { why: "exceeded quota".into(), wait };
    played_until(&mut world, None, |_, decision| decision.look == Look::After(wait));
    world.run.spec.abort = true;
    played_until(&mut world, None, |_, _| false);
    let (reason, message) = told(&world).unwrap();
    assert_eq!(reason, reasons::RECORD_GIVEN_UP);
    assert!(message.contains("spec.abort") && message.ends_with(": exceeded quota"), "{message}");
    assert_eq!(base(&world.run).verdict, base(&other.run).verdict);
    assert_eq!(base(&world.run).message, base(&other.run).message);
}

#[test]
fn a_run_that_was_aborted_under_load_still_waits_for_its_record() {
    let mut world = World::new(&Story::of(Event::AbortIn(Phase::Running)));
    let wait = Duration::from_secs(4);
    world.record = Keeping::Waits { why: "exceeded quota".into(), wait };
    for _ in 0..3 {
        played_until(&mut world, None, |_, decision| decision.look == Look::After(wait));
        assert!(!world.is_finished());
    }
}

#[test]
fn a_record_that_was_written_in_the_end_is_not_told_of() {
    let mut world = World::new(&Story::of(Event::None));
    let wait = Duration::from_secs(4);
    world.record = Keeping::Waits { why: "exceeded quota".into(), wait };
    played_until(&mut world, None, |_, decision| decision.look == Look::After(wait));
    world.record = Keeping::Due;
    played_until(&mut world, None, |_, _| false);
    assert!(world.kept.is_some() && told(&world).is_none());
}

#[test]
fn where_none_are_kept_none_is_made() {
    let mut world = World::new(&Story::of(Event::None));
    world.record = Keeping::Off;
    played_until(&mut world, None, |_, _| false);
    assert!(world.kept.is_none() && told(&world).is_none());
}

#[test]
fn the_record_tells_what_others_have_changed_and_what_was_left_at_the_target() {
    let mut world = World::new(&Story { replicas: true, ..Story::of(Event::None) });
    played_until(&mut world, None, |world, _| world.begun.len() == 1);
    world.cluster[0].max_replicas = Some(20);
    played_until(&mut world, None, |world, _| base(&world.run).phase == Some(Phase::Restoring));
    world.cluster[0].max_replicas = Some(30);
    played_until(&mut world, None, |_, _| false);
    let (status, record) = (base(&world.run), world.kept.unwrap());
    let has = |words: &str| record.warnings.iter().any(|warning| warning.contains(words));
    assert!(has("somebody else has set it to minReplicas 2 and maxReplicas 20"), "{:?}", record.warnings);
    assert!(has("maxReplicas 30") && has("it is left as it is"), "{:?}", record.warnings);
    assert_eq!(
        (&record.warnings, Some(&record.outcome.message)),
        (&status.warnings, status.message.as_ref())
    );
    let restored = conditions::find(&record.outcome.conditions, TARGET_RESTORED).unwrap();
    assert_eq!(restored.status, "False");
}

#[test]
fn a_target_is_not_held_while_the_record_can_not_be_written() {
    let mut world = World::new(&Story { replicas: true, ..Story::of(Event::None) });
    let wait = Duration::from_secs(4);
    world.record = Keeping::Waits { why: "exceeded quota".into(), wait };
    played_until(&mut world, None, |_, decision| decision.look == Look::After(wait));
    assert_eq!((base(&world.run).phase, &world.cluster), (Some(Phase::Restoring), &world::found()));
    assert!(told(&world).is_some() && !world.is_finished());
    world.record = Keeping::Due;
    played_until(&mut world, None, |_, _| false);
    assert_eq!(world.kept.unwrap().outcome.verdict, Verdict::Passed);
}
