// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn exact(counts: &[u32], alpha: f64, beta: f64) -> Vec<Point> {
    let throughput = |n: u32| 20.0 * Usl::capacity(alpha, beta, f64::from(n));
    counts.iter().map(|n| Point { replicas: *n, throughput: throughput(*n) }).collect()
}

#[test]
fn the_vectors_of_the_laws_hold() {
    assert!((Usl::capacity(0.05, 0.001, 31.0) - 9.038).abs() < 5e-4);
    assert!((Amdahl::speedup(0.05, 20.0) - 10.256).abs() < 5e-4);
    let fit = usl(&exact(&[1, 2, 4, 8, 16, 32], 0.05, 0.001)).unwrap();
    assert!((fit.peak.unwrap() - 950_f64.sqrt()).abs() < 1e-6, "{fit:?}");
    assert!((fit.contention.estimate - 0.05).abs() < 1e-9 && (fit.coherency.estimate - 0.001).abs() < 1e-9);
    assert!((fit.single.estimate - 20.0).abs() < 1e-6 && fit.r_squared > 1.0 - 1e-9 && fit.doubts.is_empty());
    assert!((fit.throughput(31.0) - 20.0 * 9.038).abs() < 0.01);
    // 1 / (1 + 0.05·2 + 0.001·6) is 0.904, and with 4 replicas 0.859.
    assert_eq!(fit.linear_until, 3);
}

#[test]
fn amdahl_is_the_law_without_coherency() {
    let fit = amdahl(&exact(&[1, 2, 4, 8, 16, 32], 0.05, 0.0)).unwrap();
    assert!((fit.serial.estimate - 0.05).abs() < 1e-9 && (fit.limit.unwrap() - 20.0).abs() < 1e-6);
    assert!((fit.throughput(20.0) - 205.128).abs() < 1e-2 && fit.doubts.is_empty());
}

#[rstest]
#[case::five_counts(&[1, 2, 4, 8, 16], 0.05, 0.004, true, &[Doubt::FewPoints])]
#[case::a_peak_far_away(&[1, 2, 4, 8, 16, 12], 0.05, 0.0005, false, &[Doubt::PeakTooFar])]
#[case::at_just_twice(&[1, 2, 4, 8, 16, 12], 0.0, 1.0 / 1_023.0, true, &[])]
#[case::no_coherency(&[1, 2, 4, 8, 16, 12], 0.05, 0.0, false, &[Doubt::CoherencyUncertain])]
#[case::more_than_linear(&[1, 2, 4, 8, 16, 12], -0.02, 0.0, false, &[Doubt::CoherencyUncertain, Doubt::Superlinear])]
fn a_peak_is_stated_only_where_it_is_known(
    #[case] counts: &[u32],
    #[case] alpha: f64,
    #[case] beta: f64,
    #[case] peak: bool,
    #[case] doubts: &[Doubt],
) {
    // A little noise that alternates, so that intervals have some width.
    let mut points = exact(counts, alpha, beta);
    points.extend(points.clone());
    for (index, point) in points.iter_mut().enumerate() {
        point.throughput *= if index < counts.len() { 1.0001 } else { 0.9999 };
    }
    let fit = usl(&points).unwrap();
    assert_eq!((fit.peak.is_some(), &fit.doubts[..]), (peak, doubts), "{fit:?}");
    assert!(fit.contention.low >= 0.0 && fit.coherency.low >= 0.0);
}

#[rstest]
#[case::two_counts(&[(1, 20.0), (2, 38.0), (2, 39.0), (1, 20.0)])]
#[case::three_points(&[(1, 20.0), (2, 38.0), (4, 70.0)])]
#[case::nothing(&[])]
fn too_few_points_are_refused(#[case] points: &[(u32, f64)]) {
    let points: Vec<Point> = points
        .iter()
        .map(|(replicas, throughput)| Point { replicas: *replicas, throughput: *throughput })
        .collect();
    let error = usl(&points).unwrap_err();
    assert!(matches!(error, FitError::TooFew { needed: 3, .. }), "{error}");
}

#[test]
fn points_that_cannot_be_are_refused() {
    for (replicas, throughput) in [(0, 5.0), (4, 0.0), (4, f64::NAN)] {
        let mut points = exact(&[1, 2, 4, 8], 0.1, 0.0);
        points.push(Point { replicas, throughput });
        assert_eq!(usl(&points), Err(FitError::Point { replicas }));
        assert_eq!(amdahl(&points), Err(FitError::Point { replicas }));
    }
}

