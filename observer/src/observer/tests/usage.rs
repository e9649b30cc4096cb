// SPDX-License-Identifier: Apache-2.0
//! CPU and memory, beside what pods ask for and may use.

use serde_json::{Value, json};
use upsurge_figures::observation::Amount;

use super::{fixtures::*, *};

/// What the metrics API says of a pod that it measured at a second.
fn metrics(name: &str, second: i64) -> Value {
    json!({"metadata": {"name": name}, "timestamp": at(second).to_string(), "window": "10s",
        "containers": [{"name": "main", "usage": {"cpu": "250m", "memory": "64Mi"}}]})
}

fn sights(cluster: &Cluster) -> Vec<(i64, bool)> {
    let told = cluster.events.iter().filter_map(|event| match &event.what {
        What::Listed { source: Source::Usage } => Some((event.seen, true)),
        What::Lost { source: Source::Usage, .. } => Some((event.seen, false)),
        _ => None,
    });
    told.map(|(seen, sees)| (seen.duration_since(at(0)).as_secs(), sees)).collect()
}

#[test]
fn usage_is_told_with_its_own_time_beside_what_the_pod_may_use() {
    let mut cluster = Cluster::new();
    cluster.begins(&deployment(1, 1, "1"), &[pod("a", -100).json]);
    cluster.live(12, Seen::Usage(listed(&[metrics("a", 3), metrics("stranger", 4)])));
    let told = cluster.told(|what| matches!(what, What::Usage { .. }));
    let [Event { seen, what: What::Usage { pods, .. }, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((*seen, pods[0].at, pods[0].window), (at(12), at(3), 10.0));
    assert_eq!(pods[0].containers[0].cpu, Amount { used: 0.25, request: Some(0.5), limit: Some(1.0) });
    assert!(pods[0].is_seen && !pods[1].is_seen, "of a pod that was not seen nobody knows its limits");
    assert_eq!(sights(&cluster), [(12, true)]);
}

#[test]
fn an_api_that_does_not_answer_or_measures_no_more_is_a_gap() {
    let mut cluster = Cluster::new();
    cluster.begins(&deployment(1, 1, "1"), &[pod("a", -100).json]);
    cluster.live(10, Seen::Usage(listed(&[metrics("a", 3)])));
    cluster.live(20, Seen::Usage(Change::Lost("no answer".into())));
    cluster.live(30, Seen::Usage(listed(&[metrics("a", 25)])));
    // It goes on answering with what it measured last.
    for second in (40..200).step_by(10) {
        cluster.live(second, Seen::Usage(listed(&[metrics("a", 25)])));
    }
    cluster.live(200, Seen::Usage(listed(&[metrics("a", 195)])));
    assert_eq!(sights(&cluster), [(10, true), (20, false), (30, true), (130, false), (200, true)]);
    let lost = cluster.told(|what| matches!(what, What::Lost { source: Source::Usage, .. }));
    let since: Vec<_> = lost.iter().map(|event| event.stamped).collect();
    assert_eq!(since, [None, Some(at(30))], "nothing was measured since then");
}

#[test]
fn who_goes_on_after_a_restart_notes_that_usage_was_not_seen_meanwhile() {
    let mut cluster = Cluster::new();
    cluster.begins(&deployment(1, 1, "1"), &[pod("a", -100).json]);
    cluster.live(10, Seen::Usage(listed(&[metrics("a", 3)])));
    let (_, gap) = Observer::resume(
        target("apps/v1", "Deployment"),
        &cluster.events,
        &cluster.tracker(),
        at(20),
        "the operator was restarted",
    );
    assert!(
        gap.iter().any(|event| matches!(event.what, What::Lost { source: Source::Usage, .. })),
        "{gap:?}"
    );
}
