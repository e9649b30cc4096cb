// SPDX-License-Identifier: Apache-2.0
//! Why what was observed can't carry a verdict on the autoscaler, or on the target at all.

use std::time::Duration;

use jiff::Timestamp;
use upsurge_crds::{names::reasons, v1alpha1::Workload};

use super::{Observation, course, outages::outages};
use crate::plan::Timeline;

/// Share of the load's time for which an autoscaler may be without metrics before nothing can be said
/// about it; single failed readings are usual while pods come and go.
const BLIND_SHARE: f64 = 0.2;

/// A reason for which data can't carry a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// One of `upsurge_crds::names::reasons`.
    pub reason: &'static str,
    /// What, where, and what to do.
    pub message: String,
}

/// All doubts about a run whose load started at `start` and whose observation lasted until `end`. Those
/// about the autoscaler matter only if something was expected of it.
pub fn doubts(
    observation: &Observation,
    timeline: &Timeline,
    start: Timestamp,
    end: Timestamp,
    workload: Option<&Workload>,
) -> Vec<Doubt> {
    let judged = workload.and_then(|workload| workload.expect.as_ref()).is_some();
    let load_end = after(start, timeline.duration()).min(end);
    let mut doubts = Vec::new();
    let watched_until = if judged { end } else { load_end };
    if let Some(at) = observation.rollouts.iter().find(|at| **at > start && **at <= watched_until) {
        let message = format!(
            "the target's pod template changed at {at:.0}, during the run: the figures are of two versions; \
             run the test again when no rollout is under way"
        );
        doubts.push(Doubt { reason: reasons::ROLLOUT_DURING_RUN, message });
    }
    if judged {
        doubts.extend(doubt_about_autoscaler(observation, timeline, start, load_end));
    }
    doubts
}

fn doubt_about_autoscaler(
    observation: &Observation,
    timeline: &Timeline,
    start: Timestamp,
    load_end: Timestamp,
) -> Option<Doubt> {
    let because = |text: String| match observation.problems.first() {
        Some(problem) => format!("{text}: {problem}"),
        None => text,
    };
    let Some(autoscaler) = &observation.autoscaler else {
        let text = "spec.target.workloads[0].expect can't be judged: no autoscaler was found whose scaleTargetRef is \
                    spec.target.workloads[0]";
        return Some(Doubt { reason: reasons::AUTOSCALER_NOT_FOUND, message: because(text.into()) });
    };
    let name = format!("{}/{}", autoscaler.kind, autoscaler.name);
    if observation.samples.is_empty() {
        let message = because(format!("the replicas behind {name} could not be observed"));
        return Some(Doubt { reason: reasons::METRICS_UNAVAILABLE, message });
    }
    let fall = after(start, course::fall(timeline)).min(load_end);
    if !metrics_were_broken(observation, start, fall) {
        return None;
    }
    let outages = outages(observation, "ScalingActive", start, fall);
    let longest = outages.iter().max_by_key(|outage| outage.length())?;
    let blind: i128 = outages.iter().map(|outage| outage.length().as_millis()).sum();
    let message = format!(
        "{name} could not read its metrics for {:.0} s of {:.0} s of load ({}: {}); see to the metrics API and run \
         the test again",
        blind as f64 / 1e3,
        fall.duration_since(start).as_secs_f64(),
        longest.reason,
        longest.message,
    );
    Some(Doubt { reason: reasons::METRICS_UNAVAILABLE, message })
}

/// Whether the autoscaler was without metrics for so much of a time that nothing can be said about it.
pub(super) fn metrics_were_broken(observation: &Observation, start: Timestamp, end: Timestamp) -> bool {
    let whole = end.duration_since(start).as_secs_f64();
    let blind: f64 = outages(observation, "ScalingActive", start, end)
        .iter()
        // The autoscaler is switched off on purpose at 0 replicas; nothing is broken then.
        .filter(|outage| outage.reason != "ScalingDisabled")
        .map(|outage| outage.length().as_secs_f64())
        .sum();
    whole > 0.0 && blind / whole > BLIND_SHARE
}

/// An instant after a span; the farthest one there is if the span leads beyond it.
pub(super) fn after(start: Timestamp, span: Duration) -> Timestamp {
    start.saturating_add(span).unwrap_or(Timestamp::MAX)
}
