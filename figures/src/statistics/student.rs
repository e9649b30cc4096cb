// SPDX-License-Identifier: Apache-2.0
//! Quantiles of Student's t, for 95 % two-sided intervals.

/// The 97.5th percentile of the normal distribution.
const NORMAL: f64 = 1.959_963_984_540_054;

/// The factor of a standard error for a 95 % two-sided interval with so many degrees of freedom; infinite for less than 1.
/// Exact for 1 and 2, an expansion from there on (Abramowitz and Stegun 26.7.5; better than 0.1 % from 3 on), in a
/// straight line between 1, 2 and 3.
pub(crate) fn two_sided_95(degrees: f64) -> f64 {
    const ONE: f64 = 12.706_204_736;
    const TWO: f64 = 4.302_652_730;
    let between = |from: f64, to: f64, share: f64| from + (to - from) * share;
    match degrees {
        degrees if degrees >= 3.0 => expansion(degrees),
        degrees if degrees >= 2.0 => between(TWO, expansion(3.0), degrees - 2.0),
        degrees if degrees >= 1.0 => between(ONE, TWO, degrees - 1.0),
        _ => f64::INFINITY,
    }
}

fn expansion(v: f64) -> f64 {
    let x = NORMAL;
    let g1 = (x.powi(3) + x) / 4.0;
    let g2 = (5.0 * x.powi(5) + 16.0 * x.powi(3) + 3.0 * x) / 96.0;
    let g3 = (3.0 * x.powi(7) + 19.0 * x.powi(5) + 17.0 * x.powi(3) - 15.0 * x) / 384.0;
    let g4 = (79.0 * x.powi(9) + 776.0 * x.powi(7) + 1482.0 * x.powi(5) - 1920.0 * x.powi(3) - 945.0 * x)
        / 92_160.0;
    x + g1 / v + g2 / v.powi(2) + g3 / v.powi(3) + g4 / v.powi(4)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1.0, 12.706)]
    #[case(2.0, 4.303)]
    #[case(3.0, 3.182)]
    #[case(4.0, 2.776)]
    #[case(5.0, 2.571)]
    #[case(12.0, 2.179)]
    #[case(30.0, 2.042)]
    #[case(120.0, 1.980)]
    #[case(1e9, 1.960)]
    fn quantiles_are_those_of_the_tables(#[case] degrees: f64, #[case] table: f64) {
        let found = two_sided_95(degrees);
        assert!((found / table - 1.0).abs() < 2e-3, "{found}");
    }

    #[test]
    fn fewer_degrees_of_freedom_never_make_an_interval_narrower() {
        let all: Vec<f64> = (0..200).map(|step| two_sided_95(f64::from(step) / 20.0)).collect();
        assert!(all.windows(2).all(|pair| pair[1] <= pair[0]), "{all:?}");
        assert_eq!(two_sided_95(0.5), f64::INFINITY);
    }
}
