// SPDX-License-Identifier: Apache-2.0
//! What a search has found, as figures and in words.

use upsurge_crds::{
    names::reasons,
    v1alpha1::{CapacityResult, EpochOutcome, EpochResult, LoadTestSpec, Verdict, WorkloadCapacity},
};
use upsurge_figures::search::{Found, Unsteady};

use super::{fewest, whole_number, written};
use crate::{format::decimal, verdict::Outcome};

/// Most contradictions that are told.
const MOST_CONTRADICTIONS: usize = 20;
/// What levels count.
const UNIT: &str = "iterations/s";

/// The answer of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its figures.
    pub capacity: CapacityResult,
    /// Its verdict.
    pub outcome: Outcome,
}

/// The epoch whose figures are those of the run: the last one that passed at the level that was found, else the last one.
pub fn shown<'a>(history: &'a [EpochResult], found: &Found) -> Option<&'a EpochResult> {
    let passed = |epoch: &&EpochResult| {
        found.level.is_some_and(|level| is_at(epoch, level)) && epoch.outcome == Some(EpochOutcome::Passed)
    };
    history.iter().rev().find(passed).or(history.last())
}

/// What was probed by a search that was stopped; `None` if no probe passed or failed.
pub fn probed(found: &Found, history: &[EpochResult]) -> Option<String> {
    let counts_replicas = history.iter().any(|epoch| epoch.pinned_replicas.is_some());
    let told = |level: f64| match counts_replicas {
        true => fewest::counted(i32::try_from(whole_number(level)).unwrap_or(i32::MAX)),
        false => format!("{} {UNIT}", written(level)),
    };
    let passed = found.level.map(|level| format!("{} passed", told(level)));
    // A level that said nothing did not fail.
    let failed = found.failed.filter(|_| !found.inconclusive).map(|level| format!("{} failed", told(level)));
    let probed: Vec<String> = passed.into_iter().chain(failed).collect();
    (!probed.is_empty()).then(|| probed.join(", "))
}

/// Whether an epoch was at a level of its search.
fn is_at(epoch: &EpochResult, level: f64) -> bool {
    match epoch.pinned_replicas {
        Some(replicas) => u32::try_from(replicas) == Ok(whole_number(level)),
        None => epoch.level == written(level),
    }
}

/// What a search of a test has found.
pub fn answer(test: &LoadTestSpec, found: &Found, history: &[EpochResult]) -> Answer {
    // What the load of an epoch says does not tell it: that is one of plain stages.
    let counts_replicas = history.iter().any(|epoch| epoch.pinned_replicas.is_some());
    let unsteady = found.unsteady.iter().take(MOST_CONTRADICTIONS);
    if counts_replicas {
        let count = |level: f64| i32::try_from(whole_number(level)).ok();
        let capacity = CapacityResult {
            level: history.first().map(|epoch| epoch.level.clone()),
            replicas: found.level.and_then(count),
            failed_replicas: found.failed.filter(|_| !found.inconclusive).and_then(count),
            limit: found.limit.clone(),
            probes: i32::try_from(history.len()).unwrap_or(i32::MAX),
            contradictions: unsteady.map(fewest::in_words).collect(),
            ..CapacityResult::default()
        };
        let outcome = judged(found, &capacity, fewest::told);
        return Answer { capacity, outcome };
    }
    let contradictions = unsteady.map(in_words).collect();
    let capacity = CapacityResult {
        level: found.level.map(written),
        // A level that said nothing did not fail.
        failed_level: found.failed.filter(|_| !found.inconclusive).map(written),
        limit: found.limit.clone(),
        probes: i32::try_from(history.len()).unwrap_or(i32::MAX),
        contradictions,
        workloads: workloads(test, found, history),
        ..CapacityResult::default()
    };
    let outcome = judged(found, &capacity, told);
    Answer { capacity, outcome }
}

