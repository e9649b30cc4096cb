//! A status stays small, and keeps what tells most.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::v1alpha1::{
    AutoscalingResult, CheckCount, PrometheusCheckResult, ReplicaPoint, RequestResult, RunSummary,
    StageResult, ThresholdResult,
};

use super::*;

/// A status with every list as long, and every text as wide, as a spec can make it.
fn huge() -> LoadTestRunStatus {
    let wide = |length: usize| "ä".repeat(length);
    let point = |n: i32| ReplicaPoint {
        at: Time(Timestamp::UNIX_EPOCH),
        seconds: f64::from(n),
        desired: n,
        current: n,
        ready: n,
    };
    let request = |_| RequestResult { name: wide(256), scenario: wide(128), summary: RunSummary::default() };
    let stage = |_| StageResult {
        name: wide(63),
        start_seconds: 0.0,
        duration_seconds: 1.0,
        summary: RunSummary::default(),
    };
    let threshold = |_| ThresholdResult {
        metric: wide(400),
        condition: wide(64),
        observed: wide(20),
        passed: true,
        undecided: false,
        detail: Some(wide(64)),
    };
    let check = |_| CheckCount { name: wide(300), request: wide(256), passes: 1, fails: 0 };
    let prometheus = |_| PrometheusCheckResult {
        name: wide(128),
        condition: wide(32),
        observed: None,
        passed: false,
        message: Some(wide(100_000)),
    };
    let runner = |index| RunnerResult {
        index,
        pod: Some(wide(63)),
        state: "Completed".into(),
        message: Some(wide(10_000)),
        ..RunnerResult::default()
    };
    LoadTestRunStatus {
        message: Some(wide(100_000)),
        requests: (0..1_000).map(request).collect(),
        stages: (0..100).map(stage).collect(),
        thresholds: (0..100).map(threshold).collect(),
        expectations: (0..1_000).map(check).collect(),
        checks: (0..50).map(prometheus).collect(),
        runners: (0..1_000).map(runner).collect(),
        autoscaling: Some(AutoscalingResult {
            timeline: (0..5_000).map(point).collect(),
            problems: (0..500).map(|_| wide(5_000)).collect(),
            ..AutoscalingResult::default()
        }),
        ..LoadTestRunStatus::default()
    }
}

#[test]
fn the_largest_status_is_below_the_bound() {
    let status = bounded(huge());
    // The conditions repeat the message four times at most.
    let size = serde_json::to_string(&status).unwrap().len() + 4 * LONGEST_MESSAGE;
    assert!(size < 256 * 1_024, "{size} bytes");
    assert!(!status.requests.is_empty() && status.requests.len() <= MOST_REQUESTS);
    assert!(status.expectations.len() <= MOST_EXPECTATIONS && status.runners.len() <= MOST_RUNNERS);
    assert!(status.autoscaling.unwrap().timeline.len() <= MOST_REPLICA_POINTS);
}

#[test]
fn a_small_status_is_left_as_it_is() {
    let mut status = huge();
    status.message = Some("500 requests".into());
    status.requests.truncate(10);
    status.expectations.truncate(10);
    status.runners.truncate(3);
    status.runners.iter_mut().for_each(|runner| runner.message = None);
    status.checks.clear();
    status.autoscaling = None;
    status.thresholds.iter_mut().for_each(|threshold| threshold.metric = "http_reqs".into());
    assert_eq!(bounded(status.clone()), status);
}

#[test]
fn runners_that_failed_are_shown_before_those_that_did_not() {
    let mut status = huge();
    status.runners[777].state = "RunnerOOMKilled".into();
    let shown = telling(status.runners);
    assert_eq!(shown.len(), MOST_RUNNERS);
    assert!(shown.iter().any(|runner| runner.index == 777));
    assert!(shown.is_sorted_by_key(|runner| runner.index));
}

#[test]
fn thinning_keeps_the_first_and_the_last() {
    for (length, most) in [(5_000, 200), (201, 200), (200, 200), (3, 2), (7, 3)] {
        let mut list: Vec<usize> = (0..length).collect();
        thin(&mut list, most);
        assert_eq!((list.len(), list[0], list[list.len() - 1]), (most.min(length), 0, length - 1));
    }
}
