// SPDX-License-Identifier: Apache-2.0
//! What a test shows of its runs.

use serde_json::json;
use upsurge_crds::{
    conditions::is_true,
    v1alpha1::{LoadTestRunStatus, RunSummary},
};

use super::*;
use crate::load_test::{
    build,
    decide::{Start, Trigger},
};

/// What is shown when this was decided, without a schedule and triggers.
fn status(test: &LoadTest, decision: &Decision, runs: &[LoadTestRun], now: Timestamp) -> LoadTestStatus {
    super::status(test, &decided(decision), runs, now)
}

fn decided(decision: &Decision) -> Decided {
    Decided { decision: decision.clone(), schedule: Default::default(), rollout: Default::default() }
}

fn test() -> LoadTest {
    serde_json::from_value(json!({
        "apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "test-uid", "generation": 2,
                     "annotations": {"upsurge.dev/rerun": "again"}},
        "spec": {
            "target": {"baseURL": "http://checkout:8080"},
            "scenarios": [{"name": "pay", "steps": [{"request": {"name": "pay", "url": "/pay"}}]}],
            "load": {"constant": {"level": 5, "duration": "10s"}}
        }
    }))
    .unwrap()
}

fn start() -> Start {
    Start {
        name: "checkout-g2".into(),
        trigger: Trigger::SpecChanged,
        digest: "digest".into(),
        replaces: Vec::new(),
    }
}

fn run(phase: Phase, verdict: Option<Verdict>, reason: &str) -> LoadTestRun {
    let mut run = build::run(&test(), &start(), &decided(&Decision::Nothing));
    run.status = Some(LoadTestRunStatus {
        phase: Some(phase),
        verdict,
        reason: Some(reason.into()),
        message: Some("500 requests".into()),
        summary: Some(Box::new(RunSummary { requests: 500, ..RunSummary::default() })),
        ..LoadTestRunStatus::default()
    });
    run
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn seen(status: &LoadTestStatus) -> Vec<(&str, &str)> {
    status.conditions.iter().map(|condition| (condition.type_.as_str(), condition.reason.as_str())).collect()
}

#[test]
fn a_run_that_was_made_is_noted_with_what_it_answers() {
    let made = build::run(&test(), &start(), &decided(&Decision::Nothing));
    let status = status(&test(), &Decision::Start(start()), &[made], now());
    assert_eq!(status.last_run.as_deref(), Some("checkout-g2"));
    assert_eq!((status.last_run_generation, status.last_run_digest.as_deref()), (Some(2), Some("digest")));
    assert_eq!((status.last_rerun.as_deref(), status.observed_generation), (Some("again"), Some(2)));
    assert_eq!((status.phase, status.verdict), (Some(Phase::Pending), None));
    assert!(is_true(&status.conditions, conditions::RECONCILING));
}

#[test]
fn a_finished_run_is_mirrored_with_its_verdict() {
    let passed = run(Phase::Finished, Some(Verdict::Passed), reasons::THRESHOLDS_MET);
    let status = status(&test(), &Decision::Nothing, &[passed], now());
    assert_eq!((status.phase, status.verdict), (Some(Phase::Finished), Some(Verdict::Passed)));
    assert_eq!(status.summary.as_ref().map(|summary| summary.requests), Some(500));
    assert_eq!(seen(&status), [("Ready", "ThresholdsMet"), ("Complete", "ThresholdsMet")]);
}

#[test]
fn a_spec_that_cannot_be_run_is_stalled_and_shows_no_phase() {
    let mut old = test();
    old.status =
        Some(status(&test(), &Decision::Nothing, &[run(Phase::Finished, Some(Verdict::Passed), "x")], now()));
    let refused = status(&old, &Decision::Refuse { message: "spec.load: wrong".into() }, &[], now());
    assert_eq!(
        (refused.phase, refused.verdict, refused.reason.as_deref()),
        (None, None, Some("InvalidSpec"))
    );
    assert_eq!(refused.observed_generation, Some(2));
    // Whoever waits for the end need not wait until his patience is over.
    let ended = ["Ready", "Complete", "Stalled", "Failed"].map(|type_| (type_, "InvalidSpec"));
    let mut shown = seen(&refused);
    shown.sort_by_key(|(type_, _)| ended.iter().position(|(known, _)| known == type_));
    assert_eq!(shown, ended);
}

#[test]
fn a_waiting_change_is_told_while_the_active_run_shows() {
    let active = run(Phase::Running, None, reasons::RUNNING);
    let status = status(&test(), &Decision::Wait { active: "checkout-g2".into() }, &[active], now());
    let ready = find(&status.conditions, conditions::READY).unwrap();
    assert_eq!(ready.message, "500 requests; the next run starts when checkout-g2 has ended");
    assert_eq!(status.phase, Some(Phase::Running));
}

#[test]
fn suspending_shows_once_no_run_is_active() {
    let decision = Decision::Suspended { due: true };
    let active = run(Phase::Running, None, reasons::RUNNING);
    assert!(is_true(&status(&test(), &decision, &[active], now()).conditions, conditions::RECONCILING));
    let finished = run(Phase::Finished, Some(Verdict::Passed), reasons::THRESHOLDS_MET);
    assert_eq!(seen(&status(&test(), &decision, &[finished], now())), [("Ready", "Suspended")]);
}

#[test]
fn a_test_whose_runs_were_deleted_keeps_what_it_showed() {
    let finished = run(Phase::Finished, Some(Verdict::Failed), reasons::THRESHOLDS_BREACHED);
    let mut old = test();
    old.status = Some(status(&old, &Decision::Nothing, &[finished], now()));
    assert_eq!(Some(status(&old, &Decision::Nothing, &[], now())), old.status);

    old.status = Some(status(&old, &Decision::Nothing, &[run(Phase::Running, None, "Running")], now()));
    let aborted = status(&old, &Decision::Nothing, &[], now());
    assert_eq!((aborted.phase, aborted.verdict), (Some(Phase::Finished), Some(Verdict::Aborted)));
    assert!(find(&aborted.conditions, conditions::FAILED).unwrap().message.contains("was deleted"));
}

#[test]
fn whatever_a_test_shows_is_small() {
    let mut long = run(Phase::Finished, Some(Verdict::Failed), &"reason ".repeat(10_000));
    long.status.as_mut().unwrap().message = Some("\"p95\" was 300ms; ".repeat(10_000));
    let message = "spec.scenarios[0]: wrong; ".repeat(10_000);
    for decision in [Decision::Nothing, Decision::Refuse { message }, Decision::Start(start())] {
        let mut test = test();
        let rerun = test.metadata.annotations.as_mut().unwrap().values_mut().next().unwrap();
        *rerun = "again".repeat(10_000);
        let small = status(&test, &decision, std::slice::from_ref(&long), now());
        let size = serde_json::to_string(&small).unwrap().len();
        assert!(size <= 64 << 10, "{size} bytes");
        test.status = Some(small.clone());
        assert_eq!(status(&test, &decision, std::slice::from_ref(&long), now()).conditions, small.conditions);
    }
}
