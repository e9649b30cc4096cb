// SPDX-License-Identifier: Apache-2.0
//! Counts of values in the buckets of an HdrHistogram with three significant digits: values below 2048 have one
//! each, and from there on every doubling has 1024.
//!
//! A flat array up to an hour would have 23,000 counts of 64 bits, of which most distributions use a few hundred. Here
//! short counts stand in blocks that are made when something falls into them, so that memory depends on how widely
//! values are spread and not on the highest of them, and hardly on how many there are.
//!
//! Over hours ever more of the values between come once: each time the machine or the target is slow, it is so in
//! another way. Who records much would grow for a long time, and so gets all blocks up to some seconds at once. What
//! comes from elsewhere does not: the operator has thousands of distributions, of which few are of much.

use std::collections::BTreeMap;

/// Values below it have a bucket each.
const SINGLE: u64 = 2048;
/// Buckets of a doubling.
const HALF: usize = 1024;
/// Buckets of a block.
const BLOCK: usize = 64;
/// Records after which all blocks are made that are likely to be needed.
const BUSY: u64 = 1_000;
/// The blocks up to 2²² µs, 4.2 s: 26 KiB.
const LIKELY: usize = index_of((1 << 22) - 1) / BLOCK + 1;
/// How many buckets there are, up to the highest value that is told apart: 10¹⁵.
pub(super) const BUCKETS: usize = index_of(1_000_000_000_000_000) + 1;
/// About what the carries of a block take.
const CARRIES: usize = size_of::<[u64; BLOCK]>() + 32;
/// From what count on room for carries is reckoned with. Much less than what they are needed for, as several may be added to
/// the same count at once, of which none needs them alone.
const CLOSE: u32 = 1 << 13;

type Block = [u16; BLOCK];

/// Counts by bucket. Copies have the empty blocks too: what an interval needs is the same then, however slow it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets {
    /// By stretch of buckets; `None` where nothing fell.
    blocks: Vec<Option<Box<Block>>>,
    /// What does not fit into the counts of a block: how many times 2¹⁶. By block, so that it takes no more than a few times as much as
    /// the counts do: a runner decides how large they are.
    carries: BTreeMap<usize, Box<[u64; BLOCK]>>,
    total: u64,
    /// How many blocks are made.
    made: usize,
    /// Received, or merged of what was received: gets only the blocks that it needs.
    is_received: bool,
}

impl Buckets {
    /// Counts a value so many times.
    #[inline]
    pub(super) fn record(&mut self, value: u64, count: u64) {
        self.add(index_of(value), count);
        self.total = self.total.saturating_add(count);
    }

    /// For what others have recorded: gets only the blocks that it needs.
    pub(super) fn of_others() -> Self {
        Self { is_received: true, ..Self::default() }
    }

    /// The same counts in no more blocks than they need, for whoever keeps them and records nothing more.
    pub(super) fn compact(self) -> Self {
        let (blocks, carries) = (self.blocks.into_iter().enumerate(), &self.carries);
        // A count of 2¹⁶ is a carry and a zero in its block.
        let blocks = blocks
            .map(|(stretch, block)| block.filter(|block| !is_empty(block) || carries.contains_key(&stretch)));
        let mut blocks: Vec<_> = blocks.collect();
        while blocks.pop_if(|block| block.is_none()).is_some() {}
        blocks.shrink_to_fit();
        let made = blocks.iter().flatten().count();
        Self { blocks, made, is_received: true, ..self }
    }

    /// About how much memory the counts take.
    pub(super) fn bytes(&self) -> usize {
        self.made * size_of::<Block>() + self.blocks.len() * size_of::<usize>() + self.carries.len() * CARRIES
    }

    /// By how much memory the counts grow at most when those of others are added.
    pub(super) fn growth(&self, other: &Self) -> usize {
        let made = other.blocks.iter().enumerate();
        let made = made.filter_map(|(stretch, block)| Some((stretch, block.as_deref()?)));
        let grown = made.map(|(stretch, theirs)| {
            let mine = self.blocks.get(stretch).and_then(Option::as_deref);
            let is_close = || mine.map_or(0, at_most) + at_most(theirs) >= CLOSE;
            let needs =
                !self.carries.contains_key(&stretch) && (other.carries.contains_key(&stretch) || is_close());
            let block = if mine.is_some() { 0 } else { size_of::<Block>() };
            block + if needs { CARRIES } else { 0 }
        });
        let places = other.blocks.len().saturating_sub(self.blocks.len());
        grown.sum::<usize>() + places * size_of::<usize>()
    }