/// What was found, as verdict, reason and sentence.
pub(super) type Told = (Verdict, &'static str, String);

/// The limit of a search in words.
pub(super) fn limit(capacity: &CapacityResult) -> &str {
    capacity.limit.as_deref().unwrap_or("no reason is known")
}

fn told(found: &Found, capacity: &CapacityResult) -> Told {
    let CapacityResult { level, failed_level, .. } = capacity;
    let limit = limit(capacity);
    match (level, failed_level) {
        (Some(level), _) if found.inconclusive => (
            Verdict::Inconclusive,
            reasons::CAPACITY_UNKNOWN,
            format!("the target carries {level} {UNIT} at least; beyond that nothing can be said: {limit}"),
        ),
        (None, _) if found.inconclusive => (
            Verdict::Inconclusive,
            reasons::CAPACITY_UNKNOWN,
            format!("nothing can be said of what the target carries: {limit}"),
        ),
        (Some(level), Some(failed)) => (
            Verdict::Passed,
            reasons::CAPACITY_FOUND,
            format!("the target carries {level} {UNIT} and not {failed}: {limit}"),
        ),
        (Some(level), None) => (
            Verdict::Passed,
            reasons::CAPACITY_FOUND,
            format!(
                "the target carries {level} {UNIT}, which is as much as spec.load.capacity.to allows: its capacity may be higher"
            ),
        ),
        (None, failed) => (
            Verdict::Failed,
            reasons::CAPACITY_TOO_LOW,
            format!(
                "the target does not carry {} {UNIT}, the lowest rate of spec.load.capacity: {limit}",
                failed.as_deref().unwrap_or_default()
            ),
        ),
    }
}

fn judged(
    found: &Found,
    capacity: &CapacityResult,
    told: impl Fn(&Found, &CapacityResult) -> Told,
) -> Outcome {
    let CapacityResult { probes, contradictions, workloads, .. } = capacity;
    let contradicted = found.unsteady.iter().any(|one| matches!(one, Unsteady::NotMonotonic { .. }));
    let (verdict, reason, mut message) = told(found, capacity);
    for WorkloadCapacity { name, replicas, per_replica } in workloads {
        let replicas = if *replicas == 1 { "1 replica".to_owned() } else { format!("{replicas} replicas") };
        message += &format!("; {replicas} of {name}, {per_replica} {UNIT} each");
    }
    message += &if *probes == 1 { "; 1 probe".to_owned() } else { format!("; {probes} probes") };
    for contradiction in contradictions {
        message += &format!("; {contradiction}");
    }
    // A target that carries more than what it does not carry has no capacity.
    let (verdict, reason) = match verdict {
        Verdict::Passed if contradicted => (Verdict::Inconclusive, reasons::CAPACITY_CONTRADICTED),
        verdict => (verdict, reason),
    };
    Outcome { verdict, reason: reason.into(), message }
}

fn in_words(unsteady: &Unsteady) -> String {
    match unsteady {
        Unsteady::Noisy { level } => format!("{} {UNIT} passed and failed", written(*level)),
        Unsteady::NotMonotonic { failed, passed } => {
            format!("{} {UNIT} passed although {} failed", written(*passed), written(*failed))
        }
    }
}

/// What each replica carried, if as many served in all probes that passed at the level. Of several workloads an epoch has no one number,
/// and nothing is told.
fn workloads(test: &LoadTestSpec, found: &Found, history: &[EpochResult]) -> Vec<WorkloadCapacity> {
    let (Some(workload), Some(level)) = (test.target.workload(), found.level) else { return Vec::new() };
    let passed = history
        .iter()
        .filter(|epoch| epoch.level == written(level) && epoch.outcome == Some(EpochOutcome::Passed));
    let replicas: Vec<Option<i32>> = passed.map(|epoch| epoch.replicas).collect();
    match replicas.first() {
        Some(Some(first)) if *first > 0 && replicas.iter().all(|other| *other == Some(*first)) => {
            vec![WorkloadCapacity {
                name: workload.name.clone(),
                replicas: *first,
                per_replica: decimal(level / f64::from(*first), 3),
            }]
        }
        _ => Vec::new(),
    }
}
