// SPDX-License-Identifier: Apache-2.0
//! Whether a run is due. Pure.
//!
//! A run is due when the rerun annotation has a new value, or when the generation *and* the digest of the parts
//! of the spec that matter to a run have changed. Operator upgrades, restarts, changed labels, `suspend` and
//! `history` therefore never start one. What else makes one due is known by `schedule` and `rollout`.
//!
//! Whatever a run is made for, it answers all that is due at that moment.

mod history;
pub mod rollout;
pub mod schedule;

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use upsurge_core::{
    field_error::FieldError,
    validate::{check_starts, validate},
};
use upsurge_crds::{
    LoadTest, LoadTestRun, LoadTestSpec,
    names::annotations,
    v1alpha1::{ConcurrencyPolicy, Phase},
};

pub use self::history::{next_outdated, outdated};
use crate::{naming, rollouts::Revision};

/// Longest value of the rerun annotation in bytes that is kept as it is.
const LONGEST_RERUN: usize = 120;

/// Why a run is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The spec is new or has changed.
    SpecChanged,
    /// The rerun annotation has a new value.
    Rerun,
    /// Another revision of the target has become ready.
    Rollout,
    /// The schedule says so.
    Schedule,
}

impl Trigger {
    /// As in the run's annotation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpecChanged => "SpecChanged",
            Self::Rerun => "Rerun",
            Self::Rollout => "Rollout",
            Self::Schedule => "Schedule",
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
    /// Runs that are aborted before.
    pub replaces: Vec<String>,
}

/// What a decision rests on besides the test itself.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// All runs of the test, in no order.
    pub runs: &'a [LoadTestRun],
    /// The revision of the target, if that matters and is known.
    pub revision: Option<&'a Revision>,
    /// When it is.
    pub now: Timestamp,
}

/// What to do for a test, and how it stands with what starts it by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What to do.
    pub decision: Decision,
    /// The schedule.
    pub schedule: schedule::Standing,
    /// Rollouts of the target.
    pub rollout: rollout::Standing,
}

impl Decided {
    /// Time until something may be due by itself.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let times = [self.schedule.following, self.rollout.settles].into_iter().flatten();
        times.map(|time| Duration::try_from(time.duration_since(now)).unwrap_or_default()).min()
    }
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

/// Decides what to do for a test.
pub fn decide(test: &LoadTest, facts: &Facts<'_>) -> Decided {
    let wrong = check_starts(&test.spec).err();
    let readable = wrong.is_none();
    let schedule = readable.then(|| schedule::standing(test, facts.now)).unwrap_or_default();
    let rollout = rollout::standing(test, facts.revision, facts.runs, facts.now);
    let digest = digest(&test.spec);
    let trigger = due(test, &digest, facts.runs)
        .or_else(|| rollout.is_due.then_some(Trigger::Rollout))
        .or_else(|| schedule.due.map(|_| Trigger::Schedule));
    let decision = match (trigger, wrong) {
        (Some(trigger), _) => begin(test, facts.runs, trigger, digest, &schedule, &rollout),
        (None, Some(wrong)) => refusal(&wrong),
        (None, None) if test.spec.suspend => Decision::Suspended { due: false },
        (None, None) => Decision::Nothing,
    };
    Decided { decision, schedule, rollout }
}

/// A run is due: what is to be done for it.
fn begin(
    test: &LoadTest,
    runs: &[LoadTestRun],
    trigger: Trigger,
    digest: String,
    schedule: &schedule::Standing,
    rollout: &rollout::Standing,
) -> Decision {
    if let Err(wrong) = validate(&test.spec) {
        return refusal(&wrong);
    }
    if test.spec.suspend {
        return Decision::Suspended { due: true };
    }
    let name = name(test, trigger, schedule, rollout);
    let others = || runs.iter().filter(|run| is_active(run) && run.name_any() != name);
    let policy = test.spec.schedule.as_ref().map(|schedule| schedule.concurrency_policy);
    let (replaced, awaited): (Vec<_>, Vec<_>) = match policy.filter(|_| trigger == Trigger::Schedule) {
        Some(ConcurrencyPolicy::Allow) => (Vec::new(), Vec::new()),
        Some(ConcurrencyPolicy::Replace) => others().partition(|run| is_scheduled(run)),
        _ => (Vec::new(), others().collect()),
    };
    // One that was made before and could not be noted waits for nothing.
    let exists = runs.iter().any(|run| run.name_any() == name);
    match awaited.first() {
        Some(active) if !exists => Decision::Wait { active: active.name_any() },
        _ => {
            let replaces = replaced.iter().filter(|run| !run.spec.abort).map(|run| run.name_any());
            Decision::Start(Start { name, trigger, digest, replaces: replaces.collect() })
        }
    }
}

/// The name of the run for what is due, which is the same each time that it is asked for.
fn name(
    test: &LoadTest,
    trigger: Trigger,
    schedule: &schedule::Standing,
    rollout: &rollout::Standing,
) -> String {
    let (own, generation) = (test.name_any(), test.metadata.generation.unwrap_or_default());
    let status = test.status.clone().unwrap_or_default();
    match (trigger, &rollout.ready, schedule.due, rerun(test)) {
        (Trigger::Rollout, Some(revision), ..) => {
            naming::rollout_run(&own, revision, status.rollouts.unwrap_or_default())
        }
        (Trigger::Schedule, _, Some(time), _) => naming::scheduled_run(&own, time),
        (Trigger::Rerun, _, _, Some(value)) => {
            naming::run(&own, generation, Some((value, status.reruns.unwrap_or_default())))
        }
        _ => naming::run(&own, generation, None),
    }
}

/// Whether the schedule has made a run.
fn is_scheduled(run: &LoadTestRun) -> bool {
    run.annotations().get(annotations::TRIGGER).map(String::as_str) == Some(Trigger::Schedule.as_str())
}

fn refusal(wrong: &[FieldError]) -> Decision {
    let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    Decision::Refuse { message: lines.join("; ") }
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
        for field in ["suspend", "schedule", "triggers", "history"] {
            fields.remove(field);
        }
    }
    // Objects are written with sorted keys, so equal specs give equal text.
    naming::hash(&value.to_string(), 32)
}

/// Whether a run has not ended.
pub fn is_active(run: &LoadTestRun) -> bool {
    run.status.as_ref().and_then(|status| status.phase) != Some(Phase::Finished)
        && run.metadata.deletion_timestamp.is_none()
}

/// Sorts runs from the oldest to the newest.
pub fn age_key(run: &LoadTestRun) -> (Option<jiff::Timestamp>, i64, String) {
    let created = run.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let generation = run.annotations().get(annotations::GENERATION).and_then(|text| text.parse().ok());
    (created, generation.unwrap_or_default(), run.name_any())
}

#[cfg(test)]
mod tests;
