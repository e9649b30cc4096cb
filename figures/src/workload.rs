// SPDX-License-Identifier: Apache-2.0
//! All that is observed and computed of one workload while a run lasts: the log of its events, and beside it the folds that
//! figures come from.
//!
//! Whoever observes [`Workload::note`]s events as they come, from before the load on. The load [`Workload::begin`]s once its
//! start is known and goes as planned, and the seconds of it come as [`Bin`]s, late as they may be. [`Workload::report`] tells all
//! figures at any time. It is bounded, and can be written down and read back in the middle of a run.

mod doubts;
mod folds;
mod report;
mod service;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use doubts::{Doubt, DoubtKind};
pub use report::{Raised, Report};
pub use service::Service;

use self::folds::Folds;
use crate::{
    elasticity::Demand,
    observation::{Class, Event, Log, Source, Tracker, What},
    usage::Usage,
};

/// How long events wait before they are counted: bins of their time may be so late, as runners resend to an operator that
/// begins where a checkpoint ended.
pub const HOLD: SignedDuration = SignedDuration::from_secs(90);
/// Without a second that says something for so long nobody knows how the load fared.
const SILENCE: SignedDuration = SignedDuration::from_secs(5);
/// Most events that wait; of more, the oldest are counted.
const MOST_WAITING: usize = 4_000;
/// Most bytes of them, about; texts of others may be long.
const MOST_WAITING_BYTES: usize = 1 << 20;
/// Most steps of a load that are still to come; of more, those at the end go. It is the room of the log.
const MOST_STEPS: usize = 1_000;

/// How the load fared over a time, of all runners together: a second, or several of which the same is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// Its begin.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Whether all thresholds that a second can tell of were met; absent if nothing was measured that they speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
}

/// One workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    demand: Demand,
    log: Log,
    /// Levels of the load that are still to come.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    course: VecDeque<(Timestamp, f64)>,
    /// Whether they are others than those that it began with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_turned: bool,
    /// Events that are not counted yet, by when they were seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<Event>,
    /// What is known of the time before the load by events that wait no more, for the folds to begin with: the log may have no
    /// room for pods that have been there for long.
    #[serde(default)]
    before: Tracker,
    /// The newest event in it.
    #[serde(default)]
    before_to: Timestamp,
    /// The newest instant that anybody told of.
    newest: Timestamp,
    /// From the begin of the load on.
    folds: Option<Folds>,
    /// When the load ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Timestamp>,
    /// The end of the last bin, and whether thresholds were met then.
    binned: Option<(Timestamp, Option<bool>)>,
    /// CPU and memory of its pods.
    #[serde(default)]
    usage: Usage,
}

impl Workload {
    /// A workload of which nothing has been observed yet.
    pub fn new(demand: Demand) -> Self {
        Self {
            demand,
            log: Log::default(),
            course: VecDeque::new(),
            has_turned: false,
            waiting: Vec::new(),
            before: Tracker::default(),
            before_to: Timestamp::MIN,
            newest: Timestamp::MIN,
            folds: None,
            ended: None,
            binned: None,
            usage: Usage::default(),
        }
    }

    /// The load starts at an instant and goes as it is planned: each level from its own instant on. Of a ramp, one is told
    /// whenever the replicas that it asks for change. What was observed before tells how things stood then. Only the first
    /// time counts.
    pub fn begin(&mut self, from: Timestamp, course: impl IntoIterator<Item = (Timestamp, f64)>) {
        if self.folds.is_some() {
            return;
        }
        self.usage.begin(from);
        let mut known = std::mem::take(&mut self.before);
        if self.before_to > from {
            // Told too late: what is known has mixed up both times, and only the log can tell them apart.
            known = Tracker::default();
            self.waiting = self.recalled(from);
        }
        self.folds = Some(Folds::new(&self.demand, from, known));
        self.course = course.into_iter().take(MOST_STEPS).collect();
        self.push(Event::live(from, What::Listed { source: Source::Runners }));
        self.count_up_to(self.settled());
    }

    /// Whether it is known that the load turns back.
    pub fn has_turned(&self) -> bool {
        self.has_turned
    }

    /// The load turns back at an instant that is still to come, and goes like this from then on: levels of before are left out. Only the
    /// first time counts, and only of a load that has begun and not ended.
    pub fn turn(&mut self, at: Timestamp, course: impl IntoIterator<Item = (Timestamp, f64)>) {
        if self.folds.is_none() || self.ended.is_some() || self.has_turned {
            return;
        }
        self.has_turned = true;
        self.course.retain(|(step, _)| *step < at);
        let room = MOST_STEPS.saturating_sub(self.course.len());
        self.course.extend(course.into_iter().filter(|(step, _)| *step >= at).take(room));
    }

