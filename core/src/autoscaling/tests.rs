// SPDX-License-Identifier: Apache-2.0
mod doubts;
mod limits;

use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;
use upsurge_crds::v1alpha1::{
    AutoscalingExpectations, AutoscalingResult, ConstantLoad, Load, SpikeLoad, TimeLimit, TimeSpan, Workload,
};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Autoscaler, Condition, Event, Life, Scaling, Source, What},
    workload::Workload as Record,
};

use super::*;
use crate::{
    plan::{Plan, Timeline},
    thresholds::Windows,
};

/// Ten seconds at 5, twenty at 50, thirty at 5: rises at 10 s, falls at 30 s, ends at 60 s.
fn spike() -> Timeline {
    let spike = SpikeLoad {
        baseline: 5.into(),
        peak: Some(50.into()),
        warm_up: TimeSpan::from_secs(10),
        hold: Some(TimeSpan::from_secs(20)),
        recovery: Some(TimeSpan::from_secs(30)),
        ..SpikeLoad::default()
    };
    Plan::compile(&load(None, Some(spike)), &[]).unwrap().timeline
}

fn load(constant: Option<ConstantLoad>, spike: Option<SpikeLoad>) -> Load {
    Load { constant, spike, ..Load::default() }
}

fn at(second: f64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + (second * 1e3) as i64).unwrap()
}

/// What was recorded of a workload, as (second, desired, current, ready) at each change.
fn observed(max: u32, samples: &[(f64, u32, u32, usize)]) -> Record {
    let autoscaler = Autoscaler {
        kind: "HorizontalPodAutoscaler".into(),
        name: "checkout".into(),
        min: 1,
        max,
        down_window: 300,
        ..Autoscaler::default()
    };
    let mut record = Record::new(Demand::None);
    record.note(Event::found(at(-60.0), What::Autoscaler(autoscaler)));
    note(&mut record, -60.0, condition("ScalingActive", "True", "ValidMetricFound", ""));
    note(&mut record, -60.0, What::Revision { revision: "1".into() });
    for source in [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints] {
        note(&mut record, -60.0, What::Listed { source });
    }
    let mut were_ready = 0;
    for (second, desired, current, ready) in samples {
        let scaling = Scaling { desired: *desired, current: *current, ..Scaling::default() };
        let numbers = [
            What::Scaling(scaling),
            What::Asked { replicas: *desired },
            What::Existing { replicas: *current },
        ];
        numbers.into_iter().for_each(|what| note(&mut record, *second, what));
        for pod in were_ready.min(*ready)..were_ready.max(*ready) {
            let life = if *ready > were_ready { Life::Ready } else { Life::NotReady };
            note(&mut record, *second, What::Pod { pod: format!("checkout-{pod}"), life });
        }
        were_ready = *ready;
    }
    record
}

