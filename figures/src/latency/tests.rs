// SPDX-License-Identifier: Apache-2.0

use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::observation::{Event, Life, Log, Scaling, Source, What};

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_900_000_000_000 + milliseconds).unwrap()
}

/// The second in which an instant lies.
fn second(milliseconds: i64) -> Timestamp {
    at(milliseconds.div_euclid(1_000) * 1_000)
}

fn log(events: impl IntoIterator<Item = Event>) -> Log {
    let mut log = Log::default();
    events.into_iter().for_each(|event| log.push(event));
    log
}

fn live(milliseconds: i64, what: What) -> Event {
    Event::live(at(milliseconds), what)
}

fn asked(milliseconds: i64, replicas: u32) -> Event {
    live(milliseconds, What::Asked { replicas })
}

/// A pod's steps, in milliseconds each, seen some milliseconds after they happened.
fn life(pod: &str, steps: [i64; 5], delay: i64) -> Vec<Event> {
    let lives = [Life::Created, Life::SCHEDULED, Life::Started, Life::Ready, Life::Serving];
    let event = |(life, time): (Life, i64)| {
        let event = live(time + delay, What::Pod { pod: pod.into(), life: life.clone() });
        // EndpointSlices have no stamps.
        if life == Life::Serving { event } else { event.stamped(second(time)) }
    };
    lives.into_iter().zip(steps).map(event).collect()
}

/// 1 → 4 at 20 s, after the load rose at 5 s: the last pod takes 30 s to be ready.
fn spike() -> Vec<Event> {
    let mut events = vec![
        asked(0, 1),
        live(0, What::Load { level: 10.0 }),
        live(0, What::Thresholds { met: true }),
        live(5_000, What::Load { level: 200.0 }),
        live(6_000, What::Thresholds { met: false }),
        asked(20_000, 4),
        live(56_500, What::Thresholds { met: true }),
    ];
    for (pod, ready) in [("b", 40_000), ("c", 45_000), ("d", 55_000)] {
        events.extend(life(pod, [20_200, 21_000, 25_000, ready, ready + 500], 0));
    }
    events
}

#[test]
fn several_replicas_at_one_instant_are_one_scale_up_and_its_last_pod_tells_where_the_time_went() {
    let ups = scale_ups(&log(spike()));
    let [up] = &ups[..] else { panic!("{ups:?}") };
    assert_eq!((up.from, up.to, up.pods.len(), up.missing), (1, 4, 3, 0));
    assert_eq!((up.risen, up.decided, up.served), (Some(at(5_000)), at(20_000), Some(at(55_500))));
    let parts = [15.0, 0.2, 0.8, 4.0, 30.0, 0.5, 1.0];
    assert_eq!(up.parts, Part::ALL.into_iter().zip(parts).collect());
    assert_eq!(up.largest, Some(Part::Readiness));
    let summary = summary(&ups);
    assert_eq!(summary.largest, Some(Part::Readiness));
    let ready = summary.parts[&Part::Readiness];
    assert_eq!(ready.seconds, Quantiles { p50: 20.0, p95: 30.0, max: 30.0 });
    assert_eq!((ready.known, ready.unknown, summary.pods), (3, 0, 3));
    assert_eq!(summary.parts[&Part::Decision].known, 1);
}

#[rstest]
#[case::one_by_one_within_a_second(&[(20_000, 2), (20_400, 3), (20_900, 4)], &[(1, 4)])]
#[case::in_steps(&[(20_000, 2), (35_000, 4)], &[(1, 2), (2, 4)])]
#[case::down_between(&[(20_000, 4), (20_500, 2), (20_800, 3)], &[(1, 4), (2, 3)])]
#[case::never(&[(20_000, 1)], &[])]
fn increases_within_a_second_are_one(#[case] course: &[(i64, u32)], #[case] ups: &[(u32, u32)]) {
    let events = [(0, 1)].iter().chain(course).map(|(time, replicas)| asked(*time, *replicas));
    let found: Vec<_> = scale_ups(&log(events)).iter().map(|up| (up.from, up.to)).collect();
    assert_eq!(found, ups);
}

