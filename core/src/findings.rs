// SPDX-License-Identifier: Apache-2.0
//! What came of what only some tests ask for: a breaking point and what the target was like beyond it, several spikes, a verification.
//!
//! Pure: made of what was recorded, and of what somebody who watched the target has seen. How each part decides a verdict is said here,
//! too, so that the command and the operator judge alike.

mod spikes;
mod stress;
mod verification;

use std::time::Duration;

use upsurge_crds::{
    names::reasons,
    v1alpha1::{
        AutoscalingResult, LoadTestSpec, SpikeResult, StressResult, ThresholdResult, VerificationResult,
    },
};

pub use self::{
    stress::{Notice, Restarts, Turning},
    verification::{COUNTERS, counters},
};
use crate::{
    autoscaling::Doubt,
    metrics::Metrics,
    plan::{Timeline, Turned},
    thresholds::Windows,
};

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// The test.
    pub test: &'a LoadTestSpec,
    /// Its load over time, as it was carried out.
    pub timeline: &'a Timeline,
    /// Whether that is less than was planned, as it turned back.
    pub turned: Option<Turned>,
    /// All that was recorded.
    pub metrics: &'a Metrics,
    /// What thresholds keep beside it.
    pub windows: &'a Windows,
    /// Thresholds as they were evaluated at the end, one of each of the test.
    pub thresholds: &'a [ThresholdResult],
    /// How long the load lasted.
    pub elapsed: Duration,
    /// How often pods of the target were restarted; absent if nobody watched.
    pub restarts: Option<&'a Restarts>,
    /// What was seen of the target's replicas; absent if nobody watched.
    pub autoscaling: Option<&'a AutoscalingResult>,
    /// What became of `verify`: absent if that is not known.
    pub verified: Option<&'a Result<(), String>>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// How the target stood a staircase.
    pub stress: Option<StressResult>,
    /// How it stood each of several spikes.
    pub spikes: Vec<SpikeResult>,
    /// What came of `verify`.
    pub verification: Option<VerificationResult>,
}

impl Findings {
    /// Finds all of it.
    pub fn of(recorded: &Recorded<'_>) -> Self {
        Self {
            stress: stress::found(recorded),
            spikes: spikes::found(recorded),
            verification: verification::found(recorded),
        }
    }

    /// Each thing that was judged.
    pub fn lines(&self) -> Vec<Line> {
        let verification = self.verification.iter().map(|one| Line {
            part: "verification",
            name: "verification".into(),
            passed: one.passed,
            undecided: one.undecided,
            told: one.message.clone().unwrap_or_else(|| "what spec.verify expects holds".into()),
            reason: if one.undecided { reasons::NOT_VERIFIED } else { reasons::VERIFICATION_FAILED },
        });
        let stress = self.stress.iter().flat_map(|stress| &stress.expectations).map(|one| Line {
            part: "stress",
            name: format!("{} {}", one.name, one.expected),
            passed: one.passed,
            undecided: one.undecided,
            told: one.message.clone().unwrap_or_else(|| one.observed.clone()),
            reason: match (
                one.undecided,
                one.observed == stress::NOT_REACHED,
                one.name == stress::RECOVER_WITHIN,
            ) {
                (true, true, _) => reasons::OVERLOAD_NOT_REACHED,
                (true, false, _) => reasons::OBSERVATION_INCOMPLETE,
                (false, _, true) => reasons::NOT_RECOVERED,
                (false, _, false) => reasons::NOT_GRACEFUL,
            },
        });
        let spikes = self.spikes.iter().map(|spike| Line {
            part: "spikes",
            name: format!("spike {}", spike.name),
            passed: spike.passed,
            undecided: spike.undecided,
            told: spike.message.clone(),
            reason: if spike.undecided { reasons::NO_DATA } else { reasons::SPIKE_FAILED },
        });
        verification.chain(stress).chain(spikes).collect()
    }

    /// What was asked for and did not hold.
    pub(crate) fn failures(&self) -> impl Iterator<Item = Doubt> {
        self.lines().into_iter().filter(|line| !line.passed && !line.undecided).map(Doubt::from)
    }

    /// What could not be told, which keeps a run from passing.
    pub(crate) fn undecided(&self) -> impl Iterator<Item = Doubt> {
        self.lines().into_iter().filter(|line| line.undecided).map(Doubt::from)
    }

    /// What should be said of a run that passed.
    pub(crate) fn praise(&self) -> Vec<String> {
        let mut said: Vec<String> = self.stress.iter().map(|stress| stress.message.clone()).collect();
        if !self.spikes.is_empty() {
            said.push(format!("all of {} spikes passed", self.spikes.len()));
        }
        if self.verification.is_some() {
            said.push("verified".to_owned());
        }
        said
    }
}

/// What is found where nothing is asked for.
pub static NO_FINDINGS: Findings = Findings { stress: None, spikes: Vec::new(), verification: None };

/// One thing that was judged, in words: a spike and a verification have no line of their own in the status, as what
/// [`Judged`](crate::judged::Judged) holds has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it belongs to.
    pub part: &'static str,
    /// What was asked for.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// Whether that can't be told.
    pub undecided: bool,
    /// What was observed.
    pub told: String,
    /// Reason of a run whose verdict is made by it: one of `upsurge_crds::names::reasons`.
    pub reason: &'static str,
}

impl From<Line> for Doubt {
    fn from(line: Line) -> Self {
        Self { reason: line.reason, message: format!("{}: {}", line.name, line.told) }
    }
}
