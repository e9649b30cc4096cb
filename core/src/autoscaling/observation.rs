// SPDX-License-Identifier: Apache-2.0
//! What the samplers saw: changes of replicas, of the autoscaler's conditions, and the lives of pods.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most changes of replicas that are kept; beyond it every second change of the middle is left out.
const MOST_SAMPLES: usize = 1_000;
/// Most transitions of conditions that are kept; the first and the last ones tell most.
const MOST_CONDITIONS: usize = 200;
/// Most pods whose times are kept.
const MOST_PODS: usize = 500;
/// Most samples of use that are kept.
const MOST_USAGE: usize = 240;
/// Most rollouts and problems that are kept.
const MOST_NOTES: usize = 50;

/// All that was seen of the target and its autoscaler, small enough for the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Observation {
    /// The autoscaler of the target, once found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<Autoscaler>,
    /// Replicas at each change, in order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<ReplicaSample>,
    /// Transitions of the autoscaler's conditions, in order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionSample>,
    /// The target's pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<PodTimes>,
    /// Sightings of pods that found no place among those that are kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub pods_omitted: u32,
    /// Instants at which the target's pod template changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rollouts: Vec<Timestamp>,
    /// Whether a pod of the target found no node.
    pub unschedulable: bool,
    /// Use of CPU and memory by the target's pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<UsageSample>,
    /// What could not be observed, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// An autoscaler and its bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaler {
    /// Kind, for example `HorizontalPodAutoscaler`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Fewest replicas.
    pub min_replicas: i32,
    /// Most replicas.
    pub max_replicas: i32,
}

/// Replicas from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaSample {
    /// The instant.
    pub at: Timestamp,
    /// What the autoscaler wants, or the workload's spec without one.
    pub desired: i32,
    /// Replicas that exist.
    pub current: i32,
    /// Replicas that are ready to serve.
    pub ready: i32,
}

/// What all pods of the target use at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageSample {
    /// The instant.
    pub at: Timestamp,
    /// Pods that it was told of.
    pub pods: i32,
    /// CPU cores.
    pub cpu_cores: f64,
    /// Bytes of memory.
    pub memory_bytes: f64,
}

/// A condition of the autoscaler from an instant on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionSample {
    /// The instant.
    pub at: Timestamp,
    /// Type, for example `ScalingActive`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Reason, for example `FailedGetResourceMetric`.
    pub reason: String,
    /// Message.
    pub message: String,
}

/// The life of a pod of the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTimes {
    /// Name.
    pub name: String,
    /// The node that it was bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Bound to a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Timestamp>,
    /// Its container was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// Ready for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<Timestamp>,
    /// Seen to be about to go, or gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Timestamp>,
    /// Asked to end, by the clock of the API server, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminating: Option<Timestamp>,
    /// Its last container had ended after that, by the clock of its node, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

impl Observation {
    /// Notes the replicas at an instant; nothing if they are what they were.
    pub fn record_replicas(&mut self, at: Timestamp, desired: i32, current: i32, ready: i32) {
        let sample = ReplicaSample { at, desired, current, ready };
        // Several watches write here: their instants may come a little out of order.
        let place = self.samples.partition_point(|earlier| earlier.at <= at);
        let before = place.checked_sub(1).and_then(|index| self.samples.get(index));
        if before.is_some_and(|before| ReplicaSample { at, ..*before } == sample) {
            return;
        }
        self.samples.insert(place, sample);
        if self.samples.len() > MOST_SAMPLES {
            thin(&mut self.samples);
        }
    }

    /// Notes a condition of the autoscaler; nothing if status and reason are what they were.
    pub fn record_condition(
        &mut self,
        at: Timestamp,
        type_: &str,
        status: &str,
        reason: &str,
        message: &str,
    ) {
        let last = self.conditions.iter().rev().find(|condition| condition.type_ == type_);
        if last.is_some_and(|last| last.status == status && last.reason == reason) {
            return;
        }
        if self.conditions.len() >= MOST_CONDITIONS {
            self.conditions.remove(MOST_CONDITIONS / 2);
        }
        let text = message.get(..message.floor_char_boundary(500)).unwrap_or_default();
        self.conditions.push(ConditionSample {
            at,
            type_: type_.into(),
            status: status.into(),
            reason: reason.into(),
            message: text.into(),
        });
    }

    /// Notes what is known of a pod; times that were known before are kept.
    pub fn record_pod(&mut self, times: PodTimes) {
        let room = self.pods.len() < MOST_PODS;
        match self.pods.iter_mut().find(|pod| pod.name == times.name) {
            Some(pod) => {
                pod.node = pod.node.take().or(times.node);
                pod.created = pod.created.or(times.created);
                pod.scheduled = pod.scheduled.or(times.scheduled);
                pod.started = pod.started.or(times.started);
                pod.ready = pod.ready.or(times.ready);
                pod.deleted = pod.deleted.or(times.deleted);
                pod.terminating = pod.terminating.or(times.terminating);
                pod.ended = pod.ended.or(times.ended);
            }
            None if room => self.pods.push(times),
            None => self.pods_omitted = self.pods_omitted.saturating_add(1),
        }
    }

    /// Notes that the target's pod template changed.
    pub fn record_rollout(&mut self, at: Timestamp) {
        if self.rollouts.len() < MOST_NOTES && !self.rollouts.contains(&at) {
            self.rollouts.push(at);
        }
    }

    /// Notes what the pods use; of many samples every second one is kept.
    pub fn record_usage(&mut self, sample: UsageSample) {
        self.usage.push(sample);
        if self.usage.len() > MOST_USAGE {
            let mut keep = false;
            self.usage.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// Notes something that could not be observed; once, however often it comes.
    pub fn record_problem(&mut self, problem: &str) {
        if self.problems.len() < MOST_NOTES && !self.problems.iter().any(|known| known == problem) {
            self.problems.push(problem.into());
        }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Leaves out every second sample, but never the first, the last, or one with most or fewest ready
/// replicas: these carry the verdict.
fn thin(samples: &mut Vec<ReplicaSample>) {
    let most = samples.iter().map(|sample| sample.ready).max();
    let fewest = samples.iter().map(|sample| sample.ready).min();
    let (mut index, last) = (0, samples.len() - 1);
    let (mut most_seen, mut fewest_seen) = (false, false);
    samples.retain(|sample| {
        let extreme = (Some(sample.ready) == most && !std::mem::replace(&mut most_seen, true))
            || (Some(sample.ready) == fewest && !std::mem::replace(&mut fewest_seen, true));
        let keep = index == 0 || index == last || index % 2 == 0 || extreme;
        index += 1;
        keep
    });
}
