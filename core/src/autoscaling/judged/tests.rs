// SPDX-License-Identifier: Apache-2.0
//! From events that somebody recorded to figures in the status, expectations and sentences.

mod auto;
mod cells;
mod gaps;
mod record;

use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_crds::v1alpha1::{AutoscalingResult, LoadTestSpec, RequestsWhileScalingDown};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Autoscaler, Event, Life, Scaling, Source, What},
    workload::Workload,
};

use super::super::{Observed, explained};
use crate::{
    metrics::{Metrics, Trend},
    plan::Plan,
    protocol::Slice,
    thresholds::{Windowed, Windows},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + second).unwrap()
}

/// Four minutes that ask for 2, 4, 4 and 2 replicas, of which each serves ten.
fn test(expect: Value) -> LoadTestSpec {
    serde_json::from_value(json!({
        "target": {
            "baseURL": "http://user:secret@checkout:8080",
            "workloads": [{"name": "checkout", "capacityPerReplica": 10, "expect": expect}]
        },
        "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
        "load": {"unit": "IterationsPerSecond", "stages": [
            {"name": "one", "duration": "1m", "target": 20, "jump": true},
            {"name": "two", "duration": "2m", "target": 40, "jump": true},
            {"name": "three", "duration": "1m", "target": 20, "jump": true}
        ]},
        "thresholds": [{"metric": "http_req_duration", "condition": "max < 200ms"}]
    }))
    .unwrap()
}

fn pods(second: i64, names: &[&str], lives: &[Life]) -> Vec<Event> {
    let events = names.iter().flat_map(|name| {
        let event =
            |life: &Life| Event::live(at(second), What::Pod { pod: (*name).into(), life: life.clone() });
        lives.iter().map(event).collect::<Vec<_>>()
    });
    events.collect()
}

/// Two replicas at first, and four from two minutes on that the autoscaler decided at 100 s.
fn recorded() -> Vec<Event> {
    let [kind, name] = ["HorizontalPodAutoscaler", "checkout"].map(str::to_owned);
    let autoscaler = Autoscaler { kind, name, min: 1, max: 8, down_window: 300, ..Autoscaler::default() };
    let scaling = |desired: u32| What::Scaling(Scaling { desired, current: desired, ..Scaling::default() });
    let sources = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    let mut first = vec![What::Autoscaler(autoscaler), scaling(2), What::Asked { replicas: 2 }];
    first.extend(sources.map(|source| What::Listed { source }));
    let mut events: Vec<Event> = first.into_iter().map(|what| Event::found(at(-30), what)).collect();
    events.extend(pods(-30, &["a", "b"], &[Life::Ready, Life::Serving]));
    events.extend([What::Asked { replicas: 4 }, scaling(4)].map(|what| Event::live(at(100), what)));
    events.extend(pods(100, &["c", "d"], &[Life::Created, Life::SCHEDULED]));
    events.extend(pods(103, &["c", "d"], &[Life::Started]));
    events.extend(pods(120, &["c", "d"], &[Life::Ready, Life::Serving]));
    events
}

/// Each second in which requests took 300 ms, of 240.
fn slow(test: &LoadTestSpec, slow: std::ops::Range<u64>) -> Windows {
    let (windowed, mut windows) = (Windowed::of(test), Windows::default());
    for second in 0..240 {
        let mut durations = Trend::default();
        durations.record_many(Duration::from_millis(if slow.contains(&second) { 300 } else { 20 }), 9);
        let (from_ms, to_ms) = (second * 1_000, second * 1_000 + 1_000);
        windowed
            .add_slice(&mut windows, &Slice { from_ms, to_ms, requests: 9.0, durations, ..Slice::default() });
        windowed.close(&mut windows, Duration::from_millis(to_ms), &Metrics::default());
    }
    windows
}

fn told(expect: Value, events: Vec<Event>) -> (AutoscalingResult, Vec<&'static str>) {
    told_of(&test(expect), &record_of(events), None)
}

fn record_of(events: Vec<Event>) -> Workload {
    let mut workload = Workload::new(Demand::declared(10.0).unwrap());
    events.into_iter().for_each(|event| workload.note(event));
    workload
}

