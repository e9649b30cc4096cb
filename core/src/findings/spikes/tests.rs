// SPDX-License-Identifier: Apache-2.0
//! Several spikes, each judged by what was recorded in its own time.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::json;
use upsurge_crds::v1alpha1::{LoadTestSpec, WorkloadResult};

use super::*;
use crate::{
    findings::Findings,
    metrics::{SeriesKey, Sink, Tags},
    plan::Plan,
    thresholds::{self, Windows},
};

fn spec() -> LoadTestSpec {
    serde_json::from_value(json!({
        "target": {"baseURL": "http://shop"},
        "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
        "load": {"spike": {"baseline": 5, "warmUp": "10s", "spikes": [
            {"name": "lunch", "peak": 20, "hold": "10s", "recovery": "10s"},
            {"name": "evening", "peak": 40, "rampUp": "5s", "hold": "10s", "rampDown": "5s"}
        ]}},
        "thresholds": [
            {"metric": "http_req_duration", "condition": "max < 200ms"},
            {"metric": "http_req_failed{stage:evening-hold}", "condition": "rate < 10%"},
            {"metric": "http_reqs", "condition": "count > 0"}
        ]
    }))
    .unwrap()
}

/// The times of the requests of some stages, in milliseconds; those of more than a second failed.
fn metrics(stages: &[(&str, &[u64])]) -> Metrics {
    let mut metrics = Metrics::default();
    for (stage, times) in stages {
        let key = |metric: &str| SeriesKey {
            metric: metric.into(),
            tags: Tags { stage: Some((*stage).into()), request: Some("/".into()), ..Tags::default() },
        };
        for time in *times {
            let mut trend = Trend::default();
            trend.record(Duration::from_millis(*time));
            metrics.add(key(names::HTTP_REQ_DURATION), &Sink::Trend(trend));
            metrics.add(key(names::HTTP_REQS), &Sink::Counter(1.0));
            let passes = u64::from(*time > 1_000);
            metrics.add(key(names::HTTP_REQ_FAILED), &Sink::Rate { passes, total: 1 });
        }
    }
    metrics
}

fn judged(metrics: &Metrics, seconds: u64, autoscaling: Option<&AutoscalingResult>) -> Vec<SpikeResult> {
    judged_by(&spec(), metrics, seconds, autoscaling)
}

fn judged_by(
    test: &LoadTestSpec,
    metrics: &Metrics,
    seconds: u64,
    autoscaling: Option<&AutoscalingResult>,
) -> Vec<SpikeResult> {
    let windows = Windows::default();
    let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
    let elapsed = Duration::from_secs(seconds);
    let evaluated = thresholds::Recorded { test, timeline: &timeline, metrics, windows: &windows, elapsed };
    // Parts have sums of their own, which nobody fed here.
    let mut evaluated = evaluated.evaluate(true);
    let selector = Selector { stage: Some("evening-hold".into()), ..Selector::default() };
    let (failed, total) = metrics.rate(names::HTTP_REQ_FAILED, &selector);
    for part in evaluated.iter_mut().filter(|one| one.metric.contains("evening-hold")) {
        part.undecided = total == 0;
        part.passed = total > 0 && (failed as f64) < 0.1 * total as f64;
    }
    Findings::of(&Recorded {
        turned: None,
        test,
        timeline: &timeline,
        metrics,
        windows: &windows,
        thresholds: &evaluated,
        elapsed,
        restarts: None,
        autoscaling,
        verified: None,
    })
    .spikes
}

#[test]
fn the_stages_are_named_after_the_spikes_and_follow_each_other() {
    let timeline = Plan::compile(&spec().load, &[]).unwrap().timeline;
    let stages: Vec<(&str, u64, f64, f64)> = timeline
        .stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage.start.as_secs(), stage.from, stage.to))
        .collect();
    let expected = [
        ("warm-up", 0, 5.0, 5.0),
        ("lunch-hold", 10, 20.0, 20.0),
        ("lunch-recovery", 20, 5.0, 5.0),
        ("evening-ramp-up", 30, 5.0, 40.0),
        ("evening-hold", 35, 40.0, 40.0),
        ("evening-ramp-down", 45, 40.0, 5.0),
    ];
    assert_eq!(stages, expected);
    assert_eq!(timeline.duration(), Duration::from_secs(50));
}

#[test]
fn a_bad_spike_does_not_hide_among_good_ones() {
    let good: &[u64] = &[10, 20, 30];
    let slow = metrics(&[("warm-up", good), ("lunch-hold", &[10, 300]), ("evening-hold", good)]);
    let spikes = judged(&slow, 50, None);
    let passed: Vec<(&str, bool)> = spikes.iter().map(|one| (one.name.as_str(), one.passed)).collect();
    assert_eq!(passed, [("lunch", false), ("evening", true)]);
    assert!(spikes[0].message.contains("http_req_duration max < 200ms: observed 300"), "{spikes:?}");
    let all = metrics(&[("lunch-hold", good), ("evening-ramp-up", &[50]), ("evening-hold", &[10, 1_500])]);
    let spikes = judged(&all, 50, None);
    assert_eq!((spikes[0].passed, spikes[1].passed, spikes[1].error_rate.as_str()), (true, false, "33.33%"));
    assert_eq!((spikes[1].requests, spikes[0].replicas.as_deref()), (3, None));
}

