// SPDX-License-Identifier: Apache-2.0

mod room;

use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::{
    latency::Part,
    limits::Limit,
    observation::{Autoscaler, Life, Scaling},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + seconds).unwrap()
}

fn live(second: i64, what: What) -> Event {
    Event::live(at(second), what)
}

fn pod(second: i64, name: &str, life: Life) -> Event {
    live(second, What::Pod { pod: name.into(), life })
}

fn autoscaler(max: u32) -> Autoscaler {
    let [kind, name] = ["HorizontalPodAutoscaler", "checkout"].map(str::to_owned);
    Autoscaler { kind, name, min: 1, max, down_window: 300, ..Autoscaler::default() }
}

fn scaling(second: i64, desired: u32) -> Event {
    live(second, What::Scaling(Scaling { desired, current: desired, ..Scaling::default() }))
}

fn asked(second: i64, replicas: u32) -> Event {
    live(second, What::Asked { replicas })
}

/// One pod that serves, with an autoscaler, looked at 30 s before the load.
fn quiet(max: u32) -> Vec<Event> {
    let mut found = vec![What::Autoscaler(autoscaler(max)), What::Asked { replicas: 1 }];
    found.extend([Life::Ready, Life::Serving].map(|life| What::Pod { pod: "a".into(), life }));
    found.push(What::Scaling(Scaling { desired: 1, current: 1, ..Scaling::default() }));
    let sources = [Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    found.extend(sources.map(|source| What::Listed { source }));
    found.into_iter().map(|what| Event::found(at(-30), what)).collect()
}

/// A pod's life: created, scheduled after 1 s, started after 4 s, ready as given, serving with it.
fn grown(second: i64, name: &str, ready: i64) -> Vec<Event> {
    let steps = [(0, Life::Created), (1, Life::SCHEDULED), (5, Life::Started)];
    let mut events: Vec<Event> =
        steps.into_iter().map(|(after, life)| pod(second + after, name, life)).collect();
    events.extend([pod(ready, name, Life::Ready), pod(ready, name, Life::Serving)]);
    events
}

/// Load for one replica until 10 s, for three until 60 s, for one again. The autoscaler decides at 25 s, pods serve from 50 s on
/// and go at 100 s.
fn spike(max: u32) -> Vec<Event> {
    let mut events = quiet(max);
    events.extend([asked(25, 3), scaling(25, 3)]);
    events.extend(grown(25, "b", 45));
    events.extend(grown(25, "c", 50));
    events.extend([asked(100, 1), scaling(100, 1)]);
    for name in ["b", "c"] {
        events.extend([pod(100, name, Life::Terminating), pod(103, name, Life::Gone)]);
    }
    events.sort_by_key(|event| event.seen);
    events
}

fn course() -> Vec<(Timestamp, f64)> {
    vec![(at(0), 10.0), (at(10), 30.0), (at(60), 10.0)]
}

fn observed(events: Vec<Event>) -> Workload {
    let mut workload = Workload::new(Demand::declared(10.0).unwrap());
    workload.begin(at(0), course());
    events.into_iter().for_each(|event| workload.note(event));
    workload
}

#[test]
fn one_spike_is_told_with_its_parts_its_figures_and_its_limit() {
    let report = observed(spike(6)).report(at(120)).unwrap();
    let [up] = &report.scale_ups[..] else { panic!("{:?}", report.scale_ups) };
    assert_eq!((up.scale_up.from, up.scale_up.to, up.scale_up.risen), (1, 3, Some(at(10))));
    assert_eq!((up.scale_up.parts[&Part::Decision], up.scale_up.largest), (15.0, Some(Part::Readiness)));
    assert_eq!(up.limit.as_ref().map(|stretch| stretch.limit), Some(Limit::None));
    let [down] = &report.scale_downs[..] else { panic!("{:?}", report.scale_downs) };
    assert_eq!((down.from, down.to, down.fell), (3, 1, Some(at(60))));
    assert_eq!((down.decision, down.ending), (Some(40.0), Some(3.0)));
    // Two of three missing for 35 s, then one for 5 s; two too many for 40 s, of 120 s.
    let figures = &report.elasticity.unclamped;
    let percent = |share: f64| 100.0 * share / 120.0;
    assert!((figures.theta_under.whole().unwrap() - percent(35.0 * 2.0 / 3.0 + 5.0 / 3.0)).abs() < 1e-9);
    assert!((figures.theta_over.whole().unwrap() - percent(40.0 * 2.0)).abs() < 1e-9);
    assert_eq!((report.limits.seconds[&Limit::None], report.limits.most_demanded), (40.0, Some(3)));
    assert_eq!((report.unknown.len(), report.incomplete, report.doubts.len()), (0, false, 0));
    assert_eq!(report.service.violations().value, None, "no second of the load was told");
}

#[test]
fn a_bound_that_is_too_low_is_the_limit_with_a_patch() {
    let mut events = quiet(2);
    events.extend([asked(25, 2), scaling(25, 2)]);
    events.extend(grown(25, "b", 40));
    let report = observed(events).report(at(60)).unwrap();
    assert_eq!(report.limited_by.unwrap().limit, Limit::MaxReplicas);
    let recommendation = report.recommendation.unwrap();
    assert_eq!(recommendation.text, "raise maxReplicas from 2 to at least 3");
    assert_eq!(recommendation.patch, Some(serde_json::json!({"spec": {"maxReplicas": 3}})));
}

#[test]
fn without_a_load_there_is_nothing_to_report_and_its_begin_counts_once() {
    let mut workload = Workload::new(Demand::None);
    quiet(6).into_iter().for_each(|event| workload.note(event));
    assert_eq!((workload.report(at(50)), workload.has_begun()), (None, false));
    workload.begin(at(0), course());
    let before = workload.clone();
    workload.begin(at(5), []);
    assert_eq!(workload, before);
}

#[test]
fn a_load_that_ends_sooner_asks_for_no_more() {
    let mut workload = observed(quiet(6));
    workload.end_load(at(5));
    let report = workload.report(at(120)).unwrap();
    assert_eq!((report.limits.most_demanded, report.limited_by), (Some(1), None));
}

/// Bins of a second: met or not, from a second on.
fn bins(workload: &mut Workload, from: i64, met: &[Option<bool>]) {
    for (second, met) in (from..).zip(met) {
        workload.bin(Bin { from: at(second), to: at(second + 1), met: *met });
    }
}

#[test]
fn bins_that_come_after_later_events_count_at_their_own_time() {
    let mut events = spike(6);
    let late = events.split_off(events.iter().position(|event| event.seen > at(55)).unwrap());
    let mut workload = observed(events);
    // 12 s to 52 s missed, told only now.
    bins(&mut workload, 0, &[Some(true); 12]);
    bins(&mut workload, 12, &[Some(false); 40]);
    bins(&mut workload, 52, &[Some(true); 8]);
    late.into_iter().for_each(|event| workload.note(event));
    let report = workload.report(at(120)).unwrap();
    assert_eq!(report.scale_ups[0].scale_up.parts[&Part::Recovery], 2.0, "pods served from 50 s on");
    assert_eq!(report.service.violations().whole(), Some(100.0 * 40.0 / 60.0));
    assert_eq!((report.service.recovery().whole(), report.service.is_unrecovered()), (Some(40.0), false));
}

#[rstest]
#[case::all_met("++++++++++", 0.0, false)]
#[case::one_second("+-++++++++", 1.0, false)]
#[case::short_returns_are_none("--+--+++++", 5.0, false)]
#[case::two_of_them("--+++++---+++++", 3.0, false)]
#[case::until_the_end("++++-----", 5.0, true)]
#[case::met_too_late_to_tell("++---++", 3.0, false)]
fn a_service_has_recovered_once_thresholds_are_met_for_a_while(
    #[case] seconds: &str,
    #[case] longest: f64,
    #[case] unrecovered: bool,
) {
    let mut workload = observed(quiet(6));
    let met: Vec<Option<bool>> = seconds.chars().map(|second| Some(second == '+')).collect();
    bins(&mut workload, 0, &met);
    let service = workload.report(at(120)).unwrap().service;
    assert_eq!((service.recovery().whole(), service.is_unrecovered()), (Some(longest), unrecovered));
}

#[test]
fn few_requests_leave_seconds_empty_and_that_is_no_gap_unless_it_is_long() {
    let mut workload = observed(quiet(6));
    bins(&mut workload, 0, &[Some(true), None, None, None, Some(false), None, Some(true)]);
    let service = workload.report(at(120)).unwrap().service;
    assert_eq!(service.violations().whole(), Some(100.0 * 4.0 / 7.0));
    bins(&mut workload, 7, &[None; 6]);
    bins(&mut workload, 13, &[Some(true)]);
    let service = workload.report(at(120)).unwrap().service;
    assert_eq!((service.violations().unknown, service.violations().whole()), (6.0, None));
}

#[test]
fn seconds_that_no_runner_told_of_are_unknown() {
    let mut workload = observed(quiet(6));
    bins(&mut workload, 0, &[Some(true); 10]);
    bins(&mut workload, 30, &[Some(true), None]);
    let report = workload.report(at(120)).unwrap();
    assert_eq!((report.service.violations().value, report.service.violations().unknown), (Some(0.0), 20.0));
    assert_eq!(report.unknown, [(Source::Runners, 20.0)].into());
    assert_eq!(report.elasticity.unclamped.theta_under.whole(), None);
}

/// The usual one as observers tell it now: with what it goes by when it scales down.
fn told(pods: u32, select: &str) -> Autoscaler {
    Autoscaler {
        down_policies: Some(vec![serde_json::json!({"type": "Pods", "value": pods, "periodSeconds": 60})]),
        down_select: Some(select.into()),
        ..autoscaler(6)
    }
}

fn doubts_of(events: Vec<Event>) -> Vec<(DoubtKind, Timestamp)> {
    let report = observed(events).report(at(200)).unwrap();
    report.doubts.into_iter().map(|doubt| (doubt.kind, doubt.at)).collect()
}

#[rstest]
#[case::deleted(vec![live(20, What::AutoscalerGone)], &[DoubtKind::AutoscalerDeleted])]
#[case::replaced(
    vec![live(20, What::Autoscaler(Autoscaler { name: "other".into(), ..autoscaler(6) }))],
    &[DoubtKind::AutoscalerReplaced]
)]
#[case::made_anew(
    vec![live(20, What::AutoscalerGone), live(21, What::Autoscaler(autoscaler(6)))],
    &[DoubtKind::AutoscalerDeleted, DoubtKind::AutoscalerReplaced]
)]
#[case::bounds(vec![live(20, What::Autoscaler(autoscaler(9)))], &[DoubtKind::AutoscalerChanged])]
#[case::window(
    vec![live(20, What::Autoscaler(Autoscaler { down_window: 0, ..autoscaler(6) }))],
    &[DoubtKind::AutoscalerChanged]
)]
#[case::policies_for_scaling_down(
    vec![live(-5, What::Autoscaler(told(1, "Max"))), live(20, What::Autoscaler(told(2, "Max")))],
    &[DoubtKind::AutoscalerChanged]
)]
#[case::which_policy_counts(
    vec![live(-5, What::Autoscaler(told(1, "Max"))), live(20, What::Autoscaler(told(1, "Min")))],
    &[DoubtKind::AutoscalerChanged]
)]
#[case::more_is_told_after_an_upgrade(vec![live(20, What::Autoscaler(told(1, "Max")))], &[])]
#[case::told_again(vec![live(20, What::Autoscaler(autoscaler(6)))], &[])]
#[case::before_the_load(vec![live(-5, What::Autoscaler(autoscaler(9)))], &[])]
#[case::by_hand(vec![asked(20, 4), scaling(30, 1)], &[DoubtKind::ScaledByOthers])]
#[case::told_after_it_was_done(vec![asked(20, 4), scaling(35, 4)], &[])]
#[case::told_before_it_was_done(vec![scaling(19, 4), asked(20, 4), scaling(22, 5)], &[])]
#[case::not_seen(
    vec![
        live(10, What::Lost { source: Source::Autoscaler, message: String::new() }),
        asked(20, 4),
        live(30, What::Listed { source: Source::Autoscaler }),
    ],
    &[]
)]
#[case::rollout(
    vec![live(-9, What::Revision { revision: "1".into() }), live(20, What::Revision { revision: "2".into() })],
    &[DoubtKind::Rollout]
)]
fn what_happens_to_an_autoscaler_in_the_middle_of_a_run_is_a_doubt(
    #[case] events: Vec<Event>,
    #[case] kinds: &[DoubtKind],
) {
    let mut all = quiet(6);
    all.extend(events);
    let found: Vec<DoubtKind> = doubts_of(all).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(found, kinds);
}