fn told_of(
    test: &LoadTestSpec,
    record: &Workload,
    lost: Option<RequestsWhileScalingDown>,
) -> (AutoscalingResult, Vec<&'static str>) {
    let windows = slow(test, 70..125);
    let timeline = Plan::compile(&test.load, &["a"]).unwrap().timeline;
    let observed = Observed {
        record,
        timeline: &timeline,
        windows: &windows,
        start: at(0),
        end: at(240),
        workload: test.target.workload().unwrap(),
        base_url: &test.target.base_url,
    };
    let report = observed.report().unwrap();
    let doubts = observed.doubts(&report).into_iter().map(|doubt| doubt.reason).collect();
    (observed.result(&report, lost), doubts)
}

fn judged(expect: Value, events: Vec<Event>) -> AutoscalingResult {
    told(expect, events).0
}

#[test]
fn the_figures_of_the_published_example_are_in_the_status() {
    let result = judged(json!({}), recorded());
    let workload = &result.workloads[0];
    let elasticity = workload.elasticity.as_ref().unwrap();
    let figures = elasticity.unclamped.as_ref().unwrap();
    let texts = [
        &figures.under_provisioned,
        &figures.over_provisioned,
        &figures.time_under,
        &figures.time_over,
        &figures.missing_replicas,
        &figures.spare_replicas,
        &figures.jitter,
        &figures.replica_seconds,
        &figures.ideal_replica_seconds,
        &figures.cost,
        &figures.overshoot,
    ];
    let texts: Vec<&str> = texts.into_iter().map(|text| text.as_deref().unwrap()).collect();
    let expected = ["12.5%", "25%", "25%", "25%", "0.5", "0.5", "-0.5/min", "720", "720", "1", "0%"];
    assert_eq!(texts, expected);
    assert_eq!(elasticity.clamped.as_ref(), Some(figures), "the bounds are wide enough");
    assert_eq!((elasticity.unknown.as_deref(), workload.gaps.len()), (None, 0));
    assert_eq!(elasticity.violations.as_deref(), Some("22.92%"));
    assert_eq!(elasticity.recovery.as_deref(), Some("55s"));
    let [up] = &workload.scale_ups[..] else { panic!("{workload:?}") };
    let split =
        [&up.split.decided, &up.split.created, &up.split.started, &up.split.ready, &up.split.recovered];
    let split: Vec<Option<&str>> = split.into_iter().map(Option::as_deref).collect();
    assert_eq!(split, [Some("40s"), Some("0s"), Some("3s"), Some("17s"), Some("5s")]);
    assert_eq!((up.largest.as_deref(), up.limited_by.as_deref()), (Some("decided"), Some("None")));
    assert_eq!((workload.limited_by.as_deref(), result.limited_by), (Some("None"), None));
}

