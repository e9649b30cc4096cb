// SPDX-License-Identifier: Apache-2.0
//! Whether a run is due, and which old runs go. Pure.
//!
//! A run is due when the rerun annotation has a new value, or when the generation *and* the digest of the parts
//! of the spec that matter to a run have changed. Operator upgrades, restarts, changed labels, `suspend` and
//! `history` therefore never start one.

use std::{cmp::Reverse, time::Duration};

use jiff::Timestamp;
use kube::ResourceExt;
use upsurge_core::validate::validate;
use upsurge_crds::{
    LoadTest, LoadTestRun, LoadTestSpec,
    names::annotations,
    v1alpha1::{History, Kept, Phase, Verdict},
};

use crate::naming;

/// Longest value of the rerun annotation in bytes that is kept as it is.
const LONGEST_RERUN: usize = 120;

/// Why a run is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The spec is new or has changed.
    SpecChanged,
    /// The rerun annotation has a new value.
    Rerun,
}

impl Trigger {
    /// As in the run's annotation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpecChanged => "SpecChanged",
            Self::Rerun => "Rerun",
        }
    }
}

/// A run to make, or to adopt if it exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its name.
    pub name: String,
    /// Why.
    pub trigger: Trigger,
    /// Digest of the spec it runs.
    pub digest: String,
}

/// What to do for a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Make a run.
    Start(Start),
    /// A run is due, but the spec can't be run.
    Refuse {
        /// All wrong fields.
        message: String,
    },
    /// A run is due and waits until an active one has ended.
    Wait {
        /// The active run.
        active: String,
    },
    /// New runs are held.
    Suspended {
        /// Whether one is due.
        due: bool,
    },
    /// Nothing is due.
    Nothing,
}

/// Decides what to do for a test that has these runs.
pub fn decide(test: &LoadTest, runs: &[LoadTestRun]) -> Decision {
    let digest = digest(&test.spec);
    let Some(trigger) = due(test, &digest, runs) else {
        return if test.spec.suspend { Decision::Suspended { due: false } } else { Decision::Nothing };
    };
    if let Err(wrong) = validate(&test.spec) {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        return Decision::Refuse { message: lines.join("; ") };
    }
    if test.spec.suspend {
        return Decision::Suspended { due: true };
    }
    let generation = test.metadata.generation.unwrap_or_default();
    let earlier = test.status.as_ref().and_then(|status| status.reruns).unwrap_or_default();
    let rerun = rerun(test).filter(|_| trigger == Trigger::Rerun).map(|value| (value, earlier));
    let name = naming::run(&test.name_any(), generation, rerun);
    let exists = runs.iter().any(|run| run.name_any() == name);
    match runs.iter().find(|run| is_active(run)) {
        Some(active) if !exists => Decision::Wait { active: active.name_any() },
        _ => Decision::Start(Start { name, trigger, digest }),
    }
}

fn due(test: &LoadTest, digest: &str, runs: &[LoadTestRun]) -> Option<Trigger> {
    let last = test.status.clone().unwrap_or_default();
    let changed = test.metadata.generation != last.last_run_generation
        && last.last_run_digest.as_deref() != Some(digest)
        && !same_snapshot(&last.last_run, last.last_run_generation, digest, runs);
    if changed {
        return Some(Trigger::SpecChanged);
    }
    // An earlier operator kept long values whole.
    let known = |value: &str| {
        last.last_rerun.as_ref().is_some_and(|last| last == value || *last == remembered(value))
    };
    let asked = rerun(test).is_some_and(|value| !known(value));
    asked.then_some(Trigger::Rerun)
}

/// Whether the newest run ran this very spec. A newer operator may compute another digest for the same spec,
/// for example because a field with a default was added; the run's snapshot is read with the same defaults.
fn same_snapshot(
    last_run: &Option<String>,
    last_generation: Option<i64>,
    wanted: &str,
    runs: &[LoadTestRun],
) -> bool {
    let made_by_change = |run: &&LoadTestRun| {
        Some(&run.name_any()) == last_run.as_ref()
            && run.annotations().get(annotations::GENERATION)
                == last_generation.map(|n| n.to_string()).as_ref()
    };
    let snapshot = runs.iter().find(made_by_change).and_then(|run| run.spec.test.as_ref());
    snapshot.and_then(|test| test.read().ok()).is_some_and(|test| digest(&test) == wanted)
}

