// SPDX-License-Identifier: Apache-2.0

use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    elasticity::Demand,
    observation::{Autoscaler, Condition, Event, Life, Reading, Scaling, Source, What},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + seconds).unwrap()
}

fn pod(name: &str, life: Life) -> What {
    What::Pod { pod: name.into(), life }
}

fn condition(type_: &str, status: &str, reason: &str) -> What {
    let [condition, status, reason] = [type_, status, reason].map(str::to_owned);
    What::Condition(Condition { condition, status, reason, message: "so it says".into() })
}

fn scaling(desired: u32, cpu: Option<(f64, f64)>) -> What {
    let reading = cpu.map(|(current, ceiling)| Reading {
        metric: "cpu".into(),
        current: Some(current),
        target: 80.0,
        ceiling: Some(ceiling),
    });
    What::Scaling(Scaling { desired, current: 1, last_scale: None, readings: reading.into_iter().collect() })
}

fn autoscaler() -> Autoscaler {
    Autoscaler {
        kind: "HorizontalPodAutoscaler".into(),
        name: "checkout".into(),
        min: 1,
        max: 6,
        down_window: 300,
        ..Autoscaler::default()
    }
}

/// One pod serves, and from 0 s on the load asks for so many.
fn begin(demand: u32) -> Vec<Event> {
    let sources = [Source::Runners, Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    let mut begin = vec![What::Autoscaler(autoscaler()), pod("a", Life::Ready), pod("a", Life::Serving)];
    begin.extend([What::Asked { replicas: 1 }, What::Existing { replicas: 1 }, scaling(1, None)]);
    begin.extend(sources.map(|source| What::Listed { source }));
    let mut events: Vec<Event> = begin.into_iter().map(|what| Event::found(at(-10), what)).collect();
    events.push(Event::live(at(0), What::Load { level: f64::from(demand) }));
    events
}

fn watched(demand: Demand, events: &[Event], to: i64) -> Limits {
    let mut watch = Watch::new(demand, at(0));
    events.iter().for_each(|event| watch.see(event));
    watch.limits(at(to))
}

fn declared() -> Demand {
    Demand::declared(1.0).unwrap()
}

/// What is in force once these have happened, at 10 s, to a load that asks for so many.
fn limit(demand: u32, more: Vec<What>) -> (Limit, String) {
    let mut events = begin(demand);
    events.extend(more.into_iter().map(|what| Event::live(at(10), what)));
    let found = watched(declared(), &events, 30);
    let last = found.stretches.last().unwrap();
    assert_eq!(last.to, at(30), "{found:?}");
    (last.limit, last.evidence.clone())
}

#[rstest]
#[case::the_autoscalers_reaction(Limit::None, vec![], "the load asks for 8 replicas and 1 serve")]
#[case::max(Limit::MaxReplicas, vec![scaling(6, None), What::Asked { replicas: 6 }],
    "HorizontalPodAutoscaler/checkout wants 6 of at most 6 replicas, and the load asks for 8")]
#[case::max_as_it_says(Limit::MaxReplicas, vec![condition("ScalingLimited", "True", "TooManyReplicas")], "is at its maxReplicas")]
#[case::policy(Limit::ScaleUpPolicy, vec![scaling(2, None), condition("ScalingLimited", "True", "ScaleUpLimit")], "was held back")]
#[case::stabilization(Limit::Stabilization, vec![condition("AbleToScale", "True", "ScaleUpStabilized")], "waited: so it says")]
#[case::cpu_limit(Limit::CPULimit, vec![scaling(2, Some((195.0, 200.0)))],
    "cpu is at 195 of at most 200 that the limit allows, with a target of 80: one look can grow replicas by no more than 2.5 times")]
#[case::cpu_below_its_limit(Limit::None, vec![scaling(2, Some((150.0, 200.0)))], "serve")]
#[case::nodes(Limit::Nodes, vec![What::Asked { replicas: 8 }, pod("b", Life::Unschedulable { message: "0/3 nodes".into() })],
    "pod b: 0/3 nodes")]
#[case::quota(Limit::Quota, vec![What::Asked { replicas: 8 }, What::QuotaExceeded { message: "exceeded quota: pods".into() }],
    "exceeded quota")]
#[case::metrics(Limit::MetricsBroken, vec![condition("ScalingActive", "False", "FailedGetResourceMetric")],
    "could not read its metrics: FailedGetResourceMetric: so it says")]
#[case::fallback(Limit::MetricsBroken, vec![condition("Fallback", "True", "FallbackExists")],
    "could not read its metrics: FallbackExists: so it says")]
