// SPDX-License-Identifier: Apache-2.0
//! The global schedule, held to what it must be for any load and any split: every iteration exactly once,
//! when the integral of the rate says so, and every user at work exactly while the level asks for it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use upsurge_core::{
    plan::schedule::{Arrivals, Share, Users, WeightedChoice},
    plan::{LoadPlan, Plan, Stage, Timeline},
};
use upsurge_crds::v1alpha1::{Load, LoadUnit, Quantity, StageSpec, TimeSpan};

/// A load of up to six stages, straight or jumping, some without length.
fn timelines(unit: LoadUnit, highest: u32) -> impl Strategy<Value = (Timeline, LoadPlan)> {
    let stage = (0_u64..8_000, 0..=highest, any::<bool>());
    (0..=highest, prop::collection::vec(stage, 1..6)).prop_filter_map("a load", move |(start, stages)| {
        let begin = [(0, start, true)];
        let stages = begin
            .into_iter()
            .chain(stages)
            .map(|(milliseconds, target, jump)| StageSpec {
                name: None,
                duration: TimeSpan::from_millis(milliseconds),
                target: Quantity::whole(target.into()),
                jump,
            })
            .collect();
        let load = Load { unit: Some(unit), stages: Some(stages), ..Load::default() };
        let mut plan = Plan::compile(&load, &[]).ok()?;
        Some((plan.timeline, plan.loads.pop()?))
    })
}

