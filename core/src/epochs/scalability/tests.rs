// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;
use upsurge_crds::v1alpha1::{EpochOutcome, Verdict};
use upsurge_figures::scalability::Usl;

use super::*;
use crate::{
    format::{per_second, percent},
    plan::schedule::Users,
    thresholds::display_name,
    validate::validate,
};

const LIMIT: &str = "http_req_failed rate < 1%";

fn of(counts: &[u32], repeats: u32) -> Scalability {
    Scalability::new(counts, 5, repeats, TimeSpan::from_secs(10), TimeSpan::from_secs(20)).unwrap()
}

/// A measurement of which so many requests per second came, each of them answered.
fn result(made: &Measurement, outcome: EpochOutcome, rate: f64) -> EpochResult {
    EpochResult {
        outcome: Some(outcome),
        limit: (outcome != EpochOutcome::Passed).then(|| LIMIT.to_owned()),
        requests_per_second: Some(per_second(rate)),
        error_rate: Some(percent(0.0)),
        replicas: i32::try_from(made.pinned_replicas).ok(),
        ..made.under_way(None)
    }
}

/// A measurement of a target that scales like this.
fn passed(made: &Measurement) -> EpochResult {
    let replicas = f64::from(made.pinned_replicas);
    result(made, EpochOutcome::Passed, 2e4 * Usl::capacity(0.05, 0.001, replicas))
}

/// Runs a test to its end: what it found, and its history.
fn played(
    scalability: &Scalability,
    mut measured: impl FnMut(&Measurement) -> EpochResult,
) -> (Scaled, Vec<EpochResult>) {
    let mut history: Vec<EpochResult> = Vec::new();
    while let Some(due) = scalability.due(&history) {
        history.push(measured(&due));
        assert!(history.len() <= MOST_EPOCHS, "it doesn't end");
        // Whoever goes on has it from a checkpoint.
        history = serde_json::from_value(serde_json::to_value(&history).unwrap()).unwrap();
    }
    (scalability.found(&history), history)
}

fn replicas(history: &[EpochResult]) -> Vec<i32> {
    history.iter().map(|epoch| epoch.replicas.unwrap()).collect()
}

