// SPDX-License-Identifier: Apache-2.0
//! What is still missing for a load, by what was seen of the target: pods that serve, and an autoscaler that sees what it goes by. Pure.
//!
//! Whoever applies app, autoscaler and test together gets them in any order, and an autoscaler reads nothing for its first
//! seconds. A load that does not wait for it is judged by an autoscaler that is blind.

use upsurge_core::autoscaling::{self, Restless};
use upsurge_crds::{
    names::reasons,
    v1alpha1::{AutoscalingExpectations, Workload},
};
use upsurge_figures::observation::{Autoscaler, Tracker};
use upsurge_observer::{Glance, MissingRequest};

/// Why the load can't start yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: &'static str,
    /// What is missing, and what to do.
    pub message: String,
    /// Whether waiting is of no use.
    pub is_for_good: bool,
}

impl Unready {
    /// It may come.
    pub fn later(reason: &'static str, message: String) -> Self {
        Self { reason, message, is_for_good: false }
    }
}

impl From<Restless> for Unready {
    fn from(Restless { reason, message }: Restless) -> Self {
        Self::later(reason, message)
    }
}

/// Whether a workload is ready, and its autoscaler sees what it goes by. Nobody waits for an autoscaler of which nothing is expected.
///
/// # Errors
/// What is missing.
pub fn check(workload: &Workload, glance: &Glance) -> Result<(), Unready> {
    let Workload { kind, name, .. } = workload;
    let levels = glance.known.levels();
    if let Some((asked, ready)) = levels.asked.zip(levels.ready).filter(|(asked, ready)| ready < asked) {
        let why = trouble(&glance.known);
        let message = format!("{kind}/{name} has {ready} of {asked} replicas ready{why}");
        return Err(Unready::later(reasons::TARGET_NOT_READY, message));
    }
    let expects = workload.expect.as_ref().is_some_and(|all| *all != AutoscalingExpectations::default());
    if !expects {
        return Ok(());
    }
    if glance.is_rolling {
        let message = format!("a rollout of {kind}/{name} is under way, so figures would be of two versions");
        return Err(Unready::later(reasons::ROLLOUT_DURING_RUN, message));
    }
    let Some(autoscaler) = glance.known.autoscaler() else {
        let message = format!(
            "what spec.target.workloads expects of {kind}/{name} can't be judged: no HorizontalPodAutoscaler in the namespace has it \
             as its scaleTargetRef"
        );
        return Err(Unready::later(reasons::AUTOSCALER_NOT_FOUND, message));
    };
    if let Some(missing) = &glance.missing {
        let message = lacking(autoscaler, workload, missing);
        return Err(Unready { reason: reasons::METRICS_UNAVAILABLE, message, is_for_good: true });
    }
    autoscaling::reads(autoscaler, &glance.known).map_err(Unready::from)
}

/// Whether the workload is at its autoscaler's minimum and the autoscaler sees what it goes by.
///
/// # Errors
/// Why not.
pub fn is_idle(glance: &Glance) -> Result<(), Unready> {
    autoscaling::quiet(&glance.known).map_err(Unready::from)
}

fn lacking(autoscaler: &Autoscaler, workload: &Workload, missing: &MissingRequest) -> String {
    let MissingRequest { container, resource, field } = missing;
    let Workload { kind, name: workload, .. } = workload;
    let in_words = if *resource == "cpu" { "CPU" } else { resource };
    format!(
        "{} scales by the share of the requested {in_words} that is used, and container {container} of {kind}/{workload} requests \
         none: set spec.template.spec.{field}[{container}].resources.requests.{resource}",
        name(autoscaler)
    )
}

/// What keeps a pod from running, if somebody says so.
fn trouble(known: &Tracker) -> String {
    let told = known.pods().find_map(|(pod, state)| {
        let why = state.unschedulable.as_ref().or(state.image_pull.as_ref())?;
        Some(format!(" (pod {pod}: {why})"))
    });
    told.or_else(|| Some(format!(" ({})", known.quota()?))).unwrap_or_default()
}

fn name(autoscaler: &Autoscaler) -> String {
    format!("{}/{}", autoscaler.kind, autoscaler.name)
}