    #[inline]
    fn add(&mut self, index: usize, count: u64) {
        let (stretch, at) = (index / BLOCK, index % BLOCK);
        let block = match self.blocks.get_mut(stretch) {
            Some(Some(block)) => block,
            _ => self.make(stretch),
        };
        let (sum, is_over) = block[at].overflowing_add(count as u16);
        block[at] = sum;
        let carried = (count >> u16::BITS) + u64::from(is_over);
        if carried > 0 {
            self.carry(index, carried);
        }
    }

    /// Makes a stretch's block, and if there was much to count, all that are likely to be needed.
    #[cold]
    fn make(&mut self, stretch: usize) -> &mut Block {
        let likely = if self.is_received || self.total < BUSY { 0 } else { LIKELY };
        if self.blocks.len() < likely.max(stretch + 1) {
            self.blocks.resize_with(likely.max(stretch + 1), || None);
        }
        let made = &mut self.made;
        let mut new = || {
            *made += 1;
            Box::new([0; BLOCK])
        };
        for place in &mut self.blocks[..likely] {
            place.get_or_insert_with(&mut new);
        }
        self.blocks[stretch].get_or_insert_with(new)
    }

    #[cold]
    fn carry(&mut self, index: usize, carried: u64) {
        let carries = self.carries.entry(index / BLOCK).or_insert_with(|| Box::new([0; BLOCK]));
        let sum = &mut carries[index % BLOCK];
        *sum = sum.saturating_add(carried);
    }

    /// Adds the counts of others.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.total == 0 {
            self.is_received = other.is_received;
        }
        other.counts().for_each(|(index, count)| self.add(index, count));
        self.total = self.total.saturating_add(other.total);
    }

    /// Sets all counts to zero. Keeps the blocks in which something was, as more of the same is likely to come, and all
    /// of them where there was much.
    pub(super) fn clear(&mut self) {
        let is_busy = self.total >= BUSY;
        for place in &mut self.blocks {
            match place {
                Some(block) if is_busy || !is_empty(block) => block.fill(0),
                unused => *unused = None,
            }
        }
        while self.blocks.pop_if(|block| block.is_none()).is_some() {}
        self.made = self.blocks.iter().flatten().count();
        self.carries.clear();
        self.total = 0;
    }

    /// The sum of all counts.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The highest value of the bucket at which a share of all values, from 0 to 1, is reached; with 0 the lowest value
    /// of the first one.
    pub(super) fn quantile(&self, share: f64) -> u64 {
        let wanted = ((share * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts() {
            // The counts may add up to more than the total holds.
            seen = u64::saturating_add(seen, count);
            if seen >= wanted {
                return if share == 0.0 { lowest(index) } else { highest(index) };
            }
        }
        0
    }

    /// Highest value and count of each bucket in which something is, in ascending order.
    pub(super) fn recorded(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts().map(|(index, count)| (highest(index), count))
    }

    /// Number and count of each bucket in which something is, in ascending order.
    pub(super) fn counts(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let (blocks, carries) = (self.blocks.iter().enumerate(), &self.carries);
        let made = blocks.filter_map(|(stretch, block)| Some((stretch, block.as_deref()?)));
        let counts = made.flat_map(move |(stretch, block)| {
            let carries = carries.get(&stretch);
            block.iter().enumerate().map(move |(at, count)| {
                let carried = carries.map_or(0, |carries| carries[at]).saturating_mul(1 << u16::BITS);
                (stretch * BLOCK + at, carried.saturating_add(u64::from(*count)))
            })
        });
        counts.filter(|(_, count)| *count > 0)
    }
}

/// What no count of a block is above, and which is less than twice the highest: machines find that of many counts at once.
fn at_most(block: &Block) -> u32 {
    u32::from(block.iter().fold(0, |all, count| all | count))
}

fn is_empty(block: &Block) -> bool {
    *block == [0; BLOCK]
}

/// The same counts; which blocks stand ready for more does not matter.
impl PartialEq for Buckets {
    fn eq(&self, other: &Self) -> bool {
        self.total == other.total && self.counts().eq(other.counts())
    }
}

/// The bucket of a value.
#[inline]
const fn index_of(value: u64) -> usize {
    let doublings = (u64::BITS - (SINGLE - 1).leading_zeros()) as usize;
    let bucket = u64::BITS as usize - doublings - (value | (SINGLE - 1)).leading_zeros() as usize;
    bucket * HALF + (value >> bucket) as usize
}

/// The lowest value of a bucket.
pub(super) const fn lowest(index: usize) -> u64 {
    if index < SINGLE as usize {
        return index as u64;
    }
    ((index % HALF + HALF) as u64) << (index / HALF - 1)
}

/// The highest value of a bucket.
pub(super) const fn highest(index: usize) -> u64 {
    if index < SINGLE as usize {
        return index as u64;
    }
    lowest(index) + ((1 << (index / HALF - 1)) - 1)
}

#[cfg(test)]
mod tests;
