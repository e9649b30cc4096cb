// SPDX-License-Identifier: Apache-2.0
//! One slope over all lives of a pod, by Huber's regression.
//!
//! Minimises ρ(y − μ_life − s·t − a·cos ωt − b·sin ωt) by weights that are found again and again; each life's level μ is taken
//! out by subtracting its weighted means, so that their number doesn't matter.

use std::f64::consts::TAU;

use super::{Sample, blocks::Series};
use crate::statistics::{Fit, least_squares, median, two_sided_95};

/// Residuals of more than this many deviations count less than their square: 95 % as good as least squares when noise
/// is normal (Huber 1981).
const BEND: f64 = 1.345;
/// From the median of absolute deviations to the standard deviation.
const NORMAL: f64 = 1.482_6;
/// Rounds at most; ten are usual.
const ROUNDS: usize = 50;
/// Hours of a run from which on a wave of the day can be told from growth.
const DAY: f64 = 18.0;
/// An autocorrelation above this is taken for it: the estimate says no more.
const TIGHTEST: f64 = 0.95;

/// Residuals below this share of the values are what rounding leaves of a straight line.
const ROUNDING: f64 = 1e-10;

/// A slope.
pub(super) struct Trend {
    /// Bytes per hour.
    pub(super) slope: f64,
    /// Half of its 95 % interval; infinite if nothing can be said.
    pub(super) half_width: f64,
    /// Bytes at the begin of each life, on average.
    pub(super) level: f64,
    /// Whether a wave of the day was taken out.
    pub(super) day_removed: bool,
}

/// The trend of a series with at least so many values.
pub(super) fn trend(series: &Series, fewest: usize) -> Option<Trend> {
    if series.len() < fewest {
        return None;
    }
    let day = |hours: f64| TAU * hours / 24.0;
    let with_day = |sample: &Sample| [sample.hours, day(sample.hours).cos(), day(sample.hours).sin()];
    let with_day = (series.span() >= DAY).then(|| regress(series, with_day)).flatten();
    with_day
        .map(|trend| Trend { day_removed: true, ..trend })
        .or_else(|| regress(series, |sample| [sample.hours]))
}

/// Columns of all lives with their means subtracted, value by value.
struct Centred<const K: usize> {
    columns: [f64; K],
    value: f64,
}

