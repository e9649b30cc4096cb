// SPDX-License-Identifier: Apache-2.0
//! One pattern of `spec.load` as one load.

use std::{collections::BTreeMap, time::Duration};

use upsurge_crds::v1alpha1::{Arrivals, Load, LoadUnit, ScalabilityLoad, Spread, WhenBusy};

use super::{
    DEFAULT_GRACEFUL_STOP, LoadPlan, Pool, Stage, Work,
    levels::level,
    names::{MEASURE, RAMP_DOWN, RAMP_UP, SOAK, WARM_UP},
    schedule::{Crossing, First},
    shapes::{self, Shape},
    staircase,
};
use crate::field_error::Errors;

/// Fewest users that an open model may use, unless the spec says otherwise.
const FEWEST_MAX_USERS: u64 = 100;
/// Most iterations that may wait, unless the spec says otherwise.
pub(super) const DEFAULT_QUEUE: u64 = 10_000;
/// Random course, unless the spec says otherwise.
pub(super) const DEFAULT_SEED: u64 = 1;
/// Longest time for a number of iterations, unless the spec says otherwise.
pub(super) const DEFAULT_MAX_DURATION: Duration = Duration::from_secs(600);
/// Most steps that may each have a threshold of their own ([`crate::implied`]): there is room for as many in a status.
const MOST_WATCHED_STEPS: usize = 50;
/// Most steps of a staircase.
const MOST_STEPS: usize = 100;

/// The pattern of a load that has no executors.
pub(super) fn compile(load: &Load, scenarios: usize, errors: &mut Errors) -> Option<LoadPlan> {
    let (name, shapes) = shapes_of(load, errors)?;
    let path = format!("spec.load.{name}");
    let counts_itself = counting(load).is_some();
    let unit = match load {
        _ if counts_itself => LoadUnit::Users,
        Load { capacity: Some(_), .. } => LoadUnit::IterationsPerSecond,
        Load { scalability: Some(_), .. } => LoadUnit::Users,
        load => load.unit(),
    };
    let stages = shapes::place(shapes, Duration::ZERO, unit, 1.0);
    check_stages(&stages, &path, errors);
    check_unit(load, errors);
    let arrivals = load.arrivals.clone().unwrap_or_default();
    let peak = stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max);
    let work = match (&load.volume, unit) {
        (Some(volume), _) => Work::SharedIterations {
            users: volume.users.max(1) as u64,
            iterations: volume.iterations.max(1) as u64,
        },
        // Each scenario once.
        (None, _) if counts_itself => {
            Work::SharedIterations { users: 1, iterations: scenarios.max(1) as u64 }
        }
        (None, LoadUnit::Users) => {
            Work::Users { crossing: Crossing::Above, graceful_ramp_down: graceful_stop(load) }
        }
        (None, LoadUnit::IterationsPerSecond) => Work::Arrivals {
            first: First::AtOnce,
            at_end: false,
            process: arrivals.spread.unwrap_or_default(),
            seed: arrivals.seed.map_or(DEFAULT_SEED, |seed| seed.unsigned_abs()),
            pool: pool(&arrivals, peak),
        },
    };
    Some(LoadPlan {
        name: name.to_owned(),
        scenario: None,
        tags: BTreeMap::new(),
        stages,
        first_stage: 0,
        first_user: 0,
        graceful_stop: graceful_stop(load),
        work,
    })
}

fn graceful_stop(load: &Load) -> Duration {
    load.graceful_stop.map_or(DEFAULT_GRACEFUL_STOP, |span| span.0)
}

fn pool(arrivals: &Arrivals, peak: f64) -> Pool {
    let tenfold = ((peak * 10.0).ceil() as u64).max(FEWEST_MAX_USERS);
    let most = arrivals.max_users.map_or(tenfold, |users| users.max(1) as u64);
    let when_busy = arrivals.when_busy.unwrap_or(WhenBusy::Grow);
    Pool {
        ready: if when_busy == WhenBusy::Drop { most } else { 0 },
        most,
        in_turn: 0,
        when_busy,
        queue: arrivals.queue_limit.map_or(DEFAULT_QUEUE, |limit| limit.max(1) as u64),
    }
}

