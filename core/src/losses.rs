// SPDX-License-Identifier: Apache-2.0
//! Requests that were lost on the way, by when they were under way: what an ending pod can cause.
//!
//! Counts by the bins of begin and end, in time from T0. Bins are 100 ms wide; when there are too many counts, bins become
//! twice as wide, so that size is bounded whatever a target does, and what is read from them says less, never more.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::metrics::names;

/// Width of the finest bins, in milliseconds.
const FINEST: u64 = 100;
/// How often bins become twice as wide at most.
const COARSEST: u8 = 20;
/// Most counts that are kept apart.
const MOST: usize = 500;

/// How a request was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LossKind {
    /// The connection was reset, or closed before the response was complete.
    Reset,
    /// Nothing listened.
    Refused,
    /// No answer came, in time or at all.
    Unanswered,
}

impl LossKind {
    /// The kind in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Refused => "refused",
            Self::Unanswered => names::UNANSWERED,
        }
    }

    /// Kinds of `request_errors` that are such losses.
    pub const ERRORS: [&'static str; 4] = ["reset", "refused", "timeout", names::UNANSWERED];
}

/// Requests that were lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Losses {
    level: u8,
    counts: BTreeMap<(u64, u64, LossKind), u64>,
}

/// Requests that were lost in the same bins, in milliseconds from T0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// They began in here: from, and before.
    pub begin: (u64, u64),
    /// They ended in here: from, and before.
    pub end: (u64, u64),
    /// How they were lost.
    pub kind: LossKind,
    /// How many they are.
    pub count: u64,
}

/// Losses on the wire: bins of begin and end, kind and count.
#[derive(Clone, Serialize, Deserialize)]
struct Wire {
    level: u8,
    lost: Vec<(u64, u64, LossKind, u64)>,
}

impl From<Losses> for Wire {
    fn from(losses: Losses) -> Self {
        let lost = losses.counts.into_iter().map(|((begin, end, kind), count)| (begin, end, kind, count));
        Self { level: losses.level, lost: lost.collect() }
    }
}

impl From<Wire> for Losses {
    fn from(wire: Wire) -> Self {
        let mut losses = Self { level: wire.level.min(COARSEST), counts: BTreeMap::new() };
        for (begin, end, kind, count) in wire.lost {
            // Bins of the level at which they were written: widening meanwhile has to be made up for.
            let shift = losses.level.saturating_sub(wire.level.min(COARSEST));
            losses.add((begin >> shift, end >> shift, kind), count);
        }
        losses
    }
}

impl Losses {
    /// Records a request that was lost, by its begin and end from T0.
    pub fn record(&mut self, begin: Duration, end: Duration, kind: LossKind) {
        let bin = |time: Duration| (time.as_millis().min(u128::from(u64::MAX)) as u64 / FINEST) >> self.level;
        let place = (bin(begin), bin(end), kind);
        self.add(place, 1);
    }

    /// Adds what another runner or interval saw.
    pub fn merge(&mut self, other: &Self) {
        while self.level < other.level {
            self.widen();
        }
        for ((begin, end, kind), count) in &other.counts {
            // Adding may widen the bins.
            let shift = self.level - other.level;
            self.add((begin >> shift, end >> shift, *kind), *count);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Width of the bins in milliseconds.
    pub fn width(&self) -> u64 {
        FINEST << self.level
    }

    /// Whether bins are wider than they were meant to be.
    pub fn is_coarse(&self) -> bool {
        self.level > 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Lost> + '_ {
        let width = self.width();
        let bounds = move |bin: u64| (bin.saturating_mul(width), bin.saturating_add(1).saturating_mul(width));
        self.counts.iter().map(move |((begin, end, kind), count)| Lost {
            begin: bounds(*begin),
            end: bounds(*end),
            kind: *kind,
            count: *count,
        })
    }

    fn add(&mut self, place: (u64, u64, LossKind), count: u64) {
        let sum = self.counts.entry(place).or_default();
        *sum = sum.saturating_add(count);
        while self.counts.len() > MOST && self.level < COARSEST {
            self.widen();
        }
        if self.counts.len() > MOST {
            // No runner of ours reports that: what is beyond the bound counts to a bin that is there.
            if let Some((_, count)) = self.counts.pop_last()
                && let Some(mut last) = self.counts.last_entry()
            {
                *last.get_mut() = last.get().saturating_add(count);
            }
        }
    }

    fn widen(&mut self) {
        self.level += 1;
        let finer = std::mem::take(&mut self.counts);
        for ((begin, end, kind), count) in finer {
            let sum = self.counts.entry((begin >> 1, end >> 1, kind)).or_default();
            *sum = sum.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn milliseconds(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn losses_are_told_by_bins_of_a_tenth_of_a_second() {
        let mut losses = Losses::default();
        losses.record(milliseconds(1_234), milliseconds(2_000), LossKind::Reset);
        losses.record(milliseconds(1_299), milliseconds(2_099), LossKind::Reset);
        let all: Vec<Lost> = losses.iter().collect();
        let lost = Lost { begin: (1_200, 1_300), end: (2_000, 2_100), kind: LossKind::Reset, count: 2 };
        assert_eq!(all, [lost]);
        let text = serde_json::to_string(&losses).unwrap();
        assert_eq!(text, r#"{"level":0,"lost":[[12,20,"reset",2]]}"#);
    }

    #[test]
    fn deltas_without_losses_are_those_of_older_runners() {
        let old = serde_json::json!({"number": 1, "fromMs": 0, "toMs": 1000, "metrics": [], "generator": {
            "cpuSeconds": 0.0, "periods": 0, "throttledPeriods": 0
        }});
        let delta: crate::protocol::Delta = serde_json::from_value(old).unwrap();
        assert!(delta.losses.is_empty());
        assert!(!serde_json::to_string(&delta).unwrap().contains("losses"));
    }

    #[test]
    fn what_no_runner_of_ours_sends_is_bounded_too() {
        let lost: Vec<_> = (0..5_000_u64).map(|bin| (bin << 40, u64::MAX, "refused", u64::MAX)).collect();
        let wire = serde_json::json!({"level": 255, "lost": lost});
        let losses: Losses = serde_json::from_value(wire).unwrap();
        assert!(losses.iter().count() <= MOST && losses.total() == u64::MAX);
    }

    proptest! {
        #[test]
        fn however_many_are_lost_and_merged_each_is_within_its_bins(
            requests in prop::collection::vec((0..3_600_000_u64, 0..60_000_u64), 1..3_000),
            parts in 1..4_usize,
        ) {
            let mut sources = vec![Losses::default(); parts];
            for (index, (begin, length)) in requests.iter().enumerate() {
                let (begin, end) = (milliseconds(*begin), milliseconds(begin + length));
                sources[index % parts].record(begin, end, LossKind::Reset);
            }
            let mut losses = Losses::default();
            for source in &sources {
                let text = serde_json::to_string(source).unwrap();
                losses.merge(&serde_json::from_str(&text).unwrap());
            }
            let all: Vec<Lost> = losses.iter().collect();
            prop_assert!(all.len() <= MOST);
            prop_assert_eq!(losses.total(), requests.len() as u64);
            for (begin, length) in requests {
                let within = |bounds: (u64, u64), time| bounds.0 <= time && time < bounds.1;
                prop_assert!(all.iter().any(|lost| within(lost.begin, begin) && within(lost.end, begin + length)));
            }
        }
    }
}
