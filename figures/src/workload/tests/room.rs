// SPDX-License-Identifier: Apache-2.0
//! What there is no room for, and what nobody told of, is not taken for known.

use super::*;
use crate::observation::{Condition, LONGEST_TEXT, Reading};

/// Many pods that are there before the load: more steps than the log has room for.
fn crowd(pods: usize) -> Vec<Event> {
    let steps = [Life::Created, Life::SCHEDULED, Life::Started, Life::Ready, Life::Serving];
    let mut events: Vec<Event> = (0..pods)
        .flat_map(|index| steps.clone().map(|life| What::Pod { pod: format!("crowd-{index}"), life }))
        .map(|what| Event::found(at(-40), what))
        .collect();
    events.extend(quiet(6));
    events
}

#[rstest]
#[case::at_its_start(0)]
#[case::late(60)]
fn pods_that_the_log_has_no_room_for_are_part_of_the_supply(#[case] told: i64) {
    let mut workload = Workload::new(Demand::declared(10.0).unwrap());
    crowd(1_000).into_iter().for_each(|event| workload.note(event));
    workload.note(live(told, What::Existing { replicas: 1_001 }));
    workload.begin(at(0), course());
    let read: Workload = serde_json::from_str(&serde_json::to_string(&workload).unwrap()).unwrap();
    assert_eq!(read.known().levels().serving, Some(1_001));
    let report = read.report(at(60)).unwrap();
    // 1,000 too many of one for 10 s, 998 of three for 50 s.
    let over = report.elasticity.unclamped.theta_over.whole().unwrap();
    let expected = 100.0 * (10.0 * 1_000.0 + 50.0 * 998.0 / 3.0) / 60.0;
    assert!((over - expected).abs() < 1e-6, "{over}, not {expected}");
}

#[test]
fn of_a_load_that_is_told_too_late_nothing_is_known_that_the_log_has_left_out() {
    let mut workload = Workload::new(Demand::declared(10.0).unwrap());
    crowd(1_000).into_iter().for_each(|event| workload.note(event));
    workload.note(live(150, What::Existing { replicas: 1_001 }));
    workload.note(live(300, What::Existing { replicas: 1_001 }));
    workload.begin(at(0), course());
    let figure = workload.report(at(300)).unwrap().elasticity.unclamped.theta_over;
    assert_eq!((figure.value, figure.unknown), (None, 300.0));
}

#[test]
fn more_events_than_may_wait_change_nothing_of_when_the_load_was() {
    let flood = |times: i64| {
        let mut workload = Workload::new(Demand::declared(10.0).unwrap());
        quiet(6).into_iter().for_each(|event| workload.note(event));
        workload.begin(at(0), course());
        for index in 0..times {
            workload.note(live(index / 100, What::Existing { replicas: 1 }));
        }
        let report = workload.report(at(80)).unwrap();
        (report.elasticity.settling, report.elasticity.scale_down_delay, report.limits)
    };
    assert_eq!(flood(7_000), flood(3_000));
}

#[test]
fn the_load_counts_from_its_start_to_its_end_whoever_told_of_it() {
    let mut workload = observed(quiet(6));
    bins(&mut workload, 20, &[Some(true); 10]);
    workload.end_load(at(60));
    let under_way = workload.report(at(50)).unwrap().service;
    assert_eq!(under_way.violations().unknown, 20.0, "more may come");
    let service = workload.report(at(120)).unwrap().service;
    assert_eq!((service.violations().value, service.violations().unknown), (Some(0.0), 50.0));
    assert_eq!(service.recovery().whole(), None);
    let mut told = observed(quiet(6));
    bins(&mut told, 3, &[Some(true); 54]);
    told.end_load(at(60));
    let service = told.report(at(120)).unwrap().service;
    assert_eq!(service.violations().whole(), Some(0.0), "so short a silence is no gap");
}

