// SPDX-License-Identifier: Apache-2.0
//! k6's executors, each as one load.

use std::time::Duration;

use upsurge_crds::v1alpha1::{Arrivals, Executor, Load, LoadUnit, StageSpec, TimeSpan, WhenBusy};

use super::{
    DEFAULT_GRACEFUL_STOP, LoadPlan, Pool, Work,
    levels::level,
    names::by_place,
    patterns::{self, DEFAULT_MAX_DURATION, DEFAULT_QUEUE, DEFAULT_SEED},
    schedule::{Crossing, First},
    shapes::{self, Shape},
};
use crate::field_error::Errors;

/// Time that users who leave get to finish, unless the spec says otherwise.
const DEFAULT_GRACEFUL_RAMP_DOWN: Duration = Duration::from_secs(30);

/// Most stages of all executors together.
const MOST_STAGES: usize = 100;

/// Compiles executors; those that are wrong are left out.
pub(super) fn compile(
    load: &Load,
    executors: &[Executor],
    scenarios: &[&str],
    errors: &mut Errors,
) -> Vec<LoadPlan> {
    check_alone(load, errors);
    if executors.is_empty() {
        errors.add("spec.load.executors", "names no executor");
    }
    let compiled = executors.iter().enumerate().filter_map(|(index, executor)| {
        let path = format!("spec.load.executors[{index}]");
        check_name(&executor.name, &executors[..index], &path, errors);
        Compiler { path, executor, errors: &mut *errors }.compile(scenarios)
    });
    let compiled: Vec<LoadPlan> = compiled.collect();
    let stages: usize = compiled.iter().map(|load| load.stages.len()).sum();
    if stages > MOST_STAGES {
        let message = format_args!("have {stages} stages in all; at most {MOST_STAGES} fit into results");
        errors.add("spec.load.executors", message);
    }
    compiled
}

fn check_name(name: &str, earlier: &[Executor], path: &str, errors: &mut Errors) {
    let known = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !known || name.is_empty() || name.len() > 63 {
        errors.add(format_args!("{path}.name"), "must have 1 to 63 letters, digits, _ or -");
    }
    if earlier.iter().any(|other| other.name == name) {
        errors.add(format_args!("{path}.name"), format_args!("another executor is named {name:?} too"));
    }
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
        load.capacity.is_some(),
        load.scalability.is_some(),
        load.benchmark.is_some(),
        load.smoke.is_some(),
    ];
    if patterns.contains(&true) {
        errors.add("spec.load", "has a pattern beside executors: write the pattern as one more executor");
    }
    let fields = [
        ("unit", load.unit.is_some()),
        ("arrivals", load.arrivals.is_some()),
        ("gracefulStop", load.graceful_stop.is_some()),
    ];
    for (field, _) in fields.into_iter().filter(|(_, given)| *given) {
        errors.add(
            format_args!("spec.load.{field}"),
            "does not go with executors: each of them says it for itself",
        );
    }
}

/// What an executor does, by the member that is given.
struct Course {
    shapes: Vec<Shape>,
    unit: LoadUnit,
    /// What one of a level is in that unit.
    scale: f64,
    work: Work,
}

/// Compiles one executor.
struct Compiler<'a> {
    path: String,
    executor: &'a Executor,
    errors: &'a mut Errors,
}