#[rstest]
#[case::under("maxUnderProvisionedPercent", json!(12), "12.5%", Some("12.5% of the replicas that the load asked for were missing"))]
#[case::under_held("maxUnderProvisionedPercent", json!(13), "12.5%", None)]
#[case::over(
    "maxOverProvisionedPercent",
    json!(24),
    "25%",
    Some("replicas beyond what the load asked for were 25% of it: 1.00 times the replica-seconds of an ideal autoscaler")
)]
#[case::over_held("maxOverProvisionedPercent", json!(25), "25%", None)]
#[case::overshoot_held("maxOvershootPercent", json!(0), "0%", None)]
#[case::turns_held("maxDirectionChanges", json!(0), "0", None)]
#[case::settling("maxSettlingTime", json!("59s"), "not settled", Some("replicas were still on their way when the observation ended"))]
#[case::recovery(
    "recoverWithin",
    json!("54s"),
    "55s",
    Some("thresholds were missed for 55s on end (22.92% of the load's time in all)")
)]
#[case::recovery_held("recoverWithin", json!("55s"), "55s", None)]
#[case::time_under(
    "maxTimeUnderProvisionedPercent",
    json!(24),
    "25%",
    Some("for 25% of the time fewer replicas served than the load asked for")
)]
#[case::time_under_held("maxTimeUnderProvisionedPercent", json!(25), "25%", None)]
#[case::time_over(
    "maxTimeOverProvisionedPercent",
    json!(24),
    "25%",
    Some("for 25% of the time more replicas served than the load asked for")
)]
#[case::time_over_held("maxTimeOverProvisionedPercent", json!(25), "25%", None)]
#[case::missing(
    "maxMissingReplicas",
    json!("0.4"),
    "0.5",
    Some("0.5 of the replicas that the load asked for were missing on average")
)]
#[case::missing_held("maxMissingReplicas", json!("500m"), "0.5", None)]
#[case::spare("maxSpareReplicas", json!(0), "0.5", Some("0.5 replicas more than the load asked for served on average"))]
#[case::spare_held("maxSpareReplicas", json!(1), "0.5", None)]
#[case::cost(
    "maxCostPercent",
    json!(99),
    "100%",
    Some("720 replica-seconds were used, and an ideal autoscaler would have used 720")
)]
#[case::cost_held("maxCostPercent", json!(100), "100%", None)]
// Of 15 steps of 15 s, those to 60 s, 120 s and 180 s: the load changes, replicas change, the load changes.
#[case::instability(
    "maxInstabilityPercent",
    json!(19),
    "20%",
    Some("in 20% of the steps of 15s replicas did not go the way of what the load asked for")
)]
#[case::instability_held("maxInstabilityPercent", json!(20), "20%", None)]
#[case::jitter(
    "maxJitterPerMinute",
    json!("0.4"),
    "-0.5",
    Some("0.5 replicas per minute fewer came and went than the load asked for and gave back: the autoscaler is too sluggish")
)]
#[case::jitter_held("maxJitterPerMinute", json!("0.5"), "-0.5", None)]
#[case::flapping_held("maxFlapping", json!(0), "0", None)]
#[case::violations("maxViolationsPercent", json!(22), "22.92%", Some("a threshold was missed in 22.92% of the seconds of the load"))]
#[case::violations_held("maxViolationsPercent", json!(23), "22.92%", None)]
#[case::nothing_lost("maxFailedRequestsWhileScalingDown", json!(0), "0", None)]
fn an_expectation_on_a_figure_holds_or_says_by_how_much_not(
    #[case] name: &str,
    #[case] limit: Value,
    #[case] observed: &str,
    #[case] missed: Option<&str>,
) {
    let result = judged(json!({name: limit}), recorded());
    let [one] = &result.expectations[..] else { panic!("{result:?}") };
    assert_eq!((one.name.as_str(), one.observed.as_str()), (name, observed));
    assert_eq!((one.passed, one.undecided, one.message.as_deref()), (missed.is_none(), false, missed));
}

#[rstest]
#[case::under("maxUnderProvisionedPercent", json!(99))]
#[case::over("maxOverProvisionedPercent", json!(99))]
#[case::overshoot("maxOvershootPercent", json!(99))]
#[case::settling("maxSettlingTime", json!("10m"))]
#[case::time_under("maxTimeUnderProvisionedPercent", json!(99))]
#[case::time_over("maxTimeOverProvisionedPercent", json!(99))]
#[case::missing("maxMissingReplicas", json!(99))]
#[case::spare("maxSpareReplicas", json!(99))]
#[case::cost("maxCostPercent", json!(999))]
#[case::jitter("maxJitterPerMinute", json!(99))]
fn an_expectation_that_hangs_on_a_gap_is_undecided_and_names_it(#[case] name: &str, #[case] limit: Value) {
    let mut events = recorded();
    let lost = What::Lost { source: Source::Pods, message: "the watch broke".into() };
    events.extend([Event::live(at(130), lost), Event::live(at(142), What::Listed { source: Source::Pods })]);
    let result = judged(json!({name: limit}), events);
    let [one] = &result.expectations[..] else { panic!("{result:?}") };
    assert_eq!((one.passed, one.undecided), (false, true), "{one:?}");
    assert_eq!(one.message.as_deref(), Some("12s of the run are not known: pods were not seen for 12s"));
    assert_eq!(result.workloads[0].gaps, ["pods were not seen for 12s"]);
}

