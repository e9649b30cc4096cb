// SPDX-License-Identifier: Apache-2.0
//! `LoadTestRun`: one execution of a test, with its full result.

#![allow(clippy::duplicated_attributes, reason = "each column states its type")]

use std::collections::BTreeMap;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, apimachinery::pkg::apis::meta::v1::Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{snapshot::Snapshot, status::*};

/// What is run. Once set, nothing in it can be changed but `abort`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "upsurge.dev",
    version = "v1alpha1",
    kind = "LoadTestRun",
    namespaced,
    status = "LoadTestRunStatus",
    shortname = "ltr",
    doc = "One execution of a LoadTest, with its full result. The operator makes runs; people and pipelines may make one by hand that names a test in spec.loadTestRef, and stop one by spec.abort.",
    category = "upsurge",
    derive = "PartialEq",
    cel,
    printcolumn(name = "Test", type_ = "string", json_path = ".spec.loadTestRef.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".status.verdict"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "P95", type_ = "string", json_path = ".status.summary.latency.p95"),
    printcolumn(name = "Errors", type_ = "string", json_path = ".status.summary.errorRate"),
    printcolumn(name = "RPS", type_ = "string", json_path = ".status.summary.requestsPerSecond"),
    printcolumn(name = "Replicas", type_ = "string", json_path = ".status.autoscaling.replicas"),
    printcolumn(name = "Limited By", type_ = "string", json_path = ".status.autoscaling.limitedBy"),
    printcolumn(name = "P99", type_ = "string", json_path = ".status.summary.latency.p99", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    cel,
    validation = (
        "!has(oldSelf.test) || (has(self.test) && self.test == oldSelf.test)",
        "spec.test can't be changed; create another run"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct LoadTestRunSpec {
    /// The test that is run, in the same namespace. Can't be changed.
    #[x_kube(validation = ("self == oldSelf", "spec.loadTestRef can't be changed; create another run"))]
    pub load_test_ref: LoadTestReference,

    /// The test's spec as it was when the run was made, as `kubectl explain loadtest.spec` describes it. Left out in a run
    /// made by hand: the operator then fills in the spec that the test has at that moment. Can't be changed after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Snapshot>,

    /// Stops the run early. What was measured is kept; the verdict is Aborted. Default: false.
    #[serde(default)]
    #[x_kube(validation = ("self || !oldSelf", "spec.abort can't be taken back"))]
    pub abort: bool,
}

/// Names a `LoadTest` in the same namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadTestReference {
    /// Name of the test.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// State and result of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadTestRunStatus {
    /// Generation of the spec that this status speaks of; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Where the run is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// The outcome, once the phase is Finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,

    /// Why the verdict or the phase is what it is, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,

    /// The same in a sentence, with numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,

    /// Why the run ends before all that was planned is done, once that is decided. It is set before the runners are
    /// told to stop, and does not change after that. Absent in a run that goes, or went, to its planned end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_cause: Option<EndCause>,

    /// When the current phase began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_start_time: Option<Time>,

    /// When the load started on all runners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,

    /// When the load ended on all runners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_end_time: Option<Time>,

    /// When the run finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,

    /// Figures of the whole load; while the load runs, of what has come in so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Box<RunSummary>>,

    /// The same figures per stage, in the order of the stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub stages: Vec<StageResult>,

    /// The same figures per request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub requests: Vec<RequestResult>,

    /// The operations of a benchmark (`spec.load.benchmark`), in the order of the test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub operations: Vec<OperationResult>,

    /// Checks made by `expect`, with how often they passed and failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub expectations: Vec<CheckCount>,

    /// What was recorded of the test's own metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub metrics: Vec<MetricResult>,

    /// Each threshold with what was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "atomic"))]
    pub thresholds: Vec<ThresholdResult>,

    /// The parts of a run that has several, each with a load of its own: the probes of `spec.load.capacity`, or the measurements of
    /// `spec.load.scalability`. In such a run,
    /// `summary`, `stages`, `requests`, `expectations`, `metrics`, `thresholds` and `generator` are those of the last probe that
    /// passed (of a search: at the capacity), or of the last one of all if none passed or the run did not come to its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 60), extend("x-kubernetes-list-type" = "atomic"))]
    pub epochs: Vec<EpochResult>,

    /// What a search by `spec.load.capacity` has found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Box<CapacityResult>>,

    /// What `spec.load.scalability` has found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalability: Option<Box<ScalabilityResult>>,

    /// How the target stood the staircase of `spec.load.stress`, if that looks for a breaking point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress: Option<Box<StressResult>>,

    /// How the target stood each spike of `spec.load.spike.spikes`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12), extend("x-kubernetes-list-type" = "atomic"))]
    pub spikes: Vec<SpikeResult>,

    /// What came of `spec.verify`, if there are such steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationResult>,

    /// What the autoscaler did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Box<AutoscalingResult>>,

    /// CPU and memory of the target's pods while the load lasted: first of all pods of a workload together, then of single
    /// pods: those whose containers ended, and those that used most memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 30), extend("x-kubernetes-list-type" = "atomic"))]
    pub usage: Vec<UsageResult>,

    /// What `spec.usage` asks for, with what was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub usage_expectations: Vec<ExpectationResult>,

    /// How latency went over the stage `soak` of `spec.load.soak`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Box<SoakResult>>,

    /// What was scarce, as far as it was seen; absent if no load was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<BottleneckResult>,

    /// Prometheus checks with what was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub checks: Vec<PrometheusCheckResult>,

    /// Prometheus series over the load, in figures. The record of the run has their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub series: Vec<PrometheusSeriesResult>,

    /// Whether the generator did what was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Box<GeneratorResult>>,

    /// Each runner and how it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub runners: Vec<RunnerResult>,

    /// How the servers of `spec.outputs` fared, all runners together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub outputs: Vec<OutputResult>,

    /// Replicas that the run holds its target at, and what it found there, which it puts back before it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinning: Option<Box<PinningStatus>>,

    /// Runs that made load on the same target at the same time, which only happens where all of their tests say
    /// `spec.target.sharing: Shared`. Known at the end. Beyond 20, those that did so longest are kept, and `omitted` counts
    /// the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub company: Vec<Company>,

    /// What went wrong beside the load. It changes no verdict, but should be known: for example, that the steps of
    /// `spec.after` failed and left data behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub warnings: Vec<String>,

    /// Which term of leadership wrote this status last: a number that grows each time another operator takes over the
    /// lease, for example 29410512. A write of an operator whose term is lower is not made. It has no other use.
    // It is stored by this name, from before a run had epochs. Under another one, what operators of the version before wrote
    // would be lost even with an alias: the API server prunes what the schema does not know, and their writes would not be fenced.
    #[serde(rename = "leaderEpoch", default, skip_serializing_if = "Option::is_none")]
    pub leader_term: Option<i64>,

    /// How many entries the lists of this status leave out, by the name of the list, so that it stays within 64 KiB; absent
    /// if they are complete. What tells most is kept: what did not hold or broke, then what is slowest or fails most.
    /// Example: `{requests: 950, autoscaling.timeline: 410}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub omitted: BTreeMap<String, i32>,

    /// State in the form that `kubectl wait`, Flux and Argo CD read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
