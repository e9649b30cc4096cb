// SPDX-License-Identifier: Apache-2.0
//! An event: what happened, when it was seen, and when Kubernetes says that it happened.
//!
//! Events tell states ("4 replicas are asked for"), never differences, so that one that is missing spoils nothing
//! after the next one of its kind.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PodUsage;

/// Longest message that is kept, in bytes.
pub const LONGEST_TEXT: usize = 300;

/// Something that was observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When the observer saw it, by the observer's own clock. For what a watch brings, that is some milliseconds after it
    /// became known to the API server.
    pub seen: Timestamp,
    /// When it happened, as Kubernetes has it: in whole seconds, rounded down, and by the clock of whoever stamped it. Of a source
    /// that was lost, since when it has told nothing new, by the observer's own clock; absent if that is when it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamped: Option<Timestamp>,
    /// Whether it was found by listing, at the first look or after a gap: it may have happened at any time before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub found: bool,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

impl Event {
    /// Something that a watch brought as it happened.
    pub fn live(seen: Timestamp, what: What) -> Self {
        Self { seen, stamped: None, found: false, what }
    }

    /// Something that was there when somebody looked.
    pub fn found(seen: Timestamp, what: What) -> Self {
        Self { seen, stamped: None, found: true, what }
    }

    /// With the stamp that Kubernetes gave it.
    #[must_use]
    pub fn stamped(mut self, at: Timestamp) -> Self {
        self.stamped = Some(at);
        self
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum What {
    /// The load is at this level from now on: iterations per second, or users. Of a ramp, a new one is told whenever the
    /// replicas that it asks for change.
    Load {
        /// The level.
        level: f64,
    },
    /// Whether all thresholds are met from now on, by bins of at most one second.
    Thresholds {
        /// Whether they are.
        met: bool,
    },
    /// The autoscaler's settings.
    Autoscaler(Autoscaler),
    /// The autoscaler was deleted.
    AutoscalerGone,
    /// What the autoscaler says that it wants.
    Scaling(Scaling),
    /// A condition of the autoscaler.
    Condition(Condition),
    /// Replicas that the workload asks for: `spec.replicas`, whoever wrote it.
    Asked {
        /// How many.
        replicas: u32,
    },
    /// Pods of the workload that exist: `status.replicas`.
    Existing {
        /// How many.
        replicas: u32,
    },
    /// The workload's pod template is at this revision.
    Revision {
        /// Its name, such as a hash.
        revision: String,
    },
    /// Whether pods of another revision are being replaced.
    #[serde(rename_all = "camelCase")]
    Rollout {
        /// Whether they are.
        under_way: bool,
    },
    /// A pod could not be made because of a quota.
    QuotaExceeded {
        /// What the API server said.
        message: String,
    },
    /// A step in the life of a pod.
    Pod {
        /// Name of the pod.
        pod: String,
        /// The step.
        #[serde(flatten)]
        life: Life,
    },
    /// CPU and memory of the workload's pods, as a metrics API told them at one look.
    Usage {
        /// Each pod that it told of.
        pods: Vec<PodUsage>,
        /// How many more it told of, which there was no room for.
        #[serde(default)]
        omitted: u32,
    },
    /// From now on nobody sees what a source has to tell.
    Lost {
        /// The source.
        source: Source,
        /// Why, as far as known.
        message: String,
    },
    /// All that a source has to tell has been told: from now on its state is known. It follows what was found.
    Listed {
        /// The source.
        source: Source,
    },
}

/// Where events come from. What a source tells is unknown before it is listed for the first time and while it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The runners: load and thresholds.
    Runners,
    /// The autoscaler.
    Autoscaler,
    /// The workload's scale and its events.
    Workload,
    /// The workload's pods.
    Pods,
    /// The EndpointSlices of the namespace.
    Endpoints,
    /// The API that tells of CPU and memory.
    Usage,
}

/// The settings of an autoscaler, as far as figures need them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaler {
    /// Kind, for example `HorizontalPodAutoscaler`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Fewest replicas.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
    /// Seconds of `behavior.scaleUp.stabilizationWindowSeconds`; 0 is Kubernetes' default.
    #[serde(default)]
    pub up_window: u32,
    /// Seconds of `behavior.scaleDown.stabilizationWindowSeconds`; 300 is Kubernetes' default.
    pub down_window: u32,
    /// Policies of `behavior.scaleUp` as they are in the object, for recommendations that add one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub up_policies: Vec<serde_json::Value>,
    /// The same of `behavior.scaleDown`. This and what follows is absent in records of observers that did not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_policies: Option<Vec<serde_json::Value>>,
    /// Which of its policies `behavior.scaleUp` goes by: `Max`, which is Kubernetes' default, `Min` or `Disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_select: Option<String>,
    /// The same of `behavior.scaleDown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_select: Option<String>,
}

impl Autoscaler {
    /// About how many bytes its texts take.
    pub(super) fn bytes(&self) -> usize {
        let policies = self.up_policies.iter().chain(self.down_policies.iter().flatten());
        let selects = [&self.up_select, &self.down_select].into_iter().flatten();
        self.kind.len()
            + self.name.len()
            + policies.map(|policy| policy.to_string().len()).sum::<usize>()
            + selects.map(String::len).sum::<usize>()
    }
}

/// What an autoscaler says in its status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scaling {
    /// Replicas that it wants, after its own bounds, policies and windows.
    pub desired: u32,
    /// Replicas that it knows of.
    pub current: u32,
    /// When it last changed the workload, by its own clock, in whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scale: Option<Timestamp>,
    /// What it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
}

/// A metric as an autoscaler reads it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Name, for example `cpu`.
    pub metric: String,
    /// What it is now, in the unit of the target; absent if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<f64>,
    /// What the autoscaler keeps it at.
    pub target: f64,
    /// Most that it can be: for CPU utilization the limit as percent of the request. Absent: no such bound is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<f64>,
}

/// A condition of an autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Type, for example `ScalingActive`. On the wire `condition`, as `type` says what the event is.
    pub condition: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Reason, for example `FailedGetResourceMetric`.
    pub reason: String,
    /// Message.
    pub message: String,
}

/// A step in the life of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Life {
    /// It exists.
    Created,
    /// No node has room for it.
    Unschedulable {
        /// What the scheduler said.
        message: String,
    },
    /// It is bound to a node.
    Scheduled {
        /// Name of the node, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// An image of it can't be pulled.
    ImagePullFailed {
        /// What the node said.
        message: String,
    },
    /// Its last container was started.
    Started,
    /// It is ready.
    Ready,
    /// It isn't ready any more.
    NotReady,
    /// It is ready in an EndpointSlice, so that traffic goes to it.
    Serving,
    /// An EndpointSlice names it, and it isn't ready there.
    NotServing,
    /// It was asked to end: its `deletionTimestamp` less the grace period.
    Terminating,
    /// A container of it ended.
    Ended {
        /// Why, for example `OOMKilled`.
        reason: String,
        /// Its exit code.
        exit_code: i32,
        /// How often containers of the pod have been started again so far.
        restarts: u32,
    },
    /// All of its containers have ended after it was asked to end.
    Stopped,
    /// It is not there any more.
    Gone,
}

impl Life {
    /// Bound to a node of which the name is not known.
    pub const SCHEDULED: Self = Self::Scheduled { node: None };
}

/// A text of somebody else, as long as it may be.
pub fn shortened(text: &str) -> String {
    text.get(..text.floor_char_boundary(LONGEST_TEXT)).unwrap_or_default().to_owned()
}

fn is_false(value: &bool) -> bool {
    !*value
}
