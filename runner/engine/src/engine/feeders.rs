// SPDX-License-Identifier: Apache-2.0
//! Hands out rows of data, and the numbers of sequences, to users.
//!
//! Both are taken in the order of one sequence over all runners: a runner has every N-th of them, and its cores
//! take theirs from one counter, so that none is left behind by a core that has less to do.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::Value;
use upsurge_core::plan::schedule::Share;
use upsurge_crds::v1alpha1::{DataOrder, DataScope, EndOfData};

use crate::program::{Data, Program};

/// The data of a runner.
#[derive(Debug)]
pub(crate) struct Feeders {
    program: Arc<Program>,
    share: Share,
    /// Of each data set, how many rows were taken.
    taken: Vec<AtomicU64>,
    /// Of each sequence, how many numbers were taken.
    counted: Vec<AtomicU64>,
}

/// The rows that a user has, by data set, and where it takes numbers from.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    feeders: Arc<Feeders>,
    rows: Vec<Option<usize>>,
}

/// A data set has no more rows.
pub(crate) struct Exhausted<'a> {
    /// Which.
    pub(crate) data: &'a Data,
}

impl Feeders {
    /// The data of a program, of which a runner has a share.
    pub(crate) fn new(program: &Arc<Program>, share: Share) -> Self {
        let none = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        let (taken, counted) = (none(program.data.len()), none(program.sequences));
        Self { program: Arc::clone(program), share, taken, counted }
    }

    /// Gives a user the rows for an iteration of a scenario.
    pub(crate) fn supply(
        self: &Arc<Self>,
        rows: &mut Option<Box<Rows>>,
        scenario: usize,
        mut random: impl FnMut(usize) -> usize,
    ) -> Result<(), Exhausted<'_>> {
        let used = self.program.scenarios.get(scenario).map_or(&[][..], |journey| &journey.data);
        if used.is_empty() && self.counted.is_empty() {
            return Ok(());
        }
        let rows = rows.get_or_insert_with(|| {
            Box::new(Rows { feeders: Arc::clone(self), rows: vec![None; self.program.data.len()] })
        });
        for index in used {
            let (Some(data), Some(row)) = (self.program.data.get(*index), rows.rows.get_mut(*index)) else {
                continue;
            };
            if row.is_none() || data.scope == DataScope::Iteration {
                *row = Some(self.next(*index, data, &mut random).ok_or(Exhausted { data })?);
            }
        }
        Ok(())
    }

    fn next(&self, index: usize, data: &Data, random: &mut impl FnMut(usize) -> usize) -> Option<usize> {
        let count = data.rows.count();
        if data.order == DataOrder::Random {
            return Some(random(count));
        }
        let taken = self.taken.get(index)?.fetch_add(1, Ordering::Relaxed);
        let row = self.share.nth(taken);
        match data.on_end {
            EndOfData::Recycle => usize::try_from(row % count as u64).ok(),
            EndOfData::Stop | EndOfData::Fail => usize::try_from(row).ok().filter(|row| *row < count),
        }
    }
}

impl Rows {
    /// The next number of a sequence.
    pub(crate) fn count(&self, sequence: usize) -> u64 {
        let Feeders { share, counted, .. } = &*self.feeders;
        counted.get(sequence).map_or(0, |counted| share.nth(counted.fetch_add(1, Ordering::Relaxed)))
    }

    /// The row of a data set, if rows are kept as a whole.
    pub(crate) fn get(&self, data: usize) -> Option<&Value> {
        let row = (*self.rows.get(data)?)?;
        self.feeders.program.data.get(data)?.rows.whole(row)
    }

    /// A column of the row of a data set, if there is one.
    pub(crate) fn cell(&self, data: usize, column: usize) -> Option<Option<&Value>> {
        let row = (*self.rows.get(data)?)?;
        Some(self.feeders.program.data.get(data)?.rows.cell(row, column))
    }
}
