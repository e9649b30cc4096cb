// SPDX-License-Identifier: Apache-2.0
//! A gateway that calls two services, each with an autoscaler of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use upsurge_crds::v1alpha1::{AutoscalingResult, LoadTestSpec, RequestsWhileScalingDown, Workload as Target};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Autoscaler, Event, Life, Scaling, Source, What},
    workload::Workload,
};

use super::super::{Doubt, Observed, explained};
use super::{Part, lost, together};
use crate::{
    plan::{Plan, Timeline},
    thresholds::Windows,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + second).unwrap()
}

/// The load rises after a minute, and falls two minutes later. Each workload is to have two replicas within so many seconds.
fn test(workloads: &[(&str, u64)]) -> LoadTestSpec {
    let workloads: Vec<_> = workloads
        .iter()
        .map(|(name, within)| {
            let expect = json!({"scaleUpWithin": format!("{within}s"), "minPeakReplicas": 2});
            json!({"name": name, "expect": expect})
        })
        .collect();
    serde_json::from_value(json!({
        "target": {"baseURL": "http://gateway:8080", "workloads": workloads},
        "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
        "load": {"unit": "IterationsPerSecond", "stages": [
            {"name": "one", "duration": "1m", "target": 20, "jump": true},
            {"name": "two", "duration": "2m", "target": 40, "jump": true},
            {"name": "three", "duration": "1m", "target": 20, "jump": true}
        ]}
    }))
    .unwrap()
}

/// One replica, and a second one that is asked for at one time and serves from another on.
fn record(name: &str, asked: i64, serves: i64) -> Workload {
    let [kind, name] = ["HorizontalPodAutoscaler", name].map(str::to_owned);
    let autoscaler = Autoscaler { kind, name, min: 1, max: 8, down_window: 300, ..Autoscaler::default() };
    let pod = |pod: &str, life: Life| What::Pod { pod: pod.into(), life };
    let scaling = |desired: u32| What::Scaling(Scaling { desired, current: desired, ..Scaling::default() });
    let mut first = vec![What::Autoscaler(autoscaler), scaling(1)];
    first.extend([What::Asked { replicas: 1 }, What::Existing { replicas: 1 }]);
    let sources = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    first.extend(sources.map(|source| What::Listed { source }));
    first.extend([pod("a", Life::Ready), pod("a", Life::Serving)]);
    let mut record = Workload::new(Demand::None);
    first.into_iter().for_each(|what| record.note(Event::found(at(-30), what)));
    let later = [
        (asked, What::Asked { replicas: 2 }),
        (asked, scaling(2)),
        (asked, What::Existing { replicas: 2 }),
        (asked, pod("b", Life::Created)),
        (asked + 1, pod("b", Life::Started)),
        (serves, pod("b", Life::Ready)),
        (serves, pod("b", Life::Serving)),
    ];
    later.into_iter().for_each(|(second, what)| record.note(Event::live(at(second), what)));
    record
}

/// What was recorded of a workload during the four minutes of the load.
fn observed<'a>(
    record: &'a Workload,
    workload: &'a Target,
    timeline: &'a Timeline,
    windows: &'a Windows,
) -> Observed<'a> {
    Observed {
        record,
        timeline,
        windows,
        start: at(0),
        end: at(240),
        workload,
        base_url: "http://gateway:8080",
    }
}

/// What comes of workloads that are scaled up at one time and serve with two replicas from another on, each with its limit.
fn came(seen: &[(&str, u64, i64, i64)], losses: &[i64]) -> (AutoscalingResult, Vec<Doubt>) {
    let limits: Vec<(&str, u64)> = seen.iter().map(|(name, within, ..)| (*name, *within)).collect();
    let test = test(&limits);
    let timeline = Plan::compile(&test.load, &["a"]).unwrap().timeline;
    let records: Vec<Workload> =
        seen.iter().map(|(name, _, asked, serves)| record(name, *asked, *serves)).collect();
    let windows = Windows::default();
    let parts = records.iter().zip(&test.target.workloads).enumerate().map(|(index, (record, workload))| {
        let observed = observed(record, workload, &timeline, &windows);
        let lost = losses.get(index).map(|requests| RequestsWhileScalingDown {
            requests: *requests,
            ..RequestsWhileScalingDown::default()
        });
        Part { observed, lost, lost_each: BTreeMap::new() }
    });
    together(parts.collect()).unwrap()
}

const CART: (&str, u64, i64, i64) = ("cart", 60, 70, 80);
/// It is slow to start.
const ORDERS: (&str, u64, i64, i64) = ("orders", 60, 70, 140);

