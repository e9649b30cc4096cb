// SPDX-License-Identifier: Apache-2.0
//! Counts how much of something all open runs take. A run that is over counts no more, however late its last word was read.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::view::RunKey;

/// How much each part of each open run takes, and all together.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    of_runs: HashMap<RunKey, HashMap<u32, usize>>,
    all: usize,
}

impl Tally {
    /// A run begins.
    pub fn enter(&self, run: &RunKey) {
        self.lock().of_runs.entry(run.clone()).or_default();
    }

    /// A part of a run takes so much now.
    pub fn note(&self, run: &RunKey, part: u32, amount: usize) {
        let mut counted = self.lock();
        let Some(of_run) = counted.of_runs.get_mut(run) else { return };
        let before = of_run.insert(part, amount).unwrap_or_default();
        counted.all = counted.all.saturating_sub(before).saturating_add(amount);
    }

    /// A run is over.
    pub fn leave(&self, run: &RunKey) {
        let mut counted = self.lock();
        let amount: usize = counted.of_runs.remove(run).unwrap_or_default().into_values().sum();
        counted.all = counted.all.saturating_sub(amount);
    }

    /// How much a run takes.
    pub fn of(&self, run: &RunKey) -> usize {
        self.lock().of_runs.get(run).map_or(0, |parts| parts.values().sum())
    }

    /// How much each of the other runs takes, least first.
    pub fn others(&self, run: &RunKey) -> Vec<usize> {
        let counted = self.lock();
        let others = counted.of_runs.iter().filter(|(key, _)| *key != run);
        let mut amounts: Vec<usize> = others.map(|(_, parts)| parts.values().sum()).collect();
        amounts.sort_unstable();
        amounts
    }

    /// How many runs are open, and how much all of them take.
    pub fn sum(&self) -> (usize, usize) {
        let counted = self.lock();
        (counted.of_runs.len(), counted.all)
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
