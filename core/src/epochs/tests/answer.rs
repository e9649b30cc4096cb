// SPDX-License-Identifier: Apache-2.0
//! What a search says as a whole.

use upsurge_crds::{names::reasons, v1alpha1::Verdict};

use super::*;

#[rstest]
#[case::found(
    212.5,
    Verdict::Passed,
    reasons::CAPACITY_FOUND,
    "the target carries 205.938 iterations/s and not 216.235: http_req_failed rate < 1%; 3 replicas of checkout, 68.646 iterations/s each; 12 probes"
)]
#[case::more_than_asked_for(
    5e6,
    Verdict::Passed,
    reasons::CAPACITY_FOUND,
    "the target carries 1000 iterations/s, which is as much as spec.load.capacity.to allows"
)]
#[case::too_little(
    9.0,
    Verdict::Failed,
    reasons::CAPACITY_TOO_LOW,
    "the target does not carry 10 iterations/s, the lowest rate of spec.load.capacity: http_req_failed rate < 1%; 2 probes"
)]
fn a_search_answers_with_capacity_interval_and_limit(
    #[case] capacity: f64,
    #[case] verdict: Verdict,
    #[case] reason: &str,
    #[case] message: &str,
) {
    let spec = spec(&json!({}));
    let (found, history) = searched(&spec, capacity);
    let Answer { capacity, outcome } = answer(&spec, &found, &history);
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
    assert!(outcome.message.starts_with(message), "{}", outcome.message);
    assert_eq!(capacity.probes as usize, history.len());
    let shown = shown(&history, &found).unwrap();
    match capacity.level {
        Some(level) => assert_eq!((&shown.level, shown.outcome), (&level, Some(EpochOutcome::Passed))),
        None => assert_eq!(Some(shown), history.last()),
    }
}

/// What a search says whose probes come out as they are told by their levels, in turn.
fn told(outcome: impl Fn(f64, usize) -> EpochOutcome) -> Answer {
    let spec = spec(&json!({}));
    let mut history: Vec<EpochResult> = Vec::new();
    loop {
        match epochs(&spec).decide(&history) {
            Next::Epoch(epoch) => {
                let level = epoch.level.unwrap();
                let before = history.iter().filter(|known| known.level == written(level)).count();
                history.push(result(&epoch, outcome(level, before)));
            }
            Next::Done(Done::Capacity(found)) => return answer(&spec, &found, &history),
            Next::Done(Done::Once | Done::Scalability(_) | Done::Sizes(_)) => panic!("this is a search"),
        }
    }
}

#[test]
fn what_speaks_against_one_clear_limit_is_told() {
    let blind = told(|level, _| if level < 50.0 { EpochOutcome::Passed } else { EpochOutcome::Inconclusive });
    assert_eq!(
        (blind.outcome.verdict, blind.outcome.reason.as_str()),
        (Verdict::Inconclusive, reasons::CAPACITY_UNKNOWN)
    );
    assert_eq!(blind.capacity.failed_level, None, "it said nothing, which is not to fail");
    assert!(
        blind.outcome.message.starts_with("the target carries 47.649 iterations/s at least"),
        "{}",
        blind.outcome.message
    );

    // It fails the first time everywhere near the limit, and is fine from then on.
    let noisy = told(|level, before| match level {
        ..30.0 => EpochOutcome::Passed,
        30.0..60.0 if before > 0 => EpochOutcome::Passed,
        _ => EpochOutcome::Failed,
    });
    assert_eq!(noisy.outcome.verdict, Verdict::Passed);
    assert!(
        noisy.capacity.contradictions.iter().any(|told| told.ends_with("passed and failed")),
        "{noisy:?}"
    );
    assert!(noisy.outcome.message.contains("passed and failed"));
}
