// SPDX-License-Identifier: Apache-2.0
//! CPU and memory of one pod, or of all together, over time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    series::{Point, Series},
    share::Shares,
};
use crate::observation::{Amount, PodUsage};

/// CPU and memory over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Track {
    series: Series,
    /// How much of what is asked for and allowed.
    pub shares: Shares,
    /// The newest sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<Timestamp>,
}

/// A figure over time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    /// On average.
    pub mean: f64,
    /// At most.
    pub most: f64,
}

impl Track {
    /// All points, in order of time.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.series.points()
    }

    /// How many samples there were.
    pub fn samples(&self) -> u64 {
        self.points().map(|point| u64::from(point.weight)).sum()
    }

    /// Cores; `None` if nothing was measured.
    pub fn cpu(&self) -> Option<Course> {
        self.course(|point| (point.cpu, point.most_cpu))
    }

    /// Bytes of memory; `None` if nothing was measured.
    pub fn memory(&self) -> Option<Course> {
        self.course(|point| (point.memory, point.most_memory))
    }

    /// Takes a sample of a pod; false if it was taken before, as a metrics API tells the same until it measures anew.
    pub(super) fn add(&mut self, usage: &PodUsage, from: Timestamp, life: u32) -> bool {
        if !self.push(usage.at, from, usage.sum(), life) {
            return false;
        }
        self.shares.measure(usage);
        true
    }

    /// Takes the sum of all pods of a look.
    pub(super) fn add_sum(&mut self, at: Timestamp, from: Timestamp, pods: &[PodUsage]) {
        let sums = pods
            .iter()
            .map(PodUsage::sum)
            .fold([Amount::none(); 2], |[cpu, memory], [more, bytes]| [cpu.plus(more), memory.plus(bytes)]);
        if self.push(at, from, sums, 0) {
            self.shares.measure_sums(sums, pods.iter().all(|pod| pod.is_seen));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.series.bytes()
    }

    fn push(&mut self, at: Timestamp, from: Timestamp, [cpu, memory]: [Amount; 2], life: u32) -> bool {
        if self.newest.is_some_and(|newest| at <= newest) {
            return false;
        }
        self.newest = Some(at);
        let seconds = at.duration_since(from).as_secs_f64();
        self.series.add(Point::new(seconds, memory.used, cpu.used, life));
        true
    }

    fn course(&self, of: impl Fn(&Point) -> (f64, f64)) -> Option<Course> {
        let samples = self.samples();
        (samples > 0).then(|| {
            let sum: f64 = self.points().map(|point| of(point).0 * f64::from(point.weight)).sum();
            let most = self.points().map(|point| of(point).1).fold(0.0, f64::max);
            Course { mean: sum / samples as f64, most }
        })
    }
}
