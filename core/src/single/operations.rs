// SPDX-License-Identifier: Apache-2.0
//! The operations of a benchmark: the requests and groups that stand directly in the steps of a scenario.

use upsurge_crds::v1alpha1::BenchmarkLoad;

use crate::{
    field_error::Errors,
    scenario::{Repeated, Scenario, ScenarioSet, Step},
};

/// Most operations: as many have room in a status.
const MOST: usize = 50;

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One request.
    Request,
    /// A group of steps.
    Group,
}

/// An operation that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// The scenario that it stands in.
    pub scenario: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: &'a str,
    /// How often it is measured.
    pub repeats: u64,
}

/// The operations, in the order of the test.
pub fn operations(set: &ScenarioSet) -> Vec<Operation<'_>> {
    set.scenarios.iter().flat_map(of_scenario).collect()
}

fn of_scenario(scenario: &Scenario) -> Vec<Operation<'_>> {
    let mut found = Vec::new();
    find(&scenario.steps, &mut found);
    let named = found.into_iter().filter_map(|repeated| {
        let (kind, name) = named(&repeated.operation)?;
        Some(Operation { scenario: &scenario.name, kind, name, repeats: repeated.repeats })
    });
    named.collect()
}

fn find<'a>(steps: &'a [Step], found: &mut Vec<&'a Repeated>) {
    for step in steps {
        match step {
            Step::Repeated(repeated) => found.push(repeated),
            Step::Block(steps) => find(steps, found),
            _ => {}
        }
    }
}

fn named(step: &Step) -> Option<(Kind, &str)> {
    match step {
        Step::Request(request) => Some((Kind::Request, &request.name)),
        Step::Group { name, .. } => Some((Kind::Group, name)),
        _ => None,
    }
}

/// Puts each operation into a step that repeats it.
pub(super) fn repeat(set: &mut ScenarioSet, benchmark: &BenchmarkLoad) {
    for scenario in &mut set.scenarios {
        scenario.steps = repeated(std::mem::take(&mut scenario.steps), benchmark);
    }
}

fn repeated(steps: Vec<Step>, benchmark: &BenchmarkLoad) -> Vec<Step> {
    let steps = steps.into_iter().map(|step| match step {
        operation @ (Step::Request(_) | Step::Group { .. }) => Step::Repeated(Box::new(Repeated {
            warm_up: benchmark.warm_up.max(0) as u64,
            repeats: benchmark.repeats.max(1) as u64,
            operation,
        })),
        Step::Block(steps) => Step::Block(repeated(steps, benchmark)),
        other => other,
    });
    steps.collect()
}

/// Figures are told apart by scenario and name, so an operation shares its name with nothing else in its scenario.
pub(super) fn check(set: &ScenarioSet, errors: &mut Errors) {
    let mut count = 0;
    for (index, scenario) in set.scenarios.iter().enumerate() {
        let mut names: Vec<(Kind, &str)> = Vec::new();
        scenario.visit(&mut |step| names.extend(named(step)));
        for Operation { kind, name, .. } in of_scenario(scenario) {
            count += 1;
            if names.iter().filter(|other| **other == (kind, name)).count() > 1 {
                let message = format_args!(
                    "{name:?} is the name of more than one of its requests or groups: a benchmark could not tell them apart"
                );
                errors.add(format_args!("spec.scenarios[{index}].steps"), message);
            }
        }
    }
    if count == 0 && !set.scenarios.is_empty() {
        let message =
            "finds no operation: it measures requests and groups directly in the steps of scenarios";
        errors.add("spec.load.benchmark", message);
    } else if count > MOST {
        let message = format_args!("finds {count} operations; at most {MOST} fit into results");
        errors.add("spec.load.benchmark", message);
    }
}
