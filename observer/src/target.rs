// SPDX-License-Identifier: Apache-2.0
//! The workload that is observed.

use std::fmt::{Display, Formatter, Result};

/// Names a workload that has a scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its namespace.
    pub namespace: String,
    /// Its API group and version, for example `apps/v1`.
    pub api_version: String,
    /// Its kind, for example `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Target {
    /// Whether something refers to it. Versions of one API group name the same object.
    pub fn is(&self, api_version: &str, kind: &str, name: &str) -> bool {
        self.kind == kind && self.name == name && group(&self.api_version) == group(api_version)
    }

    /// Whether it is of a kind that Kubernetes itself has, which is watched; of others the scale is looked at.
    pub fn is_built_in(&self) -> bool {
        self.api_version == "apps/v1"
            && ["Deployment", "StatefulSet", "ReplicaSet"].contains(&self.kind.as_str())
    }
}

impl Display for Target {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

fn group(api_version: &str) -> Option<&str> {
    api_version.split_once('/').map(|(group, _)| group)
}
