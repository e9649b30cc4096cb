//! Counts of values in the buckets of an HdrHistogram with three significant digits: values below 2048 have one
//! each, and from there on every doubling has 1024.
//!
//! A flat array up to an hour would have 23,000 counts, of which a real distribution uses a few hundred, and a single slow
//! answer would double it. Here counts stand in short blocks that are made when something falls into them, so
//! that memory depends on how many different values there are and not on the highest of them.

/// Values below it have a bucket each.
const SINGLE: u64 = 2048;
/// Buckets of a doubling.
const HALF: usize = 1024;
/// Buckets of a block: the few slow answers of a long run are spread over many blocks, so those are short.
const BLOCK: usize = 8;
/// Blocks that may stay unused in memory.
const SPARE: usize = 8;

/// Counts by bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets {
    /// For each stretch of buckets the number of its block, from 1; 0 where there is none.
    directory: Vec<u16>,
    blocks: Vec<[u64; BLOCK]>,
    total: u64,
}

impl Buckets {
    /// Counts a value so many times.
    #[inline]
    pub(super) fn record(&mut self, value: u64, count: u64) {
        let index = index_of(value);
        let block = self.block(index / BLOCK);
        if let Some(block) = self.blocks.get_mut(block) {
            let place = &mut block[index % BLOCK];
            *place = place.saturating_add(count);
            self.total = self.total.saturating_add(count);
        }
    }

    /// The place of a stretch's block, which is made if there is none.
    #[inline]
    fn block(&mut self, stretch: usize) -> usize {
        match self.directory.get(stretch) {
            Some(number) if *number > 0 => usize::from(*number) - 1,
            _ => self.make(stretch),
        }
    }

    #[cold]
    fn make(&mut self, stretch: usize) -> usize {
        if self.directory.len() <= stretch {
            self.directory.resize(stretch + 1, 0);
        }
        if self.blocks.len() == self.blocks.capacity() {
            // Not twice as many: after a while hardly any come to it.
            self.blocks.reserve_exact(self.blocks.len() / 8 + SPARE);
        }
        self.blocks.push([0; BLOCK]);
        // There are fewer stretches in all than numbers.
        self.directory[stretch] = self.blocks.len() as u16;
        self.blocks.len() - 1
    }

    /// Adds the counts of others.
    pub(super) fn merge(&mut self, other: &Self) {
        for (stretch, theirs) in other.stretches() {
            let block = self.block(stretch);
            if let Some(mine) = self.blocks.get_mut(block) {
                mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = mine.saturating_add(*theirs));
            }
        }
        self.total = self.total.saturating_add(other.total);
    }

    /// Sets all counts to zero. Keeps the blocks in which something was, as more of the same is likely to come.
    pub(super) fn clear(&mut self) {
        let blocks = &self.blocks;
        let is_used = |number: u16| {
            number
                .checked_sub(1)
                .and_then(|at| blocks.get(usize::from(at)))
                .is_some_and(|block| *block != [0; BLOCK])
        };
        let mut used = 0;
        for number in &mut self.directory {
            *number = if is_used(*number) {
                used += 1;
                used
            } else {
                0
            };
        }
        while self.directory.pop_if(|number| *number == 0).is_some() {}
        let used = usize::from(used);
        self.blocks.truncate(used);
        self.blocks.fill([0; BLOCK]);
        if self.blocks.capacity() > 2 * used + SPARE {
            self.blocks.shrink_to(used + SPARE);
        }
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
            seen += count;
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

    fn counts(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.stretches().flat_map(|(stretch, block)| {
            let counts = block.iter().enumerate().filter(|(_, count)| **count > 0);
            counts.map(move |(place, count)| (stretch * BLOCK + place, *count))
        })
    }

    fn stretches(&self) -> impl Iterator<Item = (usize, &[u64; BLOCK])> + '_ {
        self.directory.iter().enumerate().filter_map(|(stretch, number)| {
            Some((stretch, self.blocks.get(usize::from(number.checked_sub(1)?))?))
        })
    }
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
const fn lowest(index: usize) -> u64 {
    if index < SINGLE as usize {
        return index as u64;
    }
    ((index % HALF + HALF) as u64) << (index / HALF - 1)
}

/// The highest value of a bucket.
const fn highest(index: usize) -> u64 {
    if index < SINGLE as usize {
        return index as u64;
    }
    lowest(index) + ((1 << (index / HALF - 1)) - 1)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    fn reference() -> Histogram<u64> {
        let mut histogram = Histogram::new(3).unwrap();
        histogram.auto(true);
        histogram
    }

    /// Values of all magnitudes.
    fn values() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let value = (0_u32..49, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1));
        prop::collection::vec((value, 1_u64..5), 0..200)
    }

    fn filled(values: &[(u64, u64)]) -> Buckets {
        let mut buckets = Buckets::default();
        values.iter().for_each(|(value, count)| buckets.record(*value, *count));
        buckets
    }

    proptest! {
        #[test]
        fn counts_and_quantiles_are_those_of_hdrhistogram(values in values(), share in 0.0..=1.0_f64) {
            let (buckets, mut reference) = (filled(&values), reference());
            values.iter().for_each(|(value, count)| reference.record_n(*value, *count).unwrap());
            prop_assert_eq!(buckets.total(), reference.len());
            let expected: Vec<_> = reference
                .iter_recorded()
                .map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
                .collect();
            prop_assert_eq!(buckets.recorded().collect::<Vec<_>>(), expected);
            if !values.is_empty() {
                for share in [0.0, 0.5, 0.95, 0.99, 0.999, 1.0, share] {
                    prop_assert_eq!(buckets.quantile(share), reference.value_at_quantile(share), "{}", share);
                }
            }
        }

        #[test]
        fn merging_gives_what_one_would_have_that_saw_everything(one in values(), other in values()) {
            let mut merged = filled(&one);
            merged.merge(&filled(&other));
            let all: Vec<_> = one.into_iter().chain(other).collect();
            prop_assert_eq!(merged, filled(&all));
        }

        #[test]
        fn what_was_cleared_is_as_good_as_new(before in values(), between in values(), after in values()) {
            let mut reused = filled(&before);
            for values in [&between, &after] {
                reused.clear();
                prop_assert_eq!(&reused, &Buckets::default());
                values.iter().for_each(|(value, count)| reused.record(*value, *count));
                prop_assert_eq!(&reused, &filled(values));
            }
        }
    }

    #[test]
    fn memory_goes_by_the_number_of_different_values_and_not_by_the_highest() {
        let mut buckets = Buckets::default();
        (0..100_000).for_each(|number| buckets.record(200 + number % 100, 1));
        buckets.record(3_600_000_000, 1);
        assert!(buckets.blocks.len() <= 15, "{} blocks", buckets.blocks.len());
        // One slow answer is forgotten after the interval that follows its own.
        buckets.clear();
        buckets.record(200, 1);
        buckets.clear();
        assert_eq!((buckets.blocks.len(), buckets.directory.len()), (1, 26));
    }
}