/// The spike with all seconds of its load, which come so late; written down and read back after one of its events.
fn played(late: i64, cut: Option<usize>, missed: i64) -> Option<Report> {
    let mut workload = Workload::new(Demand::declared(10.0).unwrap());
    let mut next = 0;
    let mut catch_up = |workload: &mut Workload, now: i64| {
        while next < (now - late).min(60) {
            let met = Some(next < 5 || next >= 5 + missed);
            workload.bin(Bin { from: at(next), to: at(next + 1), met });
            next += 1;
        }
    };
    for (index, event) in spike(6).into_iter().enumerate() {
        let now = event.seen.duration_since(at(0)).as_secs();
        if now >= 0 {
            workload.begin(at(0), course());
        }
        catch_up(&mut workload, now);
        workload.note(event);
        if cut == Some(index) {
            workload = serde_json::from_str(&serde_json::to_string(&workload).unwrap()).unwrap();
        }
    }
    catch_up(&mut workload, 200);
    workload.report(at(200))
}

proptest! {
    #[test]
    fn neither_late_seconds_nor_another_process_in_the_middle_change_anything(
        cut in 0..60_usize,
        late in 0..80_i64,
        missed in 0..50_i64,
    ) {
        prop_assert_eq!(played(late, Some(cut), missed), played(0, None, missed));
    }
}

#[test]
fn a_load_that_turns_back_asks_for_what_it_asks_for_then() {
    let levels = |turns: bool| {
        let mut workload = Workload::new(Demand::declared(10.0).unwrap());
        quiet(9).into_iter().for_each(|event| workload.note(event));
        workload.begin(at(0), [(at(0), 10.0), (at(10), 20.0), (at(20), 30.0), (at(30), 40.0), (at(40), 0.0)]);
        if turns {
            let written = serde_json::to_value(&workload).unwrap();
            workload = serde_json::from_value(written).unwrap();
            // Told more than once, as by each word of a runner.
            workload.turn(at(20), [(at(0), 10.0), (at(10), 20.0), (at(20), 10.0), (at(25), 0.0)]);
            workload.turn(at(10), [(at(10), 90.0)]);
        }
        workload.note(asked(200, 1));
        let told = workload.log().events().iter().filter_map(|event| match event.what {
            What::Load { level } => Some((event.seen.duration_since(at(0)).as_secs(), level)),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(levels(false), [(0, 10.0), (10, 20.0), (20, 30.0), (30, 40.0), (40, 0.0)]);
    assert_eq!(levels(true), [(0, 10.0), (10, 20.0), (20, 10.0), (25, 0.0)]);
}
