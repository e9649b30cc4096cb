// SPDX-License-Identifier: Apache-2.0
//! When a run is due, and which old ones go.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;
use serde_json::json;
use upsurge_crds::{
    conditions,
    names::conditions::RECORD_STORED,
    v1alpha1::{History, Kept, LoadTestRunStatus, LoadTestStatus, Snapshot, TimeSpan, Verdict},
};

use super::*;
use crate::load_test::{build, update_status::status};

mod rollouts;
mod schedules;

/// What is decided without a schedule, and nothing known of the target.
fn decide(test: &LoadTest, runs: &[LoadTestRun]) -> Decision {
    at_start(test, runs).decision
}

fn at_start(test: &LoadTest, runs: &[LoadTestRun]) -> Decided {
    super::decide(test, &Facts { runs, revision: None, now: Timestamp::UNIX_EPOCH })
}

fn test(generation: i64, level: u32) -> LoadTest {
    serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "test-uid", "generation": generation},
        "spec": {
            "target": {"baseURL": "http://checkout:8080"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"name": "pay", "url": "/pay"}}]}],
            "load": {"constant": {"level": level, "duration": "10s"}}
        }
    }))
    .unwrap()
}

fn annotated(mut test: LoadTest, value: &str) -> LoadTest {
    test.metadata.annotations.get_or_insert_default().insert(annotations::RERUN.into(), value.into());
    test
}

/// A test whose newest run was made of `ran`, for this rerun annotation.
fn after(mut test: LoadTest, ran: &LoadTest, rerun: Option<&str>) -> LoadTest {
    test.status = Some(LoadTestStatus {
        last_run: Some(format!("checkout-g{}", ran.metadata.generation.unwrap())),
        last_run_generation: ran.metadata.generation,
        last_run_digest: Some(digest(&ran.spec)),
        last_rerun: rerun.map(Into::into),
        ..LoadTestStatus::default()
    });
    test
}

fn suspended(mut test: LoadTest) -> LoadTest {
    test.spec.suspend = true;
    test
}

fn run(test: &LoadTest, phase: Phase, verdict: Option<Verdict>) -> LoadTestRun {
    let generation = test.metadata.generation.unwrap();
    let start = Start {
        name: format!("checkout-g{generation}"),
        trigger: Trigger::SpecChanged,
        digest: digest(&test.spec),
        replaces: Vec::new(),
    };
    let mut run = build::run(test, &start, &at_start(test, &[]));
    run.metadata.creation_timestamp = Some(Time(jiff::Timestamp::from_second(generation).unwrap()));
    run.status = Some(LoadTestRunStatus { phase: Some(phase), verdict, ..LoadTestRunStatus::default() });
    run
}

fn started(decision: &Decision) -> Option<(&str, Trigger)> {
    match decision {
        Decision::Start(start) => Some((&start.name, start.trigger)),
        _ => None,
    }
}

#[rstest]
#[case::a_new_test(test(1, 5), Some(("checkout-g1", Trigger::SpecChanged)))]
#[case::nothing_changed(after(test(1, 5), &test(1, 5), None), None)]
#[case::another_load(after(test(2, 6), &test(1, 5), None), Some(("checkout-g2", Trigger::SpecChanged)))]
#[case::a_generation_that_matters_to_no_run(after(test(2, 5), &test(1, 5), None), None)]
#[case::another_digest_of_the_same_generation(after(test(1, 6), &test(1, 5), None), None)]
#[case::back_to_an_earlier_spec(after(test(3, 5), &test(2, 6), None), Some(("checkout-g3", Trigger::SpecChanged)))]
#[case::the_same_annotation(after(annotated(test(1, 5), "a"), &test(1, 5), Some("a")), None)]
#[case::an_empty_annotation(after(annotated(test(1, 5), ""), &test(1, 5), None), None)]
#[case::an_annotation_taken_away(after(test(1, 5), &test(1, 5), Some("a")), None)]
#[case::a_new_test_with_an_annotation(annotated(test(1, 5), "a"), Some(("checkout-g1", Trigger::SpecChanged)))]
fn a_run_is_due_for_each_change_that_matters(
    #[case] test: LoadTest,
    #[case] expected: Option<(&str, Trigger)>,
) {
    assert_eq!(started(&decide(&test, &[])), expected);
}

#[test]
fn a_new_value_of_the_annotation_makes_one_more_run_of_the_same_spec() {
    let decision = decide(&after(annotated(test(1, 5), "b"), &test(1, 5), Some("a")), &[]);
    let (name, trigger) = started(&decision).unwrap();
    assert_eq!((name, trigger), (naming::run("checkout", 1, Some(("b", 0))).as_str(), Trigger::Rerun));
}

