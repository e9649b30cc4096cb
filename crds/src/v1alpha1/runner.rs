// SPDX-License-Identifier: Apache-2.0
//! The pods that generate the load, the deadlines of a run, and how many old runs are kept.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LocalObjectReference, ResourceRequirements, Toleration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{duration::TimeSpan, kubernetes};

/// The runner pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunnerSpec {
    /// Number of runner pods that share the load. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub parallelism: i32,

    /// Resources of each runner. A CPU request of whole cores keeps the pacing true; a CPU limit
    /// throttles it. Default: 500m CPU and 128Mi requested, 512Mi memory limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kubernetes::bare::<ResourceRequirements>")]
    pub resources: Option<ResourceRequirements>,

    /// Labels of the nodes that runners may be scheduled to. Default: any node. Example: `{pool: load}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 50))]
    pub node_selector: BTreeMap<String, String>,

    /// Taints that runners tolerate. Default: none. Example: `[{key: load, operator: Exists}]`.
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
    /// From the creation of the runner pods until all of them run. Default: 5m.
    #[serde(default = "five_minutes")]
    pub prepare: TimeSpan,

    /// From then until all runners are ready to start (data loaded, `before` done). Default: 1m.
    #[serde(default = "one_minute")]
    pub start: TimeSpan,

    /// From the start of the load until all results are in. Default: length of the load, its
    /// `gracefulStop` and two minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<TimeSpan>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { prepare: five_minutes(), start: one_minute(), run: None }
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
