// SPDX-License-Identifier: Apache-2.0
//! What was once misread, each told by objects as they are on a cluster.

mod agrees;
mod fixtures;
mod restarts;
mod usage;

use serde_json::json;
use upsurge_figures::observation::{Clock, Condition, Levels, Log, Tracker, lives};

use self::fixtures::*;
use super::*;

#[test]
fn a_scale_from_zero_is_no_rollout() {
    let mut cluster = Cluster::new();
    cluster.begins(&deployment(0, 0, "1"), &[]);
    cluster.live(10, Seen::Workload(applied(&deployment(1, 0, "1"))));
    cluster.live(11, Seen::Pods(applied(&pod("a", 10).json)));
    cluster.live(12, Seen::Workload(applied(&deployment(1, 1, "1"))));
    let revisions = cluster.told(|what| matches!(what, What::Revision { .. } | What::Rollout { .. }));
    assert_eq!(revisions.len(), 2, "{revisions:?}");
    assert!(revisions.iter().all(|event| event.found), "told at the first look and never again");
    assert_eq!(cluster.levels().asked, Some(1));
}

#[test]
fn a_rollout_that_is_under_way_at_the_first_look_is_told_until_it_ends() {
    let mut cluster = Cluster::new();
    let mut rolling = deployment(3, 4, "2");
    rolling["status"]["updatedReplicas"] = json!(1);
    cluster.begins(&rolling, &[]);
    cluster.live(30, Seen::Workload(applied(&deployment(3, 3, "2"))));
    let told = cluster.told(|what| matches!(what, What::Rollout { .. }));
    let course: Vec<_> = told.iter().map(|event| (event.found, event.what.clone())).collect();
    assert_eq!(
        course,
        [(true, What::Rollout { under_way: true }), (false, What::Rollout { under_way: false })]
    );
}

#[test]
fn a_rollout_of_a_kind_that_does_not_tell_it_shows_in_its_pods() {
    let mut cluster = Cluster::of("argoproj.io/v1alpha1", "Rollout");
    let mut new = pod("b", 5).json;
    new["metadata"]["labels"]["rollouts-pod-template-hash"] = json!("new");
    let mut old = pod("a", 0).json;
    old["metadata"]["labels"]["rollouts-pod-template-hash"] = json!("old");
    cluster.live(
        0,
        Seen::Scale(Change::Listed(vec![from(json!({"spec": {"replicas": 2}, "status": {"replicas": 2}}))])),
    );
    cluster.live(1, Seen::Pods(listed(&[old.clone(), new])));
    cluster.live(9, Seen::Pods(deleted(&old)));
    let told = cluster.told(|what| matches!(what, What::Revision { .. } | What::Rollout { .. }));
    let told: Vec<What> = told.into_iter().map(|event| event.what).collect();
    assert_eq!(
        told,
        [
            What::Revision { revision: "new".into() },
            What::Rollout { under_way: true },
            What::Rollout { under_way: false },
        ]
    );
}

#[test]
fn what_a_listing_finds_after_a_gap_is_not_taken_for_what_happens_now() {
    let mut cluster = Cluster::new();
    let a = pod("a", 0).ready(5);
    cluster.begins(&deployment(1, 1, "1"), std::slice::from_ref(&a.json));
    cluster.live(20, Seen::Pods(Change::Lost("connection reset".into())));
    cluster.live(20, Seen::Workload(Change::Lost("connection reset".into())));
    assert_eq!((cluster.levels().ready, cluster.levels().asked), (None, None));
    cluster.live(90, Seen::Workload(listed(&[deployment(2, 2, "1")])));
    cluster.live(91, Seen::Pods(listed(&[a.json, pod("b", 31).ready(38).json])));
    assert_eq!((cluster.levels().ready, cluster.levels().asked), (Some(2), Some(2)));
    let late: Vec<&Event> = cluster.events.iter().filter(|event| event.seen >= at(90)).collect();
    let states = late.iter().filter(|event| !matches!(event.what, What::Listed { .. }));
    assert!(states.clone().count() > 3 && states.into_iter().all(|event| event.found));
    let clock = Clock::of(&cluster.events);
    let asked = late.iter().find(|event| event.what == What::Asked { replicas: 2 }).unwrap();
    assert_eq!(clock.happened(asked), None, "nobody knows");
    let lives = lives(&cluster.events);
    let b = lives.iter().find(|life| life.pod == "b").unwrap();
    assert!(b.found && b.ready.unwrap() < at(40), "{:?}", b.ready);
    assert!(!late.iter().any(|event| matches!(&event.what, What::Pod { pod, .. } if pod == "a")), "no news");
}

