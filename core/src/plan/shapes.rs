// SPDX-License-Identifier: Apache-2.0
//! Shapes of load: from what a pattern says to stages, each with a length and a level at both ends.

use std::time::Duration;

use upsurge_crds::v1alpha1::{LoadUnit, PatternName, SpikeLoad, StageSpec, StressLoad, TimeSpan};

use super::{
    Stage, levels,
    names::{PARTS_OF_SPIKE, WARM_UP, by_place},
};
use crate::field_error::Errors;

/// A stage before it has its place.
pub(super) struct Shape {
    name: String,
    duration: Duration,
    from: f64,
    to: f64,
}

impl Shape {
    pub(super) fn new(name: impl Into<String>, duration: Duration, from: f64, to: f64) -> Self {
        Self { name: name.into(), duration, from, to }
    }

    pub(super) fn level(name: impl Into<String>, duration: Duration, level: f64) -> Self {
        Self::new(name, duration, level, level)
    }
}

/// Leaves out what has no length (a jump) and lines the rest up, from `start` on. Levels are multiplied by `scale`.
pub(super) fn place(shapes: Vec<Shape>, mut start: Duration, unit: LoadUnit, scale: f64) -> Vec<Stage> {
    let mut stages = Vec::with_capacity(shapes.len());
    for Shape { name, duration, from, to } in shapes {
        if !duration.is_zero() {
            stages.push(Stage { name, unit, start, duration, from: from * scale, to: to * scale });
            start += duration;
        }
    }
    stages
}

/// Stages from a level on; the path is that of their list.
pub(super) fn staged(start: f64, specs: &[StageSpec], path: &str, errors: &mut Errors) -> Vec<Shape> {
    let mut level = start;
    let shapes = specs.iter().enumerate().map(|(index, spec)| {
        let name = spec.name.clone().unwrap_or_else(|| by_place(index));
        let target = levels::level(errors, format_args!("{path}[{index}].target"), spec.target);
        let from = if spec.jump { target } else { level };
        level = target;
        Shape::new(name, spec.duration.0, from, target)
    });
    shapes.collect()
}

pub(super) fn spiked(spike: &SpikeLoad, errors: &mut Errors) -> Vec<Shape> {
    let low = levels::level(errors, "spec.load.spike.baseline", spike.baseline);
    let mut shapes = vec![Shape::level(WARM_UP, spike.warm_up.0, low)];
    let beside = [spike.ramp_up, spike.hold, spike.ramp_down, spike.recovery];
    match (spike.peak, &spike.spikes) {
        (Some(peak), None) => {
            if spike.hold.is_none() {
                errors.add("spec.load.spike.hold", "is missing: how long the peak lasts");
            }
            let high = levels::level(errors, "spec.load.spike.peak", peak);
            shapes.extend(one_spike("", low, high, beside));
        }
        (None, Some(spikes)) => {
            if beside.iter().any(Option::is_some) {
                let message = "rampUp, hold, rampDown and recovery stand in each of spikes";
                errors.add("spec.load.spike", message);
            }
            for (index, named) in spikes.iter().enumerate() {
                let path = format!("spec.load.spike.spikes[{index}].peak");
                let high = levels::level(errors, path, named.peak);
                let times = [named.ramp_up, Some(named.hold), named.ramp_down, named.recovery];
                shapes.extend(one_spike(&format!("{}-", named.name), low, high, times));
            }
        }
        _ => errors.add("spec.load.spike", "needs exactly one of peak and spikes"),
    }
    shapes
}

fn one_spike(prefix: &str, low: f64, high: f64, times: [Option<TimeSpan>; 4]) -> impl Iterator<Item = Shape> {
    let levels = [(low, high), (high, high), (high, low), (low, low)];
    PARTS_OF_SPIKE.into_iter().zip(times).zip(levels).map(move |((part, time), (from, to))| {
        Shape::new(format!("{prefix}{part}"), time.unwrap_or_default().0, from, to)
    })
}

/// Steps of a staircase; the last one is at the highest level, however far it is from the one before.
pub(super) fn stairs(stress: &StressLoad, most: usize, errors: &mut Errors) -> Option<Vec<Shape>> {
    let mut level =
        |field: &str, level| levels::level(errors, format_args!("spec.load.stress.{field}"), level);
    let start = level("start", stress.start);
    let (increment, max) = (level("increment", stress.increment), level("max", stress.max));
    let rise = (max - start).max(0.0);
    // Sums of decimal fractions miss whole numbers by rounding.
    let steps = (rise / increment - 1e-9).ceil().max(0.0);
    if !steps.is_finite() || steps >= most as f64 {
        return None;
    }
    let steps = steps as usize;
    let level = |step: usize| (start + increment * step as f64).min(max.max(start));
    Some(
        (0..=steps)
            .map(|step| Shape::level(format!("step-{}", step + 1), stress.every.0, level(step)))
            .collect(),
    )
}

/// A named course as stages: name, share of the duration in percent, levels at both ends as a share of the peak.
type Course = &'static [(&'static str, u32, f64, f64)];

const BUSINESS_HOURS: Course = &[
    ("night", 15, 0.05, 0.05),
    ("morning", 15, 0.05, 1.0),
    ("mid-morning", 20, 1.0, 1.0),
    ("lunch", 10, 0.6, 0.6),
    ("afternoon", 20, 0.9, 0.9),
    ("evening", 10, 0.9, 0.2),
    ("late-evening", 10, 0.2, 0.1),
];

const BLACK_FRIDAY: Course = &[
    ("waiting", 15, 0.1, 0.25),
    ("opening", 5, 1.0, 1.0),
    ("rush", 20, 1.0, 0.8),
    ("settling", 10, 0.8, 0.5),
    ("day", 20, 0.5, 0.5),
    ("evening", 20, 0.5, 0.85),
    ("closing", 10, 0.85, 0.15),
];

const FAILURE_RECOVERY: Course = &[
    ("steady", 30, 0.5, 0.5),
    ("outage", 15, 0.02, 0.02),
    ("return", 10, 1.0, 1.0),
    ("backlog", 20, 1.0, 0.5),
    ("recovered", 25, 0.5, 0.5),
];

pub(super) fn named(name: PatternName, peak: f64, duration: Duration) -> Vec<Shape> {
    let course = match name {
        PatternName::BusinessHours => BUSINESS_HOURS,
        PatternName::BlackFriday => BLACK_FRIDAY,
        PatternName::FailureRecovery => FAILURE_RECOVERY,
    };
    let shapes = course.iter().map(|(name, percent, from, to)| {
        Shape::new(*name, duration * *percent / 100, peak * from, peak * to)
    });
    shapes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_courses_last_as_long_as_asked_and_touch_their_peak() {
        for name in [PatternName::BusinessHours, PatternName::BlackFriday, PatternName::FailureRecovery] {
            let stages =
                place(named(name, 200.0, Duration::from_secs(600)), Duration::ZERO, LoadUnit::Users, 1.0);
            assert_eq!(stages.last().map(Stage::end), Some(Duration::from_secs(600)), "{name:?}");
            let peak = stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max);
            assert!((peak - 200.0).abs() < 1e-9, "{name:?}: {peak}");
        }
    }
}
