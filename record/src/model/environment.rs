// SPDX-License-Identifier: Apache-2.0
//! Where a run was made, and against what: as much as whoever made it knew.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a run was made. What is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// Base URL of the target, without a login.
    pub target: String,
    /// What made the load.
    pub generator: Generator,
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesEnvironment>,
    /// The workloads that were tested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<WorkloadEnvironment>,
    /// Revision of the repository that the test came from, as annotation `upsurge.dev/git-revision` of the test tells. Example: `main@sha1:4f2c9b1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_revision: Option<String>,
}

/// Longest revision that is kept, in characters.
const LONGEST_REVISION: usize = 256;

/// The Git revision that an annotation tells; `None` if it tells none.
#[must_use]
pub fn git_revision(annotation: &str) -> Option<String> {
    let told: String = annotation.trim().chars().take(LONGEST_REVISION).collect();
    (!told.is_empty()).then_some(told)
}

/// What made the load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Generator {
    /// `Command`, or `Runners` in a cluster.
    pub kind: String,
    /// How many processes made it.
    pub processes: u32,
    /// Threads of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// CPUs that each may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Operating system and processor. Example: `linux/x86_64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

/// A cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesEnvironment {
    /// Version of its API server. Example: `v1.36.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
}

/// A node of a cluster, or several that are alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// How many are like this.
    pub count: u32,
    /// Kind of the machine, as the cloud calls it. Example: `m7g.large`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// CPU that pods may use, as a quantity. Example: `1930m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory that pods may use, as a quantity. Example: `7134Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

/// A workload that was tested, as it was when the load started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadEnvironment {
    /// Its name.
    pub name: String,
    /// Its kind. Example: `Deployment`.
    pub kind: String,
    /// Images of its containers, by name of the container.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// `resources` of its containers as they are in the object, by name of the container.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, Value>,
    /// `spec` of its autoscaler as it is in the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_what_the_annotation_says_if_it_says_something() {
        assert_eq!(git_revision(" main@sha1:4f2c9b1\n").as_deref(), Some("main@sha1:4f2c9b1"));
        assert_eq!(git_revision("  "), None);
        assert_eq!(git_revision(&"é".repeat(1_000)).map(|told| told.chars().count()), Some(256));
    }
}
