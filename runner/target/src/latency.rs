// SPDX-License-Identifier: Apache-2.0
//! Scripted latency.
//!
//! Draws come in blocks of 1,000: within a block each thousandth of the distribution comes exactly
//! once, in random order. So the percentiles of a few thousand requests are those of the script, and
//! not a sample of them, while requests in a row are as unlike as with independent draws.

use std::{sync::Mutex, time::Duration};

use super::{config::Latency, numbers::Numbers};

/// Draws per block.
const BLOCK: u32 = 1_000;

/// Draws latencies from a distribution.
#[derive(Debug)]
pub(super) struct Sampler {
    distribution: Latency,
    numbers: Numbers,
    block: Mutex<Vec<u32>>,
}

impl Sampler {
    pub(super) fn new(distribution: Latency, seed: u64) -> Self {
        Self { distribution, numbers: Numbers::new(seed), block: Mutex::new(Vec::new()) }
    }

    /// The next latency.
    pub(super) fn draw(&self) -> Duration {
        if let Latency::Fixed(span) = &self.distribution {
            return span.0;
        }
        self.distribution.quantile((f64::from(self.place()) + 0.5) / f64::from(BLOCK))
    }

    fn place(&self) -> u32 {
        let mut block = self.block.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if block.is_empty() {
            block.extend(0..BLOCK);
            // Fisher–Yates.
            for last in (1..block.len()).rev() {
                let other = (u128::from(self.numbers.next()) * (last as u128 + 1)) >> 64;
                block.swap(last, other as usize);
            }
        }
        block.pop().unwrap_or_default()
    }
}

impl Latency {
    /// The latency that a share (0 to 1) of requests does not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let seconds = match self {
            Self::Fixed(span) => span.as_secs_f64(),
            Self::Uniform { min, max } => between(min.as_secs_f64(), max.as_secs_f64(), share),
            Self::Exponential { mean } => -mean.as_secs_f64() * (-share).ln_1p(),
            Self::Percentiles(points) => {
                let percent = share * 100.0;
                let after = points.partition_point(|(at, _)| *at < percent);
                let point = |index: usize| points.get(index).map(|(at, span)| (*at, span.as_secs_f64()));
                match (after.checked_sub(1).and_then(point), point(after)) {
                    (Some((low, from)), Some((high, to))) => {
                        between(from, to, (percent - low) / (high - low))
                    }
                    (None, Some((_, only))) | (Some((_, only)), None) => only,
                    (None, None) => 0.0,
                }
            }
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

fn between(from: f64, to: f64, share: f64) -> f64 {
    from + (to - from) * share
}

#[cfg(test)]
mod tests {
    use upsurge_crds::v1alpha1::TimeSpan;

    use super::*;

    fn points() -> Latency {
        let points = [(0.0, 10), (50.0, 20), (95.0, 80), (100.0, 200)];
        Latency::Percentiles(points.map(|(at, span)| (at, TimeSpan::from_millis(span))).to_vec())
    }

    #[test]
    fn percentiles_lie_on_straight_lines_between_the_points() {
        for (share, milliseconds) in
            [(0.0, 10.0), (0.25, 15.0), (0.5, 20.0), (0.95, 80.0), (0.975, 140.0), (1.0, 200.0)]
        {
            assert!((points().quantile(share).as_secs_f64() * 1e3 - milliseconds).abs() < 1e-6, "{share}");
        }
    }

    #[test]
    fn every_thousand_draws_hold_the_whole_distribution() {
        let sampler = Sampler::new(points(), 7);
        for _ in 0..3 {
            let mut draws: Vec<_> = (0..BLOCK).map(|_| sampler.draw()).collect();
            assert!(!draws.is_sorted(), "in random order");
            draws.sort();
            assert!((draws[949].as_secs_f64() * 1e3 - 80.0).abs() < 0.1);
            assert!((draws[499].as_secs_f64() * 1e3 - 20.0).abs() < 0.1);
        }
    }

    #[test]
    fn a_seed_determines_the_draws() {
        let draws = |seed| {
            let sampler = Sampler::new(points(), seed);
            (0..50).map(|_| sampler.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn an_exponential_distribution_has_its_mean() {
        let latency = Latency::Exponential { mean: TimeSpan::from_millis(50) };
        let sampler = Sampler::new(latency, 1);
        let sum: f64 = (0..BLOCK).map(|_| sampler.draw().as_secs_f64()).sum();
        assert!((sum / f64::from(BLOCK) - 0.05).abs() < 0.000_1, "{sum}");
    }
}
