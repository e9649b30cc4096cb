//! The closed model: user k is at work while the level is above k.

use std::time::Duration;

use crate::plan::{Stage, Timeline};

/// When each user is at work, by global index.
#[derive(Clone, Debug)]
pub struct Users {
    stages: Vec<Stage>,
    total: u32,
}

impl Users {
    /// The schedule of a timeline whose levels are users.
    pub fn new(timeline: &Timeline) -> Self {
        Self { stages: timeline.stages.clone(), total: timeline.peak().ceil() as u32 }
    }

    /// How many users the load has at its highest.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The stretches of time, as start and end from the start of the load, in which the user with
    /// that global index is at work: where the level, rounded up, is above the index.
    pub fn intervals(&self, index: u32) -> Vec<(Duration, Duration)> {
        let mut intervals: Vec<(Duration, Duration)> = Vec::new();
        for stage in &self.stages {
            let Some((start, end)) = above(stage, f64::from(index)) else { continue };
            match intervals.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => intervals.push((start, end)),
            }
        }
        intervals
    }
}

/// The part of a stage in which the level is above a threshold.
fn above(stage: &Stage, threshold: f64) -> Option<(Duration, Duration)> {
    let (from, to) = (stage.from, stage.to);
    if from.max(to) <= threshold {
        return None;
    }
    if from.min(to) > threshold {
        return Some((stage.start, stage.end()));
    }
    let crossing = stage.start + stage.duration.mul_f64(((threshold - from) / (to - from)).clamp(0.0, 1.0));
    let (start, end) = if to > from { (crossing, stage.end()) } else { (stage.start, crossing) };
    (end > start).then_some((start, end))
}
