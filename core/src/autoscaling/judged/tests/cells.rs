// SPDX-License-Identifier: Apache-2.0
//! Expectations on how supply followed demand, held against figures that are computed once more from an array with a cell per
//! second, by the formulas as printed.

use upsurge_crds::v1alpha1::ExpectationResult;

use super::*;

/// Demand and supply of each second of the record.
struct Cells(Vec<(f64, f64)>);

impl Cells {
    /// The record of these tests, for an autoscaler with bounds.
    fn within(min: f64, max: f64) -> Self {
        let cell = |second: usize| {
            let demand: f64 = if (60..180).contains(&second) { 4.0 } else { 2.0 };
            (demand.max(min).min(max), if second >= 120 { 4.0 } else { 2.0 })
        };
        Self((0..240).map(cell).collect())
    }

    fn mean(&self, of: impl Fn(f64, f64) -> f64) -> f64 {
        self.0.iter().map(|(demand, supply)| of(*demand, *supply)).sum::<f64>() / 240.0
    }

    fn cost(&self) -> f64 {
        self.mean(|_, supply| supply) / self.mean(|demand, _| demand)
    }

    /// By how much replicas went up and down, less the same of the demand, per minute.
    fn jitter(&self) -> f64 {
        let moves = |pair: &[(f64, f64)]| (pair[1].1 - pair[0].1).abs() - (pair[1].0 - pair[0].0).abs();
        self.0.windows(2).map(moves).sum::<f64>() / 4.0
    }

    /// Share of the steps of 15 s over which they did not go the same way.
    fn instability(&self) -> f64 {
        let grid: Vec<(f64, f64)> = self.0.iter().copied().step_by(15).collect();
        let way = |from: f64, to: f64| (to - from).partial_cmp(&0.0);
        let differ = |pair: &&[(f64, f64)]| way(pair[0].0, pair[1].0) != way(pair[0].1, pair[1].1);
        grid.windows(2).filter(differ).count() as f64 / (grid.len() - 1) as f64
    }
}

fn bounded(min: u32, max: u32) -> Vec<Event> {
    let mut events = recorded();
    for event in &mut events {
        if let What::Autoscaler(autoscaler) = &mut event.what {
            (autoscaler.min, autoscaler.max) = (min, max);
        }
    }
    events
}

fn one(name: &str, limit: Value, events: Vec<Event>) -> ExpectationResult {
    judged(json!({name: limit}), events).expectations.remove(0)
}

#[rstest]
#[case::wide(1, 8)]
#[case::a_bound_too_low(1, 3)]
#[case::a_minimum_above_the_load(3, 8)]
#[case::no_room(2, 2)]
fn each_expectation_is_held_against_the_demand_that_its_figure_is_of(#[case] min: u32, #[case] max: u32) {
    let as_it_is = Cells::within(0.0, 99.0);
    let bounds = Cells::within(min.into(), max.into());
    let missing = |demand: f64, supply: f64| (demand - supply).max(0.0);
    let spare = |demand: f64, supply: f64| (supply - demand).max(0.0);
    let is_below = |demand: f64, supply: f64| f64::from(u8::from(supply < demand));
    let is_above = |demand: f64, supply: f64| f64::from(u8::from(supply > demand));
    let percent = |share: f64| crate::format::percent(share);
    let number = |value: f64| crate::format::decimal(value, 2);
    for (name, expected) in [
        ("maxTimeUnderProvisionedPercent", percent(as_it_is.mean(is_below))),
        ("maxTimeOverProvisionedPercent", percent(bounds.mean(is_above))),
        ("maxMissingReplicas", number(as_it_is.mean(missing))),
        ("maxSpareReplicas", number(bounds.mean(spare))),
        ("maxCostPercent", percent(bounds.cost())),
        ("maxInstabilityPercent", percent(bounds.instability())),
        ("maxJitterPerMinute", number(bounds.jitter())),
    ] {
        let found = one(name, json!(100), bounded(min, max));
        assert_eq!((found.observed, found.undecided), (expected, false), "{name}");
    }
}

