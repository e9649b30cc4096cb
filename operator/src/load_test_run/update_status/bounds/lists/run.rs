// SPDX-License-Identifier: Apache-2.0
//! The lists of what carried the run out, and of what was beside it.

use upsurge_crds::v1alpha1::{Company, GeneratorResult, LoadTestRunStatus, PinningStatus, RunnerResult};

use super::{super::keep, List, measure, of};

/// Who generated the load.
pub(super) const RUNNERS: List = List {
    name: "runners",
    most: 50,
    decides: false,
    measure: |status| measure(&status.runners),
    // Those that did not end well, then the latest and the earliest to start.
    keep: |status, most| {
        keep::worst(&mut status.runners, most, has_trouble, &[start, |runner| -start(runner)])
    },
};

/// Where figures were sent to.
pub(super) const OUTPUTS: List = List {
    name: "outputs",
    most: 8,
    decides: false,
    measure: |status| measure(&status.outputs),
    // Those that did not get all.
    keep: |status, most| keep::worst(&mut status.outputs, most, |output| output.message.is_some(), &[]),
};

/// Other runs on the same target.
pub(super) const COMPANY: List = List {
    name: "company",
    most: 20,
    decides: false,
    measure: |status| measure(&status.company),
    // Those that were there longest.
    keep: |status, most| {
        let lasted: keep::Aspect<Company> = |run| run.until.0.duration_since(run.from.0).as_secs_f64();
        keep::worst(&mut status.company, most, |_| false, &[lasted])
    },
};

/// What should be known, and changes nothing.
pub(super) const WARNINGS: List = List {
    name: "warnings",
    most: 20,
    decides: true,
    measure: |status| measure(&status.warnings),
    keep: |status, most| keep::worst(&mut status.warnings, most, |_| false, &[]),
};

/// What others have changed of what a run holds. What it found there (`pinning.originals`) is none of these lists: each of its entries is
/// needed to put everything back, and a target with more of them than the schema allows is not held.
pub(super) const CHANGED: List = List {
    name: "pinning.changed",
    most: 32,
    decides: false,
    measure: |status| of(status.pinning.as_deref(), |pinning: &PinningStatus| &pinning.changed),
    keep: |status, most| first_of(status, most, |pinning| &mut pinning.changed),
};

/// What was not put back.
pub(super) const LEFT: List = List {
    name: "pinning.left",
    most: 32,
    decides: true,
    measure: |status| of(status.pinning.as_deref(), |pinning: &PinningStatus| &pinning.left),
    keep: |status, most| first_of(status, most, |pinning| &mut pinning.left),
};

fn first_of(
    status: &mut LoadTestRunStatus,
    most: usize,
    list: fn(&mut PinningStatus) -> &mut Vec<String>,
) -> usize {
    status.pinning.as_mut().map_or(0, |pinning| keep::worst(list(pinning), most, |_| false, &[]))
}

/// Why the load was not what was asked for.
pub(super) const GENERATOR_PROBLEMS: List = List {
    name: "generator.problems",
    most: 20,
    decides: true,
    measure: |status| of(status.generator.as_deref(), |result: &GeneratorResult| &result.problems),
    keep: |status, most| {
        let problems = status.generator.as_mut().map(|generator| &mut generator.problems);
        problems.map_or(0, |problems| keep::worst(problems, most, |_| false, &[]))
    },
};

/// What nearly kept it from that.
pub(super) const GENERATOR_WARNINGS: List = List {
    name: "generator.warnings",
    most: 20,
    decides: true,
    measure: |status| of(status.generator.as_deref(), |result: &GeneratorResult| &result.warnings),
    keep: |status, most| {
        let warnings = status.generator.as_mut().map(|generator| &mut generator.warnings);
        warnings.map_or(0, |warnings| keep::worst(warnings, most, |_| false, &[]))
    },
};

fn has_trouble(runner: &RunnerResult) -> bool {
    !matches!(runner.state.as_str(), "Completed" | "Running" | "Waiting")
}

fn start(runner: &RunnerResult) -> f64 {
    runner.start_time.as_ref().map_or(0.0, |time| time.0.as_millisecond() as f64)
}
