// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::statistics::{median, tests::normal};

const LIMIT: Limit = Limit { percent_per_hour: 5.0, settle_hours: 0.0 };

/// Samples every so many seconds.
fn series(seconds: f64, count: usize, bytes: impl Fn(f64) -> f64) -> Vec<Sample> {
    (0..count)
        .map(|index| {
            let hours = index as f64 * seconds / 3_600.0;
            Sample { hours, value: bytes(hours) }
        })
        .collect()
}

#[rstest]
#[case::grows(20.0, Finding::Above)]
#[case::steady(0.0, Finding::Below)]
#[case::shrinks(-3.0, Finding::Below)]
#[case::grows_less_than_the_limit(4.0, Finding::Below)]
fn a_straight_line_is_what_it_is(#[case] percent: f64, #[case] finding: Finding) {
    let found = growth(&series(60.0, 240, |hours| 1e9 * (1.0 + percent / 100.0 * hours)), &[], LIMIT);
    assert!((found.percent_per_hour.unwrap().estimate - percent).abs() < 1e-6, "{found:?}");
    assert!((found.level / 1e9 - 1.0).abs() < 1e-6, "{found:?}");
    assert_eq!((found.finding, found.restarts, found.day_removed), (finding, 0, false));
}

#[test]
fn a_leak_of_twenty_mebibytes_per_minute_is_found_in_three_minutes() {
    let mut random = fastrand::Rng::with_seed(7);
    let mebibyte = f64::from(1 << 20);
    let noise: Vec<f64> = (0..18).map(|_| normal(&mut random) * 2.0 * mebibyte).collect();
    let leak =
        |hours: f64| (100.0 + 20.0 * 60.0 * hours) * mebibyte + noise[(hours * 360.0).round() as usize];
    let found = growth(&series(10.0, 18, leak), &[], LIMIT);
    let slope = found.percent_per_hour.unwrap().estimate / 100.0 * found.level / mebibyte / 60.0;
    assert!((slope - 20.0).abs() < 4.0 && found.finding == Finding::Above, "{slope} MiB/min, {found:?}");
}

#[rstest]
#[case::of_a_test(180.0, 0.005)]
#[case::at_most_half_an_hour(86_400.0, 0.5)]
fn a_tenth_of_the_time_is_to_settle_in(#[case] seconds: f64, #[case] hours: f64) {
    assert_eq!(Limit::over(seconds, 5.0), Limit { percent_per_hour: 5.0, settle_hours: hours });
}

#[test]
fn a_restart_neither_hides_a_leak_nor_makes_one() {
    let leak = |hours: f64| 1e9 * (1.0 + 0.10 * (hours % 3.0));
    let found = growth(&series(60.0, 540, leak), &[3.0, 6.0], LIMIT);
    assert!((found.percent_per_hour.unwrap().estimate - 10.0).abs() < 1e-3, "{found:?}");
    assert_eq!((found.finding, found.restarts), (Finding::Above, 2));
    // Levels differ from life to life, and each of them is steady.
    let steps = |hours: f64| 1e9 * (1.0 + (hours / 3.0).floor());
    assert_eq!(growth(&series(60.0, 540, steps), &[3.0, 6.0], LIMIT).finding, Finding::Below);
    // A cache that fills in the first half hour, beside noise: without any, what is left of a fit hangs together entirely.
    let mut random = fastrand::Rng::with_seed(5);
    let noise: Vec<f64> = (0..480).map(|_| 0.005 * normal(&mut random)).collect();
    let fills =
        |hours: f64| 1e9 * (1.0 - 0.5 * (-hours / 0.1).exp() + noise[(hours * 120.0).round() as usize]);
    let settled = Limit { settle_hours: 0.75, ..LIMIT };
    let found = growth(&series(30.0, 480, fills), &[0.0], settled);
    assert_eq!(found.finding, Finding::Below, "{found:?}");
    let first = |settle| blocks::blocks(&series(30.0, 480, fills), &[0.0], settle).lives[0].medians[0].hours;
    assert!(first(0.0) < 0.1 && first(0.75) >= 0.75);
}

#[test]
fn too_short_a_run_says_how_long_it_must_be_and_that_is_long_enough() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut noisy = |count: usize| {
        let noise: Vec<f64> = (0..count).map(|_| 0.1 * normal(&mut random)).collect();
        let samples = series(60.0, count, |hours| 1e9 * (1.0 + noise[(hours * 60.0).round() as usize]));
        growth(&samples, &[], LIMIT).finding
    };
    // Half an hour of 10 % noise. Of 95 % intervals some miss.
    let mut needed: Vec<f64> = (0..20)
        .filter_map(|_| match noisy(30) {
            Finding::Undecided { needed_hours } => Some(needed_hours.unwrap()),
            _ => None,
        })
        .collect();
    assert!(needed.len() >= 16, "{needed:?}");
    let needed = median(&mut needed).unwrap();
    assert!(needed > 1.0 && needed < 6.0, "{needed}");
    let below = (0..20).filter(|_| noisy((needed * 60.0) as usize) == Finding::Below).count();
    assert!(below >= 17, "{below} of 20 after {needed} h");
}

#[rstest]
#[case::nothing(vec![])]
#[case::one(series(60.0, 1, |_| 1e9))]
#[case::few(series(60.0, 7, |_| 1e9))]
#[case::at_one_instant(vec![Sample { hours: 1.0, value: 1e9 }; 50])]
#[case::no_numbers(series(60.0, 50, |_| f64::NAN))]
#[case::zero(series(60.0, 50, |_| 0.0))]
fn what_says_nothing_is_undecided(#[case] samples: Vec<Sample>) {
    let found = growth(&samples, &[], LIMIT);
    assert!(
        matches!(found.finding, Finding::Undecided { .. }) && found.percent_per_hour.is_none(),
        "{found:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn spikes_order_and_units_change_nothing(
        percent in -20.0..40.0_f64,
        spikes in prop::collection::btree_set(0..200_usize, 0..10),
        factor in 1e-3..1e3_f64,
        seed in any::<u64>(),
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut samples = series(60.0, 200, |hours| 1e9 * (1.0 + percent / 100.0 * hours));
        for sample in &mut samples {
            sample.value *= 1.0 + 0.001 * normal(&mut random);
        }
        for spike in spikes {
            samples[spike].value *= 1.5;
        }
        let found = growth(&samples, &[], LIMIT).percent_per_hour.unwrap();
        prop_assert!((found.estimate - percent).abs() < 0.1, "{found:?}");
        random.shuffle(&mut samples);
        samples.iter_mut().for_each(|sample| sample.value *= factor);
        let other = growth(&samples, &[], LIMIT).percent_per_hour.unwrap();
        prop_assert!((other.estimate - found.estimate).abs() < 1e-6 && (other.high - found.high).abs() < 1e-6);
    }
}
