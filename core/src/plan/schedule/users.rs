// SPDX-License-Identifier: Apache-2.0
//! The closed model: user k is at work while the level asks for it.

use std::time::Duration;

use crate::plan::{LoadPlan, Stage, Work};

/// When a rising level asks for one more user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// User k (from 0) as soon as the level is above k: a level is rounded up.
    Above,
    /// User k (from 0) when the level has reached k + 1 (k6's ramping-vus).
    Reached,
}

/// When each user is at work, by global index.
#[derive(Clone, Debug)]
pub struct Users {
    stages: Vec<Stage>,
    crossing: Crossing,
    total: u32,
}

impl Users {
    /// The schedule of a load whose levels are users.
    pub fn new(load: &LoadPlan) -> Self {
        let crossing = match load.work {
            Work::Users { crossing, .. } => crossing,
            _ => Crossing::Above,
        };
        let peak = load.stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max);
        Self { stages: load.stages.clone(), crossing, total: peak.ceil() as u32 }
    }

    /// How many users the load has at its highest.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The stretches of time, as start and end from the start of the run's load, in which the user
    /// with that global index is at work. When the level falls, the highest index leaves first: when
    /// the level has come down to it.
    pub fn intervals(&self, index: u32) -> Vec<(Duration, Duration)> {
        let mut intervals: Vec<(Duration, Duration)> = Vec::new();
        for stage in &self.stages {
            let Some((start, end)) = self.at_work(stage, index) else { continue };
            match intervals.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => intervals.push((start, end)),
            }
        }
        intervals
    }

    /// The part of a stage in which the user is at work.
    fn at_work(&self, stage: &Stage, index: u32) -> Option<(Duration, Duration)> {
        let (from, to) = (stage.from, stage.to);
        let crossed = |level: f64| {
            let share = ((level - from) / (to - from)).clamp(0.0, 1.0);
            stage.start + stage.duration.mul_f64(share)
        };
        let index = f64::from(index);
        let whole = (stage.start, stage.end());
        let (start, end) = match self.crossing {
            Crossing::Reached if to > from => {
                let asks = index + 1.0;
                if from >= asks {
                    whole
                } else if to < asks {
                    return None;
                } else {
                    (crossed(asks), stage.end())
                }
            }
            _ if from.max(to) <= index => return None,
            _ if from.min(to) > index => whole,
            _ if to > from => (crossed(index), stage.end()),
            _ => (stage.start, crossed(index)),
        };
        (end > start).then_some((start, end))
    }
}
