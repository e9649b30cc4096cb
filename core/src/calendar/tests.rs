// SPDX-License-Identifier: Apache-2.0
//! Times of schedules, in zones whose clocks change.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn schedule(cron: &str, zone: &str) -> Schedule {
    serde_json::from_value(json!({"cron": cron, "timeZone": zone})).unwrap()
}

fn calendar(cron: &str, zone: &str) -> Calendar {
    Calendar::of(&schedule(cron, zone)).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The times from one instant to another.
fn times(calendar: &Calendar, from: &str, to: &str) -> Vec<String> {
    let mut last = at(from);
    let mut times = Vec::new();
    while let Some(next) = calendar.after(last).filter(|next| *next <= at(to)) {
        times.push(next.to_string());
        last = next;
    }
    times
}

// In Berlin, 2027-03-28 has no 02:00 to 03:00 (01:00Z is 03:00), and 2026-10-25 has it twice (00:00Z to 02:00Z).
#[rstest]
#[case::before_and_after_the_gap("0 3 * * *", "2027-03-27T12:00:00Z", "2027-03-29T12:00:00Z",
    &["2027-03-28T01:00:00Z", "2027-03-29T01:00:00Z"])]
#[case::a_time_in_the_gap_is_taken_after_it("30 2 * * *", "2027-03-26T12:00:00Z", "2027-03-29T12:00:00Z",
    &["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"])]
#[case::a_time_that_exists_twice_is_taken_once("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z",
    &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"])]
#[case::each_hour_goes_on_in_spring("0 * * * *", "2027-03-28T00:00:00Z", "2027-03-28T03:00:00Z",
    &["2027-03-28T01:00:00Z", "2027-03-28T02:00:00Z", "2027-03-28T03:00:00Z"])]
#[case::each_hour_goes_on_in_autumn("0 * * * *", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z",
    &["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"])]
fn clocks_that_change_lose_no_day_and_repeat_none(
    #[case] cron: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] expected: &[&str],
) {
    assert_eq!(times(&calendar(cron, "Europe/Berlin"), from, to), expected);
}

#[test]
fn the_zone_says_what_a_time_means() {
    let next = |zone| calendar("0 9 * * MON", zone).after(at("2026-12-01T00:00:00Z")).unwrap().to_string();
    assert_eq!(next("UTC"), "2026-12-07T09:00:00Z");
    assert_eq!(next("Asia/Tokyo"), "2026-12-07T00:00:00Z");
    assert_eq!(next("America/New_York"), "2026-12-07T14:00:00Z");
    assert_eq!(calendar("@daily", "UTC").after(at("2026-12-01T00:00:00Z")), Some(at("2026-12-02T00:00:00Z")));
}

#[test]
fn an_instant_is_a_time_or_it_is_not() {
    let calendar = calendar("30 2 * * *", "Europe/Berlin");
    assert!(calendar.has(at("2027-03-27T01:30:00Z")));
    assert!(calendar.has(at("2027-03-28T01:00:00Z")), "the one that the gap has moved");
    assert!(!calendar.has(at("2027-03-29T01:00:00Z")));
}

#[rstest]
#[case::too_few("0 3 * *", "it has 4 fields instead of 5")]
#[case::seconds("0 0 3 * * *", "it has 6 fields instead of 5")]
#[case::minute("61 * * * *", "is not a cron expression")]
#[case::words("daily at three please ok", "is not a cron expression")]
#[case::zone_within("TZ=UTC 0 3 * * *", "it has 6 fields instead of 5")]
#[case::unknown_word("@often", "is not a cron expression")]
#[case::no_such_day("0 0 30 2 *", "is never due")]
fn a_wrong_expression_is_refused_with_an_example(#[case] text: &str, #[case] expected: &str) {
    let error = Calendar::of(&schedule(text, "UTC")).unwrap_err().to_string();
    assert!(error.contains(expected) && error.contains("for example"), "{error}");
}

#[test]
fn a_wrong_zone_is_refused_with_an_example_and_a_guess() {
    let error = Calendar::of(&schedule("0 3 * * *", "Europe/Berln")).unwrap_err().to_string();
    assert!(error.ends_with("for example Europe/Berlin or UTC; did you mean Europe/Berlin?"), "{error}");
    assert!(Calendar::of(&schedule("0 3 * * *", "Local")).is_err());
}

proptest! {
    /// What was missed is found by going back from now; it has to be what going on from the beginning leads to.
    #[test]
    fn the_latest_time_is_the_last_of_those_that_follow_each_other(
        cron in prop::sample::select(vec!["30 2 * * *", "*/20 * * * *", "0 * * * *", "15 1-3 * * *", "0 3 * * SUN", "30 1,2,3 25,28 * *"]),
        start in prop::sample::select(vec!["2027-03-27T20:00:00Z", "2026-10-24T20:00:00Z", "2026-06-01T00:00:00Z"]),
        minutes in 0_i64..3_000,
    ) {
        let calendar = calendar(cron, "Europe/Berlin");
        let now = at(start) + SignedDuration::from_mins(minutes);
        let first = calendar.after(at(start)).unwrap();
        let mut last = first;
        while let Some(next) = calendar.after(last).filter(|next| *next <= now) {
            last = next;
        }
        prop_assert!(calendar.has(last));
        prop_assert_eq!(calendar.latest(first, now), last);
    }
}
