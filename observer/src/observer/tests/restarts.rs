// SPDX-License-Identifier: Apache-2.0
//! An observer that goes on where another one ended.

use super::*;

/// What an observer told that ended at a second, and the one that goes on.
pub fn after(cluster: Cluster, until: i64) -> Cluster {
    let target = cluster.observer.target().clone();
    let (log, known) = (&cluster.events, cluster.tracker());
    let (observer, gap) = Observer::resume(target, log, &known, at(until), "the operator was restarted");
    let mut events = cluster.events;
    events.extend(gap);
    Cluster { observer, events }
}

#[test]
fn the_time_between_two_observers_is_a_gap_of_all_that_could_be_seen() {
    let mut first = Cluster::new();
    first.begins(&deployment(1, 1, "1"), &[pod("a", 0).ready(5).json]);
    let mut second = after(first, 30);
    let lost: Vec<(Timestamp, Source)> = second
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::Lost { source, .. } => Some((event.seen, *source)),
            _ => None,
        })
        .collect();
    let seen = [Source::Workload, Source::Pods, Source::Endpoints];
    assert_eq!(lost, seen.map(|source| (at(30), source)), "autoscalers had not been listed yet");
    assert_eq!(second.levels(), Levels::default());
    second.begins_at(80, &deployment(1, 1, "1"), &[pod("a", 0).ready(5).json]);
    assert_eq!((second.levels().asked, second.levels().ready), (Some(1), Some(1)));
    let mut states = second.events.iter().filter(|event| event.seen == at(80));
    assert!(states.all(|event| matches!(event.what, What::Listed { .. })), "nothing is told twice");
}

#[test]
fn what_changed_between_two_observers_was_found_and_not_seen() {
    let mut first = Cluster::new();
    first.begins(&deployment(2, 2, "1"), &[pod("a", 0).ready(5).json, pod("b", 0).ready(5).json]);
    // A live change, by which the clocks are known.
    first.live(6, Seen::Pods(applied(&pod("d", 6).json)));
    let mut second = after(first, 30);
    let pods = [pod("b", 0).ready(5).json, pod("c", 41).ready(47).json, pod("d", 6).json];
    second.begins_at(80, &deployment(3, 3, "1"), &pods);
    let found: Vec<What> = second
        .events
        .iter()
        .filter(|event| event.seen == at(80) && !matches!(event.what, What::Listed { .. }))
        .map(|event| {
            assert!(event.found);
            event.what.clone()
        })
        .collect();
    let of = |pod: &str, life| What::Pod { pod: pod.into(), life };
    let expected = [
        What::Asked { replicas: 3 },
        What::Existing { replicas: 3 },
        of("a", Life::Gone),
        of("c", Life::Created),
        of("c", Life::SCHEDULED),
        of("c", Life::Started),
        of("c", Life::Ready),
    ];
    assert_eq!(found, expected);
    let lives = lives(&second.events);
    let c = lives.iter().find(|life| life.pod == "c").unwrap();
    assert!(c.ready.unwrap() < at(49), "it was ready long before it was found");
}

#[test]
fn an_autoscaler_that_was_deleted_between_two_observers_is_gone() {
    let mut first = Cluster::new();
    first.live(0, Seen::Autoscalers(listed(&[hpa("checkout", 1, 5)])));
    let mut second = after(first, 30);
    second.live(70, Seen::ScaledObjects(Change::Listed(Vec::new())));
    assert!(second.told(|what| *what == What::AutoscalerGone).is_empty(), "nobody has looked yet");
    second.live(80, Seen::Autoscalers(Change::Listed(Vec::new())));
    let gone = second.told(|what| *what == What::AutoscalerGone);
    assert_eq!(gone.iter().map(|event| (event.seen, event.found)).collect::<Vec<_>>(), [(at(80), true)]);
}

#[test]
fn a_condition_that_is_as_it_was_is_not_told_again() {
    let mut first = Cluster::new();
    first.live(0, Seen::Autoscalers(listed(&[hpa("checkout", 1, 5)])));
    let condition = Condition {
        condition: "ScalingActive".into(),
        status: "True".into(),
        reason: "ValidMetricFound".into(),
        message: String::new(),
    };
    assert_eq!(first.tracker().condition("ScalingActive"), Some(&condition));
    let mut second = after(first, 30);
    second.live(80, Seen::Autoscalers(listed(&[hpa("checkout", 1, 5)])));
    assert_eq!(second.told(|what| matches!(what, What::Condition(_))).len(), 1);
}

#[test]
fn the_bounds_of_keda_are_as_they_were_until_its_object_is_seen_again() {
    let mut owned = hpa("keda-hpa-checkout", 1, 5);
    owned["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "checkout", "uid": "k"}]);
    let scaled = json!({"metadata": {"name": "checkout"}, "spec": {"scaleTargetRef": {"name": "checkout"}}});
    let mut first = Cluster::new();
    first.live(0, Seen::ScaledObjects(listed(&[scaled])));
    first.live(0, Seen::Autoscalers(listed(std::slice::from_ref(&owned))));
    let mut second = after(first, 30);
    second.live(80, Seen::Autoscalers(listed(&[owned])));
    let told = second.told(|what| matches!(what, What::Autoscaler(_)));
    assert_eq!(told.len(), 1, "nobody changed them");
    assert_eq!(second.levels().bounds, Some((0, 5)));
}

#[test]
fn pods_that_a_bounded_log_has_forgotten_are_gone_too_and_those_that_stay_are_known() {
    let mut first = Cluster::new();
    let ready = |name: &str| pod(name, 0).ready(5).json;
    first.begins(&deployment(3, 3, "1"), &["a", "b", "c"].map(ready));
    let target = first.observer.target().clone();
    // Nothing of any pod had room in the log.
    let log = first.told(|what| !matches!(what, What::Pod { .. }));
    let (observer, gap) = Observer::resume(target, &log, &first.tracker(), at(30), "restarted");
    first.events.extend(gap);
    let mut second = Cluster { observer, events: first.events };
    second.begins_at(80, &deployment(2, 2, "1"), &[ready("b"), pod("c", 0).json]);
    assert_eq!(second.levels().serving, Some(1), "a went, and c is not ready any more");
    let news: Vec<What> = second
        .events
        .iter()
        .filter(|event| event.seen == at(80) && matches!(event.what, What::Pod { .. }))
        .map(|event| event.what.clone())
        .collect();
    let of = |pod: &str, life| What::Pod { pod: pod.into(), life };
    assert_eq!(news, [of("a", Life::Gone), of("c", Life::NotReady)]);
}
