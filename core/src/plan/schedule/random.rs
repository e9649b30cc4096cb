// SPDX-License-Identifier: Apache-2.0
//! Random numbers that are a pure function of where they are asked for.

/// SplitMix64's increment: the golden ratio in 64 bits.
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's output function (Steele, Lea, Flood 2014): a good mixer of counters.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(INCREMENT);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// An endless row of random numbers, one of many.
#[derive(Clone, Debug)]
pub(super) struct Row(u64);

impl Row {
    /// Row `number` of a seed.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        Self(mix(mix(seed) ^ number))
    }

    /// Uniform above 0, up to 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(INCREMENT);
        ((mix(self.0) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Exponential with mean 1: the pause between independent events that come once per unit.
    pub(super) fn exponential(&mut self) -> f64 {
        -self.fraction().ln()
    }

    /// Normal with mean 0 and deviation 1 (Marsaglia's polar method).
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.fraction() - 1.0, 2.0 * self.fraction() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }

    /// Sum of `count` exponential numbers, in one draw (Marsaglia and Tsang 2000).
    pub(super) fn sum_of_exponentials(&mut self, count: f64) -> f64 {
        let shape = count - 1.0 / 3.0;
        let scale = 1.0 / (9.0 * shape).sqrt();
        loop {
            let normal = self.normal();
            let cube = (1.0 + scale * normal).powi(3);
            if cube > 0.0 && self.fraction().ln() < 0.5 * normal * normal + shape * (1.0 - cube + cube.ln()) {
                return shape * cube;
            }
        }
    }
}
