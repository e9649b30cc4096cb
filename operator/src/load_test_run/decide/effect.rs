// SPDX-License-Identifier: Apache-2.0
//! What a decision consists of: the run's state from now on, and what is to be done, in order.
//!
//! Each effect may be carried out twice: an operator that is killed between two of them leaves it to its successor to
//! decide anew, and that one finds the same to be done. What is added here is carried out in `carry_out`, and
//! shows in [`super::Situation`] whether it was.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::Value;
use upsurge_core::pinning::Change;
use upsurge_crds::{LoadTestRun, internal::TargetLease, v1alpha1::LoadTestRunStatus};
use upsurge_record::Record;

use crate::{collector::Finished, load_test_run::build::Objects};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write into the run what it lacks: one that was made by hand.
    Complete(Value),
    /// Write a lease: the run takes its target, or its place in line. Nothing of the run is made before it has all of its
    /// targets.
    WriteLease(Box<TargetLease>),
    /// Take the run out of the leases on its targets.
    LeaveTarget,
    /// Find out whose load was on the target at the same time as that of the run, which lasted from one instant to the
    /// other.
    LookForCompany {
        /// Start of the load.
        start: Timestamp,
        /// Its end.
        end: Timestamp,
    },
    /// Have the run kept until what it sets at its target is put back.
    KeepRun,
    /// Change what decides on the replicas of the target, where it still is what was looked at.
    SetReplicas(Vec<Change>),
    /// Let go of a run that has put everything back, but for this.
    ReleaseRun(Vec<String>),
    /// Open the collector's session, from its checkpoint if there is one.
    OpenSession,
    /// Apply what the Job needs.
    ApplyGroundwork(Arc<Objects>),
    /// Apply the Job. From here on there are pods.
    CreateJob(Arc<Objects>),
    /// Write the record of the run into its namespace, before its status says that it is finished. What follows in the list is left if
    /// that fails.
    KeepRecord(Arc<Record>),
    /// Write the state into the run's status. What follows in the list must not be done before it is known why.
    WriteStatus,
    /// Tell the runners to stop, and why.
    StopRunners(String),
    /// An epoch of the run is finished: go on to the next one, if there is one. The collector makes it durable before any runner
    /// hears of it.
    FinishEpoch(Box<Finished>),
    /// Have the steps of `spec.verify` and `spec.after` done.
    RunAfter,
    /// End pods that are still there.
    Quench,
    /// Have runner 0 ask the Prometheus server that the test names about the load, which lasted from one instant to the
    /// other.
    HavePrometheusAsked {
        /// Start of the load.
        start: Timestamp,
        /// Its end.
        end: Timestamp,
    },
    /// Ask the platform's Prometheus server about the load, which lasted from one instant to the other.
    AskPrometheus {
        /// Start of the load.
        start: Timestamp,
        /// Its end.
        end: Timestamp,
    },
    /// Close the collector's session.
    CloseSession,
    /// Delete the checkpoint.
    DropCheckpoint,
    /// Delete what the runners of a run that is over were: service account, Job, and with it the pods.
    RemoveRunners,
    /// Forget what this operator remembers of the run.
    Forget,
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// At once: what was done makes more known.
    Now,
    /// After a while, if nothing happens before.
    After(Duration),
    /// When the run changes.
    AtChange,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The run's state from now on.
    pub state: LoadTestRunStatus,
    /// Whether the state has the figures as they are now.
    pub shows_figures: bool,
    /// What to do, in this order.
    pub effects: Vec<Effect>,
    /// When to look again.
    pub look: Look,
}

impl Decision {
    /// A state, what to do, and when to look again.
    pub fn new(state: LoadTestRunStatus, effects: Vec<Effect>, look: Look) -> Self {
        Self { state, shows_figures: false, effects, look }
    }

    /// Whether it does no more than show how a run goes, or tell the collector once more what it was told: decided on facts
    /// that lag behind, it does no harm. The status is only written over the version that was looked at.
    pub fn only_shows(&self, run: &LoadTestRun) -> bool {
        let status = run.status.as_ref();
        let goes_on = status.and_then(|status| status.phase) == self.state.phase
            && status.and_then(|status| status.end_cause.as_ref()) == self.state.end_cause.as_ref();
        goes_on
            && self.effects.iter().all(|effect| match effect {
                Effect::WriteStatus
                | Effect::RunAfter
                | Effect::HavePrometheusAsked { .. }
                | Effect::AskPrometheus { .. }
                | Effect::StopRunners(_) => true,
                Effect::Complete(_)
                | Effect::WriteLease(_)
                | Effect::LeaveTarget
                | Effect::LookForCompany { .. }
                | Effect::KeepRun
                | Effect::SetReplicas(_)
                | Effect::ReleaseRun(_)
                | Effect::OpenSession
                | Effect::ApplyGroundwork(_)
                | Effect::CreateJob(_)
                | Effect::KeepRecord(_)
                | Effect::FinishEpoch(_)
                | Effect::Quench
                | Effect::CloseSession
                | Effect::DropCheckpoint
                | Effect::RemoveRunners
                | Effect::Forget => false,
            })
    }

    /// What is to be changed that decides on the replicas of the target.
    pub fn changes(&self) -> &[Change] {
        let changes = self.effects.iter().find_map(|effect| match effect {
            Effect::SetReplicas(changes) => Some(changes.as_slice()),
            _ => None,
        });
        changes.unwrap_or_default()
    }

    /// Something must be done before more can be decided.
    pub fn first(state: LoadTestRunStatus, effect: Effect) -> Self {
        Self::new(state, vec![effect], Look::Now)
    }
}
