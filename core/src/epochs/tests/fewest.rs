// SPDX-License-Identifier: Apache-2.0
//! A search for the fewest replicas.

use upsurge_crds::{names::reasons, v1alpha1::Verdict};

use super::*;

fn fewest(more: &Value) -> LoadTestSpec {
    let mut capacity = json!({"find": "MinReplicas", "rate": 100, "from": 1, "to": 12, "repeats": 1, "warmUp": "10s",
        "measure": "20s"});
    for (key, value) in more.as_object().unwrap() {
        capacity[key] = value.clone();
    }
    spec(&json!({"load": {"capacity": capacity}, "autoscaling": {"waitForIdle": {"timeout": "1m"}}}))
}

/// Runs a search to its end against a target that passes with these replicas; what it says, and the replicas of its probes.
fn played(spec: &LoadTestSpec, outcome: impl Fn(u32) -> EpochOutcome) -> (Answer, Vec<u32>) {
    let mut history: Vec<EpochResult> = Vec::new();
    let mut tried = Vec::new();
    loop {
        match epochs(spec).decide(&history) {
            Next::Done(Done::Capacity(found)) => return (answer(spec, &found, &history), tried),
            Next::Done(other) => panic!("a search ends with {other:?}"),
            Next::Epoch(epoch) => {
                let replicas = epoch.replicas.unwrap();
                assert_eq!(epoch.level, Some(100.0));
                assert_eq!(
                    epochs(spec).under_way(&history),
                    epoch,
                    "whoever is killed goes on with the same one"
                );
                tried.push(replicas);
                history.push(result(&epoch, outcome(replicas)));
            }
        }
        assert!(history.len() <= MOST_EPOCHS, "it doesn't end");
        // Whoever goes on has it from a checkpoint.
        history = serde_json::from_value(serde_json::to_value(&history).unwrap()).unwrap();
    }
}

fn from(least: u32) -> impl Fn(u32) -> EpochOutcome {
    move |replicas| if replicas >= least { EpochOutcome::Passed } else { EpochOutcome::Failed }
}

#[rstest]
#[case::in_the_middle(
    3, Verdict::Passed, reasons::CAPACITY_FOUND, (Some(3), Some(2)),
    "3 replicas carry 100 iterations/s, and 2 do not: http_req_failed rate < 1%; 4 probes"
)]
#[case::at_once(
    1, Verdict::Passed, reasons::CAPACITY_FOUND, (Some(1), None),
    "1 replica carries 100 iterations/s, which is as few as spec.load.capacity.from allows: fewer may do; 1 probe"
)]
#[case::never(
    99, Verdict::Failed, reasons::CAPACITY_TOO_LOW, (None, Some(12)),
    "12 replicas do not carry 100 iterations/s, and spec.load.capacity.to allows no more"
)]
fn the_fewest_replicas_are_found_and_the_most_that_do_not_do(
    #[case] least: u32,
    #[case] verdict: Verdict,
    #[case] reason: &str,
    #[case] replicas: (Option<i32>, Option<i32>),
    #[case] message: &str,
) {
    let (Answer { capacity, outcome }, tried) = played(&fewest(&json!({})), from(least));
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason), "{tried:?}");
    assert_eq!((capacity.replicas, capacity.failed_replicas), replicas, "{tried:?}");
    assert_eq!(
        (capacity.level.as_deref(), capacity.failed_level, capacity.workloads.len()),
        (Some("100"), None, 0)
    );
    assert!(outcome.message.starts_with(message), "{}", outcome.message);
}

#[test]
fn every_number_of_replicas_is_found_in_few_probes_none_of_which_comes_twice() {
    for least in 1..=12 {
        let spec = fewest(&json!({}));
        let (Answer { capacity, .. }, mut tried) = played(&spec, from(least));
        assert_eq!(capacity.replicas, i32::try_from(least).ok());
        let one = Duration::from_secs(1);
        assert!(one * tried.len() as u32 <= epochs(&spec).longest(one), "{tried:?}");
        let probes = tried.len();
        tried.sort_unstable();
        tried.dedup();
        assert_eq!(tried.len(), probes, "{tried:?}");
    }
}

#[test]
fn replicas_of_which_nothing_can_be_said_end_the_search_undecided() {
    let (Answer { capacity, outcome }, _) = played(&fewest(&json!({})), |replicas| match replicas {
        ..4 => EpochOutcome::Failed,
        _ => EpochOutcome::Inconclusive,
    });
    assert_eq!(
        (outcome.verdict, outcome.reason.as_str()),
        (Verdict::Inconclusive, reasons::CAPACITY_UNKNOWN)
    );
    assert_eq!((capacity.replicas, capacity.failed_replicas), (None, None));
}

#[test]
fn the_test_of_a_probe_has_the_rate_and_waits_for_no_rest() {
    let whole = fewest(&json!({}));
    validate(&whole).unwrap();
    let Next::Epoch(epoch) = epochs(&whole).decide(&[]) else { panic!("nothing is run") };
    assert_eq!(epoch, Epoch { number: 1, level: Some(100.0), replicas: Some(1), size: None });
    assert!(epochs(&whole).set_replicas() && !epochs(&spec(&json!({}))).set_replicas());
    let test = epochs(&whole).test(&whole, &epoch);
    assert_eq!((validate(&test).unwrap().timeline.peak(), test.autoscaling), (100.0, None));
    // As a whole it is one of its probes: that much is to be allowed, and not its replicas.
    assert_eq!(validate(&whole).unwrap().timeline.peak(), 100.0);
    let shown = epoch.under_way(None).unwrap();
    assert_eq!(
        (shown.level.as_str(), shown.pinned_replicas, key(&shown).as_str()),
        ("100", Some(1), "100 with 1")
    );
}
