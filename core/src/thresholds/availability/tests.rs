// SPDX-License-Identifier: Apache-2.0
//! The share of good seconds, against what is counted request by request.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;

use super::MOST_BLANK;
use crate::{
    metrics::{Metrics, SeriesKey, Sink, Tags, names},
    plan::Plan,
    protocol::Delta,
    slices::Slicing,
    thresholds::{Recorded, Windowed, Windows},
};
use std::time::Duration;
use upsurge_crds::v1alpha1::{LoadTestSpec, ThresholdResult};

fn test(percent: Option<i32>, condition: &str, seconds: u64) -> LoadTestSpec {
    let mut threshold =
        json!({"metric": "availability", "condition": condition, "selector": {"stage": "hold"}});
    if let Some(percent) = percent {
        threshold["minSucceededPercent"] = percent.into();
    }
    serde_json::from_value(json!({
        "target": {"baseURL": "http://shop"},
        "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
        "load": {"stages": [{"name": "hold", "duration": format!("{seconds}s"), "target": 5}]},
        "thresholds": [threshold]
    }))
    .unwrap()
}

/// A second of a runner: requests that ended in it, and those of them that failed, of the stage and of another one.
fn delta(second: u64, total: u64, failed: u64) -> Delta {
    let mut metrics = Metrics::default();
    for (stage, share) in [("hold", 1), ("other", 3)] {
        let tags = Tags { stage: Some(stage.into()), ..Tags::default() };
        let sink =
            Sink::Rate { passes: if share == 1 { failed } else { total * share }, total: total * share };
        metrics.add(SeriesKey { metric: names::HTTP_REQ_FAILED.into(), tags }, &sink);
    }
    let from_ms = second * 1_000 + 4;
    Delta { number: second + 1, from_ms, to_ms: from_ms + 1_000, metrics, ..Delta::default() }
}

/// What comes out when each runner sends its seconds in messages of so many, the one after the other, and tells of no more than so many.
fn evaluated(
    test: &LoadTestSpec,
    runners: &[Vec<(u64, u64)>],
    merged: &[usize],
    told: &[usize],
) -> ThresholdResult {
    let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
    let (windowed, slicing) = (Windowed::new(test, &timeline), Slicing::of(test));
    let (mut windows, mut metrics) = (Windows::default(), Metrics::default());
    let mut queues: Vec<Vec<Delta>> = runners
        .iter()
        .zip(merged)
        .zip(told)
        .map(|((seconds, merged), told)| {
            let deltas: Vec<Delta> = seconds
                .iter()
                .take(*told)
                .enumerate()
                .map(|(second, (total, failed))| delta(second as u64, *total, *failed))
                .collect();
            let messages = deltas.chunks((*merged).max(1)).map(|chunk| {
                let mut first = chunk[0].clone();
                chunk[1..].iter().for_each(|next| slicing.merge(&mut first, next.clone()));
                if first.slices.is_empty() {
                    first.slices = vec![windowed.slice(first.from_ms, first.to_ms, &first.metrics)];
                }
                first
            });
            let mut messages: Vec<Delta> = messages.collect();
            messages.reverse();
            messages
        })
        .collect();
    let mut elapsed = vec![0; runners.len()];
    while queues.iter().any(|queue| !queue.is_empty()) {
        for (queue, elapsed) in queues.iter_mut().zip(&mut elapsed) {
            let Some(message) = queue.pop() else { continue };
            metrics.merge(&message.metrics);
            *elapsed = message.to_ms;
            message.slices.iter().for_each(|slice| windowed.add_slice(&mut windows, slice));
        }
        let until = elapsed.iter().min().copied().unwrap_or_default();
        windowed.close(&mut windows, Duration::from_millis(until), &metrics);
        windows = serde_json::from_str(&serde_json::to_string(&windows).unwrap()).unwrap();
    }
    let elapsed = Duration::from_millis(elapsed.into_iter().max().unwrap_or_default());
    let recorded = Recorded { test, timeline: &timeline, metrics: &metrics, windows: &windows, elapsed };
    recorded.evaluate(true).remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn however_runners_send_their_seconds_the_share_is_that_of_all_requests(
        runners in prop::collection::vec(prop::collection::vec((0_u64..30, 0_u64..4), 40), 1..4),
        merged in prop::collection::vec(1_usize..20, 3),
        percent in prop::option::of(80_i32..=100),
    ) {
        let runners: Vec<Vec<(u64, u64)>> = runners
            .into_iter()
            .map(|seconds| seconds.into_iter().map(|(total, failed)| (total, failed.min(total))).collect())
            .collect();
        let result = evaluated(&test(percent, "rate >= 50%", 40), &runners, &merged, &[40; 3]);
        // Request by request: which second each ended in, and whether it failed.
        let mut seconds: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
        for runner in &runners {
            for (second, (total, failed)) in runner.iter().enumerate() {
                let requests = (0..*total).map(|request| request >= *failed);
                seconds.entry(second).or_default().extend(requests);
            }
        }
        seconds.retain(|_, requests| !requests.is_empty());
        let least = f64::from(percent.unwrap_or(99)) / 100.0;
        let is_good = |requests: &&Vec<bool>| {
            let succeeded = requests.iter().filter(|succeeded| **succeeded).count() as f64;
            succeeded / requests.len() as f64 >= least - 1e-12
        };
        let good = seconds.values().filter(is_good).count();
        if seconds.is_empty() {
            prop_assert!(result.undecided);
        } else {
            let share = good as f64 / seconds.len() as f64;
            prop_assert_eq!(&result.observed, &crate::results::percent(share));
            prop_assert_eq!((result.passed, result.undecided), (share >= 0.5, false));
            let told = format!("{} of {} seconds", seconds.len() - good, seconds.len());
            prop_assert!(result.detail.as_ref().is_some_and(|detail| detail.starts_with(&told)), "{:?}", result);
        }
    }
}

