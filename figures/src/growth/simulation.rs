// SPDX-License-Identifier: Apache-2.0
//! How often the finding is right: days of memory with all that makes a slope hard to see.

use super::*;
use crate::statistics::tests::normal;

/// A day in samples of 5 minutes: a wave of the day of 10 % with any phase, the saw of a garbage collector (5 to 20 %, once in 10
/// to 90 minutes), noise of 2 %, one sample in a hundred 30 % too high, and a restart after which memory is back where it was
/// and a cache of 20 % fills.
pub(crate) fn day(percent_per_hour: f64, random: &mut fastrand::Rng) -> (Vec<Sample>, f64) {
    let restart = 2.0 + 20.0 * random.f64();
    let (phase, saw_phase) = (random.f64(), random.f64());
    let (saw, period) = (0.05 + 0.15 * random.f64(), (10.0 + 80.0 * random.f64()) / 60.0);
    let samples = (0..288)
        .map(|index| {
            let hours = f64::from(index) / 12.0;
            let life = if hours < restart { hours } else { hours - restart };
            let cache = if hours < restart { 0.0 } else { -0.2 * (-life * 6.0).exp() };
            let wave = 0.1 * (std::f64::consts::TAU * (hours / 24.0 + phase)).sin();
            let collected = saw * ((hours / period + saw_phase).fract() - 0.5);
            let spike = if random.f64() < 0.01 { 0.3 } else { 0.0 };
            let noise = 0.02 * normal(random);
            let level = 1.0 + percent_per_hour / 100.0 * life + wave + collected + cache + spike + noise;
            Sample { hours, value: 5e8 * level }
        })
        .collect();
    (samples, restart)
}

/// Findings above, below and undecided, and intervals above 0, of so many days.
fn findings(days: u32, growing: f64, limit: f64, seed: u64) -> [u32; 4] {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut counts = [0; 4];
    for _ in 0..days {
        let (samples, restart) = day(growing, &mut random);
        let found = growth(&samples, &[restart], Limit { percent_per_hour: limit, settle_hours: 0.5 });
        counts[match found.finding {
            Finding::Above => 0,
            Finding::Below => 1,
            Finding::Undecided { .. } => 2,
        }] += 1;
        counts[3] += u32::from(found.percent_per_hour.is_some_and(|interval| interval.low > 0.0));
    }
    counts
}

fn check(days: u32, limit: f64) {
    let none = findings(days, 0.0, limit, 1);
    let twice = findings(days, 2.0 * limit, limit, 2);
    let at_limit = findings(days, limit, limit, 3);
    println!(
        "limit {limit} %/h, {days} days, [above, below, undecided, grows]: none {none:?}, twice {twice:?}, at the limit {at_limit:?}"
    );
    assert!(none[0] * 20 <= days, "false alarms: {none:?}");
    assert!(none[3] * 20 <= days, "steady ones that are said to grow: {none:?}");
    assert!(twice[0] * 20 >= days * 19, "leaks that were found: {twice:?}");
    assert!(at_limit[0] * 20 <= days && at_limit[2] * 10 >= days * 9, "at the limit: {at_limit:?}");
}

#[test]
fn leaks_are_found_and_steady_pods_are_left_alone() {
    check(200, 5.0);
    check(200, 1.0);
}

/// The whole of it, some 20 s without optimisation.
#[test]
#[ignore = "takes longer than a unit test may; the same with 200 days is one"]
fn of_a_thousand_days_leaks_are_found_and_steady_pods_are_left_alone() {
    check(1_000, 5.0);
    check(1_000, 1.0);
}
