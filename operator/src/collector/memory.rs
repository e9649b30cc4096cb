// SPDX-License-Identifier: Apache-2.0
//! How much memory the figures of runs may take: of one alone as much as a run ever needs, of all together a part of what the
//! operator has. When there is too little for all, those that take most have to give up some, until none takes more than
//! another: a run within its share loses nothing, whatever the others do.

use super::{tally::Tally, view::RunKey};

/// Most memory that the figures of a run may take, in bytes. What takes more gives up tags, and at last windows.
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

    /// What the figures of a run took when that was noted last.
    pub fn taken(&self, run: &RunKey) -> usize {
        self.taken.of(run)
    }

    /// A run is over.
    pub fn leave(&self, run: &RunKey) {
        self.taken.leave(run);
    }

    /// Most bytes that the figures of a run may take now: what the others leave of all there is, but no less than any run
    /// gets where none of them may take more than another.
    pub fn most(&self, run: &RunKey) -> usize {
        let (mut left, others) = (self.most_of_all, self.taken.others(run));
        for (index, taken) in others.iter().enumerate() {
            // Of those that are left, each with the same: the run itself is one of them.
            let share = left / (others.len() - index + 1);
            if *taken > share {
                return MOST_OF_ONE.min(share);
            }
            left -= taken;
        }
        MOST_OF_ONE.min(left)
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
        memory.note(&run("a"), 30 << 20);
        assert_eq!(memory.most(&run("b")), MOST_OF_ONE, "100 MiB are there for all of them");
        memory.note(&run("b"), 30 << 20);
        assert_eq!(memory.most(&run("c")), 40 << 20, "what the others leave");
        memory.note(&run("a"), 48 << 20);
        memory.note(&run("b"), 48 << 20);
        memory.note(&run("small"), 4 << 20);
        // Each of the large ones is to come down to 32 MiB, and so a third one can have as much.
        for name in ["a", "b", "c"] {
            assert_eq!(memory.most(&run(name)), if name == "c" { 32 << 20 } else { 48 << 20 }, "{name}");
        }
        memory.note(&run("c"), 32 << 20);
        for name in ["a", "b", "c"] {
            assert_eq!(memory.most(&run(name)), 32 << 20, "{name}");
        }
        assert_eq!(
            memory.most(&run("small")),
            25 << 20,
            "and one that takes little is not kept small by the others"
        );
        memory.leave(&run("a"));
        memory.note(&run("a"), 100 << 20);
        assert_eq!((memory.most(&run("c")), memory.taken.sum()), (48 << 20, (3, 84 << 20)), "it is over");
        ["b", "c", "small"].iter().for_each(|name| memory.leave(&run(name)));
        assert_eq!(memory.taken.sum(), (0, 0));
    }

    #[test]
    fn however_many_runs_there_are_all_of_them_fit() {
        let memory = Memory::of(400 << 20);
        let run = |index: usize| RunKey::new("shop", index.to_string());
        (0..100).for_each(|index| memory.enter(&run(index)));
        // Each takes as much as it gets, one after the other, again and again.
        for _ in 0..200 {
            (0..100).for_each(|index| memory.note(&run(index), memory.most(&run(index))));
        }
        let (_, all) = memory.taken.sum();
        assert!(all <= 100 << 20, "{} MiB", all >> 20);
        assert_eq!(memory.most(&run(7)) >> 10, 1_024, "and all get the same");
    }
}