#[test]
fn counts_go_up_and_down_and_up_again_with_as_many_users_for_each_replica() {
    let (scaled, history) = played(&of(&[4, 1, 2, 4], 3), passed);
    assert_eq!(replicas(&history), [1, 2, 4, 4, 2, 1, 1, 2, 4]);
    let levels: Vec<&str> = history.iter().map(|epoch| epoch.level.as_str()).collect();
    assert_eq!(levels, ["5", "10", "20", "20", "10", "5", "5", "10", "20"]);
    let numbers: Vec<i32> = history.iter().map(|epoch| epoch.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let counts: Vec<(u32, u32, u32)> =
        scaled.counts.iter().map(|count| (count.replicas, count.users, count.passed)).collect();
    assert_eq!(counts, [(1, 5, 3), (2, 10, 3), (4, 20, 3)]);
}

#[test]
fn what_was_measured_gives_its_law() {
    let (scaled, _) = played(&of(&[1, 2, 4, 8, 16], 3), passed);
    let usl = scaled.usl.as_ref().unwrap();
    assert!((usl.contention.estimate - 0.05).abs() < 1e-3, "{usl:?}");
    assert!((usl.coherency.estimate - 0.001).abs() < 1e-4, "{usl:?}");
    assert!((usl.single.estimate / 2e4 - 1.0).abs() < 1e-3, "{usl:?}");
    assert!(scaled.amdahl.is_some() && scaled.unfitted.is_none());
    // 1 / (1 + 0.05 + 0.002) is 0.951, and with 4 replicas 0.861.
    assert_eq!((scaled.verdict(), scaled.sublinear_from), (Verdict::Passed, Some(4)));
    let message = scaled.message();
    let begin =
        "16 replicas serve 8.04 times what 1 replica can, which is 50 % of linear; from 4 replicas on, ";
    assert!(message.starts_with(begin), "{message}");
    assert!(message.contains("; contention α is 0.05 ("), "{message}");
    assert!(message.contains(": beyond 31 replicas, more serve less"), "{message}");
    assert!(message.ends_with("fewer than six counts were measured)"), "{message}");
    let json = serde_json::to_value(&scaled).unwrap();
    assert_eq!((&json["sublinearFrom"], &json["counts"][2]["replicas"]), (&json!(4), &json!(4)));
    assert_eq!(json["counts"][0].get("interval"), None);
    assert!(json["counts"][1]["interval"]["low"].is_number() && json["usl"]["linearUntil"].is_number());
}

#[test]
fn without_coherency_it_is_amdahls_law_that_is_told() {
    let (scaled, _) = played(&of(&[1, 2, 4, 8, 16, 12], 2), |due| {
        let replicas = f64::from(due.pinned_replicas);
        // Alternating noise, so that intervals have some width.
        let noise = if due.number <= 6 { 1.001 } else { 0.999 };
        result(due, EpochOutcome::Passed, 2e4 * noise * Usl::capacity(0.05, 0.0, replicas))
    });
    let message = scaled.message();
    assert!(message.contains("contention σ is 0.05 ("), "{message}");
    assert!(message.ends_with(": no number of replicas serves more than 20 times what one can"), "{message}");
}

#[test]
fn whoever_is_killed_between_two_measurements_goes_on_with_the_same_one_and_repeats_none() {
    let scalability = of(&[1, 2, 4, 8], 3);
    // One of them has to be tried again.
    let (scaled, history) = played(&scalability, |due| match due.number {
        6 => result(due, EpochOutcome::Inconclusive, 1.0),
        _ => passed(due),
    });
    assert_eq!(replicas(&history), [1, 2, 4, 8, 8, 4, 4, 2, 1, 1, 2, 4, 8]);
    for (length, made) in history.iter().enumerate() {
        let next = scalability.due(&history[..length]).unwrap();
        assert_eq!(next.number as usize, length + 1);
        assert_eq!(i32::try_from(next.pinned_replicas).ok(), made.replicas);
        assert_eq!(next.under_way(None).level, made.level);
    }
    assert_eq!((scalability.due(&history), scalability.found(&history)), (None, scaled));
}

#[test]
fn what_does_not_meet_its_thresholds_is_no_throughput_and_fails_the_test() {
    let (scaled, history) = played(&of(&[1, 2, 4, 8], 2), |due| match due.pinned_replicas {
        8 => result(due, EpochOutcome::Failed, 1e6),
        _ => passed(due),
    });
    assert_eq!(history.len(), 8, "a measurement that fails is one");
    let last = scaled.counts.last().unwrap();
    assert_eq!((last.passed, last.failed, last.throughput), (0, 2, None));
    assert_eq!(scaled.verdict(), Verdict::Failed);
    let message = scaled.message();
    let begin = format!("thresholds did not hold with 8 replicas: {LIMIT}; 4 replicas serve 3.44 times ");
    assert!(message.starts_with(&begin), "{message}");
    assert!((scaled.usl.unwrap().contention.estimate - 0.05).abs() < 1e-3, "the rest is fitted");
}

#[rstest]
#[case::for_a_reason(|due: &Measurement| result(due, EpochOutcome::Inconclusive, 9.0), LIMIT)]
#[case::other_replicas(
    |due: &Measurement| EpochResult { replicas: Some(3), ..passed(due) },
    "replicas served that were not asked for: 3"
)]
#[case::replicas_that_nobody_saw(
    |due: &Measurement| EpochResult { replicas: None, ..passed(due) },
    "it is not known that as many replicas served all the time"
)]
#[case::failed_with_other_replicas(
    |due: &Measurement| EpochResult { replicas: Some(3), ..result(due, EpochOutcome::Failed, 9.0) },
    "replicas served that were not asked for: 3"
)]
#[case::no_answers(
    |due: &Measurement| EpochResult { error_rate: Some("100%".into()), ..passed(due) }, "nothing was answered")]
#[case::no_figures(
    |due: &Measurement| EpochResult { requests_per_second: None, ..passed(due) }, "nothing was answered")]
fn a_count_of_which_three_measurements_say_nothing_is_given_up(
    #[case] blind: fn(&Measurement) -> EpochResult,
    #[case] limit: &str,
) {
    let (scaled, history) = played(&of(&[1, 2, 4, 8], 2), |due| match due.pinned_replicas {
        2 => blind(due),
        _ => passed(due),
    });
    assert_eq!(history.len(), 6 + TRIES as usize);
    let count = &scaled.counts[1];
    assert_eq!((count.passed, count.failed, count.blind), (0, 0, TRIES));
    assert_eq!((count.limit.as_deref(), scaled.verdict()), (Some(limit), Verdict::Inconclusive));
    assert!(scaled.message().starts_with(&format!("nothing is known of 2 replicas: {limit}; ")));
}

#[test]
fn requests_that_failed_are_no_throughput() {
    let (scaled, _) = played(&of(&[1, 2], 2), |due| EpochResult {
        error_rate: Some("25%".into()),
        ..result(due, EpochOutcome::Passed, 80.0)
    });
    assert_eq!(scaled.counts[0].throughput, Some(60.0));
    assert_eq!(scaled.counts[1].efficiency, Some(0.5));
    // Two counts are enough for Amdahl's law only.
    assert!(scaled.amdahl.is_some() && scaled.usl.is_none());
    assert!(scaled.unfitted.unwrap().starts_with("a fit needs 3 different counts"));
}

