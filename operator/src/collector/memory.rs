// SPDX-License-Identifier: Apache-2.0
//! How much memory the figures of runs may take: of one alone as much as a run ever needs, of all together a part of what the
//! operator has. When there is too little for all, each gets an equal share, so that nobody's run takes the room of others.

use super::{tally::Tally, view::RunKey};

/// Most memory that the figures of a run may take, in bytes, before the finest tags are given up.
pub const MOST_OF_ONE: usize = 48 << 20;
/// The operator's memory, in bytes, when it isn't told.
const MEMORY: usize = 256 << 20;
/// The part of it for figures that are kept. As much again goes to copies of figures while they are written, to those of runs
/// that were there before the room became scarce and are not heard of, and to what is being read.
const PART: usize = 4;

/// What the figures of all open runs take.
#[derive(Debug)]
pub struct Memory {
    most_of_all: usize,
    taken: Tally,
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(MEMORY)
    }
}

impl Memory {
    /// For an operator that has so many bytes in all.
    pub fn of(memory: usize) -> Self {
        Self { most_of_all: memory / PART, taken: Tally::default() }
    }

    /// A run begins.
    pub fn enter(&self, run: &RunKey) {
        self.taken.enter(run);
    }

    /// The figures of a run take so many bytes now.
    pub fn note(&self, run: &RunKey, bytes: usize) {
        self.taken.note(run, 0, bytes);
    }

    /// A run is over.
    pub fn leave(&self, run: &RunKey) {
        self.taken.leave(run);
    }

    /// Most bytes that the figures of any one run may take now.
    pub fn most(&self) -> usize {
        let (runs, all) = self.taken.sum();
        if all <= self.most_of_all {
            return MOST_OF_ONE;
        }
        MOST_OF_ONE.min(self.most_of_all / runs.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_has_much_room_and_many_large_ones_share_it() {
        let memory = Memory::of(400 << 20);
        let run = |name: &str| RunKey::new("shop", name);
        ["a", "b", "c", "small"].iter().for_each(|name| memory.enter(&run(name)));
        memory.note(&run("a"), 48 << 20);
        memory.note(&run("b"), 48 << 20);
        assert_eq!(memory.most(), MOST_OF_ONE, "100 MiB are there for all of them");
        memory.note(&run("c"), 48 << 20);
        assert_eq!(memory.most(), 25 << 20, "an equal share");
        // Those above it gave some up when they were heard.
        ["a", "b", "c"].iter().for_each(|name| memory.note(&run(name), 25 << 20));
        assert_eq!(memory.most(), MOST_OF_ONE);
        memory.note(&run("small"), 26 << 20);
        memory.leave(&run("a"));
        memory.note(&run("a"), 100 << 20);
        assert_eq!((memory.most(), memory.taken.sum()), (MOST_OF_ONE, (3, 76 << 20)), "it is over");
        ["b", "c", "small"].iter().for_each(|name| memory.leave(&run(name)));
        assert_eq!(memory.taken.sum(), (0, 0));
    }
}
