// SPDX-License-Identifier: Apache-2.0
//! What a runner tells of the generator itself.

use serde::{Deserialize, Serialize};

/// How the generator itself fared in an interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorDelta {
    /// CPU time used, in seconds.
    pub cpu_seconds: f64,
    /// CPU scheduling periods of the container's cgroup.
    pub periods: u64,
    /// Those in which it was throttled.
    pub throttled_periods: u64,
    /// Seconds in which the load threads were watched.
    #[serde(default)]
    pub watched_seconds: f64,
    /// Those of them in which a load thread had no time to spare: it ran, or waited for a CPU, nearly all the time.
    #[serde(default)]
    pub saturated_seconds: f64,
    /// Highest share of a core that a load thread used; of the CPU limit, where that is less than a core.
    #[serde(default)]
    pub busiest_core: f64,
    /// Fewest file descriptors that were left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_left: Option<u64>,
    /// Fewest local ports that were left for connections to one address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports_left: Option<u64>,
}

impl GeneratorDelta {
    /// Adds another interval, or another runner.
    pub fn merge(&mut self, other: &Self) {
        self.cpu_seconds += other.cpu_seconds;
        self.periods = self.periods.saturating_add(other.periods);
        self.throttled_periods = self.throttled_periods.saturating_add(other.throttled_periods);
        self.watched_seconds += other.watched_seconds;
        self.saturated_seconds += other.saturated_seconds;
        self.busiest_core = self.busiest_core.max(other.busiest_core);
        self.files_left = fewest(self.files_left, other.files_left);
        self.ports_left = fewest(self.ports_left, other.ports_left);
    }
}

fn fewest(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}
