//! One part's share of a global sequence of indices.

/// Every `count`-th index, beginning with `index`. Striping keeps every part busy at every level and
/// makes the union of all parts the whole sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    index: u64,
    count: u64,
}

impl Share {
    /// The whole sequence.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Part `index` of `count`; an index beyond the last part wraps around.
    pub fn new(index: u32, count: u32) -> Self {
        let count = u64::from(count.max(1));
        Self { index: u64::from(index) % count, count }
    }

    /// Part `index` of `count` of this share, for example a core's part of its runner's.
    pub fn split(self, index: u32, count: u32) -> Self {
        let part = Self::new(index, count);
        Self { index: self.index + self.count * part.index, count: self.count * part.count }
    }

    /// The `n`-th global index of this share.
    pub fn nth(self, n: u64) -> u64 {
        self.index + self.count * n
    }

    /// How many of the first `total` global indices belong to this share.
    pub fn size(self, total: u64) -> u64 {
        if total <= self.index { 0 } else { (total - self.index - 1) / self.count + 1 }
    }
}
