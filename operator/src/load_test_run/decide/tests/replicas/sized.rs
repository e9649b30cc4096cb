// SPDX-License-Identifier: Apache-2.0
//! Tests of scalability: one size of pods after the other.

use super::*;

fn sizes() -> Story {
    Story { compares: true, sizes: true, ..fewest(Event::None) }
}

/// What is decided before the load of the first size.
fn first(situation: &Situation) -> LoadTestRunStatus {
    let Some(Ok(plan)) = &situation.plan else { panic!("there is no plan") };
    pin::first(situation, plan).expect("something comes first").state
}

#[test]
fn each_size_is_measured_whenever_the_operator_is_killed_and_what_was_there_is_put_back() {
    let story = sizes();
    let (end, done) = played(&story, None);
    let passed = |level: &str| (level.to_owned(), Some(EpochOutcome::Passed));
    // Up in the first round, down in the second.
    let expected =
        [passed("4 with small"), passed("4 with large"), passed("4 with large"), passed("4 with small")];
    assert_eq!(end.epochs, expected);
    assert_eq!(end.reason.as_deref(), Some(reasons::SCALABILITY_MEASURED));
    let told = "large serves 1 times what small does with 2 times the CPU requested, which is 50 % of linear";
    assert!(end.message.as_ref().unwrap().starts_with(told), "{:?}", end.message);
    assert_eq!(end.cluster, world::found_with_size(), "it is put back");
    for effects in 1..done.len() {
        let (end, _) = played(&story, Some(effects));
        assert_eq!(
            (end.epochs.len(), end.verdict),
            (4, Some(Verdict::Passed)),
            "killed after {effects} effects"
        );
        assert_eq!(end.cluster, world::found_with_size(), "killed after {effects} effects");
    }
}

#[test]
fn what_was_found_is_noted_with_the_size_before_anything_is_set() {
    let mut world = World::new(&sizes());
    until(&mut world, |world| world.run.status.as_ref().is_some_and(|status| status.pinning.is_some()));
    assert_eq!(world.cluster, world::found_with_size());
    let status = world.run.status.clone().unwrap();
    let pinning = status.pinning.unwrap();
    // Those that there were.
    assert_eq!((pinning.originals, pinning.replicas), (world::found_with_size(), 2));
    let size = pinning.size.unwrap();
    assert_eq!((size.name.as_str(), size.requests.get("cpu").map(String::as_str)), ("app", Some("500m")));
    let told = "setting Deployment/checkout to 2 replicas of size small";
    assert_eq!(status.message.as_deref(), Some(told));
}

#[test]
fn a_size_whose_rollout_does_not_end_ends_the_test_and_the_target_is_put_back() {
    let mut world = World::new(&sizes());
    until(&mut world, |world| world.begun.len() == 1);
    world.break_pods();
    until(&mut world, World::is_finished);
    let status = world.run.status.clone().unwrap();
    let told = (status.verdict, status.reason.as_deref());
    assert_eq!(told, (Some(Verdict::Inconclusive), Some(reasons::TARGET_NOT_READY)));
    let message = status.message.unwrap();
    assert!(message.contains("it was set to 2 replicas of size large"), "{message}");
    assert!(message.contains("1 of 2 pods are replaced, and 1 of before are left"), "{message}");
    // What was measured until then is not lost, nor is the other size told as if it had been.
    assert!(message.contains("; until then size small served "), "{message}");
    let sizes = status.scalability.unwrap().sizes;
    assert_eq!(sizes.iter().map(|size| size.name.as_str()).collect::<Vec<_>>(), ["small"]);
    assert_eq!(world.cluster, world::found_with_size());
}

#[test]
fn an_abort_puts_the_size_back() {
    let (end, _) = played(&Story { event: Event::AbortIn(Phase::Running), ..sizes() }, None);
    assert_eq!((end.verdict, end.cluster), (Some(Verdict::Aborted), world::found_with_size()));
}

#[test]
fn a_test_that_does_not_fit_the_workload_ends_before_anything_is_set() {
    let world = World::new(&sizes());
    let mut situation = world.situation(None);
    let scaler = situation.scaler.as_mut().unwrap();
    let message = "spec.load.scalability.sizes.container: the workload has no container web; it has app";
    (scaler.problem, scaler.is_unfit) = (Some(message.into()), true);
    let state = first(&situation);
    let told = (state.verdict, state.reason.as_deref(), state.message.as_deref());
    assert_eq!(told, (Some(Verdict::Error), Some(reasons::INVALID_SPEC), Some(message)));
    assert_eq!(state.pinning, None);
}

#[test]
fn a_workload_without_replicas_has_no_size_to_measure() {
    let mut world = World::new(&sizes());
    world.cluster[1].replicas = Some(0);
    let state = first(&world.situation(None));
    assert_eq!(
        (state.verdict, state.reason.as_deref()),
        (Some(Verdict::Inconclusive), Some(reasons::TARGET_NOT_READY))
    );
    assert!(state.message.unwrap().starts_with("Deployment/checkout has no replicas"));
}

#[test]
fn whoever_sets_sizes_where_that_may_not_be_is_told_so() {
    let mut world = World::new(&sizes());
    world.may_set_replicas = false;
    let message = decide(&world.situation(None)).state.message.unwrap();
    let told = "spec.load.scalability sets the replicas and the size of pods of Deployment/checkout";
    assert!(message.starts_with(told), "{message}");
}
