// SPDX-License-Identifier: Apache-2.0
//! The events of an observation that was written as a list of samples, as far as they can be told from it.
//!
//! Times of pods are those that Kubernetes wrote, in whole seconds. Nothing is known of EndpointSlices, so pods count as soon as
//! they are ready, and nothing of the autoscaler's windows and policies, for which those are taken that Kubernetes has by
//! default.

use jiff::Timestamp;
use upsurge_figures::{
    elasticity::Demand,
    observation::{Autoscaler, Condition, Event, Life, Scaling, Source, What},
    workload::Workload,
};

use super::{Observation, PodTimes};

/// Kubernetes' default window for scaling down.
const DOWN_WINDOW: u32 = 300;

/// A workload that has noted all of an observation.
pub(super) fn replayed(observation: &Observation, demand: Demand) -> Workload {
    let mut workload = Workload::new(demand);
    let Some(first) = observation.samples.first().map(|sample| sample.at) else { return workload };
    let mut note = |event| workload.note(event);
    if let Some(found) = &observation.autoscaler {
        let settings = Autoscaler {
            kind: found.kind.clone(),
            name: found.name.clone(),
            min: number(found.min_replicas),
            max: number(found.max_replicas),
            down_window: DOWN_WINDOW,
            ..Autoscaler::default()
        };
        note(Event::live(first, What::Autoscaler(settings)));
    }
    for sample in &observation.samples {
        if observation.autoscaler.is_some() {
            let (desired, current) = (number(sample.desired), number(sample.current));
            note(Event::live(sample.at, What::Scaling(Scaling { desired, current, ..Scaling::default() })));
        }
        note(Event::live(sample.at, What::Asked { replicas: number(sample.desired) }));
        note(Event::live(sample.at, What::Existing { replicas: number(sample.current) }));
    }
    for condition in &observation.conditions {
        let said = Condition {
            condition: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        };
        note(Event::live(condition.at, What::Condition(said)));
    }
    observation.pods.iter().flat_map(of_pod).for_each(&mut note);
    let mut sources = vec![Source::Workload, Source::Endpoints];
    if observation.pods_omitted == 0 {
        sources.push(Source::Pods);
    }
    if observation.autoscaler.is_some() {
        sources.push(Source::Autoscaler);
    }
    sources.into_iter().for_each(|source| note(Event::live(first, What::Listed { source })));
    workload
}

fn of_pod(pod: &PodTimes) -> impl Iterator<Item = Event> + '_ {
    let gone = pod.ended.or(pod.deleted);
    let steps = [
        (pod.created, Life::Created),
        (pod.scheduled, Life::Scheduled),
        (pod.started, Life::Started),
        (pod.ready, Life::Ready),
        (pod.terminating.or(pod.deleted), Life::Terminating),
        (gone, Life::Gone),
    ];
    let event = |at: Timestamp, life| Event::live(at, What::Pod { pod: pod.name.clone(), life }).stamped(at);
    steps.into_iter().filter_map(move |(at, life)| Some(event(at?, life)))
}

fn number(replicas: i32) -> u32 {
    u32::try_from(replicas).unwrap_or_default()
}
