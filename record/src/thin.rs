// SPDX-License-Identifier: Apache-2.0
//! The course of a load, second by second and joined: what comes in is kept as seconds and, at the same time, as blocks of 5, 30 and
//! 60 seconds, so that percentiles of a block are those of all of its requests, whichever is chosen at the end.
//!
//! The rule: seconds for a load of up to an hour, blocks of 5 s up to 6 h, of 30 s up to 24 h, and of 60 s beyond; and seconds in any
//! case within two minutes of a mark, which is the border of a stage or a scaling event. Counts add up, levels keep the last, the lowest and the
//! highest, and no maximum and no error goes.

mod blocks;
mod heat;
mod point;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use upsurge_core::{
    metrics::{Metrics, Trend},
    plan::Timeline,
};

pub(crate) use self::blocks::join;
pub use self::point::asked;
use self::{blocks::Blocks, heat::Heat};
use crate::model::{HeatMap, Point, Series};

/// Seconds of a block, and up to which length of the load it is chosen.
const STEPS: [(u32, Duration); 4] = [
    (1, Duration::from_secs(3_600)),
    (5, Duration::from_secs(6 * 3_600)),
    (30, Duration::from_secs(24 * 3_600)),
    (60, Duration::MAX),
];
/// Time around a mark in which seconds are kept, in milliseconds.
const AROUND_MS: u64 = 120_000;
/// Most kinds of failures that are told apart.
const MOST_KINDS: usize = 60;
/// Name of those beyond.
const OTHERS: &str = "other failures";

/// The course of a load that is being recorded.
#[derive(Clone, Debug)]
pub struct Course {
    timeline: Timeline,
    /// Seconds first.
    blocks: [Blocks; STEPS.len()],
    heat: Heat,
    /// Kinds of failures in the order in which they came.
    kinds: Vec<String>,
    /// Users at work so far: intervals tell of changes.
    users: f64,
}

impl Course {
    /// Of a load that was planned like this.
    pub fn new(timeline: &Timeline) -> Self {
        Self {
            timeline: timeline.clone(),
            blocks: STEPS.map(|(seconds, _)| Blocks::of(seconds)),
            heat: Heat::default(),
            kinds: Vec::new(),
            users: 0.0,
        }
    }

    /// The load turns back, and goes like this then.
    pub fn turn(&mut self, timeline: &Timeline) {
        self.timeline.clone_from(timeline);
    }

    /// Adds what was recorded in an interval of about a second, with its unanswered requests counted.
    pub fn add(&mut self, from: Duration, to: Duration, metrics: &Metrics) {
        let (mut point, trend) = point::of(from, to, metrics, &self.timeline, &mut self.users);
        point.errors = self.counted(&upsurge_core::results::failures(metrics));
        self.add_point(&point, &trend);
    }

    fn add_point(&mut self, point: &Point, trend: &Trend) {
        self.blocks.iter_mut().for_each(|blocks| blocks.add(point, trend));
        self.heat.add(point.from_ms, point.to_ms, trend);
    }

    /// Failures by the places of their kinds.
    fn counted(&mut self, failures: &BTreeMap<String, f64>) -> Vec<u64> {
        let mut counts: Vec<u64> = Vec::new();
        for (kind, count) in failures.iter().filter(|(_, count)| **count > 0.0) {
            let place = self.place(kind);
            if counts.len() <= place {
                counts.resize(place + 1, 0);
            }
            if let Some(sum) = counts.get_mut(place) {
                *sum = sum.saturating_add(*count as u64);
            }
        }
        counts
    }

    fn place(&mut self, kind: &str) -> usize {
        let known = |kind: &str, kinds: &[String]| kinds.iter().position(|known| known == kind);
        let kind = match known(kind, &self.kinds) {
            Some(place) => return place,
            None if self.kinds.len() < MOST_KINDS => kind,
            None => OTHERS,
        };
        known(kind, &self.kinds).unwrap_or_else(|| {
            self.kinds.push(kind.to_owned());
            self.kinds.len() - 1
        })
    }

    /// The seconds that are over, from the one of that number on: what comes in later changes none of them.
    pub fn seconds_from(&self, number: usize) -> Series {
        let points = self.blocks[0].closed().get(number..).unwrap_or_default().to_vec();
        sorted(Series { step_seconds: 1, kinds: self.kinds.clone(), points })
    }

    /// How many seconds are over.
    pub fn seconds(&self) -> usize {
        self.blocks[0].closed().len()
    }

    /// The course by the rule. `marks` are instants of the load, in milliseconds, around which seconds are kept.
    pub fn finish(self, elapsed: Duration, marks: &[u64]) -> (Series, HeatMap) {
        let length = elapsed.min(self.timeline.duration());
        let step = STEPS.iter().position(|(_, longest)| length <= *longest).unwrap_or(STEPS.len() - 1);
        self.thinned(step, marks)
    }

    /// The course with a step of that place.
    fn thinned(self, step: usize, marks: &[u64]) -> (Series, HeatMap) {
        let Self { blocks, heat, kinds, .. } = self;
        let step_seconds = STEPS.get(step).map_or(1, |(seconds, _)| *seconds);
        let mut marks = marks.to_vec();
        marks.sort_unstable();
        let mut levels = blocks.map(Blocks::finish).into_iter();
        let seconds = levels.next().unwrap_or_default();
        let points = match step.checked_sub(1).and_then(|skipped| levels.nth(skipped)) {
            Some(joined) => chosen(&seconds, joined, &marks),
            None => seconds,
        };
        (sorted(Series { step_seconds, kinds, points }), heat.finish())
    }
}

/// The joined points, and in the place of those near a mark the seconds that they were joined of.
fn chosen(seconds: &[Point], joined: Vec<Point>, marks: &[u64]) -> Vec<Point> {
    let is_near = |point: &Point| {
        let first = marks.partition_point(|mark| mark.saturating_add(AROUND_MS) < point.from_ms);
        marks.get(first).is_some_and(|mark| *mark <= point.to_ms.saturating_add(AROUND_MS))
    };
    let mut points = Vec::with_capacity(joined.len());
    for point in joined {
        if is_near(&point) {
            // Blocks are whole seconds, one after the other.
            let from = seconds.partition_point(|second| second.from_ms < point.from_ms);
            let to = seconds.partition_point(|second| second.from_ms < point.to_ms);
            points.extend(seconds.get(from..to.max(from)).unwrap_or_default().iter().cloned());
        } else {
            points.push(point);
        }
    }
    points
}

/// The same with the kinds of failures in order of the alphabet, and without zeros at the end.
fn sorted(series: Series) -> Series {
    let Series { step_seconds, kinds, mut points } = series;
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    order.sort_by_key(|place| kinds.get(*place));
    for point in points.iter_mut().filter(|point| !point.errors.is_empty()) {
        let count = |place: &usize| point.errors.get(*place).copied().unwrap_or_default();
        let mut counts: Vec<u64> = order.iter().map(count).collect();
        counts.truncate(counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1));
        point.errors = counts;
    }
    let kinds = order.into_iter().filter_map(|place| kinds.get(place).cloned()).collect();
    Series { step_seconds, kinds, points }
}

/// Marks of a load: borders of its stages up to the time that has passed, in milliseconds from its start.
pub fn borders(timeline: &Timeline, elapsed: Duration) -> Vec<u64> {
    let borders = timeline.stages.iter().flat_map(|stage| [stage.start, stage.end()]);
    let mut borders: Vec<u64> = borders.filter(|border| *border <= elapsed).map(milliseconds).collect();
    borders.sort_unstable();
    borders.dedup();
    borders
}

pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