#[test]
fn efficiency_is_by_the_smallest_count() {
    let point = |replicas, throughput| Point { replicas, throughput };
    let found = efficiencies(&[point(4, 60.0), point(2, 38.0), point(2, 42.0), point(8, 80.0)]);
    let found: Vec<_> = found.iter().map(|each| (each.replicas, each.throughput, each.efficiency)).collect();
    assert_eq!(found, [(2, 40.0, 1.0), (4, 60.0, 0.75), (8, 80.0, 0.5)]);
    assert!(efficiencies(&[]).is_empty());
}

#[test]
fn an_efficiency_has_an_interval_by_the_scatter_of_all_counts() {
    let point = |replicas, throughput| Point { replicas, throughput };
    let twice = |replicas, mean: f64| [point(replicas, mean * 0.99), point(replicas, mean * 1.01)];
    let points = [twice(1, 20.0), twice(2, 38.0), twice(4, 60.0)].concat();
    let found = efficiencies(&points);
    assert_eq!(found[0].interval, None, "it is 1 by definition");
    // Σ(x/mean − 1)² is 6·0.01², over 6 − 3 degrees of freedom; t is 3.182, and two measurements make a mean.
    let share = 3.182_f64.powi(2) * 2e-4 / 2.0;
    let root = (1.0 - (1.0 - share).powi(2)).sqrt();
    for (each, truth) in found[1..].iter().zip([0.95, 0.75]) {
        let interval = each.interval.unwrap();
        assert!((interval.estimate - truth).abs() < 1e-9 && interval.estimate == each.efficiency);
        assert!((interval.low / truth - (1.0 - root) / (1.0 - share)).abs() < 1e-3, "{interval:?}");
        assert!((interval.high / truth - (1.0 + root) / (1.0 - share)).abs() < 1e-3, "{interval:?}");
    }
    assert_eq!(sublinear_from(&found), Some(4), "0.95 may be 0.9 and more, 0.75 may not");

    let once = efficiencies(&[point(1, 20.0), point(2, 38.0), point(4, 60.0)]);
    assert!(once.iter().all(|each| each.interval.is_none()), "nothing scatters that was measured once");
    assert_eq!(sublinear_from(&once), None);
    let wild = [point(1, 1.0), point(1, 39.0), point(2, 2.0), point(2, 78.0)];
    assert!(efficiencies(&wild)[1].interval.is_none(), "the base may be nothing at all");
}

proptest! {
    #[test]
    fn exact_points_give_their_law_whatever_it_is(alpha in 0.0..0.5_f64, beta in 0.0..0.05_f64, unit in 0.01..1e5_f64) {
        let mut points = exact(&[1, 2, 3, 5, 8, 13], alpha, beta);
        points.iter_mut().for_each(|point| point.throughput *= unit);
        let fit = usl(&points).unwrap();
        prop_assert!((fit.contention.estimate - alpha).abs() < 1e-6, "{fit:?}");
        prop_assert!((fit.coherency.estimate - beta).abs() < 1e-6, "{fit:?}");
        prop_assert!((fit.single.estimate / unit / 20.0 - 1.0).abs() < 1e-6, "{fit:?}");
    }

    #[test]
    fn whatever_is_measured_intervals_hold_their_estimates(
        points in prop::collection::vec((1..40_u32, 1.0..1e3_f64), 4..20),
    ) {
        let points: Vec<Point> =
            points.into_iter().map(|(replicas, throughput)| Point { replicas, throughput }).collect();
        if let Ok(fit) = usl(&points) {
            for interval in [fit.contention, fit.coherency, fit.single] {
                prop_assert!(interval.low >= 0.0 && interval.holds(interval.estimate), "{fit:?}");
            }
            prop_assert!(fit.peak.is_none_or(|peak| peak >= 1.0) && fit.single.low > 0.0);
        }
        if let Ok(fit) = amdahl(&points) {
            prop_assert!(fit.serial.holds(fit.serial.estimate) && fit.serial.low >= 0.0, "{fit:?}");
            prop_assert!(fit.single.holds(fit.single.estimate) && fit.single.low > 0.0, "{fit:?}");
        }
    }
}