#[rstest]
#[case::as_this_operator_keeps_it(remembered(&"a".repeat(5_000)))]
#[case::as_an_earlier_one_kept_it("a".repeat(5_000))]
fn a_long_value_of_the_annotation_is_known_again_and_told_from_another(#[case] kept: String) {
    assert!(remembered(&kept).len() < 200);
    let long = |text: &str| after(annotated(test(1, 5), text), &test(1, 5), Some(&kept));
    assert_eq!(decide(&long(&"a".repeat(5_000)), &[]), Decision::Nothing);
    let other = decide(&long(&"a".repeat(5_001)), &[]);
    assert_eq!(started(&other).map(|(_, trigger)| trigger), Some(Trigger::Rerun));
}

#[test]
fn a_value_of_the_annotation_that_comes_back_makes_a_run_of_its_own() {
    let (mut state, mut names) = (after(test(1, 5), &test(1, 5), None), Vec::new());
    for value in ["a", "b", "a", "b"] {
        state = annotated(state, value);
        let decided = at_start(&state, &[]);
        assert_eq!(at_start(&state, &[]), decided, "asked again, as after a restart, it is the same one");
        names.extend(started(&decided.decision).map(|(name, _)| name.to_owned()));
        state.status = Some(status(&state, &decided, &[], jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(decide(&state, &[]), Decision::Nothing);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4, "{names:?}");
}

#[test]
fn suspending_and_releasing_makes_no_run() {
    let ran = test(1, 5);
    assert_eq!(decide(&after(suspended(test(2, 5)), &ran, None), &[]), Decision::Suspended { due: false });
    assert_eq!(decide(&after(test(3, 5), &ran, None), &[]), Decision::Nothing);
    assert_eq!(decide(&suspended(test(1, 5)), &[]), Decision::Suspended { due: true });
}

#[test]
fn what_was_held_starts_once_suspend_is_set_back_as_the_status_says() {
    // Created suspended, it has never run: its first run is due, and starts. `suspend` is a change of the generation.
    let mut created = suspended(test(1, 5));
    let held = at_start(&created, &[]);
    assert_eq!(held.decision, Decision::Suspended { due: true });
    created.status = Some(status(&created, &held, &[], jiff::Timestamp::UNIX_EPOCH));
    let ready = |test: &LoadTest| test.status.as_ref().unwrap().conditions[0].message.clone();
    assert!(ready(&created).contains("set it to false to start it"), "{}", ready(&created));
    let mut released = test(2, 5);
    released.status = created.status.clone();
    assert_eq!(started(&decide(&released, &[])), Some(("checkout-g2", Trigger::SpecChanged)));

    // A test whose spec has been run as it is has none due.
    let ran = test(1, 5);
    let mut idle = after(suspended(test(2, 5)), &ran, None);
    idle.status = Some(status(&idle, &at_start(&idle, &[]), &[], jiff::Timestamp::UNIX_EPOCH));
    assert!(ready(&idle).contains("none is due"), "{}", ready(&idle));
    let mut back = test(3, 5);
    back.status = idle.status.clone();
    assert_eq!(decide(&back, &[]), Decision::Nothing);

    // One whose spec was changed meanwhile has.
    let mut changed = test(4, 6);
    changed.status = idle.status;
    assert_eq!(started(&decide(&changed, &[])), Some(("checkout-g4", Trigger::SpecChanged)));
}

#[test]
fn a_digest_that_a_newer_operator_computes_differently_makes_no_run() {
    let ran = test(1, 5);
    let mut released = after(test(3, 5), &ran, None);
    released.status.as_mut().unwrap().last_run_digest = Some("of an older operator".into());
    let runs = [run(&ran, Phase::Finished, Some(Verdict::Passed))];
    assert_eq!(decide(&released, &runs), Decision::Nothing);
    released.spec.load.constant.as_mut().unwrap().level = 6.into();
    assert!(started(&decide(&released, &runs)).is_some());
}

#[rstest]
#[case(Phase::Pending)]
#[case(Phase::Running)]
#[case(Phase::Collecting)]
fn a_run_waits_for_the_active_one(#[case] phase: Phase) {
    let changed = after(test(2, 6), &test(1, 5), None);
    let active = run(&test(1, 5), phase, None);
    assert_eq!(decide(&changed, &[active]), Decision::Wait { active: "checkout-g1".into() });
    let finished = run(&test(1, 5), Phase::Finished, Some(Verdict::Failed));
    assert_eq!(started(&decide(&changed, &[finished])), Some(("checkout-g2", Trigger::SpecChanged)));
}

#[test]
fn a_run_that_was_made_but_not_noted_is_found_again() {
    let made = run(&test(1, 5), Phase::Running, None);
    assert_eq!(started(&decide(&test(1, 5), &[made])), Some(("checkout-g1", Trigger::SpecChanged)));
}

#[test]
fn a_spec_that_cannot_be_run_is_refused_with_every_field() {
    let mut wrong = test(1, 0);
    wrong.spec.target.base_url = "ftp://checkout".into();
    let Decision::Refuse { message } = decide(&wrong, &[]) else { panic!("it was not refused") };
    for part in ["spec.target.baseURL", "spec.load.constant"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
}

#[rstest]
#[case::within(2, 2, &[])]
#[case::one_of_each(1, 1, &["checkout-g1", "checkout-g2"])]
#[case::none_kept(0, 0, &["checkout-g1", "checkout-g3", "checkout-g2", "checkout-g4"])]
fn the_oldest_runs_beyond_the_limits_go(#[case] passed: i32, #[case] failed: i32, #[case] expected: &[&str]) {
    let runs = [
        run(&test(4, 5), Phase::Finished, Some(Verdict::Failed)),
        run(&test(1, 5), Phase::Finished, Some(Verdict::Passed)),
        run(&test(5, 5), Phase::Running, None),
        run(&test(3, 5), Phase::Finished, Some(Verdict::Passed)),
        run(&test(2, 5), Phase::Finished, Some(Verdict::Error)),
    ];
    let [passed, not_passed] = [passed, failed].map(|count| Kept { count: Some(count), max_age: None });
    assert_eq!(outdated(&History { passed, not_passed }, &runs, Timestamp::MAX), expected);
}

/// A run that finished so long after the epoch.
fn finished_at(generation: i64, second: i64, verdict: Verdict) -> LoadTestRun {
    let mut run = run(&test(generation, 5), Phase::Finished, Some(verdict));
    run.status.as_mut().unwrap().completion_time = Some(Time(Timestamp::from_second(second).unwrap()));
    run
}

#[test]
fn runs_that_are_too_old_go_and_the_next_one_is_waited_for() {
    let runs = [
        finished_at(1, 100, Verdict::Passed),
        finished_at(2, 200, Verdict::Passed),
        finished_at(3, 100, Verdict::Failed),
        run(&test(4, 5), Phase::Running, None),
    ];
    let history = History {
        passed: Kept { count: None, max_age: Some(TimeSpan::from_secs(150)) },
        not_passed: Kept { count: Some(10), max_age: None },
    };
    let at = |second| Timestamp::from_second(second).unwrap();
    assert_eq!(outdated(&history, &runs, at(249)), [""; 0]);
    assert_eq!(next_outdated(&history, &runs, at(249)), Some(Duration::from_secs(1)));
    assert_eq!(outdated(&history, &runs, at(250)), ["checkout-g1"]);
    assert_eq!(next_outdated(&history, &runs, at(250)), Some(Duration::from_secs(100)));
    assert_eq!(outdated(&history, &runs, at(1_000)), ["checkout-g1", "checkout-g2"]);
    assert_eq!(next_outdated(&history, &runs, at(1_000)), None);
    // Without an age, runs only go when there are too many.
    assert_eq!(next_outdated(&History::default(), &runs, at(1_000)), None);
}

#[test]
fn a_run_to_be_kept_stays_and_takes_the_place_of_no_other() {
    let mut runs = [1, 2, 3].map(|generation| finished_at(generation, generation * 100, Verdict::Passed));
    let one = || Kept { count: Some(1), max_age: None };
    let history = History { passed: one(), not_passed: one() };
    for (name, value, expected) in [
        (annotations::KEEP, "true", &["checkout-g2"][..]),
        (annotations::BASELINE, "true", &["checkout-g2"][..]),
        (annotations::BASELINE, "false", &["checkout-g1", "checkout-g2"][..]),
    ] {
        runs[0].metadata.annotations = Some([(name.to_owned(), value.to_owned())].into());
        assert_eq!(outdated(&history, &runs, Timestamp::MAX), expected, "{name}={value}");
    }
}

#[test]
fn a_run_whose_record_is_on_its_way_to_a_store_goes_later() {
    let mut runs = [1, 2].map(|generation| finished_at(generation, generation * 100, Verdict::Passed));
    let mut spec = test(1, 5).spec;
    let store = json!({"store": {"persistentVolumeClaim": {"claimName": "records"}}});
    spec.record = Some(serde_json::from_value(store).unwrap());
    runs[0].spec.test = Some(Snapshot::of(&spec));
    let history = History { passed: Kept { count: Some(1), max_age: None }, ..History::default() };
    assert!(outdated(&history, &runs, Timestamp::MAX).is_empty());
    let told = &mut runs[0].status.get_or_insert_default().conditions;
    conditions::set(told, RECORD_STORED, true, "RecordStored", "", None, Timestamp::UNIX_EPOCH);
    assert_eq!(outdated(&history, &runs, Timestamp::MAX), ["checkout-g1"]);
}