/// The integral of the level from the start to a time, by the trapezoids of the stages.
fn integral(timeline: &Timeline, until: Duration) -> f64 {
    let part = |stage: &Stage| {
        let end = until.min(stage.end());
        let time = end.saturating_sub(stage.start).as_secs_f64();
        (stage.from + stage.level_at(end)) / 2.0 * time
    };
    timeline.stages.iter().map(part).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_index_belongs_to_exactly_one_core_of_one_runner(
        total in 0_u64..5_000,
        cores in prop::collection::vec(1_u32..9, 1..9),
    ) {
        let mut seen = vec![0_u32; total as usize];
        for (runner, count) in cores.iter().enumerate() {
            let share = Share::new(runner as u32, cores.len() as u32);
            let mut of_runner = 0;
            for core in 0..*count {
                let part = share.split(core, *count);
                of_runner += part.size(total);
                for n in 0..part.size(total) {
                    seen[part.nth(n) as usize] += 1;
                }
                prop_assert!(part.nth(part.size(total)) >= total, "size stops short");
            }
            prop_assert_eq!(of_runner, share.size(total));
        }
        prop_assert!(seen.iter().all(|count| *count == 1), "{seen:?}");
    }

    #[test]
    fn iteration_n_starts_when_the_integral_of_the_rate_reaches_n(
        (timeline, load) in timelines(LoadUnit::IterationsPerSecond, 300)
    ) {
        let arrivals = Arrivals::new(&load);
        let area = integral(&timeline, timeline.duration());
        prop_assert!((arrivals.total() as f64 - area).abs() < 1.0, "{} of {area}", arrivals.total());
        let mut last = Duration::ZERO;
        for index in 0..arrivals.total() {
            let time = arrivals.time_of(index).unwrap();
            prop_assert!(time >= last, "{index} starts before its predecessor");
            prop_assert!(time <= timeline.duration());
            let due = integral(&timeline, time);
            // A nanosecond at the highest rate, and rounding of the sums.
            prop_assert!((due - index as f64).abs() < 1e-4, "{index} starts at {due}");
            last = time;
        }
        prop_assert_eq!(arrivals.time_of(arrivals.total()), None);
    }

    #[test]
    fn what_is_due_before_a_time_is_what_starts_before_it(
        (_, load) in timelines(LoadUnit::IterationsPerSecond, 100),
        milliseconds in 0_u64..50_000,
    ) {
        let arrivals = Arrivals::new(&load);
        let at = Duration::from_millis(milliseconds);
        let counted = (0..arrivals.total()).filter(|index| arrivals.time_of(*index).unwrap() < at).count();
        prop_assert_eq!(arrivals.due_before(at), counted as u64);
    }

    #[test]
    fn as_many_users_are_at_work_as_the_level_asks_for(
        (timeline, load) in timelines(LoadUnit::Users, 40),
        instants in prop::collection::vec(0_u64..48_000_000, 20),
    ) {
        let users = Users::new(&load);
        let intervals: Vec<_> = (0..users.total()).map(|index| users.intervals(index)).collect();
        for of_user in &intervals {
            prop_assert!(of_user.iter().all(|(start, end)| start < end && *end <= timeline.duration()));
            prop_assert!(of_user.windows(2).all(|pair| pair[0].1 < pair[1].0), "overlap: {of_user:?}");
        }
        for at in instants.into_iter().map(Duration::from_micros) {
            let level = timeline.level_at(at);
            // On the edge between two numbers of users, either is right to a nanosecond.
            if (level - level.round()).abs() < 1e-6 && level.fract() != 0.0 {
                continue;
            }
            let at_work = |spans: &&Vec<(Duration, Duration)>| spans.iter().any(|(from, to)| *from <= at && at < *to);
            let working = intervals.iter().filter(at_work).count();
            let near = |difference: usize| (level - level.round()).abs() < 1e-6 && difference <= 1;
            let asked = level.ceil() as usize;
            prop_assert!(working == asked || near(working.abs_diff(asked)), "{working} at level {level}, {at:?}");
        }
    }

    #[test]
    fn each_block_of_iterations_does_every_scenario_as_often_as_it_weighs(
        weights in prop::collection::vec(0_u32..60, 1..6),
        block in 0_u64..1_000,
    ) {
        let choice = WeightedChoice::new(&weights);
        let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut counts = vec![0_u32; weights.len()];
        for index in block * sum..(block + 1) * sum {
            counts[choice.pick(index).unwrap()] += 1;
        }
        prop_assert_eq!(counts, if sum == 0 { vec![0; weights.len()] } else { weights });
    }

    #[test]
    fn every_stripe_of_iterations_sees_the_weights(
        weights in prop::collection::vec(1_u32..20, 2..5),
        parts in 2_u32..9,
        part in 0_u32..9,
    ) {
        let choice = WeightedChoice::new(&weights);
        let share = Share::new(part, parts);
        let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
        let draws = 20_000;
        for n in 0..draws {
            *counts.entry(choice.pick(share.nth(n)).unwrap()).or_default() += 1;
        }
        let sum: u32 = weights.iter().sum();
        for (index, weight) in weights.iter().enumerate() {
            let expected = f64::from(*weight) / f64::from(sum);
            let seen = f64::from(counts.get(&index).copied().unwrap_or(0)) / draws as f64;
            prop_assert!((seen - expected).abs() < 0.03, "weight {expected} came with {seen} on part {part} of {parts}");
        }
    }
}

#[test]
fn weights_that_are_not_whole_blocks_keep_their_proportions() {
    let choice = WeightedChoice::new(&[1_000_000, 333_333, 1]);
    let mut counts = [0_u32; 3];
    for index in 0..1_000_000 {
        counts[choice.pick(index).unwrap()] += 1;
    }
    let shares = counts.map(|count| f64::from(count) / 1e6);
    assert!((shares[0] - 0.75).abs() < 0.001 && (shares[1] - 0.25).abs() < 0.001, "{shares:?}");
    assert!(counts[2] > 0, "a weight above 0 is never left out");
}

#[test]
fn a_constant_rate_is_evenly_spaced_from_the_start() {
    let load: Load = serde_json::from_value(serde_json::json!({
        "unit": "IterationsPerSecond", "constant": {"level": 100, "duration": "100ms"}
    }))
    .unwrap();
    let arrivals = Arrivals::new(&Plan::compile(&load, &[]).unwrap().loads[0]);
    let times: Vec<_> =
        (0..arrivals.total()).map(|index| arrivals.time_of(index).unwrap().as_micros()).collect();
    assert_eq!(times, [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000, 80_000, 90_000]);
}