fn shapes_of(load: &Load, errors: &mut Errors) -> Option<(&'static str, Vec<Shape>)> {
    let mut given: Vec<(&'static str, Vec<Shape>)> = Vec::new();
    if let Some(constant) = &load.constant {
        let level = level(errors, "spec.load.constant.level", constant.level);
        given.push(one_stage("constant", constant.duration.0, level, level));
    }
    if let Some(stages) = &load.stages {
        given.push(("stages", shapes::staged(0.0, stages, "spec.load.stages", errors)));
    }
    if let Some(spike) = &load.spike {
        given.push(("spike", shapes::spiked(spike, errors)));
    }
    if let Some(stress) = &load.stress {
        let stairs = shapes::stairs(stress, MOST_STEPS, errors);
        if stress.max < stress.start {
            errors.add("spec.load.stress.max", "is less than start: a staircase only rises");
        } else if stairs.is_none() {
            let message = format_args!("makes more than {MOST_STEPS} steps from start to max: raise it");
            errors.add("spec.load.stress.increment", message);
            return None;
        }
        let mut stairs = stairs.unwrap_or_default();
        for (field, given) in [("stopAt", stress.stop_at.is_some()), ("brokenAt", stress.broken_at.is_some())]
        {
            if given && stairs.len() > MOST_WATCHED_STEPS {
                let message =
                    format_args!("watches each step: at most {}, not {}", MOST_WATCHED_STEPS, stairs.len());
                errors.add(format_args!("spec.load.stress.{field}"), message);
            }
        }
        staircase::check(stress, errors);
        stairs.extend(staircase::recovery(stress));
        given.push(("stress", stairs));
    }
    if let Some(soak) = &load.soak {
        let level = level(errors, "spec.load.soak.level", soak.level);
        let shapes = vec![
            Shape::new(RAMP_UP, soak.ramp_up.0, 0.0, level),
            Shape::level(SOAK, soak.duration.0, level),
            Shape::new(RAMP_DOWN, soak.ramp_down.0, level, 0.0),
        ];
        given.push(("soak", shapes));
    }
    if let Some(ramp) = &load.breakpoint {
        let start = level(errors, "spec.load.breakpoint.start", ramp.start);
        let max = level(errors, "spec.load.breakpoint.max", ramp.max);
        given.push(one_stage("breakpoint", ramp.duration.0, start, max));
    }
    if let Some(volume) = &load.volume {
        let longest = volume.max_duration.map_or(DEFAULT_MAX_DURATION, |span| span.0);
        let users = f64::from(volume.users);
        given.push(one_stage("volume", longest, users, users));
        if volume.iterations < i64::from(volume.users) {
            errors.add("spec.load.volume.iterations", "is less than users: some would have nothing to do");
        }
    }
    let single = [
        ("benchmark", load.benchmark.as_ref().map(|benchmark| benchmark.max_duration)),
        ("smoke", load.smoke.as_ref().map(|smoke| smoke.max_duration)),
    ];
    for (name, longest) in single {
        if let Some(longest) = longest {
            let longest = longest.map_or(DEFAULT_MAX_DURATION, |span| span.0);
            given.push(one_stage(name, longest, 1.0, 1.0));
        }
    }
    if let Some(pattern) = &load.pattern {
        let peak = level(errors, "spec.load.pattern.peak", pattern.peak);
        given.push(("pattern", shapes::named(pattern.name, peak, pattern.duration.0)));
    }
    if let Some(capacity) = &load.capacity {
        // As a whole a search is its highest probe: so much may be asked of the target.
        level(errors, "spec.load.capacity.from", capacity.from);
        let to = level(errors, "spec.load.capacity.to", capacity.to);
        // Where replicas are counted, each probe is at the same rate.
        let to = capacity.rate.map_or(to, |rate| level(errors, "spec.load.capacity.rate", rate));
        let shapes = vec![
            Shape::level(WARM_UP, capacity.warm_up.0, to),
            Shape::level(MEASURE, capacity.measure.0, to),
        ];
        given.push(("capacity", shapes));
    }
    if let Some(scalability) = &load.scalability {
        given.push(("scalability", compared(scalability, errors)));
    }
    if given.len() != 1 {
        errors.add(
            "spec.load",
            "needs exactly one of constant, stages, spike, stress, soak, breakpoint, volume, pattern, benchmark, smoke, executors, capacity and scalability",
        );
        return None;
    }
    given.pop()
}

/// A test of scalability. As a whole it is its largest measurement: so much may be asked of the target.
fn compared(scalability: &ScalabilityLoad, errors: &mut Errors) -> Vec<Shape> {
    let (users, warm_up, measure) = match (&scalability.replicas, &scalability.sizes) {
        (Some(counts), None) => {
            let most = counts.counts.iter().copied().max().unwrap_or_default();
            let users = f64::from(most) * f64::from(counts.level_per_replica);
            (users, counts.warm_up, counts.measure)
        }
        (None, Some(sizes)) => (f64::from(sizes.level), sizes.warm_up, sizes.measure),
        (Some(_), Some(_)) | (None, None) => {
            let message = "needs exactly one of replicas and sizes: what is compared";
            errors.add("spec.load.scalability", message);
            return Vec::new();
        }
    };
    // Numbers that can't be are refused where the measurements are checked; that nothing rises above 0 is no second fault.
    let users = users.max(1.0);
    vec![Shape::level(WARM_UP, warm_up.0, users), Shape::level(MEASURE, measure.0, users)]
}

/// A pattern that is one stage, which has its name.
fn one_stage(name: &'static str, duration: Duration, from: f64, to: f64) -> (&'static str, Vec<Shape>) {
    (name, vec![Shape::new(name, duration, from, to)])
}

/// The pattern, if it counts its users and iterations itself.
fn counting(load: &Load) -> Option<&'static str> {
    let patterns = [
        ("volume", load.volume.is_some()),
        ("benchmark", load.benchmark.is_some()),
        ("smoke", load.smoke.is_some()),
    ];
    patterns.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
}

