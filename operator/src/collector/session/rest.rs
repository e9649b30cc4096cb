// SPDX-License-Identifier: Apache-2.0
//! The rest between two probes of a search: the next one waits until the target is back where it was before the first, for as long as the
//! test says. A probe that did not come to find it so is judged with that doubt.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_core::{autoscaling::Before, protocol::RunPlan};
use upsurge_crds::v1alpha1::{EpochResult, TimeSpan};
use upsurge_figures::elasticity::REACTION;

use super::{Durable, Session};
use crate::collector::start::Start;

/// Whether the load of an epoch still waits for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    awaited: Option<Awaited>,
    /// What has not come yet.
    why: Option<String>,
}

#[derive(Clone, Debug)]
struct Awaited {
    /// The loads that the target has had.
    before: Before,
    /// Until when it is awaited, nanoseconds since the Unix epoch.
    until: i64,
    limit: TimeSpan,
}

impl Rest {
    /// It is awaited after an epoch, where the test asks for it. From the end of that epoch on, whichever operator waits.
    pub(super) fn of(plan: &RunPlan, state: &Durable) -> Self {
        let (test, is_settled) = (&*plan.test, state.start.is_some() || state.restless.is_some());
        let wait = test.autoscaling.as_ref().and_then(|autoscaling| autoscaling.wait_for_idle.as_ref());
        let awaited = wait.filter(|_| !is_settled && test.target.workload().is_some()).and_then(|wait| {
            let begin = |epoch: &EpochResult| Some(epoch.start_time.as_ref()?.0);
            let (began, last) = (begin(state.history.first()?)?, begin(state.history.last()?)?);
            let lasted: Duration = test.load.stages.iter().flatten().map(|stage| stage.duration.0).sum();
            let after = |wait: Duration| last.saturating_add(lasted + wait).unwrap_or(Timestamp::MAX);
            let until = i64::try_from(after(wait.timeout.0).as_nanosecond()).unwrap_or(i64::MAX);
            // Whoever gives it less time does not ask for more.
            let before = Before { began, answered: after(REACTION.min(wait.timeout.0)) };
            Some(Awaited { before, until, limit: wait.timeout })
        });
        Self { awaited, why: None }
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.awaited.is_some()
    }
}

impl Session {
    /// What load the target has had, if all else is ready for the next one and it only waits for the target to come to rest.
    pub fn awaits_rest(&self) -> Option<Before> {
        let is_next = self.start == Start::Gathering && self.all_ready();
        self.rest.awaited.as_ref().filter(|_| is_next).map(|awaited| awaited.before)
    }

    /// The target has come to rest, or why it has not. Once its time is up the load waits no longer.
    pub fn rests(&mut self, rested: Result<(), String>, now: i64) {
        let Some(Awaited { until, limit, .. }) = &self.rest.awaited else { return };
        match rested {
            Err(why) if now < *until => {
                self.rest.why = Some(format!("waiting at most {limit} for a quiet target: {why}"))
            }
            rested => {
                if let Err(why) = rested {
                    self.state.restless =
                        Some(format!("spec.autoscaling.waitForIdle.timeout of {limit} has passed: {why}"));
                    self.revision += 1;
                }
                self.rest = Rest::default();
            }
        }
    }

    /// What its next load waits for, in words.
    pub fn waits_for(&self) -> Option<&str> {
        self.rest.why.as_deref()
    }
}
