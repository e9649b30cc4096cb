// SPDX-License-Identifier: Apache-2.0
//! k6's executors, each as one load.

use std::{collections::BTreeMap, time::Duration};

use upsurge_crds::v1alpha1::{Executor, ExecutorKind, Load, LoadUnit, TimeSpan, WhenBusy};

use super::{
    DEFAULT_GRACEFUL_STOP, LoadPlan, Pool, Work,
    patterns::{self, DEFAULT_MAX_DURATION, DEFAULT_QUEUE, DEFAULT_SEED},
    shapes::{self, Shape},
};
use crate::{
    field_error::Errors,
    schedule::{Crossing, First},
};

/// Time that users who leave get to finish, unless the spec says otherwise.
const DEFAULT_GRACEFUL_RAMP_DOWN: Duration = Duration::from_secs(30);

/// Most stages of all executors together.
const MOST_STAGES: usize = 100;

/// The fields that depend on the executor.
type Own = &'static [&'static str];

const CONSTANT_VUS: Own = &["vus", "duration"];
const RAMPING_VUS: Own = &["startVUs", "stages", "gracefulRampDown"];
const ITERATIONS: Own = &["vus", "iterations", "maxDuration"];
const CONSTANT_RATE: Own = &[
    "rate",
    "timeUnit",
    "duration",
    "preAllocatedVUs",
    "maxVUs",
    "arrivals",
    "seed",
    "whenBusy",
    "queueLimit",
];
const RAMPING_RATE: Own = &[
    "startRate",
    "timeUnit",
    "stages",
    "preAllocatedVUs",
    "maxVUs",
    "arrivals",
    "seed",
    "whenBusy",
    "queueLimit",
];

/// Compiles executors; those that are wrong are left out.
pub(super) fn compile(
    load: &Load,
    executors: &BTreeMap<String, Executor>,
    scenarios: &[&str],
    errors: &mut Errors,
) -> Vec<LoadPlan> {
    check_alone(load, errors);
    if executors.is_empty() {
        errors.add("spec.load.executors", "names no executor");
    }
    let compiled = executors.iter().filter_map(|(name, executor)| {
        let path = format!("spec.load.executors.{name}");
        let known = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !known || name.is_empty() || name.len() > 63 {
            errors.add(&path, "the name must have 1 to 63 letters, digits, _ or -");
        }
        Compiler { path, name, executor, errors: &mut *errors }.compile(scenarios)
    });
    let compiled: Vec<LoadPlan> = compiled.collect();
    let stages: usize = compiled.iter().map(|load| load.stages.len()).sum();
    if stages > MOST_STAGES {
        let message = format_args!("have {stages} stages in all; at most {MOST_STAGES} fit into results");
        errors.add("spec.load.executors", message);
    }
    compiled
}

/// Everything else that is said about a load belongs to patterns.
fn check_alone(load: &Load, errors: &mut Errors) {
    let patterns = [
        load.constant.is_some(),
        load.stages.is_some(),
        load.spike.is_some(),
        load.stress.is_some(),
        load.soak.is_some(),
        load.breakpoint.is_some(),
        load.volume.is_some(),
        load.pattern.is_some(),
    ];
    if patterns.contains(&true) {
        errors.add("spec.load", "has a pattern beside executors: write the pattern as one more executor");
    }
    let fields = [
        ("unit", load.unit != LoadUnit::default()),
        ("startLevel", load.start_level != 0.0),
        ("maxUsers", load.max_users.is_some()),
        ("arrivals", load.arrivals.is_some()),
        ("seed", load.seed.is_some()),
        ("whenBusy", load.when_busy.is_some()),
        ("queueLimit", load.queue_limit.is_some()),
        ("gracefulStop", load.graceful_stop.is_some()),
    ];
    for (field, _) in fields.into_iter().filter(|(_, given)| *given) {
        errors.add(
            format_args!("spec.load.{field}"),
            "does not go with executors: each of them says it for itself",
        );
    }
}

/// Compiles one executor.
struct Compiler<'a> {
    path: String,
    name: &'a str,
    executor: &'a Executor,
    errors: &'a mut Errors,
}

