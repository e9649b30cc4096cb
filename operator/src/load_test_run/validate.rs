// SPDX-License-Identifier: Apache-2.0
//! What must be true before runner pods are made: the spec can be run, the target exists, and it is quiet.
//!
//! The spec is checked purely; the target is looked at through the observer's eyes, and what was seen is judged purely, in `seen`.

mod seen;

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
    v1alpha1::{Snapshot, TimeSpan, Verdict, Workload},
};
use upsurge_observer::{self as observer, FindError, Glance};

use self::seen::Unready;

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
pub enum Target {
    /// It is there.
    Found(Box<Glance>),
    /// It is not, or has no scale.
    Missing(String),
    /// It may not be read.
    Forbidden(String),
    /// Several workloads, in the order of the spec.
    Each(Vec<Self>),
}

impl Target {
    /// What was seen of the workloads of a test; `None` without any.
    pub fn of(mut looked: Vec<Self>) -> Option<Self> {
        match looked.len() {
            0 | 1 => looked.pop(),
            _ => Some(Self::Each(looked)),
        }
    }

    /// Each workload by itself.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::Each(all) => all,
            one => std::slice::from_ref(one),
        }
    }

    /// Whether a workload is not there, or may not be read.
    pub fn is_absent(&self) -> bool {
        self.each().iter().any(|one| matches!(one, Self::Missing(_) | Self::Forbidden(_)))
    }

    /// What selects the pods of each of its workloads, where anything does.
    pub fn selectors(&self) -> impl Iterator<Item = &str> {
        self.each().iter().filter_map(|one| match one {
            Self::Found(glance) => glance.selector.as_deref(),
            Self::Missing(_) | Self::Forbidden(_) | Self::Each(_) => None,
        })
    }
}

/// Looks at the target's workload, its pods and its autoscaler.
///
/// # Errors
/// When the API server can't be asked; trying again may help.
pub async fn look(client: &Client, workload: &observer::Target) -> Result<Target, FindError> {
    match observer::glance(client, workload).await {
        Ok(glance) => Ok(Target::Found(Box::new(glance))),
        Err(error @ FindError::NotFound { .. }) => Ok(Target::Missing(error.to_string())),
        Err(error @ FindError::Forbidden { .. }) => Ok(Target::Forbidden(error.to_string())),
        Err(error @ FindError::Api { .. }) => Err(error),
    }
}

/// Whether the load may start on a target, for a run that waits since a time: all of its workloads have to be ready for it. Pure.
///
/// # Errors
/// What has to be waited for, or how the run ends.
pub fn target(test: &LoadTestSpec, target: &Target, waited: Duration) -> Result<(), Obstacle> {
    let mut each = test.target.workloads.iter().zip(target.each());
    let mut waits = None;
    // What ends the run is told before what may still come.
    each.try_for_each(|(workload, target)| match one(test, workload, target, waited) {
        Err(Obstacle::Wait(message)) => {
            waits.get_or_insert(message);
            Ok(())
        }
        other => other,
    })?;
    waits.map_or(Ok(()), |message| Err(Obstacle::Wait(message)))
}

/// The same of one of its workloads.
fn one(test: &LoadTestSpec, workload: &Workload, target: &Target, waited: Duration) -> Result<(), Obstacle> {
    let seen = match target {
        Target::Found(glance) => seen::check(workload, glance),
        Target::Missing(message) => Err(Unready::later(
            reasons::TARGET_NOT_FOUND,
            format!("{message}; spec.target.workloads must name a workload that can be scaled"),
        )),
        Target::Forbidden(message) => {
            let message = format!("{message}; grant it in the operator's role");
            return Err(Obstacle::error(reasons::TARGET_NOT_FOUND, message));
        }
        Target::Each(_) => return Ok(()),
    };
    let patience = Patience {
        limit: test.deadlines.prepare,
        field: "spec.deadlines.prepare",
        what: "the target to be ready",
        waited,
    };
    seen.map_err(|unready| patience.meets(unready))?;
    let wait = test.autoscaling.as_ref().and_then(|autoscaling| autoscaling.wait_for_idle.as_ref());
    let (Target::Found(glance), Some(wait)) = (target, wait) else { return Ok(()) };
    let patience = Patience {
        limit: wait.timeout,
        field: "spec.autoscaling.waitForIdle.timeout",
        what: "a quiet target",
        ..patience
    };
    seen::is_idle(glance).map_err(|unready| patience.meets(unready))
}

/// How long something is waited for.
struct Patience {
    limit: TimeSpan,
    /// The field that says so.
    field: &'static str,
    what: &'static str,
    waited: Duration,
}

impl Patience {
    /// As long as there is time, what is missing is waited for.
    fn meets(&self, unready: Unready) -> Obstacle {
        let Self { limit, field, what, waited } = self;
        let Unready { reason, message, is_for_good } = unready;
        if !is_for_good && *waited < limit.0 {
            return Obstacle::Wait(format!("waiting at most {limit} for {what}: {message}"));
        }
        let message = if is_for_good { message } else { format!("{field} of {limit} has passed: {message}") };
        match reason {
            reasons::TARGET_NOT_FOUND => Obstacle::error(reason, message),
            _ => Obstacle::inconclusive(reason, message),
        }
    }
}

/// Time since an instant.
pub fn since(start: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(start)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
