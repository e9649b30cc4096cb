// SPDX-License-Identifier: Apache-2.0
//! Scale-ups and the pods that they brought.
//!
//! A scale-up is an increase of `spec.replicas`; increases within a second are one, as 1 → 4 is. It has the pods that were
//! created from then on until the next one, as many as it asked for, oldest first. Its last pod to serve tells its parts.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Part;
use crate::observation::{Clock, Event, Log, PodLife, Stamper, What, lives};

/// Increases that are no farther apart than this are one.
const ONE: SignedDuration = SignedDuration::from_secs(1);

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
    let decisions = decisions(events, &clock);
    let mut pods = lives(events);
    // Those that were there before say nothing of when they were asked for.
    pods.retain(|life| life.created.is_some());
    let mut pods = pods.into_iter().peekable();
    let until = |index: usize| decisions.get(index + 1).map_or(Timestamp::MAX, |next| next.at);
    decisions
        .iter()
        .enumerate()
        .map(|(index, decision)| {
            let wanted = (decision.to - decision.from) as usize;
            // What a stamp says may be a second early.
            let early = |at: Timestamp| at.saturating_sub(ONE).unwrap_or(Timestamp::MIN);
            let mut own: Vec<PodLife> = Vec::new();
            while let Some(life) = pods.next_if(|life| life.created < Some(early(until(index)))) {
                if life.created >= Some(early(decision.at)) && own.len() < wanted {
                    own.push(life);
                }
            }
            split(decision, &own, events, wanted)
        })
        .collect()
}

struct Decision {
    at: Timestamp,
    /// Whether it is known when it was.
    known: bool,
    from: u32,
    to: u32,
    risen: Option<Timestamp>,
}

fn decisions(events: &[Event], clock: &Clock) -> Vec<Decision> {
    let mut decisions: Vec<Decision> = Vec::new();
    let (mut asked, mut level, mut risen) = (None, None, None);
    let mut before_it = Timestamp::MIN;
    for event in events {
        match &event.what {
            What::Load { level: now } => {
                if level.is_none_or(|before| *now > before) {
                    risen = Some(event.seen);
                }
                level = Some(*now);
            }
            What::Asked { replicas } => {
                let before = asked.replace(*replicas);
                let since = std::mem::replace(&mut before_it, event.seen);
                let Some(from) = before.filter(|from| replicas > from) else { continue };
                let stamped = event.found.then(|| stamped(events, (since, event.seen), clock)).flatten();
                let (at, known) = (stamped.unwrap_or(event.seen), !event.found || stamped.is_some());
                match decisions.last_mut() {
                    Some(last) if last.to == from && at.duration_since(last.at) <= ONE => last.to = *replicas,
                    _ => decisions.push(Decision {
                        at,
                        known,
                        from,
                        to: *replicas,
                        risen: risen.filter(|risen| *risen <= at),
                    }),
                }
            }
            _ => {}
        }
    }
    decisions
}

/// When the autoscaler says that it did what was found, if that was between two instants.
fn stamped(events: &[Event], (since, found): (Timestamp, Timestamp), clock: &Clock) -> Option<Timestamp> {
    let said = events.iter().filter_map(|event| match &event.what {
        What::Scaling(scaling) => Some(clock.read(scaling.last_scale?, Stamper::ControlPlane)),
        _ => None,
    });
    said.filter(|at| *at > since && *at <= found).max()
}

fn split(decision: &Decision, own: &[PodLife], events: &[Event], wanted: usize) -> ScaleUp {
    let pods: Vec<PodSplit> = own
        .iter()
        .map(|life| PodSplit { pod: life.pod.clone(), parts: parts(decision, life, listed(events)) })
        .collect();
    let end = |life: &PodLife| if listed(events) { life.serving } else { life.ready };
    let missing = wanted.saturating_sub(own.len());
    let ends: Option<Vec<Timestamp>> = own.iter().map(end).collect();
    let served = ends.filter(|_| missing == 0).and_then(|ends| ends.into_iter().max());
    // The pod that was last, or one of which it isn't known: its parts up to there are those that took long.
    let last = own.iter().zip(&pods).max_by_key(|(life, _)| end(life).unwrap_or(Timestamp::MAX));
    let mut parts = last.map(|(_, pod)| pod.parts.clone()).unwrap_or_default();
    if let Some(risen) = decision.risen.filter(|_| decision.known) {
        parts.insert(Part::Decision, seconds(risen, decision.at));
    }
    if let Some(recovery) = served.and_then(|served| recovery(events, decision.risen, served)) {
        parts.insert(Part::Recovery, recovery);
    }
    let largest = parts.iter().max_by(|one, other| one.1.total_cmp(other.1)).map(|(part, _)| *part);
    ScaleUp {
        risen: decision.risen,
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

fn parts(decision: &Decision, life: &PodLife, listed: bool) -> BTreeMap<Part, f64> {
    let steps = [
        (Part::Creation, Some(decision.at).filter(|_| decision.known), life.created),
        (Part::Scheduling, life.created, life.scheduled),
        (Part::Starting, life.scheduled, life.started),
        (Part::Readiness, life.started, life.ready),
        (Part::Endpoints, life.ready.filter(|_| listed), life.serving),
    ];
    steps.into_iter().filter_map(|(part, from, to)| Some((part, seconds(from?, to?)))).collect()
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

/// Seconds from one instant to another. What stamps of whole seconds put into the wrong order took no time.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.duration_since(from).as_millis().max(0) as f64) / 1e3
}