impl Compiler<'_> {
    fn compile(mut self, scenarios: &[&str]) -> Option<LoadPlan> {
        let executor = self.executor;
        let own = match executor.executor {
            ExecutorKind::ConstantVus => CONSTANT_VUS,
            ExecutorKind::RampingVus => RAMPING_VUS,
            ExecutorKind::SharedIterations | ExecutorKind::PerVuIterations => ITERATIONS,
            ExecutorKind::ConstantArrivalRate => CONSTANT_RATE,
            ExecutorKind::RampingArrivalRate => RAMPING_RATE,
            ExecutorKind::ExternallyControlled => {
                self.error(
                    "executor",
                    "externally-controlled was removed from k6 and is not supported: use ramping-vus with the stages that you would have set by hand, or change spec.load and run again",
                );
                return None;
            }
        };
        self.refuse_others(own);
        let scenario = self.scenario(scenarios);
        let (shapes, unit, scale) = self.shapes()?;
        let start = executor.start_time.map_or(Duration::ZERO, |span| span.0);
        let stages = shapes::place(shapes, start, unit, scale);
        patterns::check_stages(&stages, &self.path, self.errors);
        if stages.is_empty() {
            return None;
        }
        let work = self.work();
        Some(LoadPlan {
            name: self.name.to_owned(),
            scenario,
            tags: executor.tags.clone(),
            stages,
            first_stage: 0,
            first_user: 0,
            graceful_stop: executor.graceful_stop.map_or(DEFAULT_GRACEFUL_STOP, |span| span.0),
            work,
        })
    }

    fn error(&mut self, field: &str, message: impl std::fmt::Display) {
        self.errors.add(format_args!("{}.{field}", self.path), message);
    }

    /// A field that another executor has says nothing here, and would be missed.
    fn refuse_others(&mut self, own: Own) {
        let executor = self.executor;
        let given = [
            ("vus", executor.vus.is_some()),
            ("duration", executor.duration.is_some()),
            ("startVUs", executor.start_vus.is_some()),
            ("stages", executor.stages.is_some()),
            ("gracefulRampDown", executor.graceful_ramp_down.is_some()),
            ("iterations", executor.iterations.is_some()),
            ("maxDuration", executor.max_duration.is_some()),
            ("rate", executor.rate.is_some()),
            ("startRate", executor.start_rate.is_some()),
            ("timeUnit", executor.time_unit.is_some()),
            ("preAllocatedVUs", executor.pre_allocated_vus.is_some()),
            ("maxVUs", executor.max_vus.is_some()),
            ("arrivals", executor.arrivals.is_some()),
            ("seed", executor.seed.is_some()),
            ("whenBusy", executor.when_busy.is_some()),
            ("queueLimit", executor.queue_limit.is_some()),
        ];
        for (field, given) in given {
            if given && !own.contains(&field) {
                let message = format!("does not belong to this executor, which has {}", own.join(", "));
                self.error(field, message);
            }
        }
    }

    fn scenario(&mut self, scenarios: &[&str]) -> Option<usize> {
        let exec = self.executor.exec.as_deref()?;
        let found = scenarios.iter().position(|name| *name == exec);
        if found.is_none() {
            let known = scenarios.join(", ");
            self.error("exec", format_args!("no scenario is named {exec:?}; there are {known}"));
        }
        found
    }

    /// Stages, what their levels count, and what one of a level is in that unit.
    fn shapes(&mut self) -> Option<(Vec<Shape>, LoadUnit, f64)> {
        let executor = self.executor;
        let vus = f64::from(executor.vus.unwrap_or(1));
        match executor.executor {
            ExecutorKind::ConstantVus => {
                let duration = self.required("duration", executor.duration)?;
                Some((vec![Shape::level(self.name, duration.0, vus)], LoadUnit::Users, 1.0))
            }
            ExecutorKind::RampingVus => {
                let shapes = self.stages(f64::from(executor.start_vus.unwrap_or(1)), true)?;
                Some((shapes, LoadUnit::Users, 1.0))
            }
            ExecutorKind::SharedIterations | ExecutorKind::PerVuIterations => {
                let longest = executor.max_duration.map_or(DEFAULT_MAX_DURATION, |span| span.0);
                Some((vec![Shape::level(self.name, longest, vus)], LoadUnit::Users, 1.0))
            }
            ExecutorKind::ConstantArrivalRate => {
                let duration = self.required("duration", executor.duration);
                let rate = self.required("rate", executor.rate);
                let scale = self.per_second();
                let shape = Shape::level(self.name, duration?.0, rate?);
                Some((vec![shape], LoadUnit::IterationsPerSecond, scale))
            }
            ExecutorKind::RampingArrivalRate => {
                let shapes = self.stages(executor.start_rate.unwrap_or(0.0), false)?;
                Some((shapes, LoadUnit::IterationsPerSecond, self.per_second()))
            }
            ExecutorKind::ExternallyControlled => None,
        }
    }

    /// Stages under the executor's name; a single one bears it alone.
    fn stages(&mut self, start: f64, whole: bool) -> Option<Vec<Shape>> {
        let specs = self.required("stages", self.executor.stages.as_deref())?;
        for (index, stage) in specs.iter().enumerate().filter(|_| whole) {
            if stage.target.fract() != 0.0 {
                let field = format!("stages[{index}].target");
                self.error(&field, format_args!("must be a whole number of users, not {}", stage.target));
            }
        }
        let lone = specs.len() == 1 && specs.iter().all(|stage| stage.name.is_none());
        let mut named = specs.to_vec();
        for (index, stage) in named.iter_mut().enumerate() {
            let name = stage.name.take().unwrap_or_else(|| format!("stage-{}", index + 1));
            stage.name = Some(if lone { self.name.to_owned() } else { format!("{}/{name}", self.name) });
        }
        Some(shapes::staged(start, &named))
    }

    /// What one iteration per time unit is in iterations per second.
    fn per_second(&mut self) -> f64 {
        let unit = self.executor.time_unit.unwrap_or(TimeSpan::from_secs(1));
        if unit.0.is_zero() {
            self.error("timeUnit", "must be longer than 0s");
            return 1.0;
        }
        1.0 / unit.as_secs_f64()
    }

    fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.error(field, "is required by this executor");
        }
        value
    }

    fn work(&mut self) -> Work {
        let executor = self.executor;
        let users = executor.vus.unwrap_or(1).max(1) as u64;
        let iterations = executor.iterations.unwrap_or(1).max(1) as u64;
        match executor.executor {
            ExecutorKind::SharedIterations => {
                if iterations < users {
                    let message =
                        format_args!("{iterations} is less than vus {users}: some would have nothing to do");
                    self.error("iterations", message);
                }
                Work::SharedIterations { users, iterations }
            }
            ExecutorKind::PerVuIterations => Work::IterationsPerUser { users, iterations },
            ExecutorKind::ConstantArrivalRate => self.arrivals(First::AtOnce),
            ExecutorKind::RampingArrivalRate => self.arrivals(First::AfterOne),
            ExecutorKind::ConstantVus | ExecutorKind::RampingVus | ExecutorKind::ExternallyControlled => {
                let span = executor.graceful_ramp_down;
                let graceful_ramp_down = span.map_or(DEFAULT_GRACEFUL_RAMP_DOWN, |span| span.0);
                Work::Users { crossing: Crossing::Reached, graceful_ramp_down }
            }
        }
    }

    fn arrivals(&mut self, first: First) -> Work {
        let executor = self.executor;
        let ready = self.required("preAllocatedVUs", executor.pre_allocated_vus).unwrap_or(1).max(0);
        let most = executor.max_vus.unwrap_or(ready);
        if most < ready {
            self.error("maxVUs", format_args!("{most} is less than preAllocatedVUs {ready}"));
        }
        if most < 1 {
            self.error("maxVUs", "0 users can't do anything: raise preAllocatedVUs or maxVUs");
        }
        Work::Arrivals {
            first,
            at_end: true,
            process: executor.arrivals.unwrap_or_default(),
            seed: executor.seed.map_or(DEFAULT_SEED, |seed| seed.unsigned_abs()),
            pool: Pool {
                ready: ready as u64,
                in_turn: ready as u64,
                most: most.max(ready).max(1) as u64,
                when_busy: executor.when_busy.unwrap_or(WhenBusy::Drop),
                queue: executor.queue_limit.map_or(DEFAULT_QUEUE, |limit| limit.max(1) as u64),
            },
        }
    }
}