impl Compiler<'_> {
    fn compile(mut self, scenarios: &[&str]) -> Option<LoadPlan> {
        let executor = self.executor;
        let scenario = self.scenario(scenarios);
        let Course { shapes, unit, scale, work } = self.course()?;
        let start = executor.start_time.map_or(Duration::ZERO, |span| span.0);
        let stages = shapes::place(shapes, start, unit, scale);
        patterns::check_stages(&stages, &self.path, self.errors);
        if stages.is_empty() {
            return None;
        }
        Some(LoadPlan {
            name: executor.name.clone(),
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

    fn scenario(&mut self, scenarios: &[&str]) -> Option<usize> {
        let exec = self.executor.exec.as_deref()?;
        let found = scenarios.iter().position(|name| *name == exec);
        if found.is_none() {
            let known = scenarios.join(", ");
            self.error("exec", format_args!("no scenario is named {exec:?}; there are {known}"));
        }
        found
    }

    fn course(&mut self) -> Option<Course> {
        // Destructured, so that no new kind of executor can be forgotten.
        let Executor {
            name,
            start_time: _,
            graceful_stop: _,
            exec: _,
            tags: _,
            constant_vus,
            ramping_vus,
            shared_iterations,
            per_vu_iterations,
            constant_arrival_rate,
            ramping_arrival_rate,
        } = self.executor;
        let given = [
            constant_vus.is_some(),
            ramping_vus.is_some(),
            shared_iterations.is_some(),
            per_vu_iterations.is_some(),
            constant_arrival_rate.is_some(),
            ramping_arrival_rate.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            let path = self.path.clone();
            self.errors.add(path, "is exactly one of constantVUs, rampingVUs, sharedIterations, perVUIterations, constantArrivalRate and rampingArrivalRate");
            return None;
        }
        let users = |shapes, work| Some(Course { shapes, unit: LoadUnit::Users, scale: 1.0, work });
        if let Some(own) = constant_vus {
            let shape = Shape::level(name, own.duration.0, f64::from(own.vus));
            return users(vec![shape], of_users(None));
        }
        if let Some(own) = ramping_vus {
            let shapes = self.stages(f64::from(own.start_vus), &own.stages, "rampingVUs", true);
            return users(shapes, of_users(own.graceful_ramp_down));
        }
        if let Some(own) = shared_iterations {
            let (vus, iterations) = (own.vus.max(1) as u64, own.iterations.max(1) as u64);
            if iterations < vus {
                let message =
                    format_args!("{iterations} is less than vus {vus}: some would have nothing to do");
                self.error("sharedIterations.iterations", message);
            }
            let work = Work::SharedIterations { users: vus, iterations };
            return users(vec![Shape::level(name, longest(own.max_duration), vus as f64)], work);
        }
        if let Some(own) = per_vu_iterations {
            let (vus, iterations) = (own.vus.max(1) as u64, own.iterations.max(1) as u64);
            let work = Work::IterationsPerUser { users: vus, iterations };
            return users(vec![Shape::level(name, longest(own.max_duration), vus as f64)], work);
        }
        if let Some(own) = constant_arrival_rate {
            let member = "constantArrivalRate";
            let rate = level(self.errors, format_args!("{}.{member}.rate", self.path), own.rate);
            let scale = self.per_second(own.time_unit, member);
            let (ready, most) = (own.pre_allocated_vus, own.max_vus);
            let work = self.arrivals(First::AtOnce, ready, most, own.arrivals.as_ref(), member);
            let shapes = vec![Shape::level(name, own.duration.0, rate)];
            return Some(Course { shapes, unit: LoadUnit::IterationsPerSecond, scale, work });
        }
        let own = ramping_arrival_rate.as_ref()?;
        let member = "rampingArrivalRate";
        let start = level(self.errors, format_args!("{}.{member}.startRate", self.path), own.start_rate);
        let shapes = self.stages(start, &own.stages, member, false);
        let scale = self.per_second(own.time_unit, member);
        let (ready, most) = (own.pre_allocated_vus, own.max_vus);
        let work = self.arrivals(First::AfterOne, ready, most, own.arrivals.as_ref(), member);
        Some(Course { shapes, unit: LoadUnit::IterationsPerSecond, scale, work })
    }

    /// Stages under the executor's name; a single one bears it alone.
    fn stages(&mut self, start: f64, specs: &[StageSpec], member: &str, whole: bool) -> Vec<Shape> {
        for (index, stage) in specs.iter().enumerate().filter(|(_, stage)| whole && !stage.target.is_whole())
        {
            let field = format!("{member}.stages[{index}].target");
            self.error(&field, format_args!("must be a whole number of users, not {}", stage.target));
        }
        let name = &self.executor.name;
        let lone = specs.len() == 1 && specs.iter().all(|stage| stage.name.is_none());
        let mut named = specs.to_vec();
        for (index, stage) in named.iter_mut().enumerate() {
            let own = stage.name.take().unwrap_or_else(|| by_place(index));
            stage.name = Some(if lone { name.clone() } else { format!("{name}/{own}") });
        }
        shapes::staged(start, &named, &format!("{}.{member}.stages", self.path), self.errors)
    }

    /// What one iteration per time unit is in iterations per second.
    fn per_second(&mut self, unit: Option<TimeSpan>, member: &str) -> f64 {
        let unit = unit.unwrap_or(TimeSpan::from_secs(1));
        if unit.0.is_zero() {
            self.error(&format!("{member}.timeUnit"), "must be longer than 0s");
            return 1.0;
        }
        1.0 / unit.as_secs_f64()
    }

    fn arrivals(
        &mut self,
        first: First,
        ready: i32,
        most: Option<i32>,
        arrivals: Option<&Arrivals>,
        member: &str,
    ) -> Work {
        let ready = ready.max(0);
        let most = most.unwrap_or(ready);
        let field = format!("{member}.maxVUs");
        if most < ready {
            self.error(&field, format_args!("{most} is less than preAllocatedVUs {ready}"));
        }
        if most < 1 {
            self.error(&field, "0 users can't do anything: raise preAllocatedVUs or maxVUs");
        }
        let arrivals = arrivals.cloned().unwrap_or_default();
        let path = format!("{}.{member}.arrivals", self.path);
        patterns::check_arrivals(&arrivals, &path, self.errors);
        if arrivals.max_users.is_some() {
            self.errors.add(format_args!("{path}.maxUsers"), "belongs to patterns: an executor has maxVUs");
        }
        Work::Arrivals {
            first,
            at_end: true,
            process: arrivals.spread.unwrap_or_default(),
            seed: arrivals.seed.map_or(DEFAULT_SEED, |seed| seed.unsigned_abs()),
            pool: Pool {
                ready: ready as u64,
                in_turn: ready as u64,
                most: most.max(ready).max(1) as u64,
                when_busy: arrivals.when_busy.unwrap_or(WhenBusy::Drop),
                queue: arrivals.queue_limit.map_or(DEFAULT_QUEUE, |limit| limit.max(1) as u64),
            },
        }
    }
}

fn longest(span: Option<TimeSpan>) -> Duration {
    span.map_or(DEFAULT_MAX_DURATION, |span| span.0)
}

fn of_users(graceful_ramp_down: Option<TimeSpan>) -> Work {
    let graceful_ramp_down = graceful_ramp_down.map_or(DEFAULT_GRACEFUL_RAMP_DOWN, |span| span.0);
    Work::Users { crossing: Crossing::Reached, graceful_ramp_down }
}