#[test]
fn a_broken_watch_of_endpoints_leaves_it_unknown_who_serves() {
    let mut cluster = Cluster::new();
    let pods = [pod("a", 0).ready(5).json, pod("b", 0).ready(5).json];
    cluster.begins(&deployment(2, 2, "1"), &pods);
    cluster.live(10, Seen::Slices(applied(&slice(&[("a", true), ("b", false)]))));
    assert_eq!(cluster.levels().serving, Some(1));
    cluster.live(20, Seen::Slices(Change::Lost("forbidden".into())));
    assert_eq!((cluster.levels().serving, cluster.levels().ready), (None, Some(2)));
    // A pod that comes meanwhile is not told by what the slices said last.
    cluster.live(21, Seen::Pods(applied(&pod("c", 20).ready(21).json)));
    assert_eq!(cluster.levels().serving, None);
    cluster.live(60, Seen::Slices(listed(&[slice(&[("b", true), ("c", true)])])));
    assert_eq!(cluster.levels().serving, Some(2), "a is in none any more");
    let served = cluster.told(|what| matches!(what, What::Pod { life: Life::Serving, .. }));
    assert!(served.iter().filter(|event| event.seen == at(60)).all(|event| event.found));
}

#[test]
fn slices_tell_of_the_own_pods_only_and_pods_may_come_after_them() {
    let mut cluster = Cluster::new();
    cluster.live(0, Seen::Slices(listed(&[slice(&[("a", true), ("stranger", true)])])));
    cluster.live(1, Seen::Pods(listed(&[pod("a", 0).ready(0).json])));
    let served: Vec<What> = cluster
        .told(|what| matches!(what, What::Pod { life: Life::Serving, .. }))
        .into_iter()
        .map(|event| event.what)
        .collect();
    assert_eq!(served, [What::Pod { pod: "a".into(), life: Life::Serving }]);
}

#[test]
fn of_several_autoscalers_the_oldest_is_told_and_that_there_are_more() {
    let mut cluster = Cluster::new();
    cluster.live(0, Seen::Autoscalers(listed(&[hpa("new", 9, 8), hpa("old", 1, 5)])));
    cluster.live(5, Seen::Autoscalers(applied(&hpa("new", 9, 80))));
    let bounds = |cluster: &Cluster| cluster.levels().bounds;
    assert_eq!(bounds(&cluster), Some((1, 5)), "whichever was seen last");
    let tracker = cluster.tracker();
    let only = tracker.condition(ONLY_ONE).unwrap();
    assert_eq!((only.status.as_str(), only.reason.as_str()), ("False", "SeveralAutoscalers"));
    assert_eq!(only.message, "HorizontalPodAutoscalers new, old target the same workload");
    cluster.live(9, Seen::Autoscalers(deleted(&hpa("old", 1, 5))));
    assert_eq!(bounds(&cluster), Some((1, 80)));
    let gone = cluster.told(|what| *what == What::AutoscalerGone);
    assert_eq!(gone.len(), 1, "what the old one wanted, the new one doesn't");
    cluster.live(12, Seen::Autoscalers(deleted(&hpa("new", 9, 80))));
    assert_eq!((bounds(&cluster), cluster.told(|what| *what == What::AutoscalerGone).len()), (None, 2));
}

