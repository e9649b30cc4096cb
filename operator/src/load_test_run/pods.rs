//! What the runner pods and their Job say about how the runners fare. Pure.

use jiff::Timestamp;
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ContainerStatus, Pod},
};
use kube::ResourceExt;
use upsurge_crds::names::labels;

/// Exit codes beyond this are signals, as shells have it.
const SIGNAL_BASE: i32 = 128;

/// A runner pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunnerPod {
    /// Name.
    pub name: String,
    /// Index of its runner.
    pub index: u32,
    /// When it was bound to a node.
    pub scheduled: Option<Timestamp>,
    /// Whether its container runs.
    pub running: bool,
    /// Why its container does not run yet: reason and message.
    pub waiting: Option<(String, String)>,
    /// Why no node was found for it.
    pub unschedulable: Option<String>,
    /// How it ended.
    pub end: Option<PodEnd>,
    /// Whether somebody deleted it.
    pub deleting: bool,
}

/// How a pod ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodEnd {
    /// Exit code of its container, if there was one.
    pub exit_code: Option<i32>,
    /// Reason, for example `OOMKilled` or `Evicted`.
    pub reason: String,
    /// Message; the last lines of its log when it failed.
    pub message: String,
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
        let container = status.container_statuses.as_deref().and_then(|list| list.first());
        let condition =
            |type_: &str| status.conditions.iter().flatten().find(|condition| condition.type_ == type_);
        let scheduled = condition("PodScheduled");
        let state = container.and_then(|container| container.state.clone()).unwrap_or_default();
        let waiting = state
            .waiting
            .map(|waiting| (waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default()));
        let index = pod
            .labels()
            .get(labels::COMPLETION_INDEX)
            .or_else(|| pod.annotations().get(labels::COMPLETION_INDEX));
        Self {
            name: pod.name_any(),
            index: index.and_then(|text| text.parse().ok()).unwrap_or_default(),
            scheduled: scheduled
                .filter(|condition| condition.status == "True")
                .and_then(|condition| condition.last_transition_time.as_ref())
                .map(|time| time.0),
            running: state.running.is_some(),
            waiting,
            unschedulable: scheduled
                .filter(|condition| {
                    condition.status == "False" && condition.reason.as_deref() == Some("Unschedulable")
                })
                .map(|condition| condition.message.clone().unwrap_or_default()),
            end: end(&status.phase, status.reason, status.message, container),
            deleting: pod.metadata.deletion_timestamp.is_some(),
        }
    }

    /// Whether the pod can't do anything any more, or has not begun to. A runner that was `heard` has begun: the
    /// kubelet writes that the pod runs some time after it does.
    pub fn is_quiet(&self, heard: bool) -> bool {
        self.end.is_some() || !(self.running || heard)
    }
}

fn end(
    phase: &Option<String>,
    reason: Option<String>,
    message: Option<String>,
    container: Option<&ContainerStatus>,
) -> Option<PodEnd> {
    let terminated = container.and_then(|container| container.state.as_ref()?.terminated.clone());
    let ended = matches!(phase.as_deref(), Some("Failed" | "Succeeded"));
    if !ended && terminated.is_none() {
        return None;
    }
    let container = terminated.unwrap_or_default();
    let known = container.finished_at.is_some() || container.reason.is_some();
    Some(PodEnd {
        exit_code: known
            .then_some(container.exit_code)
            .or((phase.as_deref() == Some("Succeeded")).then_some(0)),
        // What befell the pod says more than what became of its container.
        reason: reason.or(container.reason).unwrap_or_default(),
        message: message.or(container.message).unwrap_or_default().trim().to_owned(),
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