fn note(record: &mut Record, second: f64, what: What) {
    record.note(Event::live(at(second), what));
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> What {
    What::Condition(Condition {
        condition: type_.into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
    })
}

/// 1 → 4 in two steps (18.5 s: 2, 22 s: 4), back to 1 in two steps (50 s: 3, 72.25 s: 1).
fn good() -> Record {
    observed(
        6,
        &[
            (-30.0, 1, 1, 1),
            (16.0, 2, 1, 1),
            (16.5, 2, 2, 1),
            (18.5, 2, 2, 2),
            (20.0, 4, 2, 2),
            (22.0, 4, 4, 4),
            (49.0, 3, 4, 4),
            (50.0, 3, 3, 3),
            (72.0, 1, 3, 3),
            (72.25, 1, 1, 1),
        ],
    )
}

fn within(seconds: u64) -> TimeLimit {
    TimeLimit::Within(TimeSpan::from_secs(seconds))
}

fn expecting(up: Option<u64>, fewest: Option<i32>, most: Option<i32>, down: Option<u64>) -> Workload {
    Workload {
        expect: Some(AutoscalingExpectations {
            scale_up_within: up.map(within),
            min_peak_replicas: fewest,
            max_peak_replicas: most,
            scale_down_within: down.map(within),
            ..AutoscalingExpectations::default()
        }),
        ..Workload::from("checkout")
    }
}

fn analysed(record: &Record, end: f64, spec: &Workload) -> AutoscalingResult {
    looked_at(record, &spike(), end, spec).0
}

fn looked_at(
    record: &Record,
    timeline: &Timeline,
    end: f64,
    spec: &Workload,
) -> (AutoscalingResult, Vec<Doubt>) {
    let observed = Observed {
        record,
        timeline,
        windows: &Windows::default(),
        start: at(0.0),
        end: at(end),
        workload: spec,
        base_url: "http://checkout:8080",
    };
    let report = observed.report().unwrap();
    (observed.result(&report, None), observed.doubts(&report))
}

fn outcomes(result: &AutoscalingResult) -> Vec<(&str, &str, bool)> {
    let outcomes = result.expectations.iter();
    outcomes.map(|one| (one.name.as_str(), one.observed.as_str(), one.passed)).collect()
}

#[test]
fn a_spike_that_is_followed_up_and_down_meets_its_expectations() {
    let spec = expecting(Some(15), Some(4), Some(6), Some(45));
    let result = analysed(&good(), 80.0, &spec);
    assert_eq!(result.autoscaler.as_deref(), Some("HorizontalPodAutoscaler/checkout"));
    assert_eq!(result.replicas, "1→4→1");
    let numbers = [result.start_replicas, result.peak_replicas, result.end_replicas];
    assert_eq!(numbers, [1, 4, 1].map(Some));
    assert_eq!((result.min_replicas, result.max_replicas), (Some(1), Some(6)));
    // From the rise at 10 s to 4 ready at 22 s; from the fall at 30 s to 1 ready at 72.25 s.
    assert_eq!((result.scale_up_seconds, result.scale_down_seconds), (Some(12.0), Some(42.25)));
    assert_eq!(result.limited_by, None);
    assert_eq!(
        outcomes(&result),
        [
            ("scaleUpWithin", "12s", true),
            ("minPeakReplicas", "4", true),
            ("maxPeakReplicas", "4", true),
            ("scaleDownWithin", "42.25s", true)
        ]
    );
    let points: Vec<_> = result.timeline.iter().map(|p| (p.seconds, p.desired, p.current, p.ready)).collect();
    assert_eq!(points.first(), Some(&(0.0, 1, 1, 1)), "the timeline begins with the state at the start");
    assert_eq!(points.get(1..4), Some(&[(16.0, 2, 1, 1), (16.5, 2, 2, 1), (18.5, 2, 2, 2)][..]));
    assert_eq!(points.len(), 10);
    let short = digest(&result);
    assert_eq!((short.replicas.as_str(), short.limited_by), ("1→4→1", None));
}

#[rstest]
#[case::too_late(
    expecting(Some(11), Some(4), None, None),
    "scaleUpWithin",
    "11s",
    "12s",
    "4 replicas were ready only after 12s"
)]
#[case::too_few(expecting(None, Some(5), None, None), "minPeakReplicas", "5", "4", "peak was 4")]
#[case::too_many(expecting(None, None, Some(3), None), "maxPeakReplicas", "3", "4", "peak was 4")]
#[case::too_slow_down(
    expecting(None, None, None, Some(42)),
    "scaleDownWithin",
    "42s",
    "42.25s",
    "back at 1 only 42.25s after the fall of the load"
)]
#[case::never_there(
    expecting(Some(60), Some(9), None, None),
    "scaleUpWithin",
    "1m",
    "4 of 9 replicas",
    "9 replicas were never ready: peak was 4 in 70s from the rise of the load"
)]
fn a_missed_expectation_says_what_was_observed(
    #[case] spec: Workload,
    #[case] name: &str,
    #[case] expected: &str,
    #[case] observed: &str,
    #[case] message: &str,
) {
    let result = analysed(&good(), 80.0, &spec);
    let missed = result.expectations.iter().find(|one| !one.passed).unwrap();
    assert_eq!((missed.name.as_str(), missed.expected.as_str()), (name, expected));
    assert_eq!(missed.observed, observed);
    // What the autoscaler's settings allow comes after it.
    assert!(missed.message.as_ref().is_some_and(|told| told.starts_with(message)), "{missed:?}");
}