#[test]
fn bounds_that_change_are_told_beside_those_before() {
    let mut cluster = Cluster::new();
    cluster.live(0, Seen::Autoscalers(listed(&[hpa("checkout", 1, 5)])));
    cluster.live(30, Seen::Autoscalers(applied(&hpa("checkout", 1, 9))));
    let told = cluster.told(|what| matches!(what, What::Autoscaler(_)));
    let course: Vec<_> = told
        .iter()
        .map(|event| match &event.what {
            What::Autoscaler(autoscaler) => (event.seen, event.found, autoscaler.max),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(course, [(at(0), true, 5), (at(30), false, 9)]);
}

#[test]
fn an_autoscaler_that_targets_something_else_now_is_gone() {
    let mut cluster = Cluster::new();
    cluster.live(0, Seen::Autoscalers(listed(&[hpa("checkout", 1, 5)])));
    let mut elsewhere = hpa("checkout", 1, 5);
    elsewhere["spec"]["scaleTargetRef"]["name"] = json!("cart");
    cluster.live(30, Seen::Autoscalers(applied(&elsewhere)));
    assert_eq!(cluster.events.last().unwrap().what, What::AutoscalerGone);
}

#[test]
fn an_autoscaler_of_keda_may_go_to_zero_and_be_paused() {
    let mut cluster = Cluster::new();
    let mut owned = hpa("keda-hpa-checkout", 1, 5);
    owned["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "checkout", "uid": "k"}]);
    owned["status"] = json!({"desiredReplicas": 0, "currentReplicas": 0, "conditions": [
        {"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled", "message": "scaled to 0"}]});
    cluster.live(0, Seen::Autoscalers(listed(std::slice::from_ref(&owned))));
    assert_eq!(cluster.levels().bounds, Some((1, 5)), "as long as KEDA's own object can't be seen");
    let scaled = json!({"metadata": {"name": "checkout"}, "spec": {"scaleTargetRef": {"name": "checkout"}, "maxReplicaCount": 5}});
    cluster.live(1, Seen::ScaledObjects(listed(std::slice::from_ref(&scaled))));
    let levels = cluster.levels();
    assert_eq!((levels.bounds, levels.desired), (Some((0, 5)), Some(0)), "idle at zero is what it wants");
    assert!(cluster.tracker().condition(PAUSED).is_none());
    // KEDA takes the HorizontalPodAutoscaler away while it is paused.
    let mut paused = scaled;
    paused["metadata"]["annotations"] = json!({"autoscaling.keda.sh/paused": "true"});
    cluster.live(20, Seen::Autoscalers(deleted(&owned)));
    cluster.live(21, Seen::ScaledObjects(applied(&paused)));
    assert_eq!((cluster.levels().bounds, cluster.levels().desired), (Some((0, 5)), None));
    assert_eq!(cluster.tracker().condition(PAUSED).unwrap().status, "True");
}

#[test]
fn that_keda_goes_by_its_fallback_is_told() {
    let mut cluster = Cluster::new();
    let mut owned = hpa("keda-hpa-checkout", 1, 5);
    owned["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "checkout", "uid": "k"}]);
    cluster.live(0, Seen::Autoscalers(listed(&[owned])));
    let scaled = |status: &str| {
        json!({"metadata": {"name": "checkout"}, "spec": {"scaleTargetRef": {"name": "checkout"}}, "status": {"conditions": [
            {"type": "Fallback", "status": status, "reason": "FallbackExists", "message": "a trigger is falling back"}]}})
    };
    cluster.live(1, Seen::ScaledObjects(listed(&[scaled("False")])));
    cluster.live(20, Seen::ScaledObjects(applied(&scaled("True"))));
    assert_eq!(cluster.tracker().condition(crate::FALLBACK).unwrap().status, "True");
}

#[test]
fn a_cluster_without_keda_has_nothing_to_miss_and_one_that_had_it_does() {
    let mut cluster = Cluster::new();
    cluster.live(0, Seen::Autoscalers(listed(&[hpa("checkout", 1, 5)])));
    cluster.live(0, Seen::ScaledObjects(Change::Lost("not found".into())));
    assert!(cluster.tracker().knows(Source::Autoscaler));
    cluster.live(1, Seen::ScaledObjects(Change::Listed(Vec::new())));
    cluster.live(2, Seen::ScaledObjects(Change::Lost("reset".into())));
    assert!(!cluster.tracker().knows(Source::Autoscaler));
    cluster.live(3, Seen::ScaledObjects(Change::Listed(Vec::new())));
    assert!(cluster.tracker().knows(Source::Autoscaler));
}

#[test]
fn a_quota_is_told_while_pods_are_missing_and_not_an_hour_later() {
    let refused = |second: i64| {
        json!({"metadata": {"name": "e"}, "reason": "FailedCreate", "message": "x is forbidden: exceeded quota: pods",
            "involvedObject": {"kind": "ReplicaSet", "name": "checkout-7c1f"}, "lastTimestamp": at(second).to_string()})
    };
    let mut cluster = Cluster::new();
    cluster.live(0, Seen::Failures(listed(&[refused(-3_000)])));
    cluster.begins(&deployment(1, 1, "1"), &[]);
    cluster.live(30, Seen::Workload(applied(&deployment(3, 1, "1"))));
    assert_eq!(cluster.tracker().quota(), None, "that was an hour ago");
    cluster.live(31, Seen::Failures(applied(&refused(31))));
    assert_eq!(cluster.tracker().quota(), Some("x is forbidden: exceeded quota: pods"));
    cluster.live(50, Seen::Workload(applied(&deployment(3, 3, "1"))));
    assert_eq!(cluster.tracker().quota(), None);
    assert_eq!(cluster.told(|what| matches!(what, What::QuotaExceeded { .. })).len(), 1);
}

#[test]
fn a_quota_that_was_found_before_the_workload_is_told_once_that_is_short() {
    let refused = json!({"metadata": {"name": "e"}, "reason": "FailedCreate", "message": "exceeded quota: pods",
        "involvedObject": {"kind": "ReplicaSet", "name": "checkout-7c1f"}, "lastTimestamp": at(-5).to_string()});
    let mut cluster = Cluster::new();
    cluster.live(0, Seen::Failures(listed(&[refused])));
    cluster.begins(&deployment(3, 1, "1"), &[]);
    let told = cluster.told(|what| matches!(what, What::QuotaExceeded { .. }));
    assert_eq!(
        told.iter().map(|event| (event.found, event.stamped)).collect::<Vec<_>>(),
        [(true, Some(at(-5)))]
    );
}

#[test]
fn a_pod_that_comes_again_under_its_name_has_another_life() {
    let mut cluster = Cluster::new();
    cluster.begins(&deployment(1, 1, "1"), &[pod("db-0", 0).ready(5).json]);
    cluster.live(40, Seen::Pods(applied(&pod("db-0", 39).json)));
    assert_eq!(cluster.levels().ready, Some(0));
    let lives = lives(&cluster.events);
    assert_eq!(
        lives.iter().map(|life| (life.pod.as_str(), life.gone.is_some())).collect::<Vec<_>>(),
        [("db-0", true), ("db-0", false)]
    );
}

#[test]
fn a_pod_that_is_deleted_tells_how_it_ended() {
    let mut cluster = Cluster::new();
    cluster.begins(&deployment(1, 1, "1"), &[pod("a", 0).ready(5).json]);
    let mut ended = pod("a", 0).json;
    ended["metadata"]["deletionTimestamp"] = json!(at(50).to_string());
    ended["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    ended["status"]["containerStatuses"][0]["state"] =
        json!({"terminated": {"exitCode": 143, "reason": "Error", "finishedAt": at(24).to_string()}});
    cluster.live(25, Seen::Pods(deleted(&ended)));
    let last: Vec<Life> = cluster
        .events
        .iter()
        .filter(|event| event.seen == at(25))
        .filter_map(|event| match &event.what {
            What::Pod { life, .. } => Some(life.clone()),
            _ => None,
        })
        .collect();
    let ended = Life::Ended { reason: "Error".into(), exit_code: 143, restarts: 0 };
    assert_eq!(last, [ended, Life::NotReady, Life::Terminating, Life::Stopped, Life::Gone]);
    let asked = cluster.told(|what| matches!(what, What::Pod { life: Life::Terminating, .. }));
    assert_eq!(asked[0].stamped, Some(at(20)), "its grace period is not part of it");
}

#[test]
fn a_workload_that_is_deleted_is_unknown_until_it_is_there_again() {
    let mut cluster = Cluster::new();
    cluster.begins(&deployment(1, 1, "1"), &[]);
    cluster.live(10, Seen::Workload(deleted(&deployment(1, 1, "1"))));
    assert_eq!(cluster.levels().asked, None);
    cluster.live(20, Seen::Workload(applied(&deployment(2, 0, "1"))));
    assert_eq!(cluster.levels().asked, Some(2));
    cluster.live(30, Seen::Workload(Change::Listed(Vec::new())));
    assert_eq!(cluster.levels().asked, None);
}

#[test]
fn the_most_that_can_be_read_is_known_once_pods_are() {
    let mut cluster = Cluster::new();
    cluster.live(0, Seen::Autoscalers(listed(&[hpa("checkout", 1, 5)])));
    let ceiling = |cluster: &Cluster| cluster.tracker().scaling().unwrap().readings[0].ceiling;
    assert_eq!(ceiling(&cluster), None);
    cluster.live(1, Seen::Pods(listed(&[pod("a", 0).json])));
    assert_eq!(ceiling(&cluster), Some(200.0));
}

#[test]
fn a_bounded_log_of_it_all_reads_back() {
    let mut cluster = Cluster::new();
    cluster.begins(&deployment(1, 1, "1"), &[pod("a", 0).ready(5).json]);
    cluster.live(5, Seen::Autoscalers(listed(&[hpa("checkout", 1, 5)])));
    let mut log = Log::default();
    cluster.events.iter().for_each(|event| log.push(event.clone()));
    let lines: String = log
        .events()
        .iter()
        .map(|event| upsurge_figures::observation::to_line(event).unwrap() + "\n")
        .collect();
    assert_eq!(upsurge_figures::observation::read_lines(&lines).unwrap(), cluster.events);
}
