// SPDX-License-Identifier: Apache-2.0
//! How long a user pauses.

use std::time::Duration;

/// A distribution of pauses.
#[derive(Clone, Debug, PartialEq)]
pub struct Pause {
    /// Its shape.
    pub shape: Shape,
    /// No pause is shorter.
    pub min: Duration,
    /// No pause is longer; never less than `min`.
    pub max: Duration,
}

/// Shapes of distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All lengths from `min` to `max` alike.
    Uniform,
    /// A bell.
    Normal {
        /// Its middle.
        mean: Duration,
        /// Its width.
        deviation: Duration,
    },
    /// As between independent events.
    Exponential {
        /// Mean, before `max` cuts it.
        mean: Duration,
    },
}

impl Pause {
    /// Draws a pause; `random` gives numbers from 0 to 1, the end excluded.
    pub fn draw(&self, mut random: impl FnMut() -> f64) -> Duration {
        let seconds = match self.shape {
            Shape::Uniform => return self.min + (self.max - self.min).mul_f64(random()),
            Shape::Normal { mean, deviation } => {
                // Box-Muller; 1 - x, because the logarithm of 0 is no number.
                let radius = (-2.0 * (1.0 - random()).ln()).sqrt();
                let offset = radius * (std::f64::consts::TAU * random()).cos();
                mean.as_secs_f64() + deviation.as_secs_f64() * offset
            }
            Shape::Exponential { mean } => -mean.as_secs_f64() * (1.0 - random()).ln(),
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(self.max).clamp(self.min, self.max)
    }

    /// Whether every pause is of no length.
    pub fn is_zero(&self) -> bool {
        self.max.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::schedule::mix;

    /// Seconds of many pauses between `min` and `max`, in ascending order.
    fn drawn(shape: Shape, min: f64, max: f64) -> Vec<f64> {
        let pause = Pause { shape, min: Duration::from_secs_f64(min), max: Duration::from_secs_f64(max) };
        let mut number = 0;
        let mut random = || {
            number += 1;
            (mix(number) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut seconds: Vec<f64> = (0..100_000).map(|_| pause.draw(&mut random).as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
    }

    #[track_caller]
    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 0.02 * expected, "{found} instead of {expected}");
    }

    fn quantile(sorted: &[f64], share: f64) -> f64 {
        sorted[(share * sorted.len() as f64) as usize]
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn uniform_pauses_are_spread_evenly() {
        let seconds = drawn(Shape::Uniform, 1.0, 5.0);
        assert!(seconds[0] >= 1.0 && seconds[99_999] < 5.0);
        assert_near(mean(&seconds), 3.0);
        for share in [0.1, 0.25, 0.5, 0.9] {
            assert_near(quantile(&seconds, share), 1.0 + 4.0 * share);
        }
    }

    /// Quantiles of the standard normal distribution from tables.
    #[test]
    fn normal_pauses_have_the_mean_and_the_deviation_that_were_asked_for() {
        let (mean_asked, deviation) = (Duration::from_secs(10), Duration::from_secs(2));
        let seconds = drawn(Shape::Normal { mean: mean_asked, deviation }, 0.0, 100.0);
        assert_near(mean(&seconds), 10.0);
        for (share, z) in [(0.022_75, -2.0), (0.158_66, -1.0), (0.5, 0.0), (0.841_34, 1.0), (0.977_25, 2.0)] {
            assert_near(quantile(&seconds, share), 10.0 + 2.0 * z);
        }
    }

    #[test]
    fn exponential_pauses_have_the_quantiles_of_independent_events() {
        let seconds = drawn(Shape::Exponential { mean: Duration::from_secs(4) }, 0.0, 1e6);
        assert_near(mean(&seconds), 4.0);
        for share in [0.1, 0.5, 0.9, 0.99] {
            assert_near(quantile(&seconds, share), -4.0 * (1.0 - share).ln());
        }
    }

    #[test]
    fn bounds_cut_what_lies_beyond() {
        let seconds = drawn(Shape::Exponential { mean: Duration::from_secs(4) }, 1.0, 6.0);
        assert_eq!((seconds[0], seconds[99_999]), (1.0, 6.0));
        // Nobody pauses longer than 6 s: those who would are e^-1.5 of all.
        let longest = seconds.iter().filter(|seconds| **seconds >= 6.0).count() as f64;
        assert_near(longest / 1e5, (-1.5_f64).exp());
    }
}
