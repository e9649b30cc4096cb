// SPDX-License-Identifier: Apache-2.0
//! The lives of pods as instants, for latencies and for counting restarts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Clock, Event, Life, What};

/// When a pod came to each step of its life for the first time, on the observer's clock; `None` if it did not or nobody
/// knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodLife {
    /// Name.
    pub pod: String,
    /// Whether it was there already when it was first looked at, at the begin or after a gap.
    pub found: bool,
    /// Created.
    pub created: Option<Timestamp>,
    /// Bound to a node.
    pub scheduled: Option<Timestamp>,
    /// Its last container started.
    pub started: Option<Timestamp>,
    /// Ready.
    pub ready: Option<Timestamp>,
    /// What Kubernetes wrote of these steps.
    pub stamps: PodStamps,
    /// Ready in an EndpointSlice.
    pub serving: Option<Timestamp>,
    /// The node that it was bound to.
    pub node: Option<String>,
    /// Asked to end.
    pub terminating: Option<Timestamp>,
    /// All of its containers had ended after that.
    pub stopped: Option<Timestamp>,
    /// Gone.
    pub gone: Option<Timestamp>,
    /// When somebody first saw that it was about to go, or gone: later than that it was, by as long as nobody looked.
    pub seen_going: Option<Timestamp>,
    /// How often containers of it were started again.
    pub restarts: u32,
    /// Containers of it that were killed for lack of memory.
    pub oom_kills: u32,
}

/// The stamps by which the steps of a pod are told: in whole seconds, by the clock of whoever made them. `None` of a step without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodStamps {
    /// Created.
    pub created: Option<Timestamp>,
    /// Bound to a node.
    pub scheduled: Option<Timestamp>,
    /// Its last container started.
    pub started: Option<Timestamp>,
    /// Ready.
    pub ready: Option<Timestamp>,
}

/// The lives of all pods, by when they were created; those of which that is not known come last. A pod that comes again
/// under the same name, as those of a StatefulSet do, has another life.
pub fn lives(events: &[Event]) -> Vec<PodLife> {
    let clock = Clock::of(events);
    let mut lives: Vec<PodLife> = Vec::new();
    let mut current: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        let What::Pod { pod, life } = &event.what else { continue };
        let place = *current.entry(pod).or_insert_with(|| {
            lives.push(PodLife { pod: pod.clone(), found: event.found, ..PodLife::default() });
            lives.len() - 1
        });
        if let Some(entry) = lives.get_mut(place) {
            entry.stamp(life, event.stamped);
            entry.live(life, clock.happened(event));
            if matches!(life, Life::Terminating | Life::Gone) {
                entry.seen_going = entry.seen_going.or(Some(event.seen));
            }
            if let Life::Scheduled { node: Some(node) } = life {
                entry.node = Some(node.clone());
            }
        }
        if *life == Life::Gone {
            current.remove(pod.as_str());
        }
    }
    lives.sort_by_key(|life| life.created.unwrap_or(Timestamp::MAX));
    lives
}

impl PodLife {
    /// Notes the stamp of a step that it has not come to so far.
    fn stamp(&mut self, life: &Life, stamped: Option<Timestamp>) {
        let (step, stamp) = match life {
            Life::Created => (self.created, &mut self.stamps.created),
            Life::Scheduled { .. } => (self.scheduled, &mut self.stamps.scheduled),
            Life::Started => (self.started, &mut self.stamps.started),
            Life::Ready => (self.ready, &mut self.stamps.ready),
            _ => return,
        };
        if step.is_none() {
            *stamp = stamped;
        }
    }

    fn live(&mut self, life: &Life, at: Option<Timestamp>) {
        let step = match life {
            Life::Created => &mut self.created,
            Life::Scheduled { .. } => &mut self.scheduled,
            Life::Started => &mut self.started,
            Life::Ready => &mut self.ready,
            Life::Serving => &mut self.serving,
            Life::Terminating => &mut self.terminating,
            Life::Stopped => &mut self.stopped,
            Life::Gone => &mut self.gone,
            Life::Ended { reason, restarts, .. } => {
                self.restarts = self.restarts.max(*restarts);
                self.oom_kills += u32::from(reason == "OOMKilled");
                return;
            }
            Life::Unschedulable { .. } | Life::ImagePullFailed { .. } | Life::NotReady | Life::NotServing => {
                return;
            }
        };
        *step = step.or(at);
    }
}
