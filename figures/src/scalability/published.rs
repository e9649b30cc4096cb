// SPDX-License-Identifier: Apache-2.0
//! Measurements that are published with their coefficients: both are examples of the R package `usl` (Möding).
//!
//! R weighs all throughputs alike, as if each were off by as many requests; here each is off by as many percents. Where that
//! matters, what R prints is first found again in its own way, which shows that these are its data.

use super::*;
use crate::statistics::least_squares;

/// A Sun SPARCcenter 2000 in the SPEC SDM91 benchmark: scripts per hour by simulated users.
const SPEC_SDM91: [(u32, f64); 7] =
    [(1, 64.9), (18, 995.9), (36, 1652.4), (72, 1853.2), (108, 1828.9), (144, 1775.0), (216, 1702.2)];
/// A ray tracer by processors.
const RAY_TRACER: [(u32, f64); 11] = [
    (1, 20.0),
    (4, 78.0),
    (8, 130.0),
    (12, 170.0),
    (16, 190.0),
    (20, 200.0),
    (24, 210.0),
    (28, 230.0),
    (32, 260.0),
    (48, 280.0),
    (64, 310.0),
];

fn points(of: &[(u32, f64)]) -> Vec<Point> {
    of.iter().map(|(replicas, throughput)| Point { replicas: *replicas, throughput: *throughput }).collect()
}

/// α, β and γ by weighted nonlinear least squares on throughput itself (Gauss and Newton), weights by what is fitted.
fn nonlinear(points: &[Point], weight: impl Fn(f64) -> f64) -> [f64; 3] {
    let mut law = [0.03, 1e-4, points[0].throughput];
    for _ in 0..100 {
        let [alpha, beta, gamma] = law;
        let rows = points.iter().map(|point| {
            let n = f64::from(point.replicas);
            let slowed = 1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0);
            let fitted = gamma * n / slowed;
            let slopes = [-fitted * (n - 1.0) / slowed, -fitted * n * (n - 1.0) / slowed, n / slowed];
            (slopes, point.throughput - fitted, weight(fitted))
        });
        let step = least_squares(rows).unwrap().coefficients;
        law = std::array::from_fn(|index| law[index] + step[index]);
    }
    law
}

fn assert_close(found: f64, truth: f64, share: f64) {
    assert!((found / truth - 1.0).abs() < share, "{found} is not {truth}");
}

#[test]
fn the_spec_sdm91_benchmark_has_its_peak_where_it_was_published() {
    let points = points(&SPEC_SDM91);
    let printed = [0.027_728_5, 0.000_104_4, 89.995_233];
    for (found, printed) in nonlinear(&points, |_| 1.0).into_iter().zip(printed) {
        assert_close(found, printed, 1e-3);
    }
    let fit = usl(&points).unwrap();
    // The nonlinear way to the same weights: of what scatters by a few percent it gives the same.
    let [alpha, beta, gamma] = nonlinear(&points, |fitted| fitted.powi(-2));
    assert_close(fit.contention.estimate, alpha, 0.01);
    assert_close(fit.coherency.estimate, beta, 0.01);
    assert_close(fit.single.estimate, gamma, 0.01);
    // Computed once more in another language.
    assert_close(fit.contention.estimate, 0.013_476_16, 1e-4);
    assert_close(fit.contention.low, 0.003_676_68, 1e-2);
    assert_close(fit.contention.high, 0.026_424_00, 1e-2);
    assert_close(fit.coherency.low, 5.324_202e-5, 1e-2);
    assert_close(fit.coherency.high, 1.737_712e-4, 1e-2);
    assert_close(fit.single.low, 57.372_20, 1e-2);
    assert_close(fit.single.high, 83.056_46, 1e-2);
    // Its first versions took γ for X(1), which gives the first point more weight, too: σ = 0.01705, κ = 7.892e-5.
    assert!(fit.contention.holds(0.01705) && fit.coherency.holds(7.892e-5), "{fit:?}");
    assert_close(fit.peak.unwrap(), 96.5, 0.05);
    assert!(fit.doubts.is_empty(), "{fit:?}");
}

#[test]
fn the_ray_tracer_has_no_peak_and_the_contention_that_was_published() {
    let points = points(&RAY_TRACER);
    let (alpha, gamma) = (0.057_77, 21.848_8);
    let full = usl(&points).unwrap();
    assert!(full.contention.holds(alpha) && full.coherency.holds(0.0), "{full:?}");
    assert!(full.single.holds(gamma), "{full:?}");
    assert_eq!((full.peak, &full.doubts[..]), (None, &[Doubt::CoherencyUncertain][..]));
    let fit = amdahl(&points).unwrap();
    assert_close(fit.serial.estimate, alpha, 0.03);
    assert_close(fit.single.estimate, gamma, 0.03);
    assert_close(fit.limit.unwrap(), 1.0 / alpha, 0.03);
    assert!(fit.serial.holds(alpha) && fit.single.holds(gamma) && fit.doubts.is_empty(), "{fit:?}");
}