#[rstest]
#[case::one_count(&[4, 4], 5, 3, 1, ScalabilityError::Counts)]
#[case::no_replicas(&[0, 4], 5, 3, 1, ScalabilityError::Counts)]
#[case::no_users(&[1, 4], 0, 3, 1, ScalabilityError::Users)]
#[case::too_many_users(&[1, 4], 250_001, 3, 1, ScalabilityError::Users)]
#[case::never(&[1, 4], 5, 0, 1, ScalabilityError::Measurements { counts: 2, repeats: 0 })]
#[case::too_often(&[1, 4], 5, 31, 1, ScalabilityError::Measurements { counts: 2, repeats: 31 })]
#[case::no_time(&[1, 4], 5, 3, 0, ScalabilityError::NoTime)]
fn what_measures_nothing_or_too_much_is_refused(
    #[case] counts: &[u32],
    #[case] users: u32,
    #[case] repeats: u32,
    #[case] measure: u64,
    #[case] error: ScalabilityError,
) {
    let made = Scalability::new(counts, users, repeats, TimeSpan::default(), TimeSpan::from_secs(measure));
    assert_eq!(made, Err(error));
}

#[test]
fn the_test_of_a_measurement_has_its_users_and_thresholds_on_what_is_measured() {
    let spec: LoadTestSpec = serde_json::from_value(json!({
        "target": {"baseURL": "http://shop", "workloads": [{"name": "checkout"}]},
        "scenarios": [{"name": "pay", "steps": [{"request": {"name": "pay", "url": "/"}}]}],
        "load": {"constant": {"level": 1, "duration": "1m"}, "gracefulStop": "3s"},
        "thresholds": [{"metric": "http_req_failed", "condition": "rate < 1%"}]
    }))
    .unwrap();
    let scalability = of(&[1, 3], 1);
    let first = passed(&scalability.due(&[]).unwrap());
    let second = scalability.due(&[first]).unwrap();
    assert_eq!(second, Measurement { number: 2, pinned_replicas: 3, users: 15 });
    let test = scalability.test(&spec, &second);
    let valid = validate(&test).unwrap();
    let stages: Vec<(&str, u64, f64, f64)> = valid
        .timeline
        .stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage.duration.as_secs(), stage.from, stage.to))
        .collect();
    assert_eq!(stages, [("warm-up", 10, 15.0, 15.0), ("measure", 20, 15.0, 15.0), ("finish", 1, 0.0, 0.0)]);
    // Nobody begins anything more, and what an iteration still asks for is not measured, however long it takes.
    let load = &valid.loads[0];
    let intervals = Users::new(load).intervals(14);
    assert_eq!(intervals, [(Duration::ZERO, Duration::from_secs(30))]);
    let stage = |milliseconds| stages[load.stage_at(Duration::from_millis(milliseconds))].0;
    assert_eq!([29_999, 30_000, 33_999].map(stage), ["measure", "finish", "finish"]);
    assert_eq!(valid.timeline.unit(), Some(LoadUnit::Users));
    assert_eq!(test.load.graceful_stop, Some(TimeSpan::from_secs(3)));
    assert_eq!(display_name(&test.thresholds[0]), "http_req_failed{stage:measure}");
    let one = Duration::from_secs(30);
    assert_eq!(scalability.longest(one), one * (2 + TRIES));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_out_it_ends_and_no_count_is_measured_more_often_than_asked_for(
        outcomes in prop::collection::vec(0_u8..4, MOST_EPOCHS),
        counts in prop::collection::btree_set(1_u32..40, 2..7),
        repeats in 1_u32..9,
    ) {
        let counts: Vec<u32> = counts.into_iter().collect();
        let scalability = of(&counts, repeats);
        let (scaled, history) = played(&scalability, |due| match outcomes[due.number as usize - 1] {
            0 => result(due, EpochOutcome::Failed, 5.0),
            1 => result(due, EpochOutcome::Inconclusive, 5.0),
            _ => passed(due),
        });
        let told: u32 = scaled.counts.iter().map(|count| count.passed + count.failed + count.blind).sum();
        prop_assert_eq!(told as usize, history.len());
        for count in &scaled.counts {
            let measured = count.passed + count.failed;
            prop_assert!(measured <= repeats && count.blind <= TRIES, "{:?}", count);
            let is_done = measured == repeats || count.blind == TRIES;
            prop_assert!(is_done || history.len() == MOST_EPOCHS, "{:?}", count);
        }
        // Rounds: none is ahead of another one that goes on by more than one measurement.
        let going: Vec<u32> = scaled.counts.iter().filter(|count| count.blind < TRIES)
            .map(|count| count.passed + count.failed).collect();
        let (least, most) = (going.iter().min(), going.iter().max());
        prop_assert!(least.zip(most).is_none_or(|(least, most)| most - least <= 1), "{:?}", going);
        for length in 0..history.len() {
            let next = scalability.due(&history[..length]).map(|due| due.under_way(None).level);
            prop_assert_eq!(next.as_ref(), Some(&history[length].level));
        }
        prop_assert!(!scaled.message().is_empty());
    }
}
