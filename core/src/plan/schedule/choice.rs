// SPDX-License-Identifier: Apache-2.0
//! Which scenario an iteration does: by weight, and by nothing but its number.
//!
//! Within each block of as many iterations as the weights sum up to, every scenario comes exactly as
//! often as its weight says; the order within a block is a fixed shuffle, so that neither scenarios
//! nor the stripes of runners run in step.

use super::random::mix;

/// A weighted choice that is a pure function of an index.
#[derive(Clone, Debug)]
pub struct WeightedChoice {
    block: Vec<u32>,
}

/// Blocks longer than this are scaled down: proportions are then right to one in ten thousand.
const LONGEST_BLOCK: u64 = 10_000;

impl WeightedChoice {
    /// A choice between as many things as there are weights. Weight 0 is never chosen, unless all
    /// weights are 0: then nothing is (see [`Self::pick`]).
    pub fn new(weights: &[u32]) -> Self {
        let divisor = weights.iter().copied().map(u64::from).fold(0, greatest_common_divisor).max(1);
        let sum: u64 = weights.iter().map(|weight| u64::from(*weight) / divisor).sum();
        let scale = if sum > LONGEST_BLOCK { LONGEST_BLOCK as f64 / sum as f64 } else { 1.0 };
        let mut block: Vec<u32> = Vec::new();
        for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
            let count = ((u64::from(*weight) / divisor) as f64 * scale).round().max(1.0) as usize;
            block.extend(std::iter::repeat_n(index as u32, count));
        }
        shuffle(&mut block);
        Self { block }
    }

    /// The choice of the iteration with that index, or `None` when all weights are 0.
    pub fn pick(&self, index: u64) -> Option<usize> {
        if self.block.is_empty() {
            return None;
        }
        let length = self.block.len() as u64;
        // Each block is rotated by its own number: a stripe of runners whose width divides the block
        // would otherwise see the same few places of it for ever.
        let place = (index % length + mix(index / length)) % length;
        self.block.get(place as usize).map(|choice| *choice as usize)
    }
}

impl WeightedChoice {
    /// How often each thing comes among so many choices, to one more or less: as a list of thing and number.
    pub fn spread(&self, count: u64) -> Vec<(usize, u64)> {
        let length = (self.block.len() as u64).max(1);
        let mut numbers: Vec<(usize, u64)> = Vec::new();
        for (place, choice) in self.block.iter().enumerate() {
            let choice = *choice as usize;
            let times = count / length + u64::from((place as u64) < count % length);
            match numbers.iter_mut().find(|(known, _)| *known == choice) {
                Some((_, number)) => *number += times,
                None => numbers.push((choice, times)),
            }
        }
        numbers
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Fisher–Yates with a fixed seed.
fn shuffle(block: &mut [u32]) {
    for last in (1..block.len()).rev() {
        let other = mix(last as u64 ^ 0x9e37_79b9_7f4a_7c15) % (last as u64 + 1);
        block.swap(last, other as usize);
    }
}