#[test]
fn seconds_that_a_runner_did_not_tell_of_are_unknown_and_decide_nothing() {
    // The second runner falls silent after 30 of 40 seconds; two seconds before were bad.
    let mut steady = vec![(10, 0); 40];
    steady[3] = (10, 5);
    steady[7] = (10, 5);
    let runners = [steady.clone(), vec![(10, 0); 40]];
    let of = |condition: &str| evaluated(&test(None, condition, 40), &runners, &[1, 1], &[40, 30]);
    let [holds, fails, hangs] = ["rate >= 60%", "rate > 96%", "rate >= 90%"].map(of);
    assert_eq!((holds.passed, holds.undecided), (true, false), "{holds:?}");
    // 28 of 30 are good; were all others, 38 of 40 would be.
    assert_eq!((fails.passed, fails.undecided), (false, false), "{fails:?}");
    assert_eq!((hangs.passed, hangs.undecided), (false, true), "{hangs:?}");
    assert_eq!(hangs.observed, "93.33%");
    let detail = hangs.detail.unwrap();
    assert!(detail.contains("10 more are not known"), "{detail}");
}

#[test]
fn seconds_that_were_told_as_one_are_unknown() {
    // Nobody took anything for 300 seconds: there is room for 120 slices, so some are of several seconds.
    let runners = [vec![(10, 0); 300]];
    let result = evaluated(&test(None, "rate >= 99%", 300), &runners, &[300], &[300]);
    assert!(result.undecided && result.detail.unwrap().contains("are not known"));
}

#[test]
fn an_availability_that_can_t_be_told_stops_nothing_and_a_bad_one_does() {
    let mut spec = test(None, "rate >= 90%", 40);
    spec.thresholds[0].abort_on_fail = true;
    let timeline = Plan::compile(&spec.load, &[]).unwrap().timeline;
    let windowed = Windowed::new(&spec, &timeline);
    let (mut windows, metrics) = (Windows::default(), Metrics::default());
    let mut stopped = BTreeSet::new();
    for second in 0..6_u64 {
        let delta = delta(second, 10, if second == 4 { 9 } else { 0 });
        windowed.add_slice(&mut windows, &windowed.slice(delta.from_ms, delta.to_ms, &delta.metrics));
        windowed.close(&mut windows, Duration::from_millis(delta.to_ms), &metrics);
        let elapsed = Duration::from_millis(delta.to_ms);
        let recorded =
            Recorded { test: &spec, timeline: &timeline, metrics: &metrics, windows: &windows, elapsed };
        if recorded.breached_abort().is_some() {
            stopped.insert(second);
        }
    }
    // 4 of 5 are too few, as are 5 of 6.
    assert_eq!(stopped.into_iter().collect::<Vec<_>>(), [4, 5]);
}

/// What is known after some seconds of runners, of which those of `None` are when figures give way: good, bad and unknown seconds.
fn told(messages: &[Option<(u64, u64)>], until: u64) -> (u64, u64, u64) {
    let test = test(None, "rate >= 50%", 40);
    let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
    let (windowed, mut windows) = (Windowed::new(&test, &timeline), Windows::default());
    for message in messages {
        let Some((second, total)) = message else {
            windowed.give_up(&mut windows);
            continue;
        };
        let Delta { from_ms, to_ms, metrics, .. } = delta(*second, *total, 0);
        let slice = windowed.slice(from_ms, to_ms, &metrics);
        let (before, most) =
            (windows.bytes(), windowed.growth(&windows, &Default::default(), std::slice::from_ref(&slice)));
        windowed.add_slice(&mut windows, &slice);
        assert!(windows.bytes() <= before + most, "{} and at most {most} more", before);
        windows = serde_json::from_str(&serde_json::to_string(&windows).unwrap()).unwrap();
    }
    windowed.close(&mut windows, Duration::from_secs(until), &Metrics::default());
    let counts = windowed.good_seconds(0, &windows, Some(Duration::from_secs(40))).unwrap();
    (counts.good, counts.bad, counts.unknown)
}

#[test]
fn a_second_that_only_a_slower_runner_had_requests_in_is_unknown_after_figures_gave_way() {
    // The fast one had none in the seconds 1 and 3.
    let fast = [0, 2, 4].map(|second| Some((second, 5)));
    let with = |slow: &[Option<(u64, u64)>]| {
        let messages: Vec<_> = fast.iter().chain([&None]).chain(slow).copied().collect();
        told(&messages, 40)
    };
    assert_eq!(with(&[]), (0, 0, 3), "nothing is known of those three, and nothing was in the others");
    assert_eq!(with(&[Some((0, 2)), Some((1, 2)), Some((3, 0))]), (0, 0, 4), "one more had requests");
    assert_eq!(
        with(&[Some((1, 2)), Some((1, 2)), Some((3, 1)), Some((5, 1))]),
        (1, 0, 5),
        "each counts once"
    );
}

#[test]
fn seconds_that_were_given_up_are_kept_for_slower_runners_in_bounds() {
    // Every other second, and figures give way each time.
    let mut messages: Vec<Option<(u64, u64)>> = Vec::new();
    (0..400).step_by(2).for_each(|second| messages.extend([Some((second + 1, 1)), None]));
    let (good, bad, unknown) = told(&messages, 400);
    assert_eq!((good, bad), (0, 0));
    assert_eq!(
        unknown,
        200 + (200 - MOST_BLANK as u64),
        "those that there is no room for are taken for unknown"
    );
}