/// A load has a length and rises above nothing.
pub(super) fn check_stages(stages: &[Stage], path: &str, errors: &mut Errors) {
    if stages.is_empty() {
        errors.add(path, "lasts no time at all: give at least one stage a duration");
    } else if stages.iter().all(|stage| stage.from.max(stage.to) <= 0.0) {
        errors.add(path, "never rises above 0: there is no load to generate");
    }
}

/// What a level counts, and how iterations arrive, say nothing where there is no level or nothing arrives.
fn check_unit(load: &Load, errors: &mut Errors) {
    if load.capacity.is_some() {
        if load.unit.is_some() {
            errors.add("spec.load.unit", "does not go with capacity, whose levels are iterations per second");
        }
        load.arrivals.iter().for_each(|arrivals| check_arrivals(arrivals, "spec.load.arrivals", errors));
    } else if load.scalability.is_some() {
        for (field, given) in [("unit", load.unit.is_some()), ("arrivals", load.arrivals.is_some())] {
            if given {
                let message = "does not go with scalability, whose levels are users";
                errors.add(format_args!("spec.load.{field}"), message);
            }
        }
    } else if let Some(name) = counting(load) {
        for (field, given) in [("unit", load.unit.is_some()), ("arrivals", load.arrivals.is_some())] {
            if given {
                let message =
                    format_args!("does not go with {name}, which counts its users and iterations itself");
                errors.add(format_args!("spec.load.{field}"), message);
            }
        }
    } else if let Some(arrivals) = &load.arrivals {
        if load.unit() != LoadUnit::IterationsPerSecond {
            errors.add(
                "spec.load.arrivals",
                "need unit: IterationsPerSecond: users start their next iteration when the last one ended",
            );
        }
        check_arrivals(arrivals, "spec.load.arrivals", errors);
    }
}

/// Fields of arrivals that belong to a value of another one.
pub(super) fn check_arrivals(arrivals: &Arrivals, path: &str, errors: &mut Errors) {
    if arrivals.seed.is_some() && arrivals.spread != Some(Spread::Poisson) {
        errors.add(format_args!("{path}.seed"), "belongs to spread: Poisson");
    }
    if arrivals.queue_limit.is_some() && arrivals.when_busy != Some(WhenBusy::Queue) {
        errors.add(format_args!("{path}.queueLimit"), "belongs to whenBusy: Queue");
    }
}
