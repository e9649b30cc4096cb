// SPDX-License-Identifier: Apache-2.0
//! How much of what pods ask for and may use they use.
//!
//! Of what is asked for, a pod counts as a whole: that is what the scheduler keeps free for it, and what an autoscaler reads. A limit
//! is each container's own, so the one counts that is nearest to its own.

use serde::{Deserialize, Serialize};

use crate::observation::{Amount, ContainerUsage, PodUsage};

/// From so many percent on a bound is as good as reached: what is measured is a mean over some seconds.
pub const FULL: f64 = 95.0;

/// Shares of one bound over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Share {
    /// The highest share, in percent.
    pub most: f64,
    /// The container that it was of; absent if it was of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Sum of the shares, for their mean.
    sum: f64,
    /// Samples with a share.
    pub known: u32,
    /// Those of them with a share of at least [`FULL`].
    pub full: u32,
    /// Samples in which a container has no such bound.
    pub unbounded: u32,
    /// Samples of pods that were not seen, so that nobody knows their bounds.
    pub unseen: u32,
}

/// Shares of CPU and memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shares {
    /// CPU, of what is asked for.
    pub cpu_request: Share,
    /// CPU, of what is allowed.
    pub cpu_limit: Share,
    /// Memory, of what is asked for.
    pub memory_request: Share,
    /// Memory, of what is allowed.
    pub memory_limit: Share,
}

impl Share {
    /// The mean share, in percent; `None` if none is known.
    pub fn mean(&self) -> Option<f64> {
        (self.known > 0).then(|| self.sum / f64::from(self.known))
    }

    /// Takes a share in percent.
    fn add(&mut self, percent: f64, container: Option<&str>) {
        self.known = self.known.saturating_add(1);
        self.sum += percent;
        self.full = self.full.saturating_add(u32::from(percent >= FULL));
        if self.known == 1 || percent > self.most {
            self.most = percent;
            self.container = container.map(Into::into);
        }
    }

    /// Both together, each over its own time.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.most > self.most {
            self.most = other.most;
            self.container.clone_from(&other.container);
        }
        self.sum += other.sum;
        self.known = self.known.saturating_add(other.known);
        self.full = self.full.saturating_add(other.full);
        self.unbounded = self.unbounded.saturating_add(other.unbounded);
        self.unseen = self.unseen.saturating_add(other.unseen);
    }
}

impl Shares {
    /// Takes a sample of a pod.
    pub(super) fn measure(&mut self, usage: &PodUsage) {
        if !usage.is_seen {
            for share in self.all() {
                share.unseen = share.unseen.saturating_add(1);
            }
            return;
        }
        let [cpu, memory] = usage.sum();
        of_whole(&mut self.cpu_request, cpu, |amount| amount.request);
        of_whole(&mut self.memory_request, memory, |amount| amount.request);
        of_containers(&mut self.cpu_limit, usage, |container| container.cpu);
        of_containers(&mut self.memory_limit, usage, |container| container.memory);
    }

    /// Takes the sums of all pods of a look, of which all were seen or not.
    pub(super) fn measure_sums(&mut self, [cpu, memory]: [Amount; 2], all_seen: bool) {
        if !all_seen {
            for share in self.all() {
                share.unseen = share.unseen.saturating_add(1);
            }
            return;
        }
        of_whole(&mut self.cpu_request, cpu, |amount| amount.request);
        of_whole(&mut self.memory_request, memory, |amount| amount.request);
        of_whole(&mut self.cpu_limit, cpu, |amount| amount.limit);
        of_whole(&mut self.memory_limit, memory, |amount| amount.limit);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.cpu_request.merge(&other.cpu_request);
        self.cpu_limit.merge(&other.cpu_limit);
        self.memory_request.merge(&other.memory_request);
        self.memory_limit.merge(&other.memory_limit);
    }

    fn all(&mut self) -> [&mut Share; 4] {
        [&mut self.cpu_request, &mut self.cpu_limit, &mut self.memory_request, &mut self.memory_limit]
    }
}

fn percent(used: f64, bound: Option<f64>) -> Option<f64> {
    bound.filter(|bound| *bound > 0.0).map(|bound| 100.0 * used / bound)
}

fn of_whole(share: &mut Share, amount: Amount, bound: impl Fn(Amount) -> Option<f64>) {
    match percent(amount.used, bound(amount)) {
        Some(percent) => share.add(percent, None),
        None => share.unbounded = share.unbounded.saturating_add(1),
    }
}

fn of_containers(share: &mut Share, usage: &PodUsage, of: impl Fn(&ContainerUsage) -> Amount) {
    let shares: Vec<(Option<f64>, &str)> = usage
        .containers
        .iter()
        .map(|container| {
            let Amount { used, limit, .. } = of(container);
            (percent(used, limit), container.name.as_str())
        })
        .collect();
    let known = shares.iter().filter_map(|(percent, name)| Some(((*percent)?, *name)));
    if let Some((percent, name)) = known.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        share.add(percent, Some(name));
    }
    if shares.iter().any(|(percent, _)| percent.is_none()) {
        share.unbounded = share.unbounded.saturating_add(1);
    }
}