#[test]
fn replicas_that_are_not_back_at_the_end_of_the_observation_miss_scale_down_within() {
    let result = analysed(&good(), 60.0, &expecting(None, None, None, Some(30)));
    assert_eq!(result.scale_down_seconds, None);
    let missed = result.expectations.first().unwrap();
    let told = missed.message.as_deref().unwrap();
    assert!(told.starts_with("still 3 replicas 30s after the fall of the load, 1 at the start"), "{told}");
    assert_eq!((result.replicas.as_str(), missed.passed), ("1→4→3", false));
}

#[rstest]
#[case::one_more_than_at_the_start(None, None, Some(8.5))]
#[case::what_the_load_needs(Some("12.5"), None, Some(12.0))] // 50 / 12.5 = 4
#[case::what_is_asked_for(Some("1"), Some(2), Some(8.5))]
#[case::more_than_ever_ready(Some("10"), None, None)] // 50 / 10 = 5
#[case::enough_from_the_start(Some("50"), None, Some(0.0))]
fn the_replicas_that_were_needed_decide_when_the_scale_up_is_done(
    #[case] capacity: Option<&str>,
    #[case] fewest: Option<i32>,
    #[case] seconds: Option<f64>,
) {
    let mut spec = expecting(None, fewest, None, None);
    spec.capacity_per_replica = capacity.map(|text| text.parse().unwrap());
    assert_eq!(analysed(&good(), 80.0, &spec).scale_up_seconds, seconds);
}

#[test]
fn without_expectations_replicas_are_only_reported() {
    let result = analysed(&good(), 80.0, &Workload::from("checkout"));
    assert_eq!((result.expectations.len(), result.replicas.as_str()), (0, "1→4→1"));
    assert_eq!((result.scale_up_seconds, result.scale_down_seconds), (Some(8.5), Some(42.25)));
    assert_eq!(watch_until(&good(), &spike(), at(0.0), &Workload::from("checkout"), at(5.0)), None);
}

#[test]
fn replicas_that_are_there_before_the_load_asks_for_them_take_no_time() {
    // Up before the rise at 10 s, back before the fall at 30 s.
    let record = observed(4, &[(-30.0, 1, 1, 1), (5.0, 3, 3, 3), (25.0, 1, 1, 1)]);
    let result = analysed(&record, 60.0, &expecting(Some(1), Some(3), None, Some(1)));
    assert_eq!((result.scale_up_seconds, result.scale_down_seconds), (Some(0.0), Some(0.0)));
    assert!(result.expectations.iter().all(|one| one.passed), "{result:?}");
}

#[test]
fn nothing_observed_decides_no_expectation() {
    let result = analysed(&Record::new(Demand::None), 60.0, &expecting(Some(30), Some(1), Some(9), Some(30)));
    assert!(result.expectations.iter().all(|one| !one.passed && one.undecided), "{result:?}");
    assert_eq!((result.replicas.as_str(), result.timeline.len()), ("?→?→?", 0));
    let numbers = [result.start_replicas, result.peak_replicas, result.end_replicas];
    assert_eq!(numbers, [None; 3], "0 would be a number that somebody saw");
    assert_eq!((result.scale_up_seconds, result.scale_down_seconds, result.autoscaler), (None, None, None));
}

