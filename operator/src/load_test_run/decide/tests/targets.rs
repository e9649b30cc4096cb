// SPDX-License-Identifier: Apache-2.0
//! A run whose target another one has: it waits, makes nothing, and uses up none of its time.

use super::*;

fn waits(world: &World) -> String {
    let status = base(&world.run);
    assert_eq!((status.phase, status.reason.as_deref()), (Some(Phase::Pending), Some(reasons::TARGET_BUSY)));
    status.message.unwrap()
}

fn is_write(effect: &Effect) -> bool {
    matches!(effect, Effect::WriteLease(_))
}

#[test]
fn a_run_waits_until_the_other_one_has_left_the_target() {
    let mut world = World::new(&Story::of(Event::None));
    let other = world.occupy("other");
    let first = step(&mut world);
    assert!(matches!(first.effects.as_slice(), [write, Effect::WriteStatus] if is_write(write)), "{first:?}");
    for _ in 0..3 {
        assert!(waits(&world).contains("run shop/other has until its end"), "{}", waits(&world));
        assert_eq!(step(&mut world).effects, [Effect::WriteStatus], "its place in line is written once");
        world.pass(Duration::from_secs(3_600));
    }
    world.leave(&other.uid);
    while base(&world.run).phase == Some(Phase::Pending) {
        step(&mut world);
    }
    let status = base(&world.run);
    assert_eq!(status.phase_start_time.map(|time| time.0), Some(world.now()), "the wait counts as none");
}

#[test]
fn a_target_whose_holder_is_gone_is_taken_over() {
    let mut world = World::new(&Story::of(Event::None));
    let other = world.occupy("other");
    step(&mut world);
    waits(&world);
    world.kill_operator();
    world.gone.insert(other.uid, None);
    while base(&world.run).phase == Some(Phase::Pending) {
        step(&mut world);
    }
    assert_eq!(base(&world.run).phase, Some(Phase::Preparing));
    let holders = world.leases.values().flat_map(|lease| &lease.holders);
    assert!(holders.clone().count() == 1 && holders.map(|user| &user.uid).eq([&world.user().uid]));
}

#[test]
fn a_run_that_waits_for_its_target_can_be_aborted_and_leaves_the_line() {
    let mut world = World::new(&Story::of(Event::None));
    let other = world.occupy("other");
    step(&mut world);
    world.run.spec.abort = true;
    step(&mut world);
    assert_eq!(base(&world.run).verdict, Some(Verdict::Aborted));
    let cleared = clear_up(&world.run, &left(true), world.now());
    cleared.effects.iter().for_each(|effect| drop(world.carry_out(effect, &cleared.state)));
    let users = world.leases.values().flat_map(|lease| lease.holders.iter().chain(&lease.waiting));
    assert!(users.map(|user| &user.uid).eq([&other.uid]));
}

#[test]
fn whoever_waits_for_its_turn_lets_others_have_the_target() {
    let mut world = World::new(&Story::of(Event::None));
    assert!(is_write(&step(&mut world).effects[0]));
    assert_eq!(world.leases.len(), 1);
    // Another operator, which has not counted the runs yet, or a policy that was made narrower.
    world.admission = Admission::Queued("behind run a".into());
    assert_eq!(step(&mut world).effects, [Effect::LeaveTarget, Effect::WriteStatus]);
    assert!(world.leases.is_empty());
    assert_eq!(step(&mut world).effects, [Effect::WriteStatus]);
    assert_eq!(base(&world.run).reason.as_deref(), Some(reasons::QUEUED));
}

#[test]
fn the_reason_for_which_a_run_waits_is_the_present_one() {
    let mut world = World::new(&Story::of(Event::None));
    world.admission = Admission::Queued("behind run a".into());
    step(&mut world);
    let other = world.occupy("other");
    step(&mut world);
    waits(&world);
    world.leave(&other.uid);
    step(&mut world);
    let status = base(&world.run);
    assert_eq!(
        (status.reason.as_deref(), status.message.as_deref()),
        (Some(reasons::QUEUED), Some("behind run a"))
    );
}

#[test]
fn a_verdict_names_who_made_load_on_the_target_at_the_same_time() {
    let mut world = World::new(&Story { shares: true, ..Story::of(Event::None) });
    world.occupy("other");
    while !world.is_finished() {
        if let Look::After(wait) = step(&mut world).look {
            world.pass(wait);
        }
    }
    let status = base(&world.run);
    let company: Vec<_> =
        status.company.iter().map(|run| (run.namespace.as_str(), run.name.as_str())).collect();
    assert_eq!(company, [("shop", "other")]);
    let message = status.message.unwrap();
    assert!(message.ends_with("at the same time: shop/other for 10 s"), "{message}");
    let span = status.load_end_time.unwrap().0.duration_since(status.start_time.unwrap().0);
    assert_eq!(span.as_secs(), 10);
}

#[test]
fn a_run_whose_target_is_not_there_has_no_place_on_it() {
    let missing = |world: &World| {
        let mut situation = world.situation(None);
        situation.plan = Some(Ok(fixtures::plan(&serde_json::json!({})).into()));
        situation.target = Some(validate::Target::Missing("Deployment shop/chekout was not found".into()));
        situation
    };
    let mut world = World::new(&Story::of(Event::None));
    let decision = decide(&missing(&world));
    assert_eq!(decision.effects, [Effect::WriteStatus], "it takes nothing");
    let message = decision.state.message.unwrap();
    assert!(
        message.starts_with("waiting at most 5m for") && message.contains("shop/chekout was not found"),
        "{message}"
    );
    // It was there, and was deleted before the load: others may have its place.
    assert!(is_write(&step(&mut world).effects[0]));
    let decision = decide(&missing(&world));
    assert_eq!(decision.effects, [Effect::LeaveTarget, Effect::WriteStatus]);
    decision.effects.iter().for_each(|effect| drop(world.carry_out(effect, &decision.state)));
    assert!(world.leases.is_empty());
    // Once it is there, the run takes it.
    assert!(is_write(&step(&mut world).effects[0]));
}

#[test]
fn a_run_whose_target_is_not_there_looks_less_and_less_often_and_not_later_than_its_time_is_up() {
    let mut world = World::new(&Story::of(Event::None));
    assert!(is_write(&step(&mut world).effects[0]), "first it takes its target");
    let mut situation = world.situation(None);
    situation.plan = Some(Ok(fixtures::plan(&serde_json::json!({})).into()));
    situation.target = Some(validate::Target::Missing("Deployment shop/checkout was not found".into()));
    let begun = situation.now;
    for (waited, look) in [(0, 1), (9, 1), (10, 5), (59, 5), (60, 10), (290, 10), (297, 3)] {
        situation.run.status = Some(LoadTestRunStatus {
            phase: Some(Phase::Pending),
            phase_start_time: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(begun)),
            ..LoadTestRunStatus::default()
        });
        situation.now = begun + jiff::SignedDuration::from_secs(waited);
        let decision = decide(&situation);
        assert_eq!(decision.state.phase, Some(Phase::Pending), "{:?}", decision.state.message);
        assert_eq!(decision.look, Look::After(Duration::from_secs(look)), "after {waited} s");
    }
}
