// SPDX-License-Identifier: Apache-2.0
//! Scale-ups and the pods that they brought.
//!
//! A scale-up is an increase of `spec.replicas`; increases within a second are one, as 1 → 4 is. It has the pods that were
//! created from then on until the next one, as many as it asked for, oldest first. Its last pod to serve tells its parts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Part,
    decisions::{Decision, Direction, decisions, own, seconds},
};
use crate::observation::{Clock, Event, Log, PodLife, What, lives};

/// A scale-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleUp {
    /// When the load had risen, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risen: Option<Timestamp>,
    /// When the workload was asked for more replicas. If nobody was watching then, it is as the autoscaler stamped it, and
    /// when it was found if there is no such stamp: then no part that hangs on it is told.
    pub decided: Timestamp,
    /// Replicas that were asked for before.
    pub from: u32,
    /// Replicas that were asked for.
    pub to: u32,
    /// When the last of its pods served; absent while one of them doesn't, or nobody saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Timestamp>,
    /// Seconds of each part that is known, of the pod that was last to serve.
    pub parts: BTreeMap<Part, f64>,
    /// The largest part of those that are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest: Option<Part>,
    /// Its pods.
    pub pods: Vec<PodSplit>,
    /// Pods that it asked for and that nobody saw being created.
    pub missing: u32,
}

/// The parts of one pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodSplit {
    /// Name of the pod.
    pub pod: String,
    /// Seconds of each part that is known.
    pub parts: BTreeMap<Part, f64>,
}

/// The scale-ups that a log tells of.
pub fn scale_ups(log: &Log) -> Vec<ScaleUp> {
    let events = log.events();
    let clock = Clock::of(events);
    let decisions = decisions(events, &clock, Direction::Up);
    let mut pods = lives(events);
    // Those that were there before say nothing of when they were asked for.
    pods.retain(|life| life.created.is_some());
    let own = own(&decisions, pods, |life| life.created);
    decisions.iter().zip(&own).map(|(decision, own)| split(decision, own, events, &clock)).collect()
}

fn split(decision: &Decision, own: &[PodLife], events: &[Event], clock: &Clock) -> ScaleUp {
    let parts = |life| parts(decision, life, listed(events), clock.agree());
    let pods: Vec<PodSplit> =
        own.iter().map(|life| PodSplit { pod: life.pod.clone(), parts: parts(life) }).collect();
    let end = |life: &PodLife| if listed(events) { life.serving } else { life.ready };
    let missing = decision.wanted().saturating_sub(own.len());
    let ends: Option<Vec<Timestamp>> = own.iter().map(end).collect();
    let served = ends.filter(|_| missing == 0).and_then(|ends| ends.into_iter().max());
    // The pod that was last, or one of which it isn't known: its parts up to there are those that took long.
    let last = own.iter().zip(&pods).max_by_key(|(life, _)| end(life).unwrap_or(Timestamp::MAX));
    let mut parts = last.map(|(_, pod)| pod.parts.clone()).unwrap_or_default();
    if let Some(risen) = decision.moved.filter(|_| decision.known) {
        parts.insert(Part::Decision, seconds(risen, decision.at));
    }
    if let Some(recovery) = served.and_then(|served| recovery(events, decision.moved, served)) {
        parts.insert(Part::Recovery, recovery);
    }
    let largest = parts.iter().max_by(|one, other| one.1.total_cmp(other.1)).map(|(part, _)| *part);
    ScaleUp {
        risen: decision.moved,
        decided: decision.at,
        from: decision.from,
        to: decision.to,
        served,
        parts,
        largest,
        pods,
        missing: u32::try_from(missing).unwrap_or(u32::MAX),
    }
}

/// Whether any EndpointSlice names pods of the workload.
fn listed(events: &[Event]) -> bool {
    use crate::observation::Life::{NotServing, Serving};
    events.iter().any(|event| matches!(&event.what, What::Pod { life: Serving | NotServing, .. }))
}

/// The parts of one pod; `agree` if nodes and control plane may go by one clock.
fn parts(decision: &Decision, life: &PodLife, listed: bool, agree: bool) -> BTreeMap<Part, f64> {
    let stamps = life.stamps;
    // Nodes tell of what they did up to a second or two late, so when that was seen says less than their stamps do.
    let started = stamps.scheduled.zip(stamps.started).filter(|_| agree);
    let ready = stamps.started.zip(stamps.ready);
    let seen = |from: Option<Timestamp>, to: Option<Timestamp>| from.zip(to);
    let steps = [
        (Part::Creation, seen(Some(decision.at).filter(|_| decision.known), life.created)),
        (Part::Scheduling, seen(life.created, life.scheduled)),
        (Part::Starting, started.or_else(|| seen(life.scheduled, life.started))),
        (Part::Readiness, ready.or_else(|| seen(life.started, life.ready))),
        (Part::Endpoints, seen(life.ready.filter(|_| listed), life.serving)),
    ];
    steps.into_iter().filter_map(|(part, span)| span.map(|(from, to)| (part, seconds(from, to)))).collect()
}

/// Seconds until all thresholds were met again after the pods served; `None` if they were met all the time, or not again.
fn recovery(events: &[Event], risen: Option<Timestamp>, served: Timestamp) -> Option<f64> {
    let met = |event: &Event| match event.what {
        What::Thresholds { met } => Some((event.seen, met)),
        _ => None,
    };
    let course: Vec<(Timestamp, bool)> = events.iter().filter_map(met).collect();
    let missed =
        course.iter().any(|(at, met)| !met && *at <= served && risen.is_none_or(|risen| *at >= risen));
    if !missed {
        return None;
    }
    let then = course.iter().rev().find(|(at, _)| *at <= served)?.1;
    let again = if then {
        Some(served)
    } else {
        course.iter().find(|(at, met)| *met && *at > served).map(|(at, _)| *at)
    };
    again.map(|again| seconds(served, again))
}
