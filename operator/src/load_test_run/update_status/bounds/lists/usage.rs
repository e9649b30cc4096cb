// SPDX-License-Identifier: Apache-2.0
//! The lists of what the target's pods used.

use upsurge_crds::v1alpha1::{LoadTestRunStatus, SoakResult, UsageResult};

use super::{super::keep, List, measure, of};

/// All pods together, then each of them.
pub(super) const PODS: List = List {
    name: "usage",
    most: 30,
    decides: false,
    measure: |status| measure(&status.usage),
    // All pods together, those whose containers ended, then those that used most memory, as which they come.
    keep: |status, most| {
        let urgent = |usage: &UsageResult| usage.pod.is_none() || usage.restarts > 0;
        keep::worst(&mut status.usage, most, urgent, &[])
    },
};

/// Ends of their containers.
pub(super) const ENDS: List = List {
    name: "usage[].ends",
    most: 5,
    decides: false,
    measure: |status| of_usage(status, |usage| measure(&usage.ends)),
    // The newest.
    keep: |status, most| {
        each_usage(status, |usage| {
            let left_out = usage.ends.len().saturating_sub(most);
            usage.ends.drain(..left_out);
            left_out
        })
    },
};

/// What could not be seen of them.
pub(super) const GAPS: List = List {
    name: "usage[].gaps",
    most: 10,
    decides: true,
    measure: |status| of_usage(status, |usage| measure(&usage.gaps)),
    keep: |status, most| each_usage(status, |usage| keep::worst(&mut usage.gaps, most, |_| false, &[])),
};

/// What `spec.usage` asks for.
pub(super) const EXPECTATIONS: List = List {
    name: "usageExpectations",
    most: 50,
    decides: true,
    measure: |status| measure(&status.usage_expectations),
    keep: |status, most| {
        keep::worst(&mut status.usage_expectations, most, |expectation| !expectation.passed, &[])
    },
};

/// What `spec.load.soak` asks for.
pub(super) const SOAK: List = List {
    name: "soak.expectations",
    most: 4,
    decides: true,
    measure: |status| of(status.soak.as_deref(), |soak: &SoakResult| &soak.expectations),
    keep: |status, most| {
        let expectations = status.soak.as_mut().map(|soak| &mut soak.expectations);
        expectations.map_or(0, |all| keep::worst(all, most, |expectation| !expectation.passed, &[]))
    },
};

/// Measures a list of each entry of usage: entries of the longest, and bytes of all.
fn of_usage(status: &LoadTestRunStatus, list: impl Fn(&UsageResult) -> (usize, usize)) -> (usize, usize) {
    let usage = status.usage.iter();
    usage.map(list).fold((0, 0), |(most, sum), (entries, bytes)| (most.max(entries), sum + bytes))
}

/// Shortens a list of each entry of usage.
fn each_usage(status: &mut LoadTestRunStatus, shorten: impl Fn(&mut UsageResult) -> usize) -> usize {
    status.usage.iter_mut().map(shorten).sum()
}