#[case::no_fallback(Limit::None, vec![condition("Fallback", "False", "NoFallbackFound")], "serve")]
#[case::switched_off(Limit::None, vec![condition("ScalingActive", "False", "ScalingDisabled")], "serve")]
#[case::image(Limit::ImagePull, vec![pod("b", Life::ImagePullFailed { message: "not found".into() })], "pod b: not found")]
#[case::broken_metrics_come_first(Limit::MetricsBroken, vec![
    condition("ScalingActive", "False", "FailedGetResourceMetric"),
    pod("b", Life::Unschedulable { message: "0/3 nodes".into() })], "metrics")]
#[case::nodes_before_the_bound(Limit::Nodes, vec![scaling(6, None),
    pod("b", Life::Unschedulable { message: "0/3 nodes".into() })], "pod b")]
#[case::all_were_asked_for(Limit::None, vec![What::Asked { replicas: 8 }, condition("ScalingLimited", "True", "ScaleUpLimit")], "serve")]
fn the_limit_in_force_is_told_by_its_evidence(
    #[case] expected: Limit,
    #[case] more: Vec<What>,
    #[case] evidence: &str,
) {
    let (found, told) = limit(8, more);
    assert_eq!(found, expected);
    assert!(told.contains(evidence), "{told}");
}

#[test]
fn readiness_limits_only_what_takes_long() {
    let mut events = begin(2);
    let of_b = [(5, Life::Created), (7, Life::Started), (77, Life::Ready), (80, Life::Serving)];
    events.push(Event::live(at(5), What::Asked { replicas: 2 }));
    events.extend(of_b.map(|(seconds, life)| Event::live(at(seconds), pod("b", life))));
    let found = watched(declared(), &events, 200);
    let stretches: Vec<_> =
        found.stretches.iter().map(|stretch| (stretch.limit, stretch.from, stretch.to)).collect();
    let expected =
        [(Limit::None, at(0), at(37)), (Limit::Readiness, at(37), at(77)), (Limit::None, at(77), at(80))];
    assert_eq!(stretches, expected);
    assert_eq!((found.seconds[&Limit::None], found.seconds[&Limit::Readiness]), (40.0, 40.0));
    assert_eq!(found.stretches[1].evidence, "pod b was not ready 30 s after it had started");
}

#[test]
fn the_limit_of_a_run_and_of_a_scale_up_is_the_one_that_was_in_force_longest() {
    let mut events = begin(8);
    let asks = |seconds, replicas| {
        [
            Event::live(at(seconds), scaling(replicas, None)),
            Event::live(at(seconds), What::Asked { replicas }),
        ]
    };
    events.extend(asks(15, 2));
    events.push(Event::live(at(15), condition("ScalingLimited", "True", "ScaleUpLimit")));
    events.extend(asks(45, 6));
    events.push(Event::live(at(45), condition("ScalingLimited", "True", "TooManyReplicas")));
    events.push(Event::live(at(200), What::Load { level: 1.0 }));
    let found = watched(declared(), &events, 300);
    assert_eq!(found.limited_by(), Some(Limit::MaxReplicas));
    assert_eq!(found.seconds.values().sum::<f64>(), 200.0, "only while there were too few");
    assert_eq!(found.within(at(0), at(45)).unwrap().limit, Limit::ScaleUpPolicy);
    assert_eq!(found.within(at(0), at(10)).unwrap().limit, Limit::None);
    assert_eq!((found.within(at(250), at(290)), found.most_demanded), (None, Some(8)));
    assert_eq!(watched(declared(), &begin(1), 100).limited_by(), None);
}

#[test]
fn without_a_demand_the_autoscaler_tells_whether_there_are_too_few() {
    let mut events = begin(8);
    events.push(Event::live(at(20), scaling(4, None)));
    events.push(Event::live(at(50), scaling(1, None)));
    events.push(Event::live(at(60), condition("ScalingLimited", "True", "TooManyReplicas")));
    let found = watched(Demand::None, &events, 100);
    let stretches: Vec<_> =
        found.stretches.iter().map(|stretch| (stretch.limit, stretch.from, stretch.to)).collect();
    assert_eq!(stretches, [(Limit::None, at(20), at(50)), (Limit::MaxReplicas, at(60), at(100))]);
    assert_eq!(found.most_demanded, None);
}

#[test]
fn nobody_knows_what_limits_what_nobody_sees() {
    let mut events = begin(8);
    events.push(Event::live(at(30), What::Lost { source: Source::Pods, message: "gone".into() }));
    let found = watched(declared(), &events, 100);
    assert_eq!((found.unknown, found.seconds[&Limit::None]), (70.0, 30.0));
}

