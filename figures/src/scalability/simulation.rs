// SPDX-License-Identifier: Apache-2.0
//! How often the intervals hold the truth: five counts, three measurements each, 10 % noise.

use super::*;
use crate::statistics::tests::normal;

/// How many of so many intervals of α and β hold the truth, and how many fits there were.
fn held(fits: u32, alpha: f64, beta: f64, seed: u64) -> (u32, u32, u32) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut of_alpha, mut of_beta, mut fitted) = (0, 0, 0);
    for _ in 0..fits {
        let mut points = Vec::new();
        for replicas in [1, 2, 4, 8, 16].into_iter().flat_map(|replicas| [replicas; 3]) {
            let truth = 20.0 * Usl::capacity(alpha, beta, f64::from(replicas));
            points.push(Point { replicas, throughput: truth * (1.0 + 0.1 * normal(&mut random)) });
        }
        let Ok(fit) = usl(&points) else { continue };
        assert!(fit.doubts.contains(&Doubt::FewPoints), "five counts are few");
        of_alpha += u32::from(fit.contention.holds(alpha));
        of_beta += u32::from(fit.coherency.holds(beta));
        fitted += 1;
    }
    (of_alpha, of_beta, fitted)
}

/// Intervals are to hold the truth in 93 to 97 of 100.
#[test]
fn of_a_thousand_fits_95_percent_hold_the_truth() {
    for (alpha, beta, seed) in [(0.05, 0.001, 1), (0.1, 0.005, 2), (0.02, 0.01, 3)] {
        let (of_alpha, of_beta, fits) = held(1_000, alpha, beta, seed);
        println!("α {alpha}, β {beta}: {of_alpha} and {of_beta} of {fits} hold");
        assert_eq!(fits, 1_000);
        assert!((930..=970).contains(&of_alpha) && (930..=970).contains(&of_beta), "{of_alpha}, {of_beta}");
    }
}

/// The same, so often that chance hardly matters.
#[test]
#[ignore = "takes longer than a unit test may"]
fn of_five_thousand_fits_95_percent_hold_the_truth() {
    for (alpha, beta, seed) in
        [(0.05, 0.001, 4), (0.1, 0.005, 5), (0.02, 0.01, 6), (0.05, 0.0, 7), (0.0, 0.002, 8)]
    {
        let (of_alpha, of_beta, fits) = held(5_000, alpha, beta, seed);
        println!("α {alpha}, β {beta}: {of_alpha} and {of_beta} of {fits} hold");
        assert!([of_alpha, of_beta].iter().all(|held| held * 100 >= fits * 93));
        // At 0 the interval can't be missed from above.
        assert!(alpha == 0.0 || of_alpha * 100 <= fits * 97);
        assert!(beta == 0.0 || of_beta * 100 <= fits * 97);
    }
}
