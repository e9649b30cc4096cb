// SPDX-License-Identifier: Apache-2.0
//! What is known after each event: a fold that needs no more memory than there are pods.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Autoscaler, Condition, Event, Life, Reading, Scaling, Source, What};

/// Most conditions of an autoscaler that are known; of more, those that came first.
const MOST_CONDITIONS: usize = 32;

/// What is known at an instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tracker {
    known: BTreeSet<Source>,
    load: Option<f64>,
    thresholds_met: Option<bool>,
    autoscaler: Option<Autoscaler>,
    scaling: Option<Scaling>,
    conditions: BTreeMap<String, Condition>,
    asked: Option<u32>,
    existing: Option<u32>,
    quota: Option<String>,
    pods: BTreeMap<String, PodState>,
}

/// What is known of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodState {
    /// Why no node takes it, while none does.
    pub unschedulable: Option<String>,
    /// Why an image of it can't be pulled, while that is so.
    pub image_pull: Option<String>,
    /// When its containers were seen to be started, if they are.
    pub started: Option<Timestamp>,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether an EndpointSlice has it as ready; absent if none names it.
    pub endpoint: Option<bool>,
    /// Whether it was asked to end.
    pub terminating: bool,
}

/// Numbers of replicas and the load at an instant; `None` is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Levels {
    /// Level of the load.
    pub load: Option<f64>,
    /// Whether all thresholds are met.
    pub thresholds_met: Option<bool>,
    /// Replicas that the autoscaler wants.
    pub desired: Option<u32>,
    /// Replicas that the workload asks for.
    pub asked: Option<u32>,
    /// Replicas that exist.
    pub existing: Option<u32>,
    /// Pods that are ready and were not asked to end.
    pub ready: Option<u32>,
    /// Pods that traffic goes to: those of `ready` that an EndpointSlice has as ready too, where any names the workload's
    /// pods. It is the supply.
    pub serving: Option<u32>,
    /// Fewest and most replicas that the autoscaler may ask for.
    pub bounds: Option<(u32, u32)>,
}

impl Tracker {
    /// Takes an event into account.
    pub fn see(&mut self, event: &Event) {
        match &event.what {
            What::Load { level } => self.load = Some(*level),
            What::Thresholds { met } => self.thresholds_met = Some(*met),
            What::Autoscaler(autoscaler) => self.autoscaler = Some(autoscaler.clone()),
            What::AutoscalerGone => {
                (self.autoscaler, self.scaling) = (None, None);
                self.conditions.clear();
            }
            What::Scaling(scaling) => self.scaling = Some(scaling.clone()),
            What::Condition(condition) => {
                let name = &condition.condition;
                if self.conditions.len() < MOST_CONDITIONS || self.conditions.contains_key(name) {
                    self.conditions.insert(name.clone(), condition.clone());
                }
            }
            What::Asked { replicas } => {
                self.asked = Some(*replicas);
                self.check_quota();
            }
            What::Existing { replicas } => {
                self.existing = Some(*replicas);
                self.check_quota();
            }
            What::QuotaExceeded { message } => self.quota = Some(message.clone()),
            What::Revision { .. } | What::Rollout { .. } | What::Usage { .. } => {}
            What::Pod { pod, life: Life::Gone } => drop(self.pods.remove(pod)),
            What::Pod { pod, life } => self.pods.entry(pod.clone()).or_default().live(event.seen, life),
            What::Lost { source, .. } => drop(self.known.remove(source)),
            What::Listed { source } => drop(self.known.insert(*source)),
        }
    }

    /// A quota is no matter any more once there are as many pods as are asked for.
    fn check_quota(&mut self) {
        if self.asked.zip(self.existing).is_some_and(|(asked, existing)| existing >= asked) {
            self.quota = None;
        }
    }