#[rstest]
#[case::up_not_reached(Some(30), None, 15.0, Some(40.0))]
#[case::up_reached(Some(30), None, 19.0, None)]
#[case::up_too_late(Some(8), None, 18.2, None)]
#[case::down_during_the_load(None, Some(60), 40.0, Some(90.0))]
#[case::down_not_yet(None, Some(60), 71.0, Some(90.0))]
#[case::down_is_back(None, Some(60), 73.0, None)]
#[case::down_too_late(None, Some(20), 60.0, None)]
#[case::both(Some(200), Some(60), 15.0, Some(210.0))]
fn the_observation_goes_on_until_expectations_are_decided(
    #[case] up: Option<u64>,
    #[case] down: Option<u64>,
    #[case] now: f64,
    #[case] until: Option<f64>,
) {
    let spec = expecting(up, None, None, down);
    assert_eq!(watch_until(&good(), &spike(), at(0.0), &spec, at(now)), until.map(at));
}

/// Its own times. The load is at its peak from 10 s on, and without a capacity it may ask for more than at the start until 60 s.
fn auto(up: bool, down: bool) -> Workload {
    let auto = |is_given: bool| is_given.then_some(TimeLimit::Auto);
    let mut spec = expecting(None, None, None, None);
    spec.expect = spec.expect.map(|expect| AutoscalingExpectations {
        scale_up_within: auto(up),
        scale_down_within: auto(down),
        ..expect
    });
    spec
}

#[rstest]
#[case::up_not_reached(auto(true, false), 300, 15.0, Some(10.0 + 100.0))]
#[case::up_reached(auto(true, false), 300, 19.0, None)]
#[case::down(auto(false, true), 300, 40.0, Some(60.0 + 300.0 + 100.0))]
#[case::down_is_back(auto(false, true), 300, 73.0, None)]
#[case::a_quarter_of_an_hour_at_most(auto(false, true), 3_600, 40.0, Some(60.0 + 900.0))]
#[case::both(auto(true, true), 0, 15.0, Some(60.0 + 100.0))]
fn the_observation_goes_on_as_long_as_its_own_settings_allow(
    #[case] spec: Workload,
    #[case] down_window: u32,
    #[case] now: f64,
    #[case] until: Option<f64>,
) {
    let mut record = good();
    let [kind, name] = ["HorizontalPodAutoscaler", "checkout"].map(str::to_owned);
    let settings = Autoscaler { kind, name, min: 1, max: 6, down_window, ..Autoscaler::default() };
    note(&mut record, -40.0, What::Autoscaler(settings));
    assert_eq!(watch_until(&record, &spike(), at(0.0), &spec, at(now)), until.map(at));
}

#[test]
fn replicas_that_the_autoscaler_still_wants_are_waited_for() {
    let record = observed(4, &[(-30.0, 1, 1, 1), (58.0, 3, 1, 1)]);
    let spec = expecting(None, None, None, Some(60));
    assert_eq!(watch_until(&record, &spike(), at(0.0), &spec, at(61.0)), Some(at(90.0)));
}

#[test]
fn a_constant_load_rises_at_its_start_and_falls_at_its_end() {
    let constant = ConstantLoad { level: 50.into(), duration: TimeSpan::from_secs(60) };
    let timeline = Plan::compile(&load(Some(constant), None), &[]).unwrap().timeline;
    let (result, _) = looked_at(&good(), &timeline, 80.0, &Workload::from("checkout"));
    assert_eq!((result.scale_up_seconds, result.scale_down_seconds), (Some(18.5), Some(12.25)));
    assert_eq!((rise(&timeline), fall(&timeline)), (Duration::ZERO, Duration::from_secs(60)));
}

#[test]
fn what_had_no_time_to_come_true_is_not_missed() {
    let spec = expecting(Some(60), None, None, Some(60));
    let judged = |end: f64| {
        let result = analysed(&good(), end, &spec);
        result
            .expectations
            .into_iter()
            .map(|one| (one.passed, one.undecided, one.message))
            .collect::<Vec<_>>()
    };
    let early =
        |left: &str| (false, true, Some(format!("the observation ended {left}s before its time was over")));
    // Cut short before the load fell, and after that.
    assert_eq!(judged(15.0), [early("55"), early("75")]);
    assert_eq!(judged(45.0), [(true, false, None), early("45")]);
    assert_eq!(judged(95.0), [(true, false, None), (true, false, None)]);
}
