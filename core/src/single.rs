// SPDX-License-Identifier: Apache-2.0
//! Loads of a single user: benchmarks of operations, and smoke tests.
//!
//! Both are plans like any other. What is special is done here: the steps are changed before a program is made of them, the
//! thresholds are those that the load stands for, and a benchmark has figures of its operations.

mod figures;
mod limits;
mod operations;
mod smoke;
#[cfg(test)]
mod tests;

use upsurge_crds::v1alpha1::{LoadTestSpec, Threshold};

pub use self::{
    figures::{Measured, incomplete, is_told, measured},
    operations::{Kind, Operation, operations},
    smoke::{benchmark_of, smoke_of},
};
use crate::{field_error::Errors, scenario::ScenarioSet};

/// Makes the scenarios what a single user does of them, if the load is one of those.
pub(crate) fn prepare(spec: &LoadTestSpec, set: &mut ScenarioSet, errors: &mut Errors) {
    let load = &spec.load;
    let (name, benchmark) = match (&load.benchmark, &load.smoke) {
        (Some(benchmark), _) => ("benchmark", Some(benchmark)),
        (None, Some(_)) => ("smoke", None),
        (None, None) => return,
    };
    if spec.runner.parallelism > 1 {
        let message = format_args!("load.{name} is done by one user, so by one runner: leave it out");
        errors.add("spec.runner.parallelism", message);
    }
    for scenario in &mut set.scenarios {
        // Each once, in whatever order, and at once.
        (scenario.weight, scenario.pacing) = (1, None);
    }
    if let Some(benchmark) = benchmark {
        operations::repeat(set, benchmark);
        operations::check(set, errors);
        limits::check(spec, benchmark, set, errors);
    }
}

/// The thresholds that the load stands for; none of other loads, and of one that is wrong.
pub(crate) fn thresholds(spec: &LoadTestSpec) -> Vec<Threshold> {
    if spec.load.smoke.is_some() {
        return smoke::thresholds(spec);
    }
    let Some(benchmark) = &spec.load.benchmark else { return Vec::new() };
    let Ok(mut set) = ScenarioSet::compile(spec) else { return Vec::new() };
    operations::repeat(&mut set, benchmark);
    limits::thresholds(benchmark, &set)
}
