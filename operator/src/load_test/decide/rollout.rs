// SPDX-License-Identifier: Apache-2.0
//! How a test stands with rollouts of its target. Pure.
//!
//! All that is remembered is `status.lastRevision`. A revision that is not to start a run is noted there as well.

use jiff::{SignedDuration, Timestamp};
use upsurge_crds::{
    LoadTest, LoadTestRun,
    v1alpha1::{StartTrigger, TriggerType, Workload},
};

use super::is_active;
use crate::rollouts::Revision;

/// How a test stands with rollouts of its target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The revision that is ready. Whatever run is started now, is of this one.
    pub ready: Option<String>,
    /// Whether it is to start a run.
    pub is_due: bool,
    /// Whether it is to be noted without one.
    pub is_passed_over: bool,
    /// When it will have been ready for long enough.
    pub settles: Option<Timestamp>,
}

/// The trigger of a test, and the workloads that it is about.
pub fn watched(test: &LoadTest) -> Option<(&StartTrigger, &[Workload])> {
    let trigger = test.spec.triggers.iter().find(|trigger| trigger.type_ == TriggerType::Rollout)?;
    let workloads = test.spec.target.workloads.as_slice();
    (!workloads.is_empty()).then_some((trigger, workloads))
}

/// Looks where a test stands whose target has this revision.
pub fn standing(
    test: &LoadTest,
    revision: Option<&Revision>,
    runs: &[LoadTestRun],
    now: Timestamp,
) -> Standing {
    let found = watched(test).zip(revision).and_then(|((trigger, _), revision)| {
        let since = revision.ready_since?;
        Some((trigger, revision, since))
    });
    let Some((trigger, revision, since)) = found else { return Standing::default() };
    let standing = Standing { ready: Some(revision.id.clone()), ..Standing::default() };
    let known = test.status.as_ref().and_then(|status| status.last_revision.as_ref());
    if known == Some(&revision.id) {
        return standing;
    }
    // A test that names other workloads than before is a changed test; what was noted of it before is of no use.
    let is_first = known.is_none_or(|known| !revision.is_like(known));
    let starts_nothing = is_first || test.spec.suspend || revision.is_ours;
    if starts_nothing || runs.iter().any(|run| has_met(run, since)) {
        return Standing { is_passed_over: true, ..standing };
    }
    let settle = SignedDuration::try_from(trigger.settle.0).unwrap_or(SignedDuration::MAX);
    let settled = since.checked_add(settle).unwrap_or(Timestamp::MAX);
    if settled > now {
        return Standing { settles: Some(settled), ..standing };
    }
    Standing { is_due: true, ..standing }
}

/// Whether a run was under way when a revision became ready, or later: then it has seen that one.
fn has_met(run: &LoadTestRun, since: Timestamp) -> bool {
    let ended = run.status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|time| time.0);
    is_active(run) || ended.is_some_and(|ended| ended >= since)
}
