// SPDX-License-Identifier: Apache-2.0
//! The record of a run: one document from which all that is told of it can be computed again.
//!
//! These types are the form; `record/schema.json` and the reference are made of them. What a status has in the same words is of the
//! status' own types. A field may be added (a new minor version) if a reader that does not know it is still right; anything else
//! takes a new major version. Nothing here reads or writes, and nothing decides a verdict.

mod elastic_speedup;
mod environment;
mod epoch;
mod heat;
mod note;
mod observed;
mod prometheus;
mod series;
mod stand_in;
mod version;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{
    AutoscalingResult, BottleneckResult, CapacityResult, Company, EpochResult, ExpectationResult,
    OperationResult, OutputResult, PrometheusCheckResult, RunnerResult, ScalabilityResult, Snapshot,
    SoakResult, SpikeResult, StressResult, UsageResult, Verdict, VerificationResult,
};

pub use self::{
    elastic_speedup::ElasticSpeedup,
    environment::{Environment, Generator, KubernetesEnvironment, Node, WorkloadEnvironment, git_revision},
    epoch::{Epoch, Figures, Measured, Part, PlannedLoad, PlannedStage, RequestPart, StagePart},
    heat::{HeatColumn, HeatMap},
    note::Note,
    observed::{Folded, Gap, ObservedWorkload},
    prometheus::{ObservedSeries, prometheus_series},
    series::{ColumnError, Latency, Point, Series, Users},
    version::{FORMAT, FormatVersion, VERSION, VersionError},
};
pub(crate) use self::{epoch::after, series::MOST_POINTS};

