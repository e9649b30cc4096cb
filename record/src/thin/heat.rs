// SPDX-License-Identifier: Apache-2.0
//! How long requests took, over time, in columns that become wider when there are too many.

use std::collections::BTreeMap;

use upsurge_core::metrics::{Trend, exponential::Exponential};

use crate::model::{HeatColumn, HeatMap};

/// Seconds of the narrowest column.
const NARROWEST: u32 = 10;
/// Most columns.
const MOST: usize = 720;
/// Values are told in milliseconds, and kept in microseconds.
const MILLISECONDS: f64 = 1e-3;

/// The columns so far.
#[derive(Clone, Debug)]
pub(super) struct Heat {
    step_seconds: u32,
    columns: Vec<HeatColumn>,
    open: Option<Open>,
}

/// A column that may still get more.
#[derive(Clone, Debug)]
struct Open {
    from_ms: u64,
    to_ms: u64,
    trend: Trend,
}

impl Default for Heat {
    fn default() -> Self {
        Self { step_seconds: NARROWEST, columns: Vec::new(), open: None }
    }
}

impl Heat {
    pub(super) fn add(&mut self, from_ms: u64, to_ms: u64, trend: &Trend) {
        if trend.is_empty() {
            return;
        }
        let step_ms = u64::from(NARROWEST) * 1_000;
        let middle = |from_ms: u64, to_ms: u64| from_ms / 2 + to_ms / 2;
        if let Some(open) = &mut self.open {
            if from_ms >= to_ms
                || middle(open.from_ms, open.to_ms) / step_ms == middle(from_ms, to_ms) / step_ms
            {
                open.to_ms = open.to_ms.max(to_ms);
                open.trend.merge(trend);
                return;
            }
            self.close();
        }
        self.open = Some(Open { from_ms, to_ms, trend: trend.clone() });
    }

    fn close(&mut self) {
        let Some(Open { from_ms, to_ms, trend }) = self.open.take() else { return };
        let Exponential { zeros, counts } = Exponential::of(&trend, MILLISECONDS);
        self.columns.push(HeatColumn { from_ms, to_ms, zeros, buckets: counts });
        if self.columns.len() > MOST {
            self.join();
        }
        while self.columns.len() > MOST {
            self.step_seconds = self.step_seconds.saturating_mul(2);
            self.join();
        }
    }

    /// Makes one column of those that are within the same step.
    fn join(&mut self) {
        let step_ms = u64::from(self.step_seconds) * 1_000;
        let place = |column: &HeatColumn| (column.from_ms / 2 + column.to_ms / 2) / step_ms;
        let mut joined: Vec<HeatColumn> = Vec::with_capacity(self.columns.len());
        for column in std::mem::take(&mut self.columns) {
            match joined.last_mut() {
                Some(last) if place(last) == place(&column) => join(last, column),
                _ => joined.push(column),
            }
        }
        self.columns = joined;
    }

    pub(super) fn finish(mut self) -> HeatMap {
        self.close();
        // What came since the last time is narrower than the others.
        self.join();
        HeatMap { step_seconds: self.step_seconds, columns: self.columns }
    }
}

/// Adds the column that follows.
fn join(mine: &mut HeatColumn, next: HeatColumn) {
    mine.to_ms = mine.to_ms.max(next.to_ms);
    mine.zeros = mine.zeros.saturating_add(next.zeros);
    let mut buckets: BTreeMap<i32, u64> = std::mem::take(&mut mine.buckets).into_iter().collect();
    for (bucket, count) in next.buckets {
        let sum = buckets.entry(bucket).or_default();
        *sum = sum.saturating_add(count);
    }
    mine.buckets = buckets.into_iter().collect();
}
