// SPDX-License-Identifier: Apache-2.0
//! Samples as medians of short stretches of equal length, apart for each life of a container.

use super::Sample;
use crate::statistics::median;

/// Most stretches of a run.
const MOST: f64 = 96.0;
/// Fewest stretches of a life that say anything about a slope.
const FEWEST: usize = 3;

/// The lives of a pod's containers, in order of time.
pub(super) struct Series {
    pub(super) lives: Vec<Life>,
}

/// A life.
pub(super) struct Life {
    /// Its begin, in hours: its start, or the first sample of a container that ran before.
    pub(super) begin: f64,
    /// Its medians.
    pub(super) medians: Vec<Sample>,
}

impl Series {
    /// How many medians there are.
    pub(super) fn len(&self) -> usize {
        self.lives.iter().map(|life| life.medians.len()).sum()
    }

    /// Hours from the first to the last.
    pub(super) fn span(&self) -> f64 {
        let mut all = self.lives.iter().flat_map(|life| &life.medians).map(|sample| sample.hours);
        let first = all.next().unwrap_or_default();
        all.next_back().unwrap_or(first) - first
    }
}

/// Samples in any order, without those of the first hours after each start, nor those that are no numbers.
pub(super) fn blocks(samples: &[Sample], starts: &[f64], settle: f64) -> Series {
    let mut starts = starts.to_vec();
    starts.sort_unstable_by(f64::total_cmp);
    let settled = |hours: f64| {
        let life = starts.partition_point(|start| *start <= hours);
        life.checked_sub(1).and_then(|index| starts.get(index)).is_none_or(|start| hours >= start + settle)
    };
    let number =
        |sample: &&Sample| sample.hours.is_finite() && sample.value.is_finite() && settled(sample.hours);
    let mut kept: Vec<Sample> = samples.iter().filter(number).copied().collect();
    kept.sort_unstable_by(|one, other| one.hours.total_cmp(&other.hours));
    let (Some(first), Some(last)) = (kept.first().copied(), kept.last().copied()) else {
        return Series { lives: Vec::new() };
    };
    let width = (last.hours - first.hours) / MOST;
    let place = |sample: &Sample| {
        let life = starts.partition_point(|start| *start <= sample.hours);
        (life, if width > 0.0 { ((sample.hours - first.hours) / width) as usize } else { 0 })
    };
    let mut lives: Vec<(usize, Life)> = Vec::new();
    for block in kept.chunk_by(|one, other| place(one) == place(other)) {
        let Some(oldest) = block.first() else { continue };
        let (life, _) = place(oldest);
        let hours = block.iter().map(|sample| sample.hours).sum::<f64>() / block.len() as f64;
        let Some(bytes) = median(&mut block.iter().map(|sample| sample.value).collect::<Vec<_>>()) else {
            continue;
        };
        let sample = Sample { hours, value: bytes };
        match lives.last_mut() {
            Some((same, all)) if *same == life => all.medians.push(sample),
            _ => {
                let begin = life.checked_sub(1).and_then(|index| starts.get(index)).copied();
                let begin = begin.unwrap_or(oldest.hours);
                lives.push((life, Life { begin, medians: vec![sample] }));
            }
        }
    }
    let lives = lives.into_iter().map(|(_, life)| life).filter(|life| life.medians.len() >= FEWEST).collect();
    Series { lives }
}
