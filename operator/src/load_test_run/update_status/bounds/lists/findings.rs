// SPDX-License-Identifier: Apache-2.0
//! The lists of what was found out about the target, but for its replicas and what they used.

use upsurge_crds::v1alpha1::{CapacityResult, ScalabilityResult, StressResult};

use super::{super::keep, List, measure, of};

/// What `spec.thresholds` asks for.
pub(super) const THRESHOLDS: List = List {
    name: "thresholds",
    most: 100,
    decides: true,
    measure: |status| measure(&status.thresholds),
    keep: |status, most| keep::worst(&mut status.thresholds, most, |threshold| !threshold.passed, &[]),
};

/// The probes of a search.
pub(super) const EPOCHS: List = List {
    name: "epochs",
    most: 60,
    decides: true,
    measure: |status| measure(&status.epochs),
    // Those at the end, where a search comes to its answer.
    keep: |status, most| keep::worst(&mut status.epochs, most, |_| false, &[|epoch| f64::from(epoch.number)]),
};

/// Where probes of a search said different things.
pub(super) const CONTRADICTIONS: List = List {
    name: "capacity.contradictions",
    most: 20,
    decides: true,
    measure: |status| of(status.capacity.as_deref(), |result: &CapacityResult| &result.contradictions),
    keep: |status, most| {
        let list = status.capacity.as_mut().map(|capacity| &mut capacity.contradictions);
        list.map_or(0, |list| keep::worst(list, most, |_| false, &[]))
    },
};

/// What one replica of each workload serves.
pub(super) const CAPACITIES: List = List {
    name: "capacity.workloads",
    most: 16,
    decides: true,
    measure: |status| of(status.capacity.as_deref(), |result: &CapacityResult| &result.workloads),
    keep: |status, most| {
        let list = status.capacity.as_mut().map(|capacity| &mut capacity.workloads);
        list.map_or(0, |list| keep::worst(list, most, |_| false, &[]))
    },
};

/// What each count of replicas served.
pub(super) const COUNTS: List = List {
    name: "scalability.counts",
    most: 20,
    decides: true,
    measure: |status| of(status.scalability.as_deref(), |result: &ScalabilityResult| &result.counts),
    keep: |status, most| {
        let list = status.scalability.as_mut().map(|result| &mut result.counts);
        list.map_or(0, |list| keep::worst(list, most, |count| count.failed > 0, &[]))
    },
};

/// What each size served.
pub(super) const SIZES: List = List {
    name: "scalability.sizes",
    most: 8,
    decides: true,
    measure: |status| of(status.scalability.as_deref(), |result: &ScalabilityResult| &result.sizes),
    keep: |status, most| {
        let list = status.scalability.as_mut().map(|result| &mut result.sizes);
        list.map_or(0, |list| keep::worst(list, most, |size| size.failed > 0, &[]))
    },
};

/// Why fits are to be read with care.
pub(super) const DOUBTS: List = List {
    name: "scalability.doubts",
    most: 8,
    decides: true,
    measure: |status| of(status.scalability.as_deref(), |result: &ScalabilityResult| &result.doubts),
    keep: |status, most| {
        let list = status.scalability.as_mut().map(|result| &mut result.doubts);
        list.map_or(0, |list| keep::worst(list, most, |_| false, &[]))
    },
};

/// What `spec.load.stress` asks for.
pub(super) const STRESS: List = List {
    name: "stress.expectations",
    most: 8,
    decides: true,
    measure: |status| of(status.stress.as_deref(), |result: &StressResult| &result.expectations),
    keep: |status, most| {
        let expectations = status.stress.as_mut().map(|result| &mut result.expectations);
        expectations.map_or(0, |list| keep::worst(list, most, |expectation| !expectation.passed, &[]))
    },
};

/// One for each named spike.
pub(super) const SPIKES: List = List {
    name: "spikes",
    most: 12,
    decides: true,
    measure: |status| measure(&status.spikes),
    keep: |status, most| keep::worst(&mut status.spikes, most, |spike| !spike.passed, &[]),
};

/// What Prometheus was asked.
pub(super) const CHECKS: List = List {
    name: "checks",
    most: 50,
    decides: true,
    measure: |status| measure(&status.checks),
    keep: |status, most| keep::worst(&mut status.checks, most, |check| !check.passed, &[]),
};

/// What Prometheus showed over the load.
pub(super) const SERIES: List = List {
    name: "series",
    most: 8,
    decides: false,
    measure: |status| measure(&status.series),
    keep: |status, most| keep::worst(&mut status.series, most, |_| false, &[]),
};
