// SPDX-License-Identifier: Apache-2.0
//! The pods that generate the load, the deadlines of a run, and how many old runs are kept.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, EnvFromSource, LocalObjectReference, PodDNSConfig, PodSecurityContext, ResourceRequirements,
    SecurityContext, Toleration,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{duration::TimeSpan, kubernetes};

/// The runner pods. What is a part of a pod is kept as it was written ([`Value`]): read as the type that it is of, fields which
/// that type does not have would be lost, and nobody could tell of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunnerSpec {
    /// Number of runner pods that share the load. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub parallelism: i32,

    /// Resources of each runner. A CPU request of whole cores keeps the pacing true; a CPU limit
    /// throttles it. Default: what the platform team has set for all runners (`runner.resources` in the chart's values), else
    /// 500m CPU and 128Mi requested, 512Mi memory limit. A request can't be above its limit. Example:
    /// `{requests: {cpu: "2", memory: 1Gi}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kubernetes::bare::<ResourceRequirements>")]
    pub resources: Option<ResourceRequirements>,

    /// Labels of the nodes that runners may be scheduled to. Default: those of the platform team, else any node.
    /// Example: `{pool: load}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 50))]
    pub node_selector: BTreeMap<String, String>,

    /// Taints that runners tolerate. Default: those of the platform team, else none. Example: `[{key: load, operator: Exists}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::list::<Toleration>")]
    pub tolerations: Vec<Toleration>,

    /// Image of the runners instead of the operator's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// Secrets in the namespace of the test that hold the credentials for the registry of the image, of type
    /// `kubernetes.io/dockerconfigjson`. Example: `[{name: registry}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::named::<LocalObjectReference>")]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// Labels of the runner pods, besides those of the operator. Don't use labels by which a Service or a workload
    /// selects its pods. They are joined with those of the platform team, and win. Default: none. Example: `{team: shop}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "kubernetes::marks")]
    pub labels: BTreeMap<String, String>,

    /// Annotations of the runner pods, besides those of the operator. They are joined with those of the platform team, and
    /// win. Default: none. Example: `{sidecar.istio.io/inject: "false"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "kubernetes::marks")]
    pub annotations: BTreeMap<String, String>,

    /// Which nodes runners would rather run on, or have to, as `affinity` of a pod. Each of nodeAffinity, podAffinity and
    /// podAntiAffinity that is left out is as the platform team has it. Default: preferably not on the nodes of the pods of
    /// `target.workloads`; `{podAntiAffinity: {}}` turns that off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kubernetes::bare::<Affinity>")]
    pub affinity: Option<Value>,

    /// How the runners of a run are spread, as in a pod. A constraint without a labelSelector is about the runners of the
    /// run. Default: as the platform team has it, else preferably each on another node. Example:
    /// `[{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::spread")]
    pub topology_spread_constraints: Vec<Value>,

    /// Environment variables of the runner, as in a container. Names that begin with UPSURGE_ are its own. Default: none.
    /// Example: `[{name: HTTPS_PROXY, value: "http://proxy:3128"}]`, with `http.proxy.fromEnvironment`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::variables")]
    pub env: Vec<Value>,

    /// ConfigMaps and Secrets whose keys become environment variables of the runner, as in a container. Default: none.
    /// Example: `[{configMapRef: {name: proxies}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::list::<EnvFromSource>")]
    pub env_from: Vec<Value>,

    /// Service account of the runner pods, which must exist in the namespace of the test. Its token is mounted only where a
    /// volume of yours asks for it. Default: one that the operator makes for the run, without any rights.
    /// Example: `load-test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,

    /// Security context of the runner pods, as in a pod, within what the pod security standard *restricted* allows. A field
    /// that is left out is as the platform team has it. Default: user and group 65532, not root, the runtime's seccomp
    /// profile. Example: `{fsGroup: 2000}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kubernetes::bare::<PodSecurityContext>")]
    pub security_context: Option<Value>,

    /// Security context of the runner's container, likewise. Default: not root, no capabilities, no way to more privileges,
    /// a read-only file system. Example: `{readOnlyRootFilesystem: false}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kubernetes::bare::<SecurityContext>")]
    pub container_security_context: Option<Value>,

    /// Volumes of the runner pods, as in a pod, of the kinds that the pod security standard *restricted* allows: configMap,
    /// csi, downwardAPI, emptyDir, ephemeral, persistentVolumeClaim, projected and secret. Default: none.
    /// Example: `[{name: scratch, emptyDir: {sizeLimit: 64Mi}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::volumes")]
    pub volumes: Vec<Value>,

    /// Where the runner sees those volumes, as in a container. Default: nowhere.
    /// Example: `[{name: scratch, mountPath: /scratch}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::mounts")]
    pub volume_mounts: Vec<Value>,

    /// Containers that run before the runner, or beside it with `restartPolicy: Always`, as in a pod. What their security
    /// contexts leave out is as in the runner's. The run waits for them up to `deadlines.prepare`. Default: none.
    /// Example: `[{name: fetch, image: registry.example.com/fetch:1, volumeMounts: [{name: scratch, mountPath: /scratch}]}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::init_containers")]
    pub init_containers: Vec<Value>,

    /// Priority class of the runner pods. Default: that of the platform team, else the cluster's default. Example: `load`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,

    /// Scheduler that finds nodes for the runner pods. Default: the cluster's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub scheduler_name: Option<String>,

    /// Names for addresses that runners know besides what name servers say, as in a pod. Default: none.
    /// Example: `[{ip: 192.0.2.7, hostnames: [shop.example.com]}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::host_aliases")]
    pub host_aliases: Vec<Value>,

    /// Name servers, search domains and options of the runners' resolver, added to those of the cluster, as in a pod.
    /// Default: none. Example: `{options: [{name: ndots, value: "1"}]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kubernetes::bare::<PodDNSConfig>")]
    pub dns_config: Option<Value>,

    /// Runtime class of the runner pods. Default: the cluster's default. Example: `gvisor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub runtime_class_name: Option<String>,

    /// Latest that the generator may start iterations, as the 99th percentile of all that start by the clock
    /// (`schedule_lag`). A run in which it was later is Inconclusive, as its figures speak of the generator. Raise it on busy
    /// nodes where such delays don't matter beside the seconds in which an autoscaler reacts. Default: 100ms.
    /// Example: `500ms`.
    #[serde(default = "hundred_milliseconds")]
    pub max_lag: TimeSpan,
}