fn facts(limit: Option<Limit>, most_demanded: Option<u32>, autoscaler: &Autoscaler) -> Facts<'_> {
    Facts { limit, evidence: "it was seen", autoscaler: Some(autoscaler), most_demanded, flapping: 0 }
}

#[test]
fn a_bound_that_is_too_low_is_to_be_what_the_load_asked_for() {
    let plain = recommend(&facts(Some(Limit::MaxReplicas), Some(9), &autoscaler())).unwrap();
    assert_eq!(plain.text, "raise maxReplicas from 6 to at least 9");
    assert_eq!(
        (plain.reason.as_str(), plain.patch),
        ("it was seen", Some(json!({"spec": {"maxReplicas": 9}})))
    );
    let keda = Autoscaler { kind: "ScaledObject".into(), ..autoscaler() };
    let keda = recommend(&facts(Some(Limit::MaxReplicas), Some(9), &keda)).unwrap();
    assert_eq!(keda.patch, Some(json!({"spec": {"maxReplicaCount": 9}})));
    assert_eq!(recommend(&facts(Some(Limit::MaxReplicas), None, &autoscaler())).unwrap().patch, None);
}

#[test]
fn a_policy_that_is_too_slow_gets_a_faster_one_beside_it() {
    let default = recommend(&facts(Some(Limit::ScaleUpPolicy), Some(9), &autoscaler())).unwrap();
    let pods = json!({"type": "Pods", "value": 8, "periodSeconds": 15});
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let behavior =
        |policies| json!({"spec": {"behavior": {"scaleUp": {"selectPolicy": "Max", "policies": policies}}}});
    assert_eq!(default.patch, Some(behavior(json!([percent, pods]))));
    let slow = json!({"type": "Pods", "value": 1, "periodSeconds": 60});
    let own = Autoscaler { up_policies: vec![slow.clone()], ..autoscaler() };
    let own = recommend(&facts(Some(Limit::ScaleUpPolicy), Some(9), &own)).unwrap();
    assert_eq!(own.patch, Some(behavior(json!([slow, pods]))));
}

#[test]
fn what_flaps_gets_a_longer_window() {
    let restless = Autoscaler { down_window: 0, ..autoscaler() };
    let flaps = Facts { flapping: 3, ..facts(Some(Limit::None), Some(4), &restless) };
    let found = recommend(&flaps).unwrap();
    assert_eq!(found.text, "set behavior.scaleDown.stabilizationWindowSeconds from 0 to 300");
    assert_eq!(
        found.patch,
        Some(json!({"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}}}}))
    );
    assert_eq!(recommend(&facts(None, Some(4), &restless)), None);
}

#[rstest]
#[case(Limit::Stabilization, true)]
#[case(Limit::CPULimit, false)]
#[case(Limit::Nodes, false)]
#[case(Limit::Quota, false)]
#[case(Limit::MetricsBroken, false)]
#[case(Limit::ImagePull, false)]
#[case(Limit::Readiness, false)]
#[case(Limit::None, false)]
fn each_limit_has_an_advice_and_a_patch_only_where_the_autoscaler_is_to_blame(
    #[case] limit: Limit,
    #[case] patch: bool,
) {
    let found = recommend(&facts(Some(limit), Some(9), &autoscaler())).unwrap();
    assert!(found.patch.is_some() == patch && found.text.len() > 20, "{found:?}");
}

proptest! {
    #[test]
    fn limits_fill_exactly_the_time_in_which_there_were_too_few(
        changes in prop::collection::vec((1..40_i64, 0..9_u32, any::<bool>()), 1..120),
    ) {
        // Load changes, and now and then the autoscaler is broken for a while.
        let (mut events, mut now, mut level, mut short) = (begin(1), 0, 1, 0);
        for (pause, next, broken) in changes {
            short += if level > 1 { pause } else { 0 };
            now += pause;
            level = next;
            events.push(Event::live(at(now), What::Load { level: f64::from(next) }));
            let status = if broken { "False" } else { "True" };
            events.push(Event::live(at(now), condition("ScalingActive", status, "FailedGetResourceMetric")));
        }
        let found = watched(declared(), &events, now);
        prop_assert_eq!(found.seconds.values().sum::<f64>(), short as f64);
        prop_assert!(found.stretches.len() <= 50 && found.stretches.windows(2).all(|pair| pair[0].to <= pair[1].from));
        if found.omitted == 0 {
            let sum: f64 = found.stretches.iter().map(|stretch| (stretch.to - stretch.from).total(jiff::Unit::Second).unwrap()).sum();
            prop_assert_eq!(sum, short as f64);
        }
    }
}
