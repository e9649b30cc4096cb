// SPDX-License-Identifier: Apache-2.0
//! Expectations on numbers of replicas, where nobody saw the target for a while.

use super::*;

/// Two replicas, four from 120 s to 220 s, and two again, with a gap. The load rises at 60 s and falls at 180 s.
fn with_gap(source: Source, from: i64, to: i64) -> Vec<Event> {
    let mut events = recorded();
    events.extend(pods(220, &["c", "d"], &[Life::Gone]));
    let lost = What::Lost { source, message: "the operator was restarted".into() };
    events.extend([Event::live(at(from), lost), Event::live(at(to), What::Listed { source })]);
    events.sort_by_key(|event| event.seen);
    events
}

fn one(name: &str, limit: &Value, events: Vec<Event>) -> (bool, bool, Option<String>) {
    let (mut result, _) = told(json!({name: limit}), events);
    assert_eq!(result.expectations.len(), 1, "{result:?}");
    let one = result.expectations.remove(0);
    (one.passed, one.undecided, one.message)
}

#[rstest]
#[case::reached_while_nobody_looked("scaleUpWithin", json!("60s"), 110, 125, "open")]
#[case::seen_in_time_after_the_gap("scaleUpWithin", json!("70s"), 110, 125, "held")]
#[case::reached_before_the_gap("scaleUpWithin", json!("60s"), 130, 142, "held")]
#[case::perhaps_reached_in_the_gap("scaleUpWithin", json!("30s"), 70, 80, "open")]
#[case::too_late_before_the_gap("scaleUpWithin", json!("30s"), 100, 130, "missed")]
#[case::the_rise_was_seen("scaleUpWithin", json!("60s"), 10, 20, "held")]
#[case::seen_to_be_back("scaleDownWithin", json!("50s"), 200, 210, "held")]
#[case::back_before_the_gap("scaleDownWithin", json!("50s"), 225, 235, "held")]
#[case::back_while_nobody_looked("scaleDownWithin", json!("50s"), 215, 235, "open")]
#[case::seen_to_be_there_still("scaleDownWithin", json!("30s"), 190, 200, "missed")]
#[case::perhaps_back_in_the_gap("scaleDownWithin", json!("30s"), 205, 235, "open")]
#[case::back_to_nobody_knows_what("scaleDownWithin", json!("50s"), -10, 5, "open")]
#[case::a_peak_that_was_seen("minPeakReplicas", json!(4), 10, 20, "held")]
#[case::a_peak_that_was_not_seen("minPeakReplicas", json!(4), 110, 230, "open")]
#[case::a_higher_peak_in_the_gap("minPeakReplicas", json!(5), 130, 131, "open")]
#[case::above_the_limit_for_all_to_see("maxPeakReplicas", json!(3), 10, 20, "missed")]
#[case::above_the_limit_unseen("maxPeakReplicas", json!(3), 110, 230, "open")]
#[case::perhaps_above_in_the_gap("maxPeakReplicas", json!(4), 130, 131, "open")]
fn a_gap_leaves_open_what_hangs_on_it_and_nothing_else(
    #[case] name: &str,
    #[case] limit: Value,
    #[case] from: i64,
    #[case] to: i64,
    #[case] expected: &str,
    #[values(Source::Pods, Source::Endpoints)] source: Source,
) {
    let (passed, undecided, message) = one(name, &limit, with_gap(source, from, to));
    let found = match (passed, undecided) {
        (true, false) => "held",
        (false, true) => "open",
        _ => "missed",
    };
    assert_eq!(found, expected, "{message:?}");
    let is_named = message.is_some_and(|message| message.contains(" not seen from "));
    assert_eq!(is_named, undecided);
}

#[test]
fn the_gap_is_named_with_its_time() {
    let (.., message) = one("maxPeakReplicas", &json!(10), with_gap(Source::Endpoints, 90, 150));
    assert_eq!(message.as_deref(), Some("EndpointSlices were not seen from 90 s to 150 s of the run"));
}

#[test]
fn times_that_hang_on_a_gap_are_not_stated() {
    let seconds = |from, to| {
        let (result, _) = told(json!({}), with_gap(Source::Pods, from, to));
        (result.scale_up_seconds, result.scale_down_seconds)
    };
    assert_eq!(seconds(10, 20), (Some(60.0), Some(40.0)));
    assert_eq!(seconds(110, 125), (None, Some(40.0)), "it may have been at any time of the gap");
    assert_eq!(seconds(215, 235), (Some(60.0), None));
}

#[test]
fn who_asks_for_as_many_as_the_workload_has_is_hidden_by_no_gap_of_its_scale() {
    let (passed, undecided, message) = one("maxPeakReplicas", &json!(4), with_gap(Source::Workload, 90, 150));
    assert_eq!((passed, undecided), (true, false), "{message:?}");
}

#[test]
fn without_a_gap_all_is_decided() {
    for (name, limit, expected) in [
        ("maxPeakReplicas", json!(4), true),
        ("maxPeakReplicas", json!(3), false),
        ("scaleUpWithin", json!("60s"), true),
        ("scaleDownWithin", json!("30s"), false),
    ] {
        let (passed, undecided, _) = one(name, &limit, with_gap(Source::Pods, -25, -20));
        assert_eq!((passed, undecided), (expected, false), "{name}");
    }
}
