// SPDX-License-Identifier: Apache-2.0
//! Staircases that turned back, or were to.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::plan::Turn;

fn turned(last_step: u32, late: usize) -> Turned {
    Turned { turn: Turn { last_step }, late, never: false }
}

#[rstest]
#[case::at_the_overload(450, 8, "passed", "2s")]
#[case::as_it_looked_broken_too_soon(650, 8, "undecided", "2s")]
fn a_load_that_turned_back_is_judged_as_one_that_was_planned_so(
    #[case] capacity: u64,
    #[case] last_step: u32,
    #[case] good: &str,
    #[case] recovered: &str,
) {
    let test = spec(&json!({"degradation": {}, "recoverWithin": "10s"}));
    let target = Target { capacity, slow: 2, ..STEADY };
    let result = found_since(0, &test, target, u64::MAX, None, Some(turned(last_step, 0)));
    assert_eq!(result.turned_back_after.as_deref(), Some("step-8"));
    assert!(
        result.message.ends_with("; the load turned back after step-8 at 800 iterations/s"),
        "{}",
        result.message
    );
    assert_eq!(verdict(&result, "minGoodPercent"), good, "{result:?}");
    let line = line(&result, "minGoodPercent");
    if line.undecided {
        let told = line.message.as_ref().unwrap();
        assert!(told.contains("went up to 800 of the 1050") && told.contains("answers came late"), "{told}");
    }
    assert_eq!(super::line(&result, RECOVER_WITHIN).observed, recovered, "from the fall that there was");
}

#[test]
fn recovery_is_not_told_of_a_load_that_some_runners_left_high() {
    let test = spec(&json!({"degradation": {}, "recoverWithin": "10s"}));
    let result = found_since(0, &test, STEADY, u64::MAX, None, Some(turned(8, 1)));
    assert_eq!(
        (verdict(&result, "minGoodPercent"), verdict(&result, RECOVER_WITHIN)),
        ("passed", "undecided")
    );
    let told = line(&result, RECOVER_WITHIN).message.clone().unwrap();
    assert!(told.starts_with("1 runner turned back late, or never said so: "), "{told}");
}

#[test]
fn a_load_that_nobody_could_turn_is_judged_as_it_was_planned_but_for_its_recovery() {
    let test = spec(&json!({"degradation": {}, "recoverWithin": "10s"}));
    let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
    let recorded = Recorded {
        test: &test,
        timeline: &timeline,
        turned: Some(Turned { never: true, ..turned(8, 2) }),
        metrics: &Metrics::default(),
        windows: &Windows::default(),
        thresholds: &[],
        elapsed: timeline.duration(),
        restarts: None,
        autoscaling: None,
        verified: None,
    };
    let result = Findings::of(&recorded).stress.unwrap();
    assert!(result.turned_back_after.is_none() && !result.message.contains("turned"), "{result:?}");
    assert!(result.message.contains("up to 1000 iterations/s (the highest step"), "{}", result.message);
}

#[test]
fn a_load_that_ended_before_it_turned_back_did_not_turn() {
    let test = spec(&json!({"degradation": {}, "recoverWithin": "10s"}));
    let result = found_since(0, &test, STEADY, 37, None, Some(turned(8, 0)));
    assert!(result.turned_back_after.is_none() && !result.message.contains("turned"), "{result:?}");
}
