// SPDX-License-Identifier: Apache-2.0
//! Runs that a rollout of the target starts.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A test that was run for its spec, and knows the revision `a`.
fn test() -> LoadTest {
    let mut test = super::test(1, 5);
    test.spec.triggers = serde_json::from_value(json!([{"type": "Rollout", "settle": "30s"}])).unwrap();
    test.spec.target.workloads = vec!["checkout".into()];
    let mut test = after(test.clone(), &test, None);
    test.status.as_mut().unwrap().last_revision = Some("a".into());
    test
}

fn revision(id: &str, ready_since: Option<i64>) -> Revision {
    Revision { id: id.into(), ready_since: ready_since.map(at), is_ours: false }
}

fn decided(test: &LoadTest, revision: &Revision, runs: &[LoadTestRun], now: i64) -> Decided {
    super::super::decide(test, &Facts { runs, revision: Some(revision), now: at(now) })
}

/// What is remembered after a decision.
fn noted(test: &LoadTest, decided: &Decided) -> Option<String> {
    status(test, decided, &[], at(0)).last_revision
}

#[test]
fn a_new_revision_starts_a_run_once_it_has_settled() {
    let (test, next) = (test(), revision("b", Some(100)));
    let early = decided(&test, &next, &[], 110);
    assert_eq!((&early.decision, early.wait(at(110))), (&Decision::Nothing, Some(Duration::from_secs(20))));
    assert_eq!(noted(&test, &early).as_deref(), Some("a"));
    let late = decided(&test, &next, &[], 130);
    let name = naming::rollout_run("checkout", "b", 0);
    assert_eq!(started(&late.decision), Some((name.as_str(), Trigger::Rollout)));
    let Decision::Start(start) = &late.decision else { unreachable!() };
    assert_eq!(build::run(&test, start, &late).annotations()[annotations::REVISION], "b");
    let status = status(&test, &late, &[], at(130));
    assert_eq!((status.last_revision.as_deref(), status.rollouts), (Some("b"), Some(1)));
    assert_eq!(status.last_trigger.as_deref(), Some("Rollout"));
}

#[test]
fn the_git_revision_of_a_test_goes_to_its_runs() {
    let mut test = test();
    test.annotations_mut().insert(annotations::GIT_REVISION.into(), "main@sha1:4f2c9b1".into());
    let late = decided(&test, &revision("b", Some(100)), &[], 130);
    let Decision::Start(start) = &late.decision else { unreachable!() };
    let run = build::run(&test, start, &late);
    assert_eq!(run.annotations()[annotations::GIT_REVISION], "main@sha1:4f2c9b1");
}

#[rstest]
#[case::the_same_one(revision("a", Some(100)))]
#[case::not_ready(revision("b", None))]
fn what_is_no_rollout_starts_nothing_and_is_not_noted(#[case] revision: Revision) {
    let decided = decided(&test(), &revision, &[], 500);
    assert_eq!((&decided.decision, noted(&test(), &decided).as_deref()), (&Decision::Nothing, Some("a")));
}

#[test]
fn a_rollback_starts_a_run_of_its_own_each_time() {
    let (mut test, mut names) = (test(), Vec::new());
    for (id, now) in [("b", 100), ("a", 200), ("b", 300), ("a", 400)] {
        let decided = decided(&test, &revision(id, Some(now)), &[], now + 30);
        names.extend(started(&decided.decision).map(|(name, _)| name.to_owned()));
        test.status = Some(status(&test, &decided, &[], at(now)));
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4, "{names:?}");
}

fn without_memory() -> LoadTest {
    let mut test = test();
    test.status.as_mut().unwrap().last_revision = None;
    test
}

fn finished(second: i64) -> LoadTestRun {
    finished_at(1, second, Verdict::Passed)
}

fn running() -> LoadTestRun {
    run(&super::test(1, 5), Phase::Running, None)
}

#[rstest]
#[case::made_by_ourselves(test(), Revision { is_ours: true, ..revision("b", Some(100)) }, vec![])]
#[case::the_first_one_seen(without_memory(), revision("b", Some(100)), vec![])]
#[case::while_suspended(suspended(test()), revision("b", Some(100)), vec![])]
#[case::within_a_run_that_goes_on(test(), revision("b", Some(100)), vec![running()])]
#[case::within_a_run_that_has_ended(test(), revision("b", Some(100)), vec![finished(120)])]
fn some_revisions_are_noted_and_start_nothing(
    #[case] test: LoadTest,
    #[case] revision: Revision,
    #[case] runs: Vec<LoadTestRun>,
) {
    let decided = decided(&test, &revision, &runs, 500);
    assert!(
        matches!(decided.decision, Decision::Nothing | Decision::Suspended { due: false }),
        "{decided:?}"
    );
    assert_eq!(noted(&test, &decided).as_deref(), Some("b"));
}

#[test]
fn a_revision_of_the_second_workload_starts_a_run_and_a_workload_that_is_added_does_not() {
    let mut test = test();
    test.spec.target.workloads.push("orders".into());
    // It was named a moment ago, and the operator may be a new one that knows of several.
    let added = decided(&test, &revision("a,c", Some(100)), &[], 500);
    assert_eq!(noted(&test, &added).as_deref(), Some("a,c"));
    assert_ne!(started(&added.decision).map(|(_, trigger)| trigger), Some(Trigger::Rollout));
    test.status.as_mut().unwrap().last_revision = Some("a,c".into());
    test.status.as_mut().unwrap().last_run_digest = Some(digest(&test.spec));
    let rolled_out = decided(&test, &revision("a,d", Some(100)), &[], 500);
    assert_eq!(started(&rolled_out.decision).map(|(_, trigger)| trigger), Some(Trigger::Rollout));
}

#[test]
fn a_run_that_ended_before_is_in_nobodys_way() {
    let decided = decided(&test(), &revision("b", Some(100)), &[finished(99)], 500);
    assert_eq!(started(&decided.decision).map(|(_, trigger)| trigger), Some(Trigger::Rollout));
}

#[test]
fn a_changed_spec_runs_the_new_revision_as_well() {
    let mut test = test();
    test.metadata.generation = Some(2);
    test.spec.load.constant.as_mut().unwrap().level = 6.into();
    let decided = decided(&test, &revision("b", Some(100)), &[], 110);
    assert_eq!(started(&decided.decision), Some(("checkout-g2", Trigger::SpecChanged)));
    assert_eq!(noted(&test, &decided).as_deref(), Some("b"));
}

#[test]
fn without_the_trigger_nothing_is_remembered() {
    let mut test = test();
    test.spec.triggers.clear();
    let decided = decided(&test, &revision("b", Some(100)), &[], 500);
    assert_eq!((&decided.decision, noted(&test, &decided)), (&Decision::Nothing, None));
}

#[test]
fn a_rollout_that_cannot_be_seen_is_refused() {
    let mut test = without_memory();
    test.spec.target.workloads[0].kind = "ReplicaSet".into();
    // Told although nothing else is due.
    test.status.as_mut().unwrap().last_run_digest = Some(digest(&test.spec));
    let decision = super::decide(&test, &[]);
    let Decision::Refuse { message } = decision else { panic!("it was not refused: {decision:?}") };
    let expected = "spec.triggers[0]: a Rollout is seen of a Deployment or StatefulSet";
    assert!(message.starts_with(expected), "{message}");
}