#[test]
fn each_scale_up_has_its_own_pods_and_others_none() {
    let mut events = vec![asked(0, 1), asked(20_000, 2), asked(60_000, 4)];
    // One was there before, one takes the place of another that was killed.
    events.push(Event::found(at(0), What::Pod { pod: "a".into(), life: Life::Ready }));
    for (pod, created) in
        [("early", 10_000), ("b", 20_100), ("instead", 40_000), ("c", 60_300), ("d", 60_300)]
    {
        events.extend(life(pod, [created, created + 100, created + 200, created + 300, created + 400], 0));
    }
    let ups = scale_ups(&log(events));
    let pods: Vec<Vec<&str>> =
        ups.iter().map(|up| up.pods.iter().map(|pod| pod.pod.as_str()).collect()).collect();
    assert_eq!(pods, [vec!["b"], vec!["c", "d"]]);
}

#[test]
fn what_nobody_saw_is_left_out_and_counted() {
    let unfinished = |event: &Event| !matches!(&event.what, What::Pod { pod, life } if pod == "d" && *life != Life::Created);
    let ups = scale_ups(&log(spike().into_iter().filter(unfinished)));
    assert_eq!((ups[0].served, ups[0].parts.get(&Part::Readiness)), (None, None));
    assert_eq!(ups[0].largest, Some(Part::Decision));
    let summary = summary(&ups);
    assert_eq!((summary.parts[&Part::Readiness].known, summary.parts[&Part::Readiness].unknown), (2, 1));
    let without = |event: &Event| !matches!(&event.what, What::Pod { pod, .. } if pod == "d");
    let ups = scale_ups(&log(spike().into_iter().filter(without)));
    assert_eq!((ups[0].missing, ups[0].served), (1, None));
}

#[test]
fn without_a_service_a_pod_is_there_when_it_is_ready() {
    let serving = |event: &Event| matches!(&event.what, What::Pod { life: Life::Serving, .. });
    let ups = scale_ups(&log(spike().into_iter().filter(|event| !serving(event))));
    assert_eq!((ups[0].served, ups[0].parts.get(&Part::Endpoints)), (Some(at(55_000)), None));
}

#[rstest]
#[case::met_all_the_time(&[(0, true)], None)]
#[case::not_again(&[(0, true), (6_000, false)], None)]
#[case::before_all_pods_served(&[(0, true), (6_000, false), (50_000, true)], Some(0.0))]
#[case::missed_long_before(&[(0, false), (2_000, true)], None)]
#[case::afterwards(&[(6_000, false), (50_000, true), (52_000, false), (70_500, true)], Some(15.0))]
fn recovery_counts_from_when_the_last_pod_served(
    #[case] course: &[(i64, bool)],
    #[case] recovery: Option<f64>,
) {
    let thresholds = |event: &Event| matches!(event.what, What::Thresholds { .. });
    let course = course.iter().map(|(time, met)| live(*time, What::Thresholds { met: *met }));
    let ups = scale_ups(&log(spike().into_iter().filter(|event| !thresholds(event)).chain(course)));
    assert_eq!(ups[0].parts.get(&Part::Recovery).copied(), recovery);
}

#[test]
fn a_scale_up_that_happened_while_nobody_watched_is_told_by_its_stamps() {
    let pod = |life| What::Pod { pod: "b".into(), life };
    let found = |what, second: i64| Event::found(at(60_000), what).stamped(at(second * 1_000));
    let desired =
        |second: i64| Scaling { desired: 2, last_scale: Some(at(second * 1_000)), ..Scaling::default() };
    let told = |scaled: i64| {
        scale_ups(&log([
            // Seen as it happened: the clocks agree.
            live(1_000, What::Pod { pod: "a".into(), life: Life::Created }).stamped(at(1_000)),
            asked(0, 1),
            live(5_000, What::Load { level: 9.0 }),
            live(10_000, What::Lost { source: Source::Pods, message: "the operator stopped".into() }),
            Event::found(at(60_000), What::Asked { replicas: 2 }),
            Event::found(at(60_000), What::Scaling(desired(scaled))),
            found(pod(Life::Created), 21),
            found(pod(Life::SCHEDULED), 22),
            found(pod(Life::Started), 24),
            found(pod(Life::Ready), 44),
        ]))
    };
    let ups = told(21);
    assert_eq!(ups[0].decided, at(21_000), "not when it was found");
    assert_eq!(ups[0].parts[&Part::Decision], 16.0);
    assert_eq!(ups[0].parts[&Part::Readiness], 20.0);
    assert_eq!(ups[0].largest, Some(Part::Readiness));
    let unknown = told(-30);
    assert_eq!(unknown[0].parts.get(&Part::Decision), None, "that stamp is of an earlier one");
    assert_eq!(
        (unknown[0].missing, unknown[0].pods.len()),
        (1, 0),
        "which pods it brought isn't known either"
    );
}

