// SPDX-License-Identifier: Apache-2.0
//! All that is known of a run at one moment: the facts that a decision rests on. Plain data; who looks is `observe`.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use upsurge_core::verdict::Outcome;
use upsurge_crds::{LoadTest, LoadTestRun, v1alpha1::Company};

use crate::{
    collector::SessionSnapshot,
    load_test_run::{
        pinning::Scaler,
        plan::Plan,
        pods::{JobState, RunnerPod},
        progress::Cause,
        validate::Target,
    },
    prometheus_checks::Answers,
    records::Keeping,
    settings::RunnerDefaults,
    target_leases::Place,
};

/// The facts. What a phase does not ask for is not looked at, and absent.
#[derive(Debug)]
pub struct Situation {
    /// The run, as it was read a moment ago.
    pub run: LoadTestRun,
    /// When that was.
    pub now: Timestamp,
    /// The test that the run refers to, if something of it is needed.
    pub test: Lookup,
    /// What is to be run.
    pub plan: Option<Planned>,
    /// The target's workload and autoscaler, before the load.
    pub target: Option<Target>,
    /// For how long this operator has led.
    pub led_for: Duration,
    /// What decides on the replicas of the target, for a run that sets them or has set them.
    pub scaler: Option<Scaler>,
    /// Whether the operator may set replicas in the run's namespace.
    pub may_set_replicas: bool,
    /// The Job and its pods.
    pub objects: Objects,
    /// The collector's session, if it is open.
    pub session: Option<SessionSnapshot>,
    /// Whether it is time to show how the load goes.
    pub figures_due: bool,
    /// What Prometheus says about the load.
    pub checks: Asked,
    /// Whether the platform's policy lets the run begin.
    pub admission: Admission,
    /// How the run stands on its target, before the load. A run that is told that its target is busy is not asked whether
    /// the policy lets it begin.
    pub place: Place,
    /// Whose load was on the target at the same time, once somebody has looked.
    pub company: Option<Vec<Company>>,
    /// How far the record of the run is.
    pub record: Keeping,
    /// Version of the cluster, if it is known.
    pub cluster_version: Option<String>,
    /// Why the run has to stop because its namespace makes more load than the policy allows.
    pub excess: Option<String>,
    /// Why an effect that was decided on a moment ago can't be had.
    pub refusal: Option<Cause>,
    /// Why one could not be carried out, where that may pass.
    pub delay: Option<String>,
    /// How runner pods are made, or why they can't be at the moment.
    pub runner: Result<RunnerDefaults, String>,
}

/// A plan, or how the run ends because there can be none.
pub type Planned = Result<Arc<Plan>, Outcome>;

/// What the platform's policy says to a run that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, or has begun already.
    Granted,
    /// It never may; why not, and whom to ask.
    Refused(String),
    /// Not yet: others are first.
    Queued(String),
}

/// Whether a test is there.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The run has all that it needs.
    NotNeeded,
    /// It is not.
    Missing,
    /// It is.
    Found(Box<LoadTest>),
}

/// How far a question is.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// It was not put, or nobody knows of it any more.
    NotYet,
    /// It was put.
    UnderWay,
    /// It is answered.
    Answered(Answers),
}

/// What there is of a run besides itself.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// The Job.
    pub job: Option<JobState>,
    /// Its pods.
    pub pods: Vec<RunnerPod>,
    /// Why the Job can't create pods.
    pub forbidden: Option<String>,
    /// Name of the Job that somebody else has made where the run's own belongs.
    pub foreign: Option<String>,
}

impl Objects {
    /// Whether there may still be pods at work, of so many runners: ending the Job is of use.
    pub fn may_be_at_work(&self, runners: u32) -> bool {
        let Some(job) = &self.job else { return false };
        let over = job.finished || job.failure.is_some() || job.deleting;
        let all_ended = self.pods.len() >= runners as usize && self.pods.iter().all(RunnerPod::is_over);
        !over && !all_ended
    }
}
