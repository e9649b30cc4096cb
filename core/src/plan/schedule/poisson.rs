// SPDX-License-Identifier: Apache-2.0
//! A Poisson process as a pure function of the index: event n comes after n + 1 exponential pauses.
//!
//! The pauses are cut into blocks. The length of each whole block is one draw (a sum of exponential
//! numbers is gamma distributed), the events within are pauses scaled to that length, which is how
//! they are distributed once the sum is known. So any event is found without going through all before
//! it, and every runner and core sees the same process.

use super::random::Row;

/// Fewest events of a block: expanding it must be cheap, and so must the list of blocks.
const SMALLEST_BLOCK: u64 = 256;
/// About how many blocks there are at most.
const MOST_BLOCKS: f64 = 65_536.0;

/// Events at rate 1 from 0 to some length.
#[derive(Clone, Debug)]
pub(super) struct Poisson {
    seed: u64,
    /// Events per block.
    size: u64,
    /// Where blocks begin, and after the last one, where it ends.
    edges: Vec<f64>,
    total: u64,
}

/// The events of one block.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    number: u64,
    events: Vec<f64>,
}

impl Poisson {
    pub(super) fn new(seed: u64, length: f64) -> Self {
        let size = ((length / MOST_BLOCKS) as u64).next_power_of_two().max(SMALLEST_BLOCK);
        let mut process = Self { seed, size, edges: vec![0.0], total: 0 };
        let mut end = 0.0;
        while end < length {
            let number = process.edges.len() as u64 - 1;
            end += Row::new(seed, 2 * number).sum_of_exponentials(size as f64);
            process.edges.push(end);
        }
        if let Some(last) = (process.edges.len() as u64).checked_sub(2) {
            let mut block = Block::default();
            process.expand(last, &mut block);
            let within = block.events.partition_point(|event| *event < length);
            process.total = last * size + within as u64;
        }
        process
    }

    /// How many events there are.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Where event `index` is; `block` keeps the block of the last one asked for.
    pub(super) fn position(&self, index: u64, block: &mut Block) -> f64 {
        let number = index / self.size;
        if block.number != number || block.events.is_empty() {
            self.expand(number, block);
        }
        block.events.get((index % self.size) as usize).copied().unwrap_or(f64::INFINITY)
    }

    fn expand(&self, number: u64, block: &mut Block) {
        block.number = number;
        block.events.clear();
        let Some([begin, end]) = self.edges.get(number as usize..number as usize + 2) else { return };
        let mut row = Row::new(self.seed, 2 * number + 1);
        let mut sum = 0.0;
        for _ in 0..self.size {
            sum += row.exponential();
            block.events.push(sum);
        }
        let scale = (end - begin) / sum;
        block.events.iter_mut().for_each(|event| *event = begin + *event * scale);
    }
}
