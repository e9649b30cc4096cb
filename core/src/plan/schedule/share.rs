// SPDX-License-Identifier: Apache-2.0
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

impl Share {
    /// This share among only so many parts as there are things to have one: `None` for those that go
    /// away empty-handed. What is shared out, such as the iterations of a few users, then has an owner.
    pub fn narrowed(self, things: u64) -> Option<Self> {
        (self.index < things).then(|| Self { index: self.index, count: self.count.min(things) })
    }
}

/// What one core of one runner does of each load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    runner: Share,
    core: u32,
    cores: u32,
}

impl Part {
    /// Core `core` of `cores` of a runner that has the share `runner`.
    pub fn new(runner: Share, core: u32, cores: u32) -> Self {
        let cores = cores.max(1);
        Self { runner, core: core % cores, cores }
    }

    /// The share of a load with so many users over all runners, each core having at least `fewest` of
    /// its runner's as far as there are so many; `None` if the core has none. All shares together are
    /// the whole, of the users as well as of their iterations.
    pub fn of(self, users: u64, fewest: u64) -> Option<Share> {
        let runner = self.runner.narrowed(users)?;
        let cores = self.busy_cores(users, fewest) as u32;
        (self.core < cores).then(|| runner.split(self.core, cores))
    }

    /// How many cores of the runner have a share of such a load.
    pub fn busy_cores(self, users: u64, fewest: u64) -> u64 {
        let runner = self.runner.narrowed(users);
        runner.map_or(0, |runner| Self::cores(runner.size(users), fewest).min(u64::from(self.cores)))
    }

    /// The runner's share of a load with so many users, all cores together.
    pub fn of_runner(self, users: u64) -> Option<Share> {
        self.runner.narrowed(users)
    }

    /// How many cores are of use for so many users of a runner.
    pub fn cores(users: u64, fewest: u64) -> u64 {
        (users / fewest.max(1)).max(1)
    }
}