#[test]
fn what_can_t_be_told_is_no_pass() {
    let good: &[u64] = &[10, 20];
    let early = judged(&metrics(&[("lunch-hold", good), ("evening-hold", good)]), 40, None);
    assert_eq!((early[0].passed, early[1].undecided), (true, true), "{early:?}");
    let silent = judged(&metrics(&[("lunch-hold", good)]), 50, None);
    assert!(silent[1].undecided && !silent[1].passed, "{silent:?}");
    assert_eq!(
        silent[1].message, "can't be judged: no request ended in it",
        "no figures where there are none"
    );
    let mut folded = metrics(&[("evening-hold", good)]);
    let key = SeriesKey { metric: names::HTTP_REQ_DURATION.into(), tags: Tags::default() };
    folded.add(key, &Sink::Trend(Trend::default()));
    let folded = judged(&folded, 50, None);
    assert!(folded.iter().all(|one| one.undecided && !one.passed));
    assert!(folded.iter().all(|one| one.message.ends_with("known of the whole run only")), "{folded:?}");
}

#[test]
fn a_spike_that_no_threshold_speaks_of_does_not_pass() {
    let good: &[u64] = &[10, 20];
    let metrics = metrics(&[("lunch-hold", good), ("evening-hold", good)]);
    let mut test = spec();
    // One on durations and failures of the whole load is put to each spike; the rest speaks of the evening, or of the whole.
    test.thresholds.remove(0);
    let spikes = judged_by(&test, &metrics, 50, None);
    assert!(spikes[0].undecided && !spikes[0].passed && spikes[1].passed, "{spikes:?}");
    assert!(
        spikes[0].message.starts_with("can't be judged: no threshold speaks of it: add one on"),
        "{spikes:?}"
    );
    assert!(spikes[0].message.ends_with("; 2 requests, p95 20ms, p99 20ms, 0% failed"), "{spikes:?}");
}

/// So many ready replicas from a second on.
fn point((seconds, ready): (f64, i32)) -> ReplicaPoint {
    ReplicaPoint { at: Time(jiff::Timestamp::UNIX_EPOCH), seconds, desired: ready, current: ready, ready }
}

#[test]
fn replicas_are_those_of_the_time_of_the_spike() {
    let course = [(-5.0, 1), (12.0, 2), (18.0, 4), (28.0, 2), (36.0, 7), (49.0, 5), (60.0, 1)];
    let seen = AutoscalingResult { timeline: course.map(point).to_vec(), ..AutoscalingResult::default() };
    let good: &[u64] = &[10];
    let spikes = judged(&metrics(&[("lunch-hold", good), ("evening-hold", good)]), 50, Some(&seen));
    let replicas: Vec<Option<&str>> = spikes.iter().map(|one| one.replicas.as_deref()).collect();
    assert_eq!(replicas, [Some("1→4→2"), Some("2→7→5")]);
    // Nobody knows how many there were in a gap.
    let gap = "pods were not seen from 38 s to 47 s of the run: connection reset".to_owned();
    let seen = AutoscalingResult { problems: vec![gap], ..seen };
    let spikes = judged(&metrics(&[("lunch-hold", good), ("evening-hold", good)]), 50, Some(&seen));
    let replicas: Vec<Option<&str>> = spikes.iter().map(|one| one.replicas.as_deref()).collect();
    assert_eq!(replicas, [Some("1→4→2"), None]);
    assert!(!spikes[1].message.contains("replicas"), "{spikes:?}");
}

#[test]
fn of_several_workloads_each_has_its_replicas_by_its_name() {
    let own = |name: &str, peak: i32| WorkloadResult {
        name: name.into(),
        timeline: [(-5.0, 1), (12.0, peak), (28.0, 1)].map(point).to_vec(),
        ..WorkloadResult::default()
    };
    let gap = "cart: pods were not seen from 38 s to 47 s of the run: connection reset".to_owned();
    let seen = AutoscalingResult {
        workloads: vec![own("gateway", 2), own("cart", 4)],
        problems: vec![gap],
        ..AutoscalingResult::default()
    };
    let good: &[u64] = &[10];
    let spikes = judged(&metrics(&[("lunch-hold", good), ("evening-hold", good)]), 50, Some(&seen));
    let replicas: Vec<Option<&str>> = spikes.iter().map(|one| one.replicas.as_deref()).collect();
    assert_eq!(replicas, [Some("gateway 1→2→1, cart 1→4→1"), Some("gateway 1→1→1")]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_spike_has_the_figures_of_its_own_requests(
        times in prop::collection::vec(prop::collection::vec(1_u64..2_000, 1..40), 3),
    ) {
        let stages = ["lunch-hold", "lunch-recovery", "evening-hold"];
        let recorded: Vec<(&str, &[u64])> = stages.iter().zip(&times).map(|(stage, times)| (*stage, &times[..])).collect();
        let spikes = judged(&metrics(&recorded), 50, None);
        let own = [[&times[0][..], &times[1][..]].concat(), times[2].clone()];
        for (spike, own) in spikes.iter().zip(own) {
            let failed = own.iter().filter(|time| **time > 1_000).count();
            let most = own.iter().max().copied().unwrap_or_default();
            prop_assert_eq!(spike.requests, own.len() as i64);
            prop_assert_eq!(&spike.error_rate, &percent(failed as f64 / own.len() as f64));
            let is_fast = most < 200;
            let is_whole = spike.name == "lunch" || (failed as f64) < 0.1 * own.len() as f64;
            prop_assert_eq!(spike.passed, is_fast && is_whole, "{:?}", spike);
        }
    }
}
