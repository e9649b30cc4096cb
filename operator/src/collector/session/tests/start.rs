// SPDX-License-Identifier: Apache-2.0
//! What has to be before a load starts, and when it does.

use serde_json::Map;
use upsurge_core::protocol::BeforeOutcome;

use super::*;
use crate::collector::start::{LEAD, LEAST_LEAD};

#[test]
fn the_load_waits_for_the_first_look_at_the_target_but_not_for_ever() {
    let mut plan = plan(1, false);
    plan.test.target.workloads = serde_json::from_value(json!([{"name": "checkout"}])).unwrap();
    let starts = |session: &Session| matches!(session.start, Start::Chosen { .. });
    let mut session = Session::new(&plan, None);
    assert_eq!(says(&mut session, &hello(0), SECOND), HelloCommand::Wait);
    assert!(!starts(&session));
    session.looked();
    says(&mut session, &hello(0), 2 * SECOND);
    assert!(starts(&session));

    let mut session = Session::new(&plan, None);
    for second in 1..=10 {
        says(&mut session, &hello(0), second * SECOND);
        assert!(!starts(&session), "it never was looked at: {second} s");
    }
    says(&mut session, &hello(0), 11 * SECOND);
    assert!(starts(&session));
}

#[test]
fn load_starts_at_one_durable_instant_when_all_are_ready() {
    let mut session = Session::new(&plan(2, false), None);
    assert_eq!(says(&mut session, &hello(0), SECOND), HelloCommand::Wait);
    assert_eq!(says(&mut session, &hello(1), 2 * SECOND), HelloCommand::Wait);
    assert!(session.is_urgent());
    assert_eq!(says(&mut session, &hello(0), 2 * SECOND), HelloCommand::Wait, "it is not durable yet");
    save(&mut session, 2 * SECOND + LEAST_LEAD);
    let start = HelloCommand::Start { at: 2 * SECOND + LEAD, variables: Map::new() };
    for runner in [0, 1, 1] {
        assert_eq!(says(&mut session, &hello(runner), 2 * SECOND + LEAST_LEAD), start);
    }
    assert_eq!(session.t0(), Some(2 * SECOND + LEAD));
}

#[test]
fn runners_that_prepare_or_fail_hold_the_start() {
    let mut session = Session::new(&plan(2, false), None);
    says(&mut session, &hello(0), 0);
    let failed = Readiness::Failed { reason: "TargetUnresolved".into(), message: "no such host".into() };
    for readiness in [Readiness::Preparing, failed] {
        assert_eq!(says(&mut session, &Hello { readiness, ..hello(1) }, 1), HelloCommand::Wait);
        assert!(!session.is_urgent());
    }
}

#[test]
fn before_is_done_by_one_runner_and_its_variables_reach_all() {
    let mut session = Session::new(&plan(2, true), None);
    assert_eq!(says(&mut session, &hello(0), 0), HelloCommand::Wait);
    assert_eq!(says(&mut session, &hello(1), 1), HelloCommand::Wait);
    assert_eq!(says(&mut session, &hello(0), 2), HelloCommand::RunBefore);
    let variables = json!({"token": "abc"}).as_object().unwrap().clone();
    let before = Some(BeforeOutcome { result: Ok(variables.clone()) });
    assert_eq!(says(&mut session, &Hello { before, ..hello(0) }, 3), HelloCommand::Wait);
    save(&mut session, 4);
    assert_eq!(says(&mut session, &hello(1), 5), HelloCommand::Start { at: 3 + LEAD, variables });
}

#[test]
fn a_failed_before_shows_as_the_failure_of_its_runner() {
    let mut session = Session::new(&plan(1, true), None);
    let before = Some(BeforeOutcome { result: Err("request \"seed\" got 503".into()) });
    assert_eq!(says(&mut session, &Hello { before, ..hello(0) }, 0), HelloCommand::Wait);
    let failed = Readiness::Failed {
        reason: reasons::BEFORE_FAILED.into(),
        message: "request \"seed\" got 503".into(),
    };
    assert_eq!(session.presence()[0].readiness, Some(failed));
}

#[test]
fn a_start_that_nobody_accepted_is_chosen_anew_after_a_restart() {
    let plan = plan(2, false);
    let mut session = Session::new(&plan, None);
    (0..2).for_each(|runner| drop(says(&mut session, &hello(runner), 0)));
    save(&mut session, 0);
    let mut session = restarted(&session, &plan);
    assert_eq!(says(&mut session, &hello(0), 60 * SECOND), HelloCommand::Wait);
    assert_eq!(says(&mut session, &hello(1), 60 * SECOND), HelloCommand::Wait);
    save(&mut session, 60 * SECOND);
    assert_eq!(session.t0(), Some(60 * SECOND + LEAD));
}

#[test]
fn a_start_that_somebody_accepted_is_everybodys_after_a_restart() {
    let plan = plan(3, false);
    let mut session = Session::new(&plan, None);
    (0..3).for_each(|runner| drop(says(&mut session, &hello(runner), 0)));
    save(&mut session, 0);
    let same = HelloCommand::Start { at: LEAD, variables: Map::new() };
    let mut heard_by_hello = restarted(&session, &plan);
    assert_eq!(says(&mut heard_by_hello, &hello(0), SECOND), HelloCommand::Wait);
    says(&mut heard_by_hello, &Hello { accepted_start: Some(LEAD), ..hello(1) }, SECOND);
    assert_eq!(says(&mut heard_by_hello, &hello(2), SECOND), same);
    let mut heard_by_deltas = restarted(&session, &plan);
    heard_by_deltas.deltas(&batch(1, LEAD, &[1]), &pod(1), SECOND).unwrap();
    assert_eq!(says(&mut heard_by_deltas, &hello(0), SECOND), same);
    save(&mut heard_by_deltas, SECOND);
    let mut again = restarted(&heard_by_deltas, &plan);
    assert_eq!(says(&mut again, &hello(0), 2 * SECOND), same);
}
