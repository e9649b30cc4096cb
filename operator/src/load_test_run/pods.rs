// SPDX-License-Identifier: Apache-2.0
//! What the runner pods and their Job say about how the runners fare. Pure.
//!
//! A pod may hold containers that others put into it. Only the one named [`CONTAINER`] is the runner: its end is the
//! end of the pod's work, whatever the others do, and theirs is not.

use jiff::Timestamp;
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus},
};
use kube::ResourceExt;
use upsurge_crds::names::labels;
pub use upsurge_crds::names::runner_pods::CONTAINER;

/// Why containers wait as long as nothing is wrong.
const IN_ORDER: [&str; 3] = ["", "ContainerCreating", "PodInitializing"];
/// Exit codes beyond this are signals, as shells have it.
const SIGNAL_BASE: i32 = 128;

/// A runner pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunnerPod {
    /// Name.
    pub name: String,
    /// What tells it from others of that name.
    pub uid: String,
    /// Index of its runner.
    pub index: u32,
    /// When it was bound to a node.
    pub scheduled: Option<Timestamp>,
    /// The node that it was bound to.
    pub node: Option<String>,
    /// Whether its runner runs.
    pub running: bool,
    /// Why its runner does not run yet: reason and message.
    pub waiting: Option<(String, String)>,
    /// Why no node was found for it.
    pub unschedulable: Option<String>,
    /// How its runner ended.
    pub end: Option<PodEnd>,
    /// Whether a container that somebody put beside the runner goes on although the runner has ended.
    pub lingers: bool,
    /// A container beside the runner that ended badly, in words.
    pub beside: Option<String>,
    /// Whether somebody deleted it.
    pub deleting: bool,
}

/// How the work of a pod ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodEnd {
    /// Exit code of its runner, if there was one.
    pub exit_code: Option<i32>,
    /// Reason, for example `OOMKilled` or `Evicted`.
    pub reason: String,
    /// Message; the last lines of its log when it failed.
    pub message: String,
    /// The init container that kept the runner from starting, in words.
    pub init: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}

impl PodEnd {
    /// Whether it did what it should.
    pub fn is_success(&self) -> bool {
        self.exit_code == Some(0)
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.exit_code.map(|code| code - SIGNAL_BASE).filter(|signal| (1..=64).contains(signal))
    }
}

impl RunnerPod {
    /// Reads a pod.
    pub fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let (runner, others) = containers(&status);
        let condition =
            |type_: &str| status.conditions.iter().flatten().find(|condition| condition.type_ == type_);
        let scheduled = condition("PodScheduled");
        let state = runner.and_then(|runner| runner.state.clone()).unwrap_or_default();
        let waiting = state
            .waiting
            .map(|waiting| (waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default()));
        let is_in_order = waiting.as_ref().is_none_or(|(reason, _)| IN_ORDER.contains(&reason.as_str()));
        let has_begun = state.running.is_some() || state.terminated.is_some();
        let held_up = (is_in_order && !has_begun).then(|| init_in_the_way(pod, &status)).flatten();
        let end = end(&status, runner);
        let is_over = is_over(&status);
        let index = pod
            .labels()
            .get(labels::COMPLETION_INDEX)
            .or_else(|| pod.annotations().get(labels::COMPLETION_INDEX));
        Self {
            name: pod.name_any(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            index: index.and_then(|text| text.parse().ok()).unwrap_or_default(),
            scheduled: scheduled
                .filter(|condition| condition.status == "True")
                .and_then(|condition| condition.last_transition_time.as_ref())
                .map(|time| time.0),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            running: state.running.is_some(),
            waiting: held_up.or(waiting),
            unschedulable: scheduled
                .filter(|condition| {
                    condition.status == "False" && condition.reason.as_deref() == Some("Unschedulable")
                })
                .map(|condition| condition.message.clone().unwrap_or_default()),
            lingers: end.is_some() && !is_over && others.iter().any(|other| terminated(other).is_none()),
            beside: others.iter().find_map(|other| failed("container", other)),
            end,
            deleting: pod.metadata.deletion_timestamp.is_some(),
        }
    }

    /// Whether nothing of the pod is left running, or will be in a moment: native sidecars end with the runner, by the
    /// kubelet; others are left to whoever made the pod.
    pub fn is_over(&self) -> bool {
        self.end.is_some() && !self.lingers
    }

    /// Whether its runner is being created, and nothing in its status says what takes so long.
    pub fn is_being_created(&self) -> bool {
        let untold = self
            .waiting
            .as_ref()
            .is_none_or(|(reason, message)| IN_ORDER.contains(&reason.as_str()) && message.is_empty());
        self.scheduled.is_some() && !self.running && self.end.is_none() && untold
    }