fn regress<const K: usize>(series: &Series, columns: impl Fn(&Sample) -> [f64; K]) -> Option<Trend> {
    let rows: Vec<Vec<([f64; K], f64)>> = series
        .lives
        .iter()
        .map(|life| life.medians.iter().map(|sample| (columns(sample), sample.value)).collect())
        .collect();
    let largest = rows.iter().flatten().map(|row| row.1.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let mut weights: Vec<Vec<f64>> = rows.iter().map(|life| vec![1.0; life.len()]).collect();
    let mut found: Option<(Fit<K>, Vec<Vec<f64>>, f64)> = None;
    for _ in 0..ROUNDS {
        let centred: Vec<Vec<Centred<K>>> =
            rows.iter().zip(&weights).map(|(life, weights)| centre(life, weights)).collect();
        let weighted = centred.iter().flatten().zip(weights.iter().flatten());
        let fit = least_squares(weighted.map(|(row, weight)| (row.columns, row.value, *weight)))?;
        let residual = |row: &Centred<K>| row.value - dot(&fit.coefficients, &row.columns);
        let residuals: Vec<Vec<f64>> =
            centred.iter().map(|life| life.iter().map(residual).collect()).collect();
        let mut sizes: Vec<f64> = residuals.iter().flatten().map(|residual| residual.abs()).collect();
        let scale = (median(&mut sizes)? * NORMAL).max(ROUNDING * largest);
        for (weights, residuals) in weights.iter_mut().zip(&residuals) {
            for (weight, residual) in weights.iter_mut().zip(residuals) {
                *weight = (BEND * scale / residual.abs()).min(1.0);
            }
        }
        let before = found.replace((fit, residuals, scale));
        let same = |before: &f64, now: &f64| (before - now).abs() <= 1e-9 * now.abs();
        if before.is_some_and(|(before, _, _)| {
            found.as_ref().is_some_and(|(now, _, _)| {
                before.coefficients.iter().zip(&now.coefficients).all(|(before, now)| same(before, now))
            })
        }) {
            break;
        }
    }
    let (fit, residuals, scale) = found?;
    let [slope, ..] = fit.coefficients[..] else { return None };
    let half_width = half_width(&rows, &residuals, scale, ROUNDING * largest);
    let begins = series.lives.iter().zip(&rows).zip(&weights).map(|((life, rows), weights)| {
        let (means, value) = means(rows, weights);
        // The life's level without the wave, where it begins.
        let wave: f64 = (1..K).map(|k| fit.coefficients[k] * means[k]).sum();
        (value - wave - slope * (means[0] - life.begin), rows.len() as f64)
    });
    let (sum, count) =
        begins.fold((0.0, 0.0), |(sum, count), (begin, length)| (sum + begin * length, count + length));
    Some(Trend { slope, half_width, level: sum / count, day_removed: false })
}

/// Half of the slope's interval: Huber's variance, by as many values as the residuals' autocorrelation leaves.
fn half_width<const K: usize>(
    rows: &[Vec<([f64; K], f64)>],
    residuals: &[Vec<f64>],
    scale: f64,
    rounding: f64,
) -> f64 {
    let bend = BEND * scale;
    let bent: Vec<Vec<f64>> = residuals
        .iter()
        .map(|life| life.iter().map(|residual| residual.clamp(-bend, bend)).collect())
        .collect();
    let count = bent.iter().map(Vec::len).sum::<usize>() as f64;
    let squares: f64 = bent.iter().flatten().map(|value| value * value).sum();
    if (squares / count).sqrt() <= rounding {
        return 0.0;
    }
    let straight =
        residuals.iter().flatten().filter(|residual| residual.abs() <= bend).count() as f64 / count;
    let products: f64 = bent.iter().flat_map(|life| life.windows(2)).map(|pair| pair[0] * pair[1]).sum();
    let lag = if squares > 0.0 { products / squares } else { 0.0 };
    // What is fitted takes some of the autocorrelation with it (Kendall 1954).
    let lag = (lag + (1.0 + 4.0 * lag) / count).clamp(0.0, TIGHTEST);
    let effective = count * (1.0 - lag) / (1.0 + lag);
    let degrees = effective - (K + rows.len()) as f64;
    if degrees < 1.0 || straight <= 0.0 {
        return f64::INFINITY;
    }
    let ones: Vec<f64> = vec![1.0; count as usize];
    let centred = rows.iter().flat_map(|life| centre(life, &ones));
    let Some(plain) = least_squares(centred.map(|row| (row.columns, row.value, 1.0))) else {
        return f64::INFINITY;
    };
    let variance = squares / degrees / straight.powi(2);
    two_sided_95(degrees) * (variance * plain.inverse[0][0]).sqrt()
}

fn centre<const K: usize>(life: &[([f64; K], f64)], weights: &[f64]) -> Vec<Centred<K>> {
    let (columns, value) = means(life, weights);
    life.iter()
        .map(|row| Centred { columns: std::array::from_fn(|k| row.0[k] - columns[k]), value: row.1 - value })
        .collect()
}

fn means<const K: usize>(life: &[([f64; K], f64)], weights: &[f64]) -> ([f64; K], f64) {
    let rows = || life.iter().zip(weights);
    let sum: f64 = rows().map(|(_, weight)| *weight).sum();
    let columns = std::array::from_fn(|k| rows().map(|(row, weight)| row.0[k] * weight).sum::<f64>() / sum);
    (columns, rows().map(|(row, weight)| row.1 * weight).sum::<f64>() / sum)
}

fn dot<const K: usize>(one: &[f64; K], other: &[f64; K]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}