#[test]
fn the_first_that_missed_its_limit_is_the_cause_and_what_changed_only_then_may_have_waited() {
    let (result, doubts) = came(&[("gateway", 60, 150, 155), CART, ORDERS], &[]);
    assert!(doubts.is_empty(), "{doubts:?}");
    assert_eq!(
        result.cause.as_deref(),
        Some(
            "Deployment/orders was the first to miss what is expected of it, at 120 s of the load; Deployment/gateway was \
             scaled up only after that, and may have waited for it"
        )
    );
    assert_eq!(explained(&result).first(), result.cause.as_ref());
    let missed: Vec<&str> =
        result.expectations.iter().filter(|one| !one.passed).map(|one| one.name.as_str()).collect();
    assert_eq!(missed, ["gateway: scaleUpWithin", "orders: scaleUpWithin"]);
}

#[test]
fn one_that_grew_before_did_not_wait() {
    let (result, _) = came(&[("gateway", 60, 100, 155), CART, ORDERS], &[]);
    assert_eq!(
        result.cause.as_deref(),
        Some("Deployment/orders was the first to miss what is expected of it, at 120 s of the load")
    );
}

#[test]
fn a_tighter_limit_is_missed_earlier() {
    let (result, _) = came(&[("gateway", 30, 150, 155), CART, ORDERS], &[]);
    let cause = result.cause.unwrap();
    assert_eq!(cause, "Deployment/gateway was the first to miss what is expected of it, at 90 s of the load");
}

#[test]
fn where_one_alone_misses_something_its_name_says_enough() {
    let (result, _) = came(&[("gateway", 60, 70, 80), CART, ORDERS], &[]);
    assert_eq!(result.cause, None);
    assert!(result.expectations.iter().any(|one| !one.passed && one.name == "orders: scaleUpWithin"));
}

#[test]
fn each_workload_has_its_own_numbers_and_losses() {
    let (result, _) = came(&[("gateway", 60, 70, 80), CART], &[3, 0]);
    assert_eq!(result.replicas, "gateway 1→2→2, cart 1→2→2");
    assert_eq!((result.autoscaler, result.peak_replicas, result.timeline.len()), (None, None, 0));
    let told: Vec<_> = result
        .workloads
        .iter()
        .map(|one| (one.name.as_str(), one.replicas.as_deref(), one.peak_replicas, one.max_replicas))
        .collect();
    assert_eq!(
        told,
        [("gateway", Some("1→2→2"), Some(2), Some(8)), ("cart", Some("1→2→2"), Some(2), Some(8))]
    );
    assert!(result.workloads.iter().all(|one| one.scale_ups.len() == 1 && !one.timeline.is_empty()));
}

#[test]
fn losses_are_told_of_each_workload_and_of_one_without_a_name() {
    let (result, _) = came(&[("gateway", 60, 70, 80), CART], &[3, 0]);
    let told: Vec<_> = lost(&result).map(|(name, lost)| (name, lost.requests)).collect();
    assert_eq!(told, [(Some("gateway"), 3), (Some("cart"), 0)]);
    let (alone, _) = came(&[CART], &[5]);
    let told: Vec<_> = lost(&alone).map(|(name, lost)| (name, lost.requests)).collect();
    assert_eq!(told, [(None, 5)]);
    assert_eq!((alone.replicas.as_str(), alone.workloads[0].replicas.as_ref()), ("1→2→2", None));
    assert_eq!(alone.expectations[0].name, "scaleUpWithin");
}

#[test]
fn a_doubt_says_of_which_workload_it_is() {
    let limits = [("gateway", 60), ("cart", 60)];
    let test = test(&limits);
    let timeline = Plan::compile(&test.load, &["a"]).unwrap().timeline;
    let (seen, mut unseen) = (record("gateway", 70, 80), Workload::new(Demand::None));
    unseen.note(Event::found(at(-30), What::Listed { source: Source::Autoscaler }));
    let windows = Windows::default();
    let records = [&seen, &unseen];
    let parts = records.into_iter().zip(&test.target.workloads).map(|(record, workload)| Part {
        observed: observed(record, workload, &timeline, &windows),
        lost: None,
        lost_each: BTreeMap::new(),
    });
    let (_, doubts) = together(parts.collect()).unwrap();
    let told: Vec<&str> = doubts.iter().map(|doubt| doubt.message.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with(
            "Deployment/cart: what spec.target.workloads expects of Deployment/cart can't be judged"
        ),
        "{told:?}"
    );
}
