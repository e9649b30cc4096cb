// SPDX-License-Identifier: Apache-2.0
//! A run that can't begin because something of it can't be made: it says why, tries again for a while, and then ends.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::conditions::find;

use super::*;
use crate::load_test_run::update_status::retry;

/// One step, in which nothing is done any more after an effect that could not be.
fn try_once(world: &mut World) -> Decision {
    world.turn();
    let decision = decide(&world.situation(None));
    for effect in &decision.effects {
        drop(world.carry_out(effect, &decision.state));
        if world.delay.is_some() {
            break;
        }
    }
    decision
}

fn shown(world: &World) -> (Option<String>, Option<String>) {
    let status = base(&world.run);
    (status.reason, status.message)
}

#[test]
fn a_run_whose_job_can_not_be_made_says_so_and_not_that_its_target_is_busy() {
    let mut world = World::new(&Story::of(Event::JobFails(u32::MAX)));
    let other = world.occupy("other");
    try_once(&mut world);
    assert_eq!(shown(&world).0.as_deref(), Some(reasons::TARGET_BUSY));
    world.pass(Duration::from_secs(3_600));
    world.leave(&other.uid);
    // It takes its target, and says so before anything else is tried.
    try_once(&mut world);
    try_once(&mut world);
    assert_eq!(shown(&world).1.as_deref(), Some("it is the run's turn"));
    while shown(&world).0.as_deref() != Some(reasons::RETRYING) {
        try_once(&mut world);
    }
    let (_, message) = shown(&world);
    assert_eq!(message.as_deref(), Some("Retrying: failed to apply Job base: etcd does not answer"));
    let begun = world.now();
    while !world.is_finished() {
        if let Look::After(wait) = try_once(&mut world).look {
            world.pass(wait);
        }
    }
    let took = world.now().duration_since(begun);
    assert!((300..320).contains(&took.as_secs()), "{took:?}: the wait for the target counts as none");
    let status = base(&world.run);
    let message = status.message.unwrap();
    assert!(
        message.starts_with("spec.deadlines.prepare of 5m has passed: failed to apply Job base"),
        "{message}"
    );
    assert!(status.end_cause.is_some());
    let cleared = clear_up(&world.run, &left(true), world.now());
    assert!(cleared.effects.contains(&Effect::LeaveTarget));
}

#[test]
fn what_failed_is_not_told_any_more_once_it_has_worked() {
    let mut status = LoadTestRunStatus { phase: Some(Phase::Collecting), ..LoadTestRunStatus::default() };
    retry(&mut status, "no answer", fixtures::at(0));
    assert_eq!(status.reason.as_deref(), Some(reasons::RETRYING));
    in_phase(&mut status, Phase::Collecting, None, "", fixtures::at(1));
    assert_eq!((status.reason.as_deref(), status.message), (Some("Collecting"), None));
    assert!(find(&status.conditions, "Ready").is_none());
}

#[test]
fn why_a_run_ends_stays_what_is_told_first() {
    let mut status = LoadTestRunStatus { phase: Some(Phase::Stopping), ..LoadTestRunStatus::default() };
    in_phase(&mut status, Phase::Stopping, Some(&Cause::aborted()), "", fixtures::at(0));
    let before = status.clone();
    retry(&mut status, "no answer", fixtures::at(1));
    assert_eq!(status, before);
}

#[test]
fn a_run_that_can_not_be_looked_at_is_given_up_before_its_load_and_never_under_it() {
    let mut run = fixtures::run(&serde_json::json!({}));
    let after = |seconds| fixtures::at(0) + SignedDuration::from_secs(seconds);
    assert_eq!(given_up(&run, "no answer", after(9_000)), None, "it has no status yet");
    let mut status = LoadTestRunStatus::default();
    retry(&mut status, "no answer", fixtures::at(0));
    run.status = Some(status.clone());
    assert_eq!(given_up(&run, "no answer", after(299)), None);
    let decision = given_up(&run, "no answer", after(300)).unwrap();
    assert_eq!(decision.effects, [Effect::WriteStatus]);
    assert_eq!(
        (decision.state.verdict, decision.state.reason.as_deref()),
        (Some(Verdict::Error), Some(reasons::DEADLINE_EXCEEDED))
    );
    assert!(decision.state.message.unwrap().contains("has passed: no answer"));
    for (phase, reason) in [(Phase::Pending, reasons::TARGET_BUSY), (Phase::Running, reasons::RETRYING)] {
        status.phase = Some(phase);
        status.reason = Some(reason.into());
        status.phase_start_time = Some(Time(fixtures::at(0)));
        run.status = Some(status.clone());
        assert_eq!(given_up(&run, "no answer", after(9_000)), None, "{phase:?} {reason}");
    }
}
