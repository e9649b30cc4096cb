// SPDX-License-Identifier: Apache-2.0
//! CPU and memory of pods, as a metrics API tells them: with a time and a window of its own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What was read of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodUsage {
    /// Name of the pod.
    pub pod: String,
    /// End of the time that it speaks of, by the clock of whoever measured.
    pub at: Timestamp,
    /// Length of that time, in seconds. CPU is the mean over it; memory is as it was at its end.
    pub window: f64,
    /// Its containers.
    pub containers: Vec<ContainerUsage>,
    /// Whether the pod itself was seen. If not, nobody knows what its containers ask for and may use.
    #[serde(default)]
    pub is_seen: bool,
}

/// What was read of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerUsage {
    /// Its name.
    pub name: String,
    /// CPU, in cores.
    pub cpu: Amount,
    /// Memory that can't be taken back (the working set), in bytes.
    pub memory: Amount,
}

/// How much of a resource is used, beside what is asked for and allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// Used.
    pub used: f64,
    /// Asked for; absent if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<f64>,
    /// Allowed; absent if there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

impl PodUsage {
    /// CPU and memory of all containers together.
    pub fn sum(&self) -> [Amount; 2] {
        [|container: &ContainerUsage| container.cpu, |container: &ContainerUsage| container.memory]
            .map(|of| self.containers.iter().map(of).fold(Amount::none(), Amount::plus))
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let containers = self.containers.iter().map(|one| size_of::<ContainerUsage>() + one.name.len());
        size_of::<Self>() + self.pod.len() + containers.sum::<usize>()
    }
}

impl Amount {
    /// Nothing, of nothing.
    pub const fn none() -> Self {
        Self { used: 0.0, request: Some(0.0), limit: Some(0.0) }
    }

    /// Both together. What one part does not ask for, or is not limited to, is not known of the whole.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let both = |one: Option<f64>, other: Option<f64>| Some(one? + other?);
        Self {
            used: self.used + other.used,
            request: both(self.request, other.request),
            limit: both(self.limit, other.limit),
        }
    }
}