impl Default for RunnerSpec {
    fn default() -> Self {
        Self {
            parallelism: 1,
            resources: None,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            image: None,
            image_pull_secrets: Vec::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            affinity: None,
            topology_spread_constraints: Vec::new(),
            env: Vec::new(),
            env_from: Vec::new(),
            service_account_name: None,
            security_context: None,
            container_security_context: None,
            volumes: Vec::new(),
            volume_mounts: Vec::new(),
            init_containers: Vec::new(),
            priority_class_name: None,
            scheduler_name: None,
            host_aliases: Vec::new(),
            dns_config: None,
            runtime_class_name: None,
            max_lag: hundred_milliseconds(),
        }
    }
}

fn one() -> i32 {
    1
}

fn hundred_milliseconds() -> TimeSpan {
    TimeSpan::from_millis(100)
}

/// Longest times of the phases of a run. A run that exceeds one ends with verdict Error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deadlines {
    /// How long the run waits for its target before it makes runner pods: until the replicas of `target.workloads` are ready and,
    /// where something is expected of an autoscaler, it reads its metrics. If the API server does not take
    /// what a run consists of for a reason that may pass, it is tried again for as long. Then, as long again, from the creation of the
    /// runner pods until all of them run. Default: 5m.
    #[serde(default = "five_minutes")]
    pub prepare: TimeSpan,

    /// From then until all runners are ready to start (data loaded, `before` done). Default: 1m.
    #[serde(default = "one_minute")]
    pub start: TimeSpan,

    /// From the start of the load until all results are in. Default: length of the load, its
    /// `gracefulStop` and two minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<TimeSpan>,

    /// How long it is tried to put back what the run has set at its target. After that the run ends and says what is left.
    /// Default: 5m.
    // Left out where it is not given, so that the digest of older tests stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<TimeSpan>,
}

impl Deadlines {
    /// How long it is tried to put back what a run has set.
    pub fn restore(&self) -> TimeSpan {
        self.restore.unwrap_or_else(five_minutes)
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { prepare: five_minutes(), start: one_minute(), run: None, restore: None }
    }
}

fn five_minutes() -> TimeSpan {
    TimeSpan::from_secs(300)
}

fn one_minute() -> TimeSpan {
    TimeSpan::from_secs(60)
}

/// How long finished runs are kept; others are deleted. Runs under way always stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Runs with verdict Passed. Default: 5 of them, however old. Example: `{count: 5, maxAge: 30d}`.
    #[serde(default = "five")]
    pub passed: Kept,

    /// Runs with any other verdict. Default: 10 of them, however old.
    #[serde(default = "ten")]
    pub not_passed: Kept,
}

/// How many runs are kept, and how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Most runs, the newest ones. Default: 5 that passed, 10 others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub count: Option<i32>,

    /// Longest time since a run finished. Default: any. Example: `30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<TimeSpan>,
}

impl Default for History {
    fn default() -> Self {
        Self { passed: five(), not_passed: ten() }
    }
}

impl History {
    /// Most runs that are kept: of those that passed, and of others.
    pub fn counts(&self) -> [i32; 2] {
        let count = |kept: &Kept, default: Kept| kept.count.or(default.count).unwrap_or_default();
        [count(&self.passed, five()), count(&self.not_passed, ten())]
    }
}

fn five() -> Kept {
    Kept { count: Some(5), max_age: None }
}

fn ten() -> Kept {
    Kept { count: Some(10), max_age: None }
}
