// SPDX-License-Identifier: Apache-2.0
//! CPU and memory over time, in a bounded number of points.
//!
//! A point is the mean of so many samples that follow each other within one life of the pod, at the mean of their times: of a
//! straight line it lies on the line, so thinning changes no slope. When there are too many points, each two become one. The
//! highest values stay.

use serde::{Deserialize, Serialize};

/// Most points.
pub(super) const MOST_POINTS: usize = 192;

/// Samples that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Point {
    /// The mean of their times, in milliseconds from the start of the load.
    milliseconds: f64,
    /// Bytes, on average.
    pub memory: f64,
    /// Most bytes.
    pub most_memory: f64,
    /// Cores, on average.
    pub cpu: f64,
    /// Most cores.
    pub most_cpu: f64,
    /// How many samples it is.
    pub weight: u32,
    /// How often containers had been started again before.
    life: u32,
}

/// As it is written: whole milliseconds, bytes and millionths of a core.
type Wire = (i64, u64, u64, u64, u64, u32, u32);

impl From<Wire> for Point {
    fn from((milliseconds, memory, most_memory, cpu, most_cpu, weight, life): Wire) -> Self {
        Self {
            milliseconds: milliseconds as f64,
            memory: memory as f64,
            most_memory: most_memory as f64,
            cpu: cpu as f64 / 1e6,
            most_cpu: most_cpu as f64 / 1e6,
            weight,
            life,
        }
    }
}

impl From<Point> for Wire {
    fn from(point: Point) -> Self {
        let whole = |value: f64| value.round() as u64;
        (
            point.milliseconds.round() as i64,
            whole(point.memory),
            whole(point.most_memory),
            whole(point.cpu * 1e6),
            whole(point.most_cpu * 1e6),
            point.weight,
            point.life,
        )
    }
}

impl Point {
    /// One sample.
    pub(super) fn new(seconds: f64, memory: f64, cpu: f64, life: u32) -> Self {
        Self { milliseconds: seconds * 1e3, memory, most_memory: memory, cpu, most_cpu: cpu, weight: 1, life }
    }

    /// The mean of their times, in seconds from the start of the load.
    pub fn seconds(&self) -> f64 {
        self.milliseconds / 1e3
    }

    fn merge(&mut self, other: &Self) {
        let weight = self.weight.saturating_add(other.weight);
        let share = f64::from(other.weight) / f64::from(weight);
        for (mine, theirs) in [
            (&mut self.milliseconds, other.milliseconds),
            (&mut self.memory, other.memory),
            (&mut self.cpu, other.cpu),
        ] {
            *mine += (theirs - *mine) * share;
        }
        self.most_memory = self.most_memory.max(other.most_memory);
        self.most_cpu = self.most_cpu.max(other.most_cpu);
        self.weight = weight;
    }
}

/// All points, in order of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    /// How many samples make a point.
    each: u32,
    points: Vec<Point>,
}

impl Default for Series {
    fn default() -> Self {
        Self { each: 1, points: Vec::new() }
    }
}

impl Series {
    pub(super) fn points(&self) -> impl Iterator<Item = &Point> {
        self.points.iter()
    }

    pub(super) fn add(&mut self, point: Point) {
        match self.points.last_mut() {
            Some(last) if last.life == point.life && last.weight < self.each => last.merge(&point),
            _ => self.points.push(point),
        }
        if self.points.len() > MOST_POINTS {
            self.thin();
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.points.len() * size_of::<Point>()
    }

    fn thin(&mut self) {
        self.each = self.each.saturating_mul(2);
        let mut thinned: Vec<Point> = Vec::with_capacity(MOST_POINTS + 1);
        for point in std::mem::take(&mut self.points) {
            match thinned.last_mut() {
                Some(last)
                    if last.life == point.life && last.weight.saturating_add(point.weight) <= self.each =>
                {
                    last.merge(&point);
                }
                _ => thinned.push(point),
            }
        }
        // Of pods that are started again and again, the newest lives stay.
        let excess = thinned.len().saturating_sub(MOST_POINTS);
        thinned.drain(..excess);
        self.points = thinned;
    }
}
