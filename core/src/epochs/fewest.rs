// SPDX-License-Identifier: Apache-2.0
//! What a search for the fewest replicas has found, in words.

use upsurge_crds::{
    names::reasons,
    v1alpha1::{CapacityResult, Verdict},
};
use upsurge_figures::search::{Found, Unsteady};

use super::{
    answer::{Told, limit},
    whole_number,
};

/// What was found.
pub(super) fn told(found: &Found, capacity: &CapacityResult) -> Told {
    let rate = format!("{} iterations/s", capacity.level.as_deref().unwrap_or_default());
    let limit = limit(capacity);
    match (capacity.replicas, capacity.failed_replicas) {
        (Some(replicas), _) if found.inconclusive => (
            Verdict::Inconclusive,
            reasons::CAPACITY_UNKNOWN,
            format!("{} {rate}; whether fewer do can't be said: {limit}", carry(replicas)),
        ),
        (None, _) if found.inconclusive => (
            Verdict::Inconclusive,
            reasons::CAPACITY_UNKNOWN,
            format!("it can't be said how many replicas carry {rate}: {limit}"),
        ),
        (Some(replicas), Some(failed)) => (
            Verdict::Passed,
            reasons::CAPACITY_FOUND,
            format!("{} {rate}, and {failed} {} not: {limit}", carry(replicas), do_(failed)),
        ),
        (Some(replicas), None) => (
            Verdict::Passed,
            reasons::CAPACITY_FOUND,
            format!(
                "{} {rate}, which is as few as spec.load.capacity.from allows: fewer may do",
                carry(replicas)
            ),
        ),
        (None, failed) => {
            let failed = failed.unwrap_or_default();
            let message = format!(
                "{} {} not carry {rate}, and spec.load.capacity.to allows no more: {limit}",
                counted(failed),
                do_(failed)
            );
            (Verdict::Failed, reasons::CAPACITY_TOO_LOW, message)
        }
    }
}

/// What speaks against one clear limit.
pub(super) fn in_words(unsteady: &Unsteady) -> String {
    let count = |level: f64| i32::try_from(whole_number(level)).unwrap_or(i32::MAX);
    match unsteady {
        Unsteady::Noisy { level } => format!("{} passed and failed", counted(count(*level))),
        Unsteady::NotMonotonic { failed, passed } => {
            format!("{} passed although {} failed", counted(count(*passed)), count(*failed))
        }
    }
}

pub(super) fn counted(replicas: i32) -> String {
    if replicas == 1 { "1 replica".into() } else { format!("{replicas} replicas") }
}

fn carry(replicas: i32) -> String {
    format!("{} {}", counted(replicas), if replicas == 1 { "carries" } else { "carry" })
}

fn do_(replicas: i32) -> &'static str {
    if replicas == 1 { "does" } else { "do" }
}