/// One pod of which its node tells late, as `[seen, stamped]` of being created, placed, started and ready.
fn late(steps: [[i64; 2]; 4]) -> Vec<(Part, f64)> {
    let lives = [Life::Created, Life::SCHEDULED, Life::Started, Life::Ready];
    let steps = lives
        .into_iter()
        .zip(steps)
        .map(|(life, [seen, stamped])| live(seen, What::Pod { pod: "b".into(), life }).stamped(at(stamped)));
    let ups = scale_ups(&log([asked(0, 1), asked(23_189, 2)].into_iter().chain(steps)));
    let parts = ups[0].parts.iter().map(|(part, seconds)| (*part, *seconds));
    parts.filter(|(part, _)| *part != Part::Creation).collect()
}

#[rstest]
// Seen on a cluster: a part that took no second was told as 1.3 s.
#[case::a_node_tells_late(
    [[23_300, 23_000], [23_320, 23_000], [24_700, 23_000], [64_400, 63_000]], [0.02, 0.0, 40.0]
)]
#[case::the_last_step_was_seen_late(
    [[23_300, 23_000], [23_320, 23_000], [23_900, 23_000], [65_900, 63_000]], [0.02, 0.0, 40.0]
)]
#[case::the_control_plane_was_seen_late(
    [[23_300, 23_000], [25_900, 23_000], [26_000, 24_000], [63_400, 63_000]], [0.5, 1.0, 39.0]
)]
#[case::a_node_by_another_clock(
    [[23_300, 23_000], [23_320, 23_000], [24_320, 14_000], [64_000, 54_000]], [0.02, 1.0, 40.0]
)]
fn what_a_node_did_is_told_by_its_stamps_and_not_by_when_it_was_seen(
    #[case] steps: [[i64; 2]; 4],
    #[case] told: [f64; 3],
) {
    let parts = [Part::Scheduling, Part::Starting, Part::Readiness];
    assert_eq!(late(steps), parts.into_iter().zip(told).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn parts_are_within_a_second_of_what_happened(
        pods in prop::collection::vec((0..2_000_i64, 0..3_000_i64, 0..20_000_i64, 0..40_000_i64, 0..900_i64), 1..9),
        delay in 1..100_i64,
    ) {
        let mut events = vec![asked(0, 1), asked(20_000, 1 + pods.len() as u32)];
        let mut truth = std::collections::BTreeMap::new();
        for (index, (created, scheduled, started, ready, serving)) in pods.iter().enumerate() {
            let mut sum = 20_000;
            let steps = [created, scheduled, started, ready, serving].map(|step| { sum += step; sum });
            events.extend(life(&index.to_string(), steps, delay));
            truth.insert(index.to_string(), [*created, *scheduled, *started, *ready, *serving]);
        }
        let ups = scale_ups(&log(events));
        prop_assert_eq!(ups[0].pods.len(), pods.len());
        for pod in &ups[0].pods {
            for (part, true_ms) in Part::ALL[1..6].iter().zip(truth[&pod.pod]) {
                let error = (pod.parts[part] * 1e3 - true_ms as f64).abs();
                prop_assert!(error <= 1_000.0, "{part:?}: {error} ms");
            }
        }
    }

    #[test]
    fn percentiles_are_values_with_so_many_at_most_as_large(values in prop::collection::vec(0.0..1e3_f64, 1..60)) {
        let Quantiles { p50, p95, max } = quantiles(&values).unwrap();
        for (quantile, percent) in [(p50, 50), (p95, 95), (max, 100)] {
            let below = values.iter().filter(|value| **value < quantile).count();
            let most = values.iter().filter(|value| **value <= quantile).count();
            prop_assert!(values.contains(&quantile) && most * 100 >= values.len() * percent && below * 100 < values.len() * percent);
        }
    }
}