#[test]
fn a_bound_that_cuts_off_what_the_load_asks_for_is_told_beside_it() {
    let why = |name: &str, limit: Value| one(name, limit, bounded(1, 3)).message.unwrap_or_default();
    // Within the bounds one of three is missing for a minute, as is it all: two of four.
    let time = why("maxTimeUnderProvisionedPercent", json!(5));
    assert!(time.starts_with("for 25% of the time fewer replicas served than the load asked for"), "{time}");
    let replicas = why("maxMissingReplicas", json!("0.1"));
    assert!(
        replicas.contains("missing on average (0.25 of what the autoscaler's bounds allow)"),
        "{replicas}"
    );
}

#[test]
fn an_autoscaler_is_restless_if_it_moves_more_than_the_load() {
    let found = one("maxJitterPerMinute", json!("0.4"), bounded(2, 2));
    assert_eq!((found.observed.as_str(), found.passed, found.undecided), ("0.5", false, false));
    assert!(found.message.is_some_and(|why| why.contains("more came and went") && why.ends_with("restless")));
}

#[test]
fn replicas_that_turn_without_the_load_are_counted_apart() {
    let mut events = recorded();
    events.extend(
        [(190, 3), (200, 4), (210, 3)]
            .map(|(second, replicas)| Event::live(at(second), What::Asked { replicas })),
    );
    // Down at 190 s as the load has fallen, up again and down again for nothing.
    let found = one("maxFlapping", json!(1), events.clone());
    assert_eq!((found.observed.as_str(), found.passed), ("2", false));
    let why = "replicas changed direction 2 times without a change of the load in that direction";
    assert_eq!(found.message.as_deref(), Some(why));
    assert!(one("maxFlapping", json!(2), events.clone()).passed);
    assert!(one("maxDirectionChanges", json!(3), events).passed);
}

#[test]
fn steps_that_nobody_saw_leave_the_instability_open() {
    let mut events = recorded();
    let lost = What::Lost { source: Source::Pods, message: "the watch broke".into() };
    events.extend([Event::live(at(130), lost), Event::live(at(142), What::Listed { source: Source::Pods })]);
    let found = one("maxInstabilityPercent", json!(99), events);
    // The look at 135 s is missing, and so are both steps around it.
    let why = "30s of the run are not known: pods were not seen for 12s";
    assert_eq!((found.undecided, found.message.as_deref()), (true, Some(why)));
}

#[test]
fn without_an_autoscaler_nothing_is_held_against_its_bounds() {
    let mut events = recorded();
    events.retain(|event| !matches!(event.what, What::Autoscaler(_) | What::Scaling(_)));
    let found = one("maxCostPercent", json!(100), events.clone());
    let why = found.message.unwrap();
    assert!(found.undecided && why.ends_with("no autoscaler was seen, whose bounds belong to it"), "{why}");
    assert!(one("maxTimeUnderProvisionedPercent", json!(25), events).passed, "that needs none");
}

#[test]
fn a_load_of_which_nothing_was_measured_has_no_share_of_violations() {
    let test = test(json!({"maxViolationsPercent": 100, "recoverWithin": "1h"}));
    let timeline = Plan::compile(&test.load, &["a"]).unwrap().timeline;
    let record = record_of(recorded());
    let observed = Observed {
        record: &record,
        timeline: &timeline,
        windows: &Windows::default(),
        start: at(0),
        end: at(240),
        workload: test.target.workload().unwrap(),
        base_url: &test.target.base_url,
    };
    let result = observed.result(&observed.report().unwrap(), None);
    let why = Some("no second of the load tells whether thresholds were met");
    assert_eq!(result.expectations.len(), 2);
    assert!(
        result.expectations.iter().all(|one| one.undecided && one.message.as_deref() == why),
        "{result:?}"
    );
}