/// The record of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What this document is: always `upsurge.dev/record`.
    pub format: String,
    /// Version of the form, as `MAJOR.MINOR`. Whoever knows the same major version can read the document, and passes over fields that
    /// came with a later minor version. Example: `1.0`.
    pub version: FormatVersion,
    /// The program that wrote it.
    pub made_by: MadeBy,
    /// Why the record is not of the whole run; absent in one that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
    /// Whether figures were thinned so that the record fits its place.
    pub detail: Detail,
    /// By how much percentiles of single requests and of stages that are computed from this record may be off, as a share of them.
    /// Absent if they are exact; those of the whole load always are. Example: `0.023`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_bound: Option<f64>,
    /// Which run it is, and when it was.
    pub run: Run,
    /// The spec as it was carried out, as `kubectl explain loadtest.spec` describes it. Values of Secrets are not in it, and what may be a
    /// password or a token in it is `****`.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub test: Snapshot,
    /// Where it ran, and against what.
    pub environment: Environment,
    /// What came out.
    pub outcome: Outcome,
    /// Number of the epoch whose figures are those of the run: of a search for a capacity, the last that passed at it; of a test of
    /// scalability, the last that passed. Absent if no load was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_epoch: Option<u32>,
    /// The parts of the run, each with a load of its own. A run that is no search has one; one that broke before its load has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<Epoch>,
    /// What came out of each part of a search or of a test of scalability, in order: `epochs` may hold few of them. Only in records of a
    /// cluster; on the command line all of them are in `epochs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<EpochResult>,
    /// What a search has found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacityResult>,
    /// What a test of scalability has found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalability: Option<ScalabilityResult>,
    /// How the target stood a staircase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress: Option<StressResult>,
    /// How it stood each of several spikes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spikes: Vec<SpikeResult>,
    /// What came of `spec.verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationResult>,
    /// Each operation of a benchmark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationResult>,
    /// What the autoscaler did, with what came of each expectation on it; absent if nobody watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<AutoscalingResult>,
    /// How much better each workload was scaled than in a baseline run. No run writes it: `upsurge report --baseline` adds it to what it
    /// makes of a record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elastic_speedups: Vec<ElasticSpeedup>,
    /// What was seen of each workload, event by event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<ObservedWorkload>,
    /// CPU and memory of the target's pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<UsageResult>,
    /// What `spec.usage` asks for, with what was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage_expectations: Vec<ExpectationResult>,
    /// How latency went over a soak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<SoakResult>,
    /// What was scarce, as far as it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<BottleneckResult>,
    /// Prometheus checks with what was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prometheus_checks: Vec<PrometheusCheckResult>,
    /// Series of Prometheus over the load. Since version 1.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prometheus_series: Vec<ObservedSeries>,
    /// Each runner and how it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runners: Vec<RunnerResult>,
    /// How the servers fared that figures were pushed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputResult>,
    /// Runs that made load on the same target at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub company: Vec<Company>,
    /// What could not be seen or measured, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// What was joined or left out because there was too much of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folded: Vec<Folded>,
    /// Parts of the test that could not be judged, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_judged: Vec<String>,
    /// What went wrong beside the load, and changes no verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What somebody has noted about the run since, by `upsurge note`, in the order in which that was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl Record {
    /// A record that says of a run what it is and what came out, and nothing else yet.
    pub fn new(
        made_by: MadeBy,
        run: Run,
        test: Snapshot,
        environment: Environment,
        outcome: Outcome,
    ) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            made_by,
            incomplete: None,
            detail: Detail::Full,
            error_bound: None,
            run,
            test,
            environment,
            outcome,
            shown_epoch: None,
            epochs: Vec::new(),
            history: Vec::new(),
            capacity: None,
            scalability: None,
            stress: None,
            spikes: Vec::new(),
            verification: None,
            operations: Vec::new(),
            autoscaling: None,
            elastic_speedups: Vec::new(),
            workloads: Vec::new(),
            usage: Vec::new(),
            usage_expectations: Vec::new(),
            soak: None,
            bottleneck: None,
            prometheus_checks: Vec::new(),
            prometheus_series: Vec::new(),
            runners: Vec::new(),
            outputs: Vec::new(),
            company: Vec::new(),
            gaps: Vec::new(),
            folded: Vec::new(),
            not_judged: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The epoch whose figures are those of the run; `None` if no load was made.
    pub fn shown(&self) -> Option<&Epoch> {
        self.epochs.iter().find(|epoch| Some(epoch.number) == self.shown_epoch)
    }

    /// What came out of each part of a search or of a test of scalability, as far as it was kept.
    pub fn parts(&self) -> Vec<&EpochResult> {
        match self.history.is_empty() {
            true => self.epochs.iter().filter_map(|epoch| epoch.result.as_ref()).collect(),
            false => self.history.iter().collect(),
        }
    }
}

/// The program that wrote a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeBy {
    /// Its name. Example: `upsurge`.
    pub name: String,
    /// Its version. Example: `0.1.0`.
    pub version: String,
}

/// Why a record is not of the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incomplete {
    /// Why, in a sentence.
    pub message: String,
    /// Until when the record tells, in milliseconds from the start of the load of its last epoch.
    pub until_ms: u64,
}

/// How much of what was recorded is in a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Detail {
    /// All of it: figures that are computed from the record are exactly those that are told.
    #[default]
    Full,
    /// So much as there was room for. `folded` says what is missing. Verdict, accumulators of thresholds and the event log are whole.
    Thinned,
}

/// Which run a record is of, and when that was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Name of the test on the command line, and of the run in a cluster.
    pub name: String,
    /// Namespace; absent if the test names none on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// UID of the LoadTestRun; absent on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// When its first load started, or when it broke before that.
    #[schemars(with = "stand_in::Instant")]
    pub start_time: Timestamp,
    /// When it was over: load, observation and the steps after it.
    #[schemars(with = "stand_in::Instant")]
    pub end_time: Timestamp,
}

/// What came out of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one word. Example: `ThresholdsBreached`.
    pub reason: String,
    /// Why, in a sentence with numbers.
    pub message: String,
    /// The conditions of the run's status; none on the command line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