    /// The load has ended, sooner than planned perhaps. It should be told soon: what was planned for later than that counts as
    /// load until then. Only the first time counts.
    pub fn end_load(&mut self, at: Timestamp) {
        if self.folds.is_some() && self.ended.is_none() {
            self.ended = Some(at);
            self.usage.end(at);
            self.course.retain(|(step, _)| *step < at);
            self.course.push_back((at, 0.0));
        }
    }

    /// Takes an event.
    pub fn note(&mut self, mut event: Event) {
        event.what.shorten();
        self.newest = self.newest.max(event.seen);
        self.usage.see(&event);
        // Usage is kept thinned: the log has no room for all of it, and no figure of the autoscaler hangs on it.
        if !matches!(event.what, What::Usage { .. }) {
            self.push(event);
        }
        self.count_up_to(self.settled());
    }

    /// CPU and memory of the pods under the load.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Takes the seconds of the load, in order of time. One that overlaps the one before says nothing new.
    pub fn bin(&mut self, bin: Bin) {
        let (last, met) = self.binned.unwrap_or((bin.from, None));
        if bin.from < last {
            return;
        }
        if bin.from.duration_since(last) > SILENCE {
            let message = "no runner told how the load fared".into();
            self.push(Event::live(last, What::Lost { source: Source::Runners, message }));
            self.push(Event::live(bin.from, What::Listed { source: Source::Runners }));
        }
        if let Some(now) = bin.met.filter(|now| met != Some(*now)) {
            self.push(Event::live(bin.from, What::Thresholds { met: now }));
        }
        if let Some(folds) = &mut self.folds {
            folds.service.bin(&bin);
        }
        self.binned = Some((bin.to, bin.met.or(met)));
        self.newest = self.newest.max(bin.to);
        self.count_up_to(self.settled());
    }

    /// All that was observed, as far as there is room for it.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// How the load becomes a number of replicas.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// What is known after the last event.
    pub fn known(&self) -> Tracker {
        let mut known = self.folds.as_ref().map_or(&self.before, |folds| folds.meter.known()).clone();
        self.waiting.iter().for_each(|event| known.see(event));
        known
    }

    /// About how many bytes it takes: events, those that wait, and what is known of each pod that is there.
    pub fn bytes(&self) -> usize {
        let folds = self.folds.as_ref();
        self.log.bytes()
            + self.waiting.iter().map(Event::bytes).sum::<usize>()
            + self.before.bytes()
            + self.usage.bytes()
            + folds.map_or(0, |folds| folds.meter.known().bytes() + folds.watch.bytes())
    }

    /// Whether the load has begun.
    pub fn has_begun(&self) -> bool {
        self.folds.is_some()
    }

    /// Up to here nothing more is expected to come.
    fn settled(&self) -> Timestamp {
        self.newest.saturating_sub(HOLD).unwrap_or(Timestamp::MIN)
    }

    fn push(&mut self, mut event: Event) {
        event.what.shorten();
        let place = self.waiting.partition_point(|earlier| earlier.seen <= event.seen);
        self.waiting.insert(place, event.clone());
        self.log.push(event);
    }

    /// The events of the log. Of a source of which it has left out what would matter after an instant, nothing is taken as known.
    fn recalled(&self, from: Timestamp) -> Vec<Event> {
        let forgotten = |classes: &[Class]| {
            let left = |class| self.log.left_out().get(class).is_some_and(|left| left.to > from);
            classes.iter().any(left)
        };
        let is_kept = |event: &&Event| match &event.what {
            What::Listed { source: Source::Autoscaler } => !forgotten(&[Class::Autoscaler, Class::Scaling]),
            What::Listed { source: Source::Workload } => !forgotten(&[Class::Workload]),
            What::Listed { source: Source::Pods } => !forgotten(&[Class::Pods]),
            _ => true,
        };
        self.log.events().iter().filter(is_kept).cloned().collect()
    }

    /// The newest of the waiting events that there is no room for.
    fn excess(&self) -> Option<&Event> {
        let mut bytes = 0;
        let newest = self.waiting.iter().rev().take(MOST_WAITING);
        let fitting = newest.take_while(|event| {
            bytes += event.bytes();
            bytes <= MOST_WAITING_BYTES
        });
        self.waiting.get(self.waiting.len().checked_sub(fitting.count() + 1)?)
    }

    /// Counts what has happened up to an instant.
    fn count_up_to(&mut self, until: Timestamp) {
        // Those that there is no room for are counted too, and the load of their time with them.
        let until = self.excess().map_or(until, |event| event.seen.max(until));
        while let Some((at, level)) = self.course.front().copied().filter(|(at, _)| *at <= until) {
            self.course.pop_front();
            self.push(Event::live(at, What::Load { level }));
        }
        let settled = self.waiting.partition_point(|event| event.seen <= until);
        for event in self.waiting.drain(..settled) {
            match &mut self.folds {
                Some(folds) => folds.see(&event),
                None => {
                    self.before_to = self.before_to.max(event.seen);
                    self.before.see(&event);
                }
            }
        }
    }
}