/// Value of the rerun annotation; an empty one asks for nothing.
pub fn rerun(test: &LoadTest) -> Option<&str> {
    test.annotations().get(annotations::RERUN).map(String::as_str).filter(|value| !value.is_empty())
}

/// The value of the rerun annotation as the status keeps it: of a long one, the beginning and a digest.
pub fn remembered(value: &str) -> String {
    if value.len() <= LONGEST_RERUN {
        return value.into();
    }
    format!("{}…{}", &value[..value.floor_char_boundary(LONGEST_RERUN / 2)], naming::hash(value, 32))
}

/// Digest of the parts of a spec that matter to a run.
pub fn digest(spec: &LoadTestSpec) -> String {
    let mut value = serde_json::to_value(spec).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("suspend");
        fields.remove("history");
    }
    // Objects are written with sorted keys, so equal specs give equal text.
    naming::hash(&value.to_string(), 32)
}

/// Whether a run has not ended.
pub fn is_active(run: &LoadTestRun) -> bool {
    run.status.as_ref().and_then(|status| status.phase) != Some(Phase::Finished)
        && run.metadata.deletion_timestamp.is_none()
}

/// The finished runs that are not kept any more, oldest first. Never an active one.
pub fn outdated(history: &History, runs: &[LoadTestRun], now: Timestamp) -> Vec<String> {
    let kinds = finished(history, runs).into_iter();
    let gone = kinds.flat_map(|Finished { runs, count, max_age }| {
        let is_old = |run: &&LoadTestRun| max_age.is_some_and(|most| age(run, now) >= most);
        let old = runs.iter().copied().take(count).filter(is_old);
        // The runs are the newest first.
        let mut gone: Vec<&LoadTestRun> = old.chain(runs.iter().copied().skip(count)).collect();
        gone.reverse();
        gone
    });
    gone.map(|run| run.name_any()).collect()
}

/// Time until the next finished run is too old to be kept, if one will be.
pub fn next_outdated(history: &History, runs: &[LoadTestRun], now: Timestamp) -> Option<Duration> {
    let kinds = finished(history, runs).into_iter();
    let left = kinds.filter_map(|Finished { runs, count, max_age }| {
        let most = max_age?;
        runs.iter()
            .take(count)
            .map(|run| most.saturating_sub(age(run, now)))
            .filter(|left| !left.is_zero())
            .min()
    });
    left.min()
}

/// The finished runs of one outcome, the newest first, and how many and how long they are kept.
struct Finished<'a> {
    runs: Vec<&'a LoadTestRun>,
    count: usize,
    max_age: Option<Duration>,
}

fn finished<'a>(history: &History, runs: &'a [LoadTestRun]) -> [Finished<'a>; 2] {
    let passed =
        |run: &&LoadTestRun| run.status.as_ref().and_then(|status| status.verdict) == Some(Verdict::Passed);
    let finished = || runs.iter().filter(|run| !is_active(run) && run.metadata.deletion_timestamp.is_none());
    let sorted = |mut runs: Vec<&'a LoadTestRun>| {
        runs.sort_by_key(|run| Reverse(age_key(run)));
        runs
    };
    let [of_passed, of_others] = history.counts().map(|count| usize::try_from(count).unwrap_or_default());
    let max_age = |kept: &Kept| kept.max_age.map(|span| span.0);
    [
        Finished {
            runs: sorted(finished().filter(passed).collect()),
            count: of_passed,
            max_age: max_age(&history.passed),
        },
        Finished {
            runs: sorted(finished().filter(|run| !passed(run)).collect()),
            count: of_others,
            max_age: max_age(&history.not_passed),
        },
    ]
}

/// Time since a run finished; of one that does not say when, since it was made.
fn age(run: &LoadTestRun, now: Timestamp) -> Duration {
    let finished = run.status.as_ref().and_then(|status| status.completion_time.as_ref());
    let since = finished.or(run.metadata.creation_timestamp.as_ref()).map_or(now, |time| time.0);
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// Sorts runs from the oldest to the newest.
pub fn age_key(run: &LoadTestRun) -> (Option<jiff::Timestamp>, i64, String) {
    let created = run.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let generation = run.annotations().get(annotations::GENERATION).and_then(|text| text.parse().ok());
    (created, generation.unwrap_or_default(), run.name_any())
}

#[cfg(test)]
mod tests;
