// SPDX-License-Identifier: Apache-2.0
//! What became of the requests of each step of a staircase: exact counts, from which its breaking point is found.
//!
//! They are fed from what runners report and never folded.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{Degradation, LoadTestSpec, StatusRange};

use crate::{
    metrics::{Metrics, Selector, Sink, names},
    plan::{Timeline, failure_share},
};

/// The requests of each step, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Steps {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    steps: BTreeMap<String, StepCount>,
    /// Requests whose step is not known: a runner had too many series.
    untold: u64,
}

/// The requests that were started in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepCount {
    /// Those that ended, or had no answer.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that failed with one of the statuses by which a target may turn requests away.
    pub answered: u64,
}

impl StepCount {
    /// Those that succeeded.
    pub fn good(&self) -> u64 {
        self.requests.saturating_sub(self.failed)
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failed = self.failed.saturating_add(other.failed);
        self.answered = self.answered.saturating_add(other.answered);
    }
}

impl Steps {
    /// What is known of a step.
    pub fn of(&self, step: &str) -> StepCount {
        self.steps.get(step).copied().unwrap_or_default()
    }

    /// Requests whose step is not known.
    pub fn untold(&self) -> u64 {
        self.untold
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what others know.
    pub(super) fn merge(&mut self, other: &Self) {
        self.untold = self.untold.saturating_add(other.untold);
        for (step, count) in &other.steps {
            self.steps.entry(step.clone()).or_default().merge(count);
        }
    }

    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.steps.keys().map(|step| step.len() + size_of::<(String, StepCount)>()).sum()
    }

    /// By how much of that they grow with others.
    pub(super) fn growth(&self, other: &Self) -> usize {
        let new = other.steps.keys().filter(|step| !self.steps.contains_key(*step));
        new.map(|step| step.len() + size_of::<(String, StepCount)>()).sum()
    }
}

/// How the requests of a staircase are counted.
#[derive(Clone, Debug)]
pub(super) struct Staircase {
    steps: BTreeSet<String>,
    answers: Vec<StatusRange>,
}

impl Staircase {
    /// Whether a test looks for a breaking point.
    pub(super) fn is_any(test: &LoadTestSpec) -> bool {
        test.load.stress.as_ref().is_some_and(|stress| failure_share(stress).is_some())
    }

    /// That of a test, if it looks for a breaking point.
    pub(super) fn of(test: &LoadTestSpec, timeline: &Timeline) -> Option<Self> {
        let stress = test.load.stress.as_ref().filter(|_| Self::is_any(test))?;
        let answers = stress.degradation.clone().unwrap_or_else(Degradation::default).answers;
        Some(Self { steps: timeline.stages.iter().map(|stage| stage.name.clone()).collect(), answers })
    }

    /// What was recorded in an interval.
    pub(super) fn count(&self, metrics: &Metrics) -> Steps {
        let mut steps = Steps::default();
        let everything = Selector::default();
        for (tags, sink) in metrics.select(names::HTTP_REQ_FAILED, &everything) {
            let Sink::Rate { passes, total } = sink else { continue };
            let Some(step) = tags.stage.as_ref().filter(|stage| self.steps.contains(*stage)) else {
                steps.untold = steps.untold.saturating_add(*total);
                continue;
            };
            let is_answer =
                tags.status.is_some_and(|status| self.answers.iter().any(|one| one.contains(status)));
            let answered = if is_answer { *passes } else { 0 };
            let count = StepCount { requests: *total, failed: *passes, answered };
            match steps.steps.get_mut(step) {
                Some(mine) => mine.merge(&count),
                None => drop(steps.steps.insert(step.clone(), count)),
            }
        }
        steps
    }
}
