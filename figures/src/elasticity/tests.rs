// SPDX-License-Identifier: Apache-2.0

mod recomputed;

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use super::*;
use crate::observation::{Autoscaler, Event, Life, Source, What};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + seconds).unwrap()
}

fn second(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// Everything is seen from the begin on.
fn begin(autoscaler: Autoscaler) -> Vec<Event> {
    let all = [Source::Runners, Source::Autoscaler, Source::Workload, Source::Pods, Source::Endpoints];
    let sources = all.map(|source| What::Listed { source });
    let first = std::iter::once(What::Autoscaler(autoscaler)).chain(sources);
    first.map(|what| Event::found(at(-10), what)).collect()
}

fn bounds(min: u32, max: u32) -> Autoscaler {
    Autoscaler { min, max, down_window: 300, ..Autoscaler::default() }
}

/// Pods become ready or go until so many serve.
fn serve(events: &mut Vec<Event>, seconds: i64, before: u32, after: u32) {
    let pod = |index: u32, life| Event::live(at(seconds), What::Pod { pod: format!("pod-{index}"), life });
    events.extend((before..after).map(|index| pod(index, Life::Ready)));
    events.extend((after..before).map(|index| pod(index, Life::Gone)));
}

/// A run with one load per replica, by demand and supply of each interval of a minute.
fn minutes(demand: &[u32], supply: &[u32], autoscaler: Autoscaler, grid: i64) -> Elasticity {
    let mut events = begin(autoscaler);
    let mut before = 0;
    for (minute, (demand, supply)) in demand.iter().zip(supply).enumerate() {
        let seconds = minute as i64 * 60;
        events.push(Event::live(at(seconds), What::Load { level: f64::from(*demand) }));
        events.push(Event::live(at(seconds), What::Asked { replicas: *supply }));
        serve(&mut events, seconds, before, *supply);
        before = *supply;
    }
    let mut meter = Meter::new(Demand::declared(1.0).unwrap(), at(0), second(grid));
    events.iter().for_each(|event| meter.see(event));
    meter.figures(at(demand.len() as i64 * 60))
}

fn whole(figure: Figure) -> f64 {
    figure.whole().unwrap()
}

#[test]
fn the_first_vector_of_the_papers_holds() {
    let found = minutes(&[2, 4, 4, 2], &[2, 2, 4, 4], bounds(1, 10), 60);
    let figures = &found.unclamped;
    assert_eq!((whole(figures.accuracy_under), whole(figures.accuracy_over)), (0.5, 0.5));
    assert_eq!((whole(figures.theta_under), whole(figures.theta_over)), (12.5, 25.0));
    assert_eq!((whole(figures.tau_under), whole(figures.tau_over)), (25.0, 25.0));
    assert_eq!(whole(figures.upsilon), 100.0);
    assert_eq!(whole(figures.jitter), -0.5);
    assert_eq!((whole(figures.overshoot), whole(figures.overshoot_percent)), (0.0, 0.0));
    assert_eq!((whole(figures.replica_seconds), whole(figures.ideal_replica_seconds)), (720.0, 720.0));
    assert_eq!(whole(figures.cost), 1.0);
    assert_eq!(found.clamped, found.unclamped);
    assert_eq!((found.demand_source, found.grid), (DemandSource::Declared, 60.0));
}

#[test]
fn the_elastic_speedup_of_the_papers_holds() {
    let autoscaler = minutes(&[2, 4, 4, 2], &[2, 2, 4, 4], bounds(1, 10), 60).unclamped;
    let none = minutes(&[2, 4, 4, 2], &[3, 3, 3, 3], bounds(1, 10), 60).unclamped;
    assert_eq!((whole(none.theta_under), whole(none.theta_over)), (12.5, 25.0));
    assert_eq!((whole(none.tau_under), whole(none.tau_over)), (50.0, 50.0));
    let speedup = elastic_speedup(&none, &autoscaler).unwrap();
    assert!((speedup.value - 2_f64.sqrt()).abs() < 1e-12 && speedup.floored == 0, "{speedup:?}");
    let ideal = minutes(&[2, 4], &[2, 4], bounds(1, 10), 60).unclamped;
    assert_eq!(elastic_speedup(&none, &ideal).unwrap().floored, 4);
    let mut partly = autoscaler;
    partly.tau_over.unknown = 1.0;
    assert_eq!(elastic_speedup(&none, &partly), None, "half of a period is no baseline");
}

#[test]
fn a_bound_that_is_too_low_is_not_the_autoscalers_fault() {
    let found = minutes(&[2, 8, 8, 2], &[2, 4, 4, 2], bounds(1, 4), 60);
    assert_eq!((whole(found.unclamped.tau_under), whole(found.clamped.tau_under)), (50.0, 0.0));
    assert_eq!((whole(found.unclamped.theta_under), whole(found.clamped.theta_under)), (25.0, 0.0));
    assert_eq!((whole(found.unclamped.overshoot), whole(found.clamped.overshoot)), (-4.0, 0.0));
    assert_eq!(whole(found.settling), 0.0);
}

#[rstest]
#[case::goes_up_and_down_with_the_demand(&[1, 4, 4, 1, 1], &[1, 4, 4, 4, 1], 1.0, 0.0)]
#[case::flaps_under_constant_demand(&[4, 4, 4, 4, 4], &[4, 2, 4, 2, 4], 3.0, 3.0)]
#[case::too_late_for_a_short_fall(&[1, 4, 1, 4, 4, 1], &[1, 1, 4, 4, 4, 1], 1.0, 0.0)]
#[case::steady(&[3, 3], &[3, 3], 0.0, 0.0)]
#[case::up_in_steps(&[8, 8, 8], &[1, 4, 8], 0.0, 0.0)]
fn changes_of_direction_are_flapping_unless_the_demand_turned(
    #[case] demand: &[u32],
    #[case] supply: &[u32],
    #[case] turns: f64,
    #[case] flapping: f64,
) {
    let found = minutes(demand, supply, bounds(1, 10), 15);
    assert_eq!((whole(found.direction_changes), whole(found.flapping)), (turns, flapping));
}

#[rstest]
#[case::at_once(&[1, 4, 4], &[1, 4, 4], Some(0.0), false)]
#[case::one_replica_off_is_settled(&[1, 4, 4], &[1, 3, 4], Some(0.0), false)]
#[case::after_a_minute(&[1, 4, 4, 4], &[1, 1, 4, 4], Some(60.0), false)]
#[case::over_and_back(&[1, 4, 4, 4, 4], &[1, 1, 4, 8, 4], Some(180.0), false)]
#[case::a_ramp_is_one_change(&[1, 4, 6, 8, 8], &[1, 1, 3, 5, 8], Some(180.0), false)]
#[case::never(&[1, 4, 4], &[1, 1, 1], Some(0.0), true)]
#[case::from_the_begin_on(&[4, 4, 4], &[1, 1, 4], Some(120.0), false)]
#[case::the_longest_of_two(&[1, 4, 4, 1, 1, 1, 1], &[1, 1, 4, 4, 4, 1, 1], Some(120.0), false)]
fn supply_has_settled_once_it_stays_within_one_replica(
    #[case] demand: &[u32],
    #[case] supply: &[u32],
    #[case] longest: Option<f64>,
    #[case] unsettled: bool,
) {
    let found = minutes(demand, supply, bounds(1, 10), 15);
    assert_eq!((found.settling.whole(), found.unsettled), (longest, unsettled));
}

#[test]
fn a_scale_down_is_timed_from_the_first_fall_of_the_demand() {
    let found = minutes(&[4, 2, 1, 1, 1, 1, 1], &[4, 4, 4, 4, 4, 4, 1], bounds(1, 10), 15).scale_down_delay;
    let expected = ScaleDownDelay {
        count: 1,
        longest: Some(300.0),
        shortest: Some(300.0),
        window: Some(300.0),
        ..ScaleDownDelay::default()
    };
    assert_eq!(found, expected);
    let waiting = minutes(&[4, 1, 1], &[4, 4, 4], bounds(1, 10), 15).scale_down_delay;
    assert_eq!((waiting.count, waiting.waiting_since), (0, Some(at(60))));
    let risen = minutes(&[4, 1, 4, 1, 1], &[4, 4, 4, 4, 1], bounds(1, 10), 15).scale_down_delay;
    assert_eq!(risen.longest, Some(60.0), "the first fall was made up for");
}

#[test]
fn what_hangs_on_a_gap_says_so() {
    let mut events = begin(bounds(1, 10));
    events.push(Event::live(at(0), What::Load { level: 4.0 }));
    events.push(Event::live(at(0), What::Asked { replicas: 2 }));
    events.push(Event::live(at(0), What::Thresholds { met: false }));
    serve(&mut events, 0, 0, 2);
    let lost = |source| What::Lost { source, message: "connection reset".into() };
    events.push(Event::live(at(30), lost(Source::Pods)));
    serve(&mut events, 50, 2, 4);
    events.push(Event::live(at(50), What::Listed { source: Source::Pods }));
    let mut meter = Meter::new(Demand::declared(1.0).unwrap(), at(0), second(10));
    events.iter().for_each(|event| meter.see(event));
    let found = meter.figures(at(100));
    // 30 s of 80 that are known lacked half of the demand.
    let theta = found.unclamped.theta_under;
    assert_eq!((theta.value, theta.unknown, theta.whole()), (Some(100.0 * 15.0 / 80.0), 20.0, None));
    assert_eq!(theta.to_string(), "18.75 (20 s not known)");
    // Steps to 40, 50 and from 40 on are blind.
    assert_eq!((found.unclamped.upsilon.value, found.unclamped.upsilon.unknown), (Some(0.0), 30.0));
    assert_eq!(found.settling.unknown, 20.0);
    assert_eq!((whole(found.direction_changes), whole(found.violations)), (0.0, 100.0), "they need no pods");
    assert_eq!(Figure::default().to_string(), "not known");
}

#[test]
fn without_a_capacity_only_what_needs_no_demand_is_known() {
    let mut meter = Meter::new(Demand::None, at(0), GRID);
    begin(bounds(1, 10)).iter().for_each(|event| meter.see(event));
    meter.see(&Event::live(at(0), What::Load { level: 4.0 }));
    meter.see(&Event::live(at(0), What::Asked { replicas: 4 }));
    let found = meter.figures(at(60));
    assert_eq!((found.demand_source, found.unclamped.theta_under.value), (DemandSource::None, None));
    assert_eq!((found.unclamped.theta_under.unknown, found.flapping.value), (60.0, None));
    assert_eq!(whole(found.direction_changes), 0.0);
}

#[rstest]
#[case::nothing(0.0, 1)]
#[case::a_whole_number(0.3, 3)]
#[case::a_little_more(0.301, 4)]
#[case::no_number(f64::NAN, 1)]
fn demand_is_the_load_by_what_a_replica_serves(#[case] load: f64, #[case] replicas: u32) {
    assert_eq!(Demand::declared(0.1).unwrap().replicas(load), Some(replicas));
}

#[rstest]
#[case::one(40.0, 1)]
#[case::just(75.0, 2)]
#[case::more(76.0, 3)]
#[case::all(100.0, 3)]
#[case::beyond_by_the_average(101.0, 4)]
#[case::far_beyond(200.0, 6)]
fn demand_by_measured_capacities_is_the_fewest_replicas_that_served_it(
    #[case] load: f64,
    #[case] replicas: u32,
) {
    let demand = Demand::calibrated(vec![40.0, 75.0, 100.0]).unwrap();
    assert_eq!((demand.replicas(load), demand.source()), (Some(replicas), DemandSource::Calibrated));
}

#[test]
fn capacities_that_are_none_are_refused() {
    assert_eq!(Demand::declared(0.0), Err(CapacityError::NotPositive(0.0)));
    assert_eq!(Demand::calibrated(vec![]), Err(CapacityError::NotPositive(0.0)));
    assert_eq!(Demand::calibrated(vec![5.0, 5.0]), Err(CapacityError::Falls(5.0, 5.0)));
    assert!(Demand::declared(f64::NAN).is_err() && Demand::calibrated(vec![1.0, f64::NAN]).is_err());
}

#[test]
fn an_autoscaler_may_take_its_window_its_steps_and_its_reaction() {
    let seconds = std::time::Duration::from_secs;
    let pace = Pace { steps: 3, length: seconds(30) };
    let budget = Budget { load: seconds(40), window: seconds(300), pace, pods: seconds(20) };
    assert_eq!(budget.longest(), seconds(40 + 300 + 30 + 100 + 20));
    assert_eq!(Budget::default().longest(), REACTION);
    let rounded =
        [0, 1_000, 1_001].map(|milliseconds| in_seconds(std::time::Duration::from_millis(milliseconds)));
    assert_eq!(rounded, [0, 1, 2].map(seconds));
}
