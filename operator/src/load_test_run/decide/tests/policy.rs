// SPDX-License-Identifier: Apache-2.0
//! What the policy of the platform team refuses, holds back or stops.

use super::*;

#[test]
fn what_the_policy_refuses_ends_before_there_is_anything() {
    let mut world = World::new(&Story::of(Event::None));
    world.admission = Admission::Refused("spec.runner.image …; ask us".into());
    assert_eq!(step(&mut world).effects, [Effect::WriteStatus]);
    let status = base(&world.run);
    assert_eq!(
        (status.verdict, status.reason.as_deref()),
        (Some(Verdict::Error), Some(reasons::POLICY_VIOLATION))
    );
    assert!(status.message.unwrap().contains("ask us"));
}

#[test]
fn waiting_for_its_turn_uses_up_no_time_of_a_run() {
    let mut world = World::new(&Story::of(Event::None));
    world.admission = Admission::Queued("behind run a".into());
    for _ in 0..3 {
        assert_eq!(step(&mut world).effects, [Effect::WriteStatus]);
        let status = base(&world.run);
        assert_eq!((status.phase, status.reason.as_deref()), (Some(Phase::Pending), Some(reasons::QUEUED)));
        assert_eq!(status.message.as_deref(), Some("behind run a"));
        world.pass(Duration::from_secs(3_600));
    }
    world.admission = Admission::Granted;
    while base(&world.run).phase == Some(Phase::Pending) {
        step(&mut world);
    }
    let status = base(&world.run);
    assert_eq!(status.phase_start_time.map(|time| time.0), Some(world.now()));
    assert_eq!(status.reason.as_deref(), Some("Preparing"));
}

#[test]
fn a_run_that_waits_for_its_turn_can_be_aborted() {
    let mut world = World::new(&Story::of(Event::AbortIn(Phase::Pending)));
    world.admission = Admission::Queued("behind run a".into());
    step(&mut world);
    assert_eq!(base(&world.run).verdict, Some(Verdict::Aborted));
}

#[test]
fn too_much_load_stops_a_run_that_is_under_way() {
    let mut world = World::new(&Story::of(Event::None));
    while !world.is_finished() {
        let decision = step(&mut world);
        if base(&world.run).phase == Some(Phase::Running) {
            world.excess = Some("5000 requests/s".into());
        }
        if let Look::After(wait) = decision.look {
            world.pass(wait);
        }
    }
    let status = base(&world.run);
    assert_eq!(
        (status.verdict, status.reason.as_deref()),
        (Some(Verdict::Error), Some(reasons::RATE_EXCEEDED))
    );
    assert!(status.message.unwrap().contains("5000 requests/s"));
    assert_eq!(world.pods_at_work(), 0);
}
