// SPDX-License-Identifier: Apache-2.0
//! `LoadTest`: the test that a team keeps in Git.

#![allow(clippy::duplicated_attributes, reason = "each column states its type")]

use std::collections::BTreeMap;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, apimachinery::pkg::apis::meta::v1::Time};
use kube::{CustomResource, KubeSchema};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    autoscaling::AutoscalingSpec,
    data::DataSource,
    http::HttpOptions,
    load::Load,
    metric::CustomMetric,
    output::OutputSpec,
    prometheus::PrometheusSpec,
    record::RecordSettings,
    runner::{Deadlines, History, RunnerSpec},
    scenario::{Block, Scenario},
    start::{Schedule, StartTrigger},
    status::{AutoscalingDigest, Phase, RunSummary, Verdict},
    step::{NestedSteps, Step},
    target::{SecretVariable, Target},
    threshold::Threshold,
    usage::UsageLimit,
};

/// What is tested, how much load there is, and what must hold. Each change makes a run, except for changes of `suspend`,
/// `schedule`, `triggers` and `history`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "upsurge.dev",
    version = "v1alpha1",
    kind = "LoadTest",
    namespaced,
    status = "LoadTestStatus",
    shortname = "lt",
    doc = "A load test: what is tested, how much load there is, and what must hold for the test to pass. Each change of its spec makes a LoadTestRun, which carries it out and keeps the result; so do spec.schedule, spec.triggers and a new value of the annotation upsurge.dev/rerun.",
    category = "upsurge",
    derive = "PartialEq",
    cel,
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".status.verdict"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "P95", type_ = "string", json_path = ".status.summary.latency.p95"),
    printcolumn(name = "Errors", type_ = "string", json_path = ".status.summary.errorRate"),
    printcolumn(name = "RPS", type_ = "string", json_path = ".status.summary.requestsPerSecond"),
    printcolumn(name = "Replicas", type_ = "string", json_path = ".status.autoscaling.replicas"),
    printcolumn(name = "Limited By", type_ = "string", json_path = ".status.autoscaling.limitedBy"),
    printcolumn(name = "Last Run", type_ = "string", json_path = ".status.lastRun", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    cel,
    // Optional, as scripts will be another member of this union.
    validation = ("has(self.scenarios)", "spec needs scenarios")
)]
#[serde(rename_all = "camelCase")]
pub struct LoadTestSpec {
    /// The system under test.
    pub target: Target,

    /// Values that steps use as `{{ NAME }}`: text, numbers, true or false. A list gives each user
    /// a random element.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "variables")]
    pub variables: BTreeMap<String, Value>,

    /// Values from Secrets, used as `{{ secrets.NAME }}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub secrets: Vec<SecretVariable>,

    /// Rows of data that steps use as `{{ NAME.COLUMN }}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub data: Vec<DataSource>,

    /// Where random numbers begin: runs with the same seed draw the same values, user by user.
    /// Default: another one each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,

    /// Tags of everything that is recorded. Thresholds can select by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub tags: BTreeMap<String, String>,

    /// Defaults of every HTTP request.
    #[serde(default)]
    pub http: HttpOptions,

    /// Steps done once per run before the load starts; what they capture is known to every user.
    /// If one of them fails, the run ends with verdict Error. Their fields: `spec.scenarios.steps`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub before: Vec<Step>,

    /// Steps done once per run after the load of all runners has ended, by the user of `before`, with the variables
    /// that `before` captured: tidying up. They get 5 minutes. A step that fails is told in `status.warnings` and
    /// changes no verdict. Their fields: `spec.scenarios.steps`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub after: Vec<Step>,

    /// Steps done once per run after the load of all runners has ended, before those of `after`, by the user of `before`, with the
    /// variables that `before` captured and the counters of the run: `{{ run.iterations }}`, `{{ run.NAME }}` for a counter of
    /// `spec.metrics`. If one of them fails, or a response is not as expected, the run is Failed (`VerificationFailed`). Written as
    /// the steps of a scenario. They share the 5 minutes of `after`. Example, with the number of orders before the load as `earlier`:
    /// `[{request: {url: /orders/count, capture: [{name: orders, jsonPath: $.count}],
    /// expect: [{condition: "orders - earlier >= run.confirmed"}]}}]`.
    #[serde(default, skip_serializing_if = "NestedSteps::is_empty")]
    pub verify: NestedSteps,

    /// Sequences of steps that others run by name: `run: log in`. Unlike steps within other steps, those of a block are
    /// checked in full at apply. Example: `[{name: log in, steps: [{request: {url: /login}}]}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub blocks: Vec<Block>,