#[test]
fn too_many_changes_of_direction_are_too_many_whatever_was_not_seen() {
    let mut events = recorded();
    let lost = What::Lost { source: Source::Workload, message: String::new() };
    events.extend([
        Event::live(at(130), lost),
        Event::live(at(142), What::Listed { source: Source::Workload }),
        Event::live(at(150), What::Asked { replicas: 3 }),
        Event::live(at(170), What::Asked { replicas: 4 }),
    ]);
    let one = |most: i32| judged(json!({"maxDirectionChanges": most}), events.clone()).expectations.remove(0);
    assert_eq!((one(1).passed, one(1).undecided), (false, false));
    assert_eq!((one(2).passed, one(2).undecided), (false, true), "there may have been more of them");
}

#[test]
fn lost_requests_fail_an_expectation_with_advice_and_those_that_are_uncertain_leave_it_open() {
    let found = |requests: i64, uncertain: Option<i64>| RequestsWhileScalingDown {
        requests,
        uncertain,
        pods: 2,
        ..Default::default()
    };
    let one = |lost: RequestsWhileScalingDown| {
        let test = test(json!({"maxFailedRequestsWhileScalingDown": 3}));
        told_of(&test, &record_of(recorded()), Some(lost)).0.expectations.remove(0)
    };
    assert_eq!((one(found(4, None)).passed, one(found(4, None)).undecided), (false, false));
    assert!(one(found(4, None)).message.unwrap().contains("preStop"));
    assert_eq!((one(found(3, Some(1))).undecided, one(found(2, Some(1))).passed), (true, true));
}

#[test]
fn without_an_autoscaler_there_are_no_bounds_and_nothing_is_missing_for_that() {
    let mut events = recorded();
    events.retain(|event| !matches!(event.what, What::Autoscaler(_) | What::Scaling(_)));
    let result = judged(json!({}), events);
    let elasticity = result.workloads[0].elasticity.clone().unwrap();
    assert_eq!((&elasticity.clamped, &elasticity.unknown), (&None, &None));
    assert_eq!(elasticity.unclamped.unwrap().under_provisioned.as_deref(), Some("12.5%"));
}

#[test]
fn who_changes_the_autoscaler_in_the_middle_of_a_run_is_a_doubt() {
    let mut events = recorded();
    events.push(Event::live(at(50), What::AutoscalerGone));
    assert_eq!(told(json!({}), events).1, ["AutoscalerDeleted"]);
}

#[test]
fn the_sentences_say_where_the_time_went_what_limited_and_what_to_change() {
    let mut events = recorded();
    for event in &mut events {
        if let What::Autoscaler(autoscaler) = &mut event.what {
            autoscaler.max = 3;
        }
        if let What::Scaling(Scaling { desired, .. }) | What::Asked { replicas: desired } = &mut event.what {
            *desired = (*desired).min(3);
        }
    }
    events.retain(|event| !matches!(&event.what, What::Pod { pod, .. } if pod == "d"));
    let result = judged(json!({}), events);
    assert_eq!(result.limited_by.as_deref(), Some("MaxReplicas"));
    assert_eq!(
        explained(&result),
        [
            "of scale-ups, most time went to the autoscaler's decision (p50 40s, longest 40s)",
            "Deployment/checkout was limited by MaxReplicas for 80 s (HorizontalPodAutoscaler/checkout wants 3 of at most 3 \
             replicas, and the load asks for 4)",
            "to change: raise maxReplicas from 3 to at least 4"
        ]
    );
}

#[test]
fn an_expectation_on_time_that_was_missed_is_held_against_the_autoscalers_own_settings() {
    let expect = json!({"scaleUpWithin": "30s", "maxPeakReplicas": 3, "scaleDownWithin": "10s"});
    let result = judged(expect, recorded());
    let messages: Vec<&str> = result.expectations.iter().filter_map(|one| one.message.as_deref()).collect();
    let reaction = "1m40s to see a change of the load and act on it";
    assert_eq!(
        messages,
        [
            // Pods took 20 s.
            format!(
                "4 replicas were ready only after 60s; this autoscaler may need up to 2m ({reaction} + 20s until new pods serve): \
                 allow that much, or change its settings"
            ),
            "peak was 4".into(),
            format!(
                "still 4 replicas 60s after the fall of the load, 2 at the start; this autoscaler may need up to 6m40s (5m of its \
                 stabilization window + {reaction}): allow that much, or change its settings"
            ),
        ]
    );
}
