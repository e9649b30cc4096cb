// SPDX-License-Identifier: Apache-2.0
//! Medians, percentiles, a straight line through points, and what a freeze does to percentiles.

use serde::{Deserialize, Serialize};

/// The middle of several rounds, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// The spread of some values; none without any. What a tool did not say is not among them.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    };
    Some(Spread { median, min, max })
}

/// Where the median of all rounds there could ever be lies nine times out of ten, judged by these: between two of the
/// values, whatever their distribution. None of fewer than five.
pub fn interval(values: &[f64]) -> Option<[f64; 2]> {
    const MISSED: f64 = 0.05;
    let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    // How many values lie below the true median is a matter of tossing coins.
    let count = values.len();
    let (mut chance, mut below) = (0.5_f64.powi(i32::try_from(count).ok()?), 0.0);
    let mut outside = 0;
    while outside < count && below + chance <= MISSED {
        below += chance;
        chance *= (count - outside) as f64 / (outside + 1) as f64;
        outside += 1;
    }
    let (low, high) = (outside.checked_sub(1)?, count - outside);
    Some([*values.get(low)?, *values.get(high)?])
}

/// The smallest of the values that `percent` of them do not exceed.
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    // A tiny bit less, as 99.9 / 100 is a tiny bit more than it should be.
    let rank = (percent / 100.0 * values.len() as f64 - 1e-9).ceil() as usize;
    values.get(rank.clamp(1, values.len().max(1)) - 1).copied()
}

/// Percentile `percent` of the response times, in seconds, when requests arrive evenly for `duration` seconds
/// and a server that otherwise answers at once stands still for `freeze` of them.
///
/// Whoever arrives in the freeze waits for the rest of it: waits are spread evenly from 0 to `freeze`, and
/// longer than w wait those of the first `freeze - w` seconds, a share of `(freeze - w) / duration` of all.
/// With that share set to `1 - p`, w is `freeze - (1 - p) * duration`.
pub fn frozen_percentile(percent: f64, duration: f64, freeze: f64) -> f64 {
    (freeze - (1.0 - percent / 100.0) * duration).max(0.0)
}

/// How far each arrival lies behind the grid of one every `period`, in the unit of both, if the least late
/// one were on time: nobody but the tool knows when it began.
pub fn behind_grid(arrivals: &[f64], period: f64) -> Vec<f64> {
    let behind: Vec<f64> =
        arrivals.iter().enumerate().map(|(index, at)| at - index as f64 * period).collect();
    let least = behind.iter().copied().fold(f64::INFINITY, f64::min);
    behind.into_iter().map(|value| value - least).collect()
}

/// A straight line through points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Rise per unit of x.
    pub slope: f64,
    /// The slope lies within this of the truth, nineteen times out of twenty.
    pub margin: f64,
}

/// The line with the least squares of distances, if there are four points or more. Where a distance is like the
/// one before it, points say less than their number promises: the margin grows with that likeness.
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    let count = points.len() as f64;
    if points.len() < 4 {
        return None;
    }
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let width: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / width;
    let distances: Vec<f64> = points.iter().map(|(x, y)| y - mean_y - slope * (x - mean_x)).collect();
    let squares: f64 = distances.iter().map(|distance| distance.powi(2)).sum();
    let neighbours: f64 = distances.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let likeness = if squares > 0.0 { (neighbours / squares).clamp(0.0, 0.99) } else { 0.0 };
    let fewer = ((1.0 + likeness) / (1.0 - likeness)).sqrt();
    let margin = 1.96 * (squares / (count - 2.0) / width).sqrt() * fewer;
    slope.is_finite().then_some(Line { slope, margin })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(spread(&[f64::NAN, 5.0]), Some(Spread { median: 5.0, min: 5.0, max: 5.0 }));
        assert_eq!(spread(&[f64::NAN]), None);
    }

    #[test]
    fn the_interval_of_the_median_is_that_of_the_binomial_distribution() {
        let values = |count: u32| (1..=count).map(f64::from).collect::<Vec<_>>();
        assert_eq!(interval(&values(4)), None);
        // Of five, all above or below: 2 × 1/32.
        assert_eq!(interval(&values(5)), Some([1.0, 5.0]));
        // Tables of order statistics: 2 and 8 of 9 hold it with 96 %, 3 and 7 with 82 %.
        assert_eq!(interval(&values(9)), Some([2.0, 8.0]));
        assert_eq!(interval(&values(18)), Some([6.0, 13.0]));
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 99.0), Some(99.0));
        assert_eq!(percentile(&values, 99.9), Some(100.0));
        assert_eq!(percentile(&values, 0.0), Some(1.0));
        assert_eq!(percentile(&[], 50.0), None);
    }

    #[test]
    fn the_analytic_percentiles_are_those_of_a_simulated_freeze() {
        // 1,000 a second for 10 s; the server stands still from second 4 to second 5.
        let waits: Vec<f64> = (0..10_000)
            .map(|index| f64::from(index) / 1e3)
            .map(|at| if (4.0..5.0).contains(&at) { 5.0 - at } else { 0.0 })
            .collect();
        for (percent, expected) in [(99.0, 0.9), (99.9, 0.99), (50.0, 0.0)] {
            let analytic = frozen_percentile(percent, 10.0, 1.0);
            assert!((analytic - expected).abs() < 1e-9, "{percent}: {analytic}");
            let simulated = percentile(&waits, percent).unwrap();
            assert!((analytic - simulated).abs() <= 0.0011, "{percent}: {analytic}, {simulated}");
        }
    }

    #[test]
    fn lateness_is_counted_from_the_least_late() {
        assert_eq!(behind_grid(&[10.0, 13.0, 14.0, 16.5], 2.0), [0.0, 1.0, 0.0, 0.5]);
        assert_eq!(behind_grid(&[10.5, 12.0], 2.0), [0.5, 0.0]);
    }

    #[test]
    fn a_line_is_found_with_its_margin() {
        let exact: Vec<_> = (0..10).map(|x| (f64::from(x), 3.0 + 2.0 * f64::from(x))).collect();
        let found = line(&exact).unwrap();
        assert!((found.slope - 2.0).abs() < 1e-9 && found.margin < 1e-6);
        let flat: Vec<_> = (0..100).map(|x| (f64::from(x), if x % 2 == 0 { 1.0 } else { -1.0 })).collect();
        let found = line(&flat).unwrap();
        assert!(found.slope.abs() < found.margin);
        // A wave of one and a half turns rises from end to end, and yet no trend is seen in it.
        let wave: Vec<_> = (0..300).map(|x| (f64::from(x), -(f64::from(x) * 0.0314).cos())).collect();
        let found = line(&wave).unwrap();
        assert!(found.slope.abs() < found.margin, "{found:?}");
        assert_eq!(line(&exact[..3]), None);
    }
}
