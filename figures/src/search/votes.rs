// SPDX-License-Identifier: Apache-2.0
//! What the probes of each step say together.

use std::collections::BTreeMap;

use super::{Outcome, Probe, Search, TRIES};

/// What is known of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing, or as many passes as failures: it may be probed again.
    Open,
    /// More passes than failures.
    Passes,
    /// More failures than passes; also as many, when it won't be probed again: what fails every other time isn't served.
    Fails,
    /// Each try said nothing.
    Blind,
}

/// Counts of outcomes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vote {
    pub(super) passes: u32,
    pub(super) failures: u32,
    pub(super) blind: u32,
}

/// Counts of each step.
pub(super) struct Votes {
    repeats: u32,
    steps: BTreeMap<usize, Vote>,
}

impl Votes {
    pub(super) fn count(search: &Search, history: &[Probe]) -> Self {
        let mut steps: BTreeMap<usize, Vote> = BTreeMap::new();
        for probe in history.iter().filter(|probe| probe.step < search.ladder.levels().len()) {
            let vote = steps.entry(probe.step).or_default();
            match probe.outcome {
                Outcome::Pass => vote.passes += 1,
                Outcome::Fail { .. } => vote.failures += 1,
                Outcome::Inconclusive { .. } => vote.blind += 1,
            }
        }
        Self { repeats: search.repeats.max(1), steps }
    }

    /// Each step that was probed, ascending.
    pub(super) fn steps(&self) -> impl Iterator<Item = (usize, Vote)> + '_ {
        self.steps.iter().map(|(step, vote)| (*step, *vote))
    }

    pub(super) fn standing(&self, step: usize) -> Standing {
        let Vote { passes, failures, blind } = self.steps.get(&step).copied().unwrap_or_default();
        let over = passes + failures >= self.repeats;
        match passes.cmp(&failures) {
            std::cmp::Ordering::Greater => Standing::Passes,
            std::cmp::Ordering::Less => Standing::Fails,
            // What says nothing is tried again; not for ever.
            std::cmp::Ordering::Equal if blind >= TRIES && passes == 0 => Standing::Blind,
            std::cmp::Ordering::Equal if over || blind >= TRIES => Standing::Fails,
            std::cmp::Ordering::Equal => Standing::Open,
        }
    }

    /// Whether further probes can't change what is known of a step, or there will be none.
    pub(super) fn is_settled(&self, step: usize) -> bool {
        let Vote { passes, failures, blind } = self.steps.get(&step).copied().unwrap_or_default();
        let left = self.repeats.saturating_sub(passes + failures);
        blind >= TRIES || passes.abs_diff(failures) > left || left == 0
    }
}
