// SPDX-License-Identifier: Apache-2.0
//! What the target's pods used, in status and verdict.

use upsurge_figures::{
    elasticity::Demand,
    observation::{Amount, ContainerUsage, Event, PodUsage, Source, What},
    workload::Workload,
};

use super::*;

/// A pod that uses all of its CPU, and of whose memory so many percent of a GiB are added each minute.
fn used(percent_per_minute: f64) -> SessionSnapshot {
    let mut snapshot = measured();
    let gibibyte = f64::from(1 << 30);
    let mut recorded = Workload::new(Demand::None);
    recorded.note(Event::live(at(-5), What::Listed { source: Source::Pods }));
    recorded.begin(at(0), []);
    for second in (5..60).step_by(5) {
        let noise = ((second as f64) * 12.989_8).sin() * 1e-5;
        let share = 0.2 * (1.0 + percent_per_minute / 100.0 * second as f64 / 60.0 + noise);
        let container = ContainerUsage {
            name: "main".into(),
            cpu: Amount { used: 0.99, request: Some(0.5), limit: Some(1.0) },
            memory: Amount { used: share * gibibyte, request: Some(gibibyte), limit: Some(gibibyte) },
        };
        let pod = PodUsage {
            pod: "checkout-a".into(),
            at: at(second),
            window: 5.0,
            containers: vec![container],
            is_seen: true,
        };
        recorded.note(Event::live(at(second + 1), What::Usage { pods: vec![pod], omitted: 0 }));
    }
    snapshot.workload = recorded.into();
    snapshot
}

fn limits() -> serde_json::Value {
    json!({"usage": [
        {"resource": "CPU", "relativeTo": "Request", "maxPercent": 300},
        {"resource": "Memory", "maxGrowthPercentPerHour": 500, "maxRestarts": 0},
    ]})
}

#[test]
fn a_pod_that_grows_too_fast_fails_the_run_and_what_was_scarce_is_told() {
    let (status, outcome) = concluded(limits(), &used(30.0), None);
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Failed, "UsageExceeded"), "{outcome:?}");
    assert!(outcome.message.contains("memory of pod checkout-a grew by 17"), "{outcome:?}");
    assert!(
        outcome.message.contains("; bottleneck: CPU (pod checkout-a used up to 99% of the CPU limit"),
        "{outcome:?}"
    );
    let names: Vec<Option<&str>> = status.usage.iter().map(|usage| usage.pod.as_deref()).collect();
    assert_eq!(names, [None, Some("checkout-a")]);
    let told: Vec<(&str, bool)> =
        status.usage_expectations.iter().map(|one| (one.name.as_str(), one.passed)).collect();
    assert_eq!(
        told,
        [("CPU maxPercent", true), ("Memory maxGrowthPercentPerHour", false), ("Memory maxRestarts", true)]
    );
}

#[test]
fn a_pod_that_keeps_its_limits_lets_the_run_pass() {
    let (status, outcome) = concluded(limits(), &used(0.0), None);
    assert_eq!(outcome.verdict, Verdict::Passed, "{outcome:?}");
    assert!(outcome.message.contains("3 usage or growth limits held"), "{outcome:?}");
    assert!(status.usage_expectations.iter().all(|one| one.passed));
}

#[test]
fn without_a_metrics_api_limits_on_usage_are_open() {
    let mut snapshot = measured();
    let mut recorded = Workload::new(Demand::None);
    let message = "the cluster has no metrics API".to_owned();
    recorded.note(Event::live(at(-5), What::Lost { source: Source::Usage, message }));
    recorded.begin(at(0), []);
    snapshot.workload = recorded.into();
    let (status, outcome) = concluded(limits(), &snapshot, None);
    assert_eq!(
        (outcome.verdict, outcome.reason.as_str()),
        (Verdict::Inconclusive, "UsageUnknown"),
        "{outcome:?}"
    );
    assert!(outcome.message.contains("no metrics API"), "{outcome:?}");
    assert!(status.usage_expectations.iter().all(|one| one.undecided), "{:?}", status.usage_expectations);
}

#[test]
fn of_a_load_that_was_cut_short_nothing_is_judged() {
    let cause = Cause::aborted();
    let (status, outcome) = concluded(limits(), &used(30.0), Some(cause));
    assert_eq!(outcome.verdict, Verdict::Aborted);
    assert!(status.usage_expectations.is_empty() && status.usage.len() == 2, "what was measured is told");
}
