// SPDX-License-Identifier: Apache-2.0
//! What must be true before runner pods are made: the spec can be run, the target exists, and it is quiet.
//!
//! The spec is checked purely; the target is looked at through the samplers' eyes, and what was seen is judged purely.

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use upsurge_core::{
    validate::{Valid, validate},
    verdict::Outcome,
};
use upsurge_crds::{
    LoadTestSpec,
    names::reasons,
    read::Unreadable,
    v1alpha1::{Snapshot, Verdict, Workload, WorkloadReference},
};

use crate::sampling::{FoundAutoscaler, SamplingError, Scale, find_autoscaler, scale_of};

/// Why a run does not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It never will.
    End(Outcome),
    /// Not yet.
    Wait(String),
}

impl Obstacle {
    /// The test system is at fault.
    pub fn error(reason: &str, message: impl Into<String>) -> Self {
        Self::End(Outcome { verdict: Verdict::Error, reason: reason.into(), message: message.into() })
    }

    fn inconclusive(reason: &str, message: String) -> Self {
        Self::End(Outcome { verdict: Verdict::Inconclusive, reason: reason.into(), message })
    }
}

/// Reads a run's copy of its test.
///
/// # Errors
/// When it is from before a change of the API that it can't be brought over.
pub fn snapshot(test: &Snapshot) -> Result<LoadTestSpec, Obstacle> {
    test.read().map_err(|unreadable| Obstacle::error(reasons::OLD_SPEC, old_spec(&unreadable)))
}

/// What is said of a copy that can't be read.
pub fn old_spec(Unreadable { path, message }: &Unreadable) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    format!(
        "spec.test{dot}{path}: {message}; the run was made for another version of the API: apply the test in today's words \
         and run it again"
    )
}

/// Checks and compiles a spec; all wrong fields are in the message.
///
/// # Errors
/// When the spec can't be run.
pub fn spec(test: &LoadTestSpec) -> Result<Valid, Obstacle> {
    validate(test).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Obstacle::error(reasons::INVALID_SPEC, lines.join("; "))
    })
}

/// The target as it was seen.
#[derive(Clone, Debug)]
pub struct Target {
    scale: Result<Scale, String>,
    autoscaler: Option<FoundAutoscaler>,
}

impl Target {
    /// What selects its pods.
    pub fn selector(&self) -> Option<&str> {
        self.scale.as_ref().ok().map(|scale| scale.selector.as_str())
    }
}

/// Looks at the target's workload and its autoscaler.
///
/// # Errors
/// When the API server can't be asked; trying again may help.
pub async fn look(
    client: &Client,
    namespace: &str,
    workload: &WorkloadReference,
) -> Result<Target, SamplingError> {
    let scale = match scale_of(client, namespace, workload).await {
        Ok(scale) => Ok(scale),
        Err(error @ (SamplingError::NotFound { .. } | SamplingError::Forbidden { .. })) => {
            Err(error.to_string())
        }
        Err(error) => return Err(error),
    };
    Ok(Target { scale, autoscaler: find_autoscaler(client, namespace, workload).await? })
}

/// Whether the load may start on a target, for a run that waits since a time. Pure.
pub fn target(test: &LoadTestSpec, target: &Target, waited: Duration) -> Result<(), Obstacle> {
    let scale = target
        .scale
        .as_ref()
        .map_err(|message| Obstacle::error(reasons::TARGET_NOT_FOUND, message.clone()))?;
    let Some(found) = &target.autoscaler else {
        return match test.target.workload().filter(|workload| expects_something(workload)) {
            Some(workload) => Err(without_autoscaler(workload)),
            None => Ok(()),
        };
    };
    let wait = test.autoscaling.as_ref().and_then(|autoscaling| autoscaling.wait_for_idle.as_ref());
    let Some(wait) = wait else { return Ok(()) };
    let Some((reason, restless)) = restless(found, scale) else { return Ok(()) };
    if waited < wait.timeout.0 {
        return Err(Obstacle::Wait(format!(
            "waiting at most {} for a quiet target: {restless}",
            wait.timeout
        )));
    }
    let message = format!("spec.autoscaling.waitForIdle.timeout of {} has passed: {restless}", wait.timeout);
    Err(Obstacle::inconclusive(reason, message))
}

fn expects_something(workload: &Workload) -> bool {
    workload
        .expect
        .as_ref()
        .is_some_and(|expected| *expected != upsurge_crds::v1alpha1::AutoscalingExpectations::default())
}

fn without_autoscaler(workload: &Workload) -> Obstacle {
    Obstacle::inconclusive(
        reasons::AUTOSCALER_NOT_FOUND,
        format!(
            "spec.target.workloads[0].expect can't be judged: no HorizontalPodAutoscaler in the namespace has {}/{} as its scaleTargetRef",
            workload.kind, workload.name
        ),
    )
}

/// Why a target is not quiet, as a reason and in words.
fn restless(found: &FoundAutoscaler, scale: &Scale) -> Option<(&'static str, String)> {
    let scaler = &found.autoscaler;
    let name = format!("{}/{}", scaler.kind, scaler.name);
    match found.condition("ScalingActive") {
        Some(active) if active.status == "True" => {}
        Some(active) => {
            let message = format!("{name} can't scale: {}: {}", active.reason, active.message);
            return Some((reasons::METRICS_UNAVAILABLE, message));
        }
        None => {
            return Some((reasons::METRICS_UNAVAILABLE, format!("{name} has not looked at its metrics yet")));
        }
    }
    if scale.desired > scaler.min_replicas || scale.current > scaler.min_replicas {
        let replicas = scale.desired.max(scale.current);
        let text = format!(
            "the workload of {name} is at {replicas} replicas, its minimum is {}",
            scaler.min_replicas
        );
        return Some((reasons::TARGET_NOT_IDLE, text));
    }
    None
}

/// Time since an instant.
pub fn since(start: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(start)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