    /// What users do. Each iteration does one scenario, chosen by weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub scenarios: Option<Vec<Scenario>>,

    /// How much load, and when.
    pub load: Load,

    /// Metrics of your own, recorded by steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub metrics: Vec<CustomMetric>,

    /// Limits that the measured figures must keep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub thresholds: Vec<Threshold>,

    /// How the run treats the target's autoscalers. What is expected of them stands in `target.workloads`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<AutoscalingSpec>,

    /// Limits on the CPU and memory that the target's pods use, from the cluster's metrics API. Needs `target.workloads`. Default:
    /// none, usage is only reported. Example: `[{resource: CPU, relativeTo: Limit, maxPercent: 70}, {resource: Memory,
    /// maxGrowthPercentPerHour: 5, maxRestarts: 0}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub usage: Vec<UsageLimit>,

    /// Checks on figures that a Prometheus server knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSpec>,

    /// The pods that generate the load.
    #[serde(default)]
    pub runner: RunnerSpec,

    /// Longest times of the phases of a run.
    #[serde(default)]
    pub deadlines: Deadlines,

    /// Holds new runs; a run under way goes on. When it is set back, what is due starts: the first run of a test that was created
    /// suspended, or a run of a spec that changed meanwhile. A test whose spec has been run as it is makes none, and scheduled times
    /// and rollouts that came meanwhile are not made up for. Default: false.
    #[serde(default)]
    pub suspend: bool,

    /// When the test is run again, besides at changes. Default: never. Example: `{cron: "0 3 * * *", timeZone: Europe/Berlin,
    /// startingDeadline: 1h}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,

    /// What else starts a run when it happens. Default: nothing. Example: `[{type: Rollout, settle: 1m}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub triggers: Vec<StartTrigger>,

    /// Servers that every runner pushes its figures to while the load runs. Example:
    /// `[{name: metrics, prometheusRemoteWrite: {url: "http://prometheus.monitoring.svc:9090/api/v1/write"}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub outputs: Vec<OutputSpec>,

    /// Where the record of each run is put besides its namespace. Default: nowhere. Example:
    /// `{store: {objectStore: {url: "s3://load-tests/nightly", secretRef: {name: load-test-store}}}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordSettings>,

    /// Which finished runs are kept, by outcome, number and age. Example: `{passed: {count: 3}, notPassed: {maxAge: 90d}}`.
    #[serde(default)]
    pub history: History,
}

fn variables(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 100,
        "additionalProperties": {"x-kubernetes-preserve-unknown-fields": true}
    })
}

/// What is known about a test: its last run, in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadTestStatus {
    /// Generation of the spec that this status speaks of; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Phase of the run under way, or of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// Verdict of the last run; absent while one is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,

    /// Why the verdict or the phase is what it is, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,

    /// Name of the newest run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<String>,

    /// Generation of the spec that the newest run was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run_generation: Option<i64>,

    /// Digest of the parts of the spec that matter to a run, as of the newest run. A new generation
    /// with the same digest makes no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run_digest: Option<String>,

    /// How many runs the annotation `upsurge.dev/rerun` has asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reruns: Option<i64>,

    /// Value of the annotation `upsurge.dev/rerun` that the newest run answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rerun: Option<String>,

    /// Why the operator made the newest run that it made: `SpecChanged`, `Rerun`, `Schedule` or `Rollout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_trigger: Option<String>,

    /// The scheduled time that was answered last by a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,

    /// The next scheduled time; one that is past is about to be answered, or waits for a run that is under way. Absent
    /// without a schedule, and while the test is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,

    /// Revision of the target's workload that was ready last, as far as `spec.triggers` is concerned: of a Deployment its
    /// number, of a StatefulSet its name. The revisions of several workloads have a comma between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_revision: Option<String>,

    /// How many runs rollouts of the target have started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollouts: Option<i64>,

    /// When the newest run's load started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,

    /// When the newest run finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,

    /// Figures of the newest run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<RunSummary>,

    /// What the autoscaler did in the newest run, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<AutoscalingDigest>,

    /// Which term of leadership wrote this status last: a number that grows each time another operator takes over the
    /// lease, for example 29410512. A write of an operator whose term is lower is not made. It has no other use.
    // It is stored by this name, from before a run had epochs. Under another one, what operators of the version before wrote
    // would be lost even with an alias: the API server prunes what the schema does not know, and their writes would not be fenced.
    #[serde(rename = "leaderEpoch", default, skip_serializing_if = "Option::is_none")]
    pub leader_term: Option<i64>,

    /// State in the form that `kubectl wait`, Flux and Argo CD read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