#[test]
fn an_autoscaler_of_which_the_log_has_no_room_for_what_it_wanted_is_not_blamed() {
    // For three hours it says every 10 s what it reads, and wants another number every 5 minutes.
    let changes = (0..1_080).flat_map(|index| {
        let (second, replicas) = (10 + index * 10, 2 + u32::try_from(index / 30 % 5).unwrap());
        let asked = (index % 30 == 0).then(|| asked(second, replicas));
        asked.into_iter().chain([scaling(second, replicas)])
    });
    let mut events = quiet(6);
    events.extend(changes);
    let report = observed(events).report(at(11_000)).unwrap();
    assert_eq!(report.doubts, []);
}

fn keda(min: u32) -> What {
    What::Autoscaler(Autoscaler { kind: "ScaledObject".into(), min, ..autoscaler(6) })
}

#[rstest]
#[case::up(0, 0, 1, &[])]
#[case::up_to_its_minimum(3, 0, 3, &[])]
#[case::down(0, 1, 0, &[])]
#[case::up_by_hand(0, 0, 5, &[DoubtKind::ScaledByOthers])]
#[case::down_by_hand(1, 1, 0, &[DoubtKind::ScaledByOthers])]
fn keda_itself_scales_from_and_to_zero(
    #[case] min: u32,
    #[case] before: u32,
    #[case] now: u32,
    #[case] kinds: &[DoubtKind],
) {
    let mut events =
        vec![Event::found(at(-30), keda(min)), Event::found(at(-30), What::Asked { replicas: before })];
    // It wants nothing else while it rests, and is late.
    events.extend([scaling(-30, 2), live(-30, What::Listed { source: Source::Autoscaler })]);
    events.extend([asked(20, now), scaling(90, now)]);
    let found: Vec<DoubtKind> = doubts_of(events).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(found, kinds);
}

#[test]
fn however_long_texts_of_others_are_a_workload_stays_small() {
    let every = |index: i64, length: usize| {
        let long = || "é".repeat(length);
        let condition = Condition {
            condition: format!("{index}{}", long()),
            status: long(),
            reason: long(),
            message: long(),
        };
        let reading = Reading { metric: long(), ..Reading::default() };
        let settings = Autoscaler {
            kind: long(),
            name: long(),
            up_policies: vec![serde_json::json!({"type": long()}); 100],
            down_policies: Some(vec![serde_json::json!({"type": long()}); 100]),
            up_select: Some(long()),
            down_select: Some(long()),
            ..autoscaler(6)
        };
        let ended = Life::Ended { reason: long(), exit_code: 1, restarts: 1 };
        [
            What::Condition(condition),
            What::Scaling(Scaling { readings: vec![reading; 100], ..Scaling::default() }),
            What::Autoscaler(settings),
            What::Revision { revision: long() },
            What::QuotaExceeded { message: long() },
            What::Lost { source: Source::Runners, message: long() },
            What::Pod { pod: "a".into(), life: ended },
            What::Pod { pod: "a".into(), life: Life::Unschedulable { message: long() } },
            What::Pod { pod: long(), life: Life::ImagePullFailed { message: long() } },
        ]
    };
    let mut workload = observed(quiet(6));
    every(0, 10_000).into_iter().for_each(|what| workload.note(live(1, what)));
    // One of each: no text is longer than it may be, wherever it is kept.
    let written = serde_json::to_string(&workload).unwrap();
    assert!(!written.contains(&"é".repeat(LONGEST_TEXT / 2 + 1)), "a text is kept whole");
    assert!(workload.bytes() < 60_000, "{}", workload.bytes());
    let waiting = |workload: &Workload| workload.waiting.iter().map(Event::bytes).sum::<usize>();
    for index in 0..300 {
        every(index, 200).into_iter().for_each(|what| workload.note(live(2 + index / 10, what)));
    }
    // Those of one second are counted together.
    assert!(waiting(&workload) <= MOST_WAITING_BYTES, "{}", waiting(&workload));
    assert!(workload.bytes() >= waiting(&workload) + workload.log().bytes());
    assert!(workload.bytes() < 6 << 20, "{}", workload.bytes());
}