    /// Why its runner can't start, in words, if something says so.
    pub fn held_up(&self) -> Option<String> {
        let is_told = |(reason, message): &&(String, String)| {
            !IN_ORDER.contains(&reason.as_str()) || !message.is_empty()
        };
        let waits = self.waiting.as_ref().filter(is_told);
        let waits = waits.map(|(reason, message)| format!("{reason}: {message}"));
        let unschedulable =
            self.unschedulable.as_ref().map(|message| format!("no node takes its pod: {message}"));
        unschedulable.or(waits).filter(|_| self.end.is_none() && !self.running)
    }

    /// Whether the runner can't do anything any more, or has not begun to. A runner that was `heard` has begun: the
    /// kubelet writes that the pod runs some time after it does.
    pub fn is_quiet(&self, heard: bool) -> bool {
        self.end.is_some() || !(self.running || heard)
    }
}

/// The runner's status, and those of the containers beside it.
fn containers(status: &PodStatus) -> (Option<&ContainerStatus>, Vec<&ContainerStatus>) {
    let (runner, others): (Vec<_>, Vec<_>) =
        status.container_statuses.iter().flatten().partition(|container| container.name == CONTAINER);
    (runner.into_iter().next(), others)
}

fn is_over(status: &PodStatus) -> bool {
    matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"))
}

fn terminated(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    container.state.as_ref()?.terminated.as_ref()
}

/// A container that ended badly, in words.
fn failed(kind: &str, container: &ContainerStatus) -> Option<String> {
    let ended = terminated(container).filter(|ended| ended.exit_code != 0)?;
    Some(format!("{kind} {} exited with code {}", container.name, ended.exit_code))
}

/// What the first init container that is not done says: without it the runner can't start.
fn init_in_the_way(pod: &Pod, status: &PodStatus) -> Option<(String, String)> {
    let spec = pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
    let sidecars: Vec<&str> = spec
        .filter(|container| container.restart_policy.as_deref() == Some("Always"))
        .map(|container| container.name.as_str())
        .collect();
    status.init_container_statuses.iter().flatten().find_map(|container| {
        let state = container.state.as_ref()?;
        let who = format!("init container {}", container.name);
        if let Some(waiting) = &state.waiting {
            let reason = waiting.reason.clone().unwrap_or_default();
            let message = waiting.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
            return (!IN_ORDER.contains(&reason.as_str())).then(|| (reason, format!("{who}{message}")));
        }
        state.running.as_ref()?;
        let what = if !sidecars.contains(&container.name.as_str()) {
            "has not ended yet"
        } else if container.started == Some(true) {
            return None;
        } else {
            "has not started up yet"
        };
        Some(("PodInitializing".into(), format!("{who} {what}")))
    })
}

fn end(status: &PodStatus, runner: Option<&ContainerStatus>) -> Option<PodEnd> {
    let ended = runner.and_then(terminated);
    if ended.is_none() && !is_over(status) {
        return None;
    }
    let mut init = status.init_container_statuses.iter().flatten();
    let init = init.find_map(|container| failed("init container", container).zip(terminated(container)));
    let init = init.filter(|_| ended.is_none());
    let container = ended.or(init.as_ref().map(|(_, ended)| *ended)).cloned().unwrap_or_default();
    let known = ended.is_some_and(|ended| ended.finished_at.is_some() || ended.reason.is_some());
    Some(PodEnd {
        exit_code: known
            .then_some(container.exit_code)
            .or((status.phase.as_deref() == Some("Succeeded")).then_some(0)),
        // What befell the pod says more than what became of its container.
        reason: status.reason.clone().or(container.reason).unwrap_or_default(),
        message: status.message.clone().or(container.message).unwrap_or_default().trim().to_owned(),
        init: init.map(|(words, _)| words),
        at: container.finished_at.map(|time| time.0),
    })
}

/// The Job, as far as it tells something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobState {
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Why it failed: reason and message.
    pub failure: Option<(String, String)>,
    /// Whether it has ended.
    pub finished: bool,
    /// Whether somebody deleted it.
    pub deleting: bool,
}

impl JobState {
    /// Reads a Job.
    pub fn of(job: &Job) -> Self {
        let conditions =
            job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let holds = |type_: &str| {
            conditions.iter().find(|condition| condition.type_ == type_ && condition.status == "True")
        };
        let failure = holds("Failed").or_else(|| holds("FailureTarget")).map(|condition| {
            (condition.reason.clone().unwrap_or_default(), condition.message.clone().unwrap_or_default())
        });
        Self {
            created: job.metadata.creation_timestamp.as_ref().map(|time| time.0),
            failure,
            finished: holds("Failed").is_some() || holds("Complete").is_some(),
            deleting: job.metadata.deletion_timestamp.is_some(),
        }
    }
}

#[cfg(test)]
mod tests;