    /// About how many bytes it takes, with the texts of the pods' troubles.
    pub fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let pod = |(name, state): (&String, &PodState)| {
            size_of::<(String, PodState)>()
                + name.len()
                + text(&state.unschedulable)
                + text(&state.image_pull)
        };
        let condition = |(name, condition): (&String, &Condition)| {
            let texts =
                [name, &condition.condition, &condition.status, &condition.reason, &condition.message];
            size_of::<(String, Condition)>() + texts.into_iter().map(String::len).sum::<usize>()
        };
        let readings = self.scaling.iter().flat_map(|scaling| &scaling.readings);
        size_of::<Self>()
            + text(&self.quota)
            + self.pods.iter().map(pod).sum::<usize>()
            + self.conditions.iter().map(condition).sum::<usize>()
            + readings.map(|reading| size_of::<Reading>() + reading.metric.len()).sum::<usize>()
            + self.autoscaler.as_ref().map_or(0, Autoscaler::bytes)
    }

    /// Numbers of replicas and the load.
    pub fn levels(&self) -> Levels {
        let (runners, workload) = (self.knows(Source::Runners), self.knows(Source::Workload));
        let autoscaler = self.knows(Source::Autoscaler);
        let pods = self.knows(Source::Pods).then_some(&self.pods);
        let up = |pods: &BTreeMap<String, PodState>, serving: bool| {
            let named = pods.values().any(|pod| pod.endpoint.is_some());
            let counts = |pod: &&PodState| {
                pod.ready && !pod.terminating && (!serving || !named || pod.endpoint == Some(true))
            };
            u32::try_from(pods.values().filter(counts).count()).unwrap_or(u32::MAX)
        };
        Levels {
            load: self.load.filter(|_| runners),
            thresholds_met: self.thresholds_met.filter(|_| runners),
            desired: self.scaling().map(|scaling| scaling.desired),
            asked: self.asked.filter(|_| workload),
            existing: self.existing.filter(|_| workload),
            ready: pods.map(|pods| up(pods, false)),
            serving: pods.filter(|_| self.knows(Source::Endpoints)).map(|pods| up(pods, true)),
            bounds: self.autoscaler.as_ref().filter(|_| autoscaler).map(|found| (found.min, found.max)),
        }
    }

    /// Whether a source can be seen.
    pub fn knows(&self, source: Source) -> bool {
        self.known.contains(&source)
    }

    /// The autoscaler's settings as they were last seen.
    pub fn autoscaler(&self) -> Option<&Autoscaler> {
        self.autoscaler.as_ref()
    }

    /// What the autoscaler says, while it can be seen.
    pub fn scaling(&self) -> Option<&Scaling> {
        self.scaling.as_ref().filter(|_| self.knows(Source::Autoscaler))
    }

    /// A condition of the autoscaler, while it can be seen.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.get(type_).filter(|_| self.knows(Source::Autoscaler))
    }

    /// What a quota forbade, as long as pods are missing since then.
    pub fn quota(&self) -> Option<&str> {
        self.quota.as_deref()
    }

    /// The pods by name as they were last seen, whether or not they can be seen now.
    pub fn last_pods(&self) -> impl Iterator<Item = (&str, &PodState)> {
        self.pods.iter().map(|(name, pod)| (name.as_str(), pod))
    }

    /// The pods by name, while they can be seen.
    pub fn pods(&self) -> impl Iterator<Item = (&str, &PodState)> {
        let known = self.knows(Source::Pods);
        self.pods.iter().filter(move |_| known).map(|(name, pod)| (name.as_str(), pod))
    }
}

impl PodState {
    fn live(&mut self, seen: Timestamp, life: &Life) {
        match life {
            Life::Created | Life::Stopped | Life::Gone => {}
            Life::Unschedulable { message } => self.unschedulable = Some(message.clone()),
            Life::Scheduled { .. } => self.unschedulable = None,
            Life::ImagePullFailed { message } => self.image_pull = Some(message.clone()),
            Life::Started => {
                (self.unschedulable, self.image_pull) = (None, None);
                self.started = self.started.or(Some(seen));
            }
            Life::Ready => self.ready = true,
            Life::NotReady => self.ready = false,
            Life::Serving => self.endpoint = Some(true),
            Life::NotServing => self.endpoint = Some(false),
            Life::Terminating => self.terminating = true,
            Life::Ended { .. } => self.started = None,
        }
    }
}
