// SPDX-License-Identifier: Apache-2.0
//! CPU and memory of a workload's pods under a load: how much, how much of what they ask for and may use, and which of their
//! containers ended.
//!
//! A fold over the events of a workload, from the start of the load to its end. It is bounded: at most [`MOST_PODS`] pods
//! have a [`Track`] of their own, and each of these has at most 192 points. Of more pods, one that is gone and has told least
//! makes room; else the new one is counted, and only its highest shares and its ends are kept. Nothing is concluded here: what is
//! allowed is the reader's to say.

mod others;
mod pod;
mod series;
mod share;
mod sight;
#[cfg(test)]
mod tests;
mod track;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::{others::Others, sight::Sight};
pub use self::{
    pod::{End, PodTrack},
    series::Point,
    share::{FULL, Share, Shares},
    track::{Course, Track},
};
use crate::{
    growth::{self, Growth, Limit, Sample},
    observation::{Event, Life, PodUsage, Source, What},
};

/// Most pods that have a track of their own.
pub const MOST_PODS: usize = 40;
/// Most gaps that are kept as they were; a further one is joined with the last.
const MOST_GAPS: usize = 20;

/// CPU and memory of a workload's pods under a load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    pods: BTreeMap<String, PodTrack>,
    others: Others,
    whole: Track,
    gaps: Vec<Gap>,
    /// Most pods of a look that there was no room for.
    left_out: u32,
}

/// When the load began and ended, if it did.
type Load = (Option<Timestamp>, Option<Timestamp>);

/// A time for which nobody told of CPU and memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Its begin.
    pub from: Timestamp,
    /// Its end; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Why.
    pub message: String,
}

impl Usage {
    /// The load starts: only what is measured from then on counts.
    pub(crate) fn begin(&mut self, at: Timestamp) {
        self.from.get_or_insert(at);
    }

    /// The load has ended.
    pub(crate) fn end(&mut self, at: Timestamp) {
        self.to.get_or_insert(at);
    }

    /// Takes an event.
    pub(crate) fn see(&mut self, event: &Event) {
        match &event.what {
            What::Usage { pods, omitted } => self.look(pods, *omitted),
            What::Pod { pod, life } => self.live(pod, life, event),
            What::Lost { source: Source::Usage, message } => {
                self.lose(event.stamped.unwrap_or(event.seen), message)
            }
            What::Listed { source: Source::Usage } => {
                if let Some(gap) = self.gaps.last_mut().filter(|gap| gap.to.is_none()) {
                    gap.to = Some(event.seen);
                }
            }
            _ => {}
        }
    }

    /// The start of the load, once it is known.
    pub fn from(&self) -> Option<Timestamp> {
        self.from
    }

    /// The pods that have a track of their own and told something under the load.
    pub fn pods(&self) -> impl Iterator<Item = (&str, &PodTrack)> {
        let told = self.pods.iter().filter(|(_, pod)| pod.track.samples() > 0 || !pod.ends.is_empty());
        told.map(|(name, pod)| (name.as_str(), pod))
    }

    /// All pods together.
    pub fn whole(&self) -> &Track {
        &self.whole
    }

    /// How many pods have no track of their own; at least so many, of more than 500.
    pub fn omitted(&self) -> usize {
        self.others.len()
    }

    /// How many pods there were at least, most at a time, of which nothing is known, as there was no room for them.
    pub fn left_out(&self) -> u32 {
        self.left_out.max(u32::from(self.others.is_crowded()))
    }

    /// The pods that were ready under the load for too long without a measurement, by its end. Of which none was taken in more
    /// than 90 s, nobody knows what they used.
    pub fn unmeasured(&self, end: Timestamp) -> Vec<&str> {
        let Some(from) = self.from else { return Vec::new() };
        let to = self.to.map_or(end, |to| to.min(end));
        self.sights().filter(|(_, sight)| sight.is_blind(from, to)).map(|(name, _)| name).collect()
    }

    /// The pods of which containers ended under the load, and which were never measured.
    pub fn ended_unmeasured(&self) -> Vec<&str> {
        self.sights().filter(|(_, sight)| sight.ended_unmeasured).map(|(name, _)| name).collect()
    }

    /// The highest shares of the pods that have no track of their own.
    pub fn others(&self) -> &Shares {
        self.others.shares()
    }

    /// How often containers of all pods were started again under the load.
    pub fn restarts(&self) -> u32 {
        self.pods.values().map(PodTrack::restarts).sum::<u32>() + self.others.restarts()
    }

    /// How many of the ends of containers were for lack of memory.
    pub fn oom_kills(&self) -> u32 {
        self.pods.values().map(|pod| pod.oom_kills).sum::<u32>() + self.others.oom_kills()
    }

    /// Times under the load for which nobody told of CPU and memory. The last one may still last.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        let from = self.from;
        self.gaps.iter().filter(move |gap| gap.to.is_none_or(|to| from.is_none_or(|from| to > from)))
    }

    /// How the memory of a pod grew between two instants, held against a limit in percent per hour.
    pub fn growth(&self, pod: &str, from: Timestamp, to: Timestamp, percent_per_hour: f64) -> Option<Growth> {
        let (begin, pod) = (self.from?, self.pods.get(pod)?);
        let limit = Limit::over(to.duration_since(from).as_secs_f64(), percent_per_hour);
        let hours = |at: Timestamp| at.duration_since(begin).as_secs_f64() / 3_600.0;
        // What was started shortly before has to settle, too; its life began before anybody looked.
        let earlier = pod.starts.iter().rev().find(|start| **start < from);
        let (earliest, last) = (hours(from), hours(to));
        let first = earlier.map_or(earliest, |start| (hours(*start) + limit.settle_hours).max(earliest));
        let samples: Vec<Sample> = pod
            .track
            .points()
            .map(|point| (point.seconds() / 3_600.0, point.memory))
            .filter(|(hours, _)| *hours >= first && *hours <= last)
            .map(|(hours, value)| Sample { hours, value })
            .collect();
        let during = pod.starts.iter().filter(|start| **start >= from && **start <= to);
        let starts: Vec<f64> = during.map(|start| hours(*start)).collect();
        Some(growth::growth(&samples, &starts, limit))
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let pods = self.pods.iter().map(|(name, pod)| name.len() + pod.bytes());
        size_of::<Self>() + pods.sum::<usize>() + self.others.bytes() + self.whole.bytes()
    }

    fn sights(&self) -> impl Iterator<Item = (&str, &Sight)> {
        self.pods.iter().map(|(name, pod)| (name.as_str(), &pod.sight)).chain(self.others.sights())
    }

    fn is_during(&self, at: Timestamp) -> bool {
        self.from.is_some_and(|from| at >= from) && self.to.is_none_or(|to| at <= to)
    }

    fn look(&mut self, pods: &[PodUsage], omitted: u32) {
        let Some(from) = self.from else { return };
        if pods.iter().any(|usage| self.is_during(usage.at)) {
            self.left_out = self.left_out.max(omitted);
        }
        let mut news = None;
        for usage in pods {
            if !self.is_during(usage.at) {
                continue;
            }
            let is_news = match self.track_of(&usage.pod) {
                Some(pod) => pod.measure(usage, from),
                None => {
                    self.others.measure(usage, from);
                    true
                }
            };
            if is_news {
                news = news.max(Some(usage.at));
            }
        }
        // Of a look that tells of some pods only, a sum says nothing.
        if let Some(at) = news.filter(|_| omitted == 0) {
            self.whole.add_sum(at, from, pods);
        }
    }

    fn live(&mut self, name: &str, life: &Life, event: &Event) {
        let at = event.stamped.unwrap_or(event.seen);
        // What was found without a stamp may be of any time before.
        let counts = self.is_during(at) && (event.stamped.is_some() || !event.found);
        let load = (self.from, self.to);
        match self.track_of(name) {
            Some(pod) => pod.live(life, at, event.seen, counts, load),
            None => self.others.live(name, life, at, counts, load),
        }
    }

    fn lose(&mut self, at: Timestamp, message: &str) {
        let is_full = self.gaps.len() >= MOST_GAPS;
        match self.gaps.last_mut() {
            Some(last) if last.to.is_none() => message.clone_into(&mut last.message),
            Some(last) if is_full => {
                last.to = None;
                message.clone_into(&mut last.message);
            }
            _ => self.gaps.push(Gap { from: at, to: None, message: message.into() }),
        }
    }

    /// The track of a pod; a new one, if there is room or can be.
    fn track_of(&mut self, name: &str) -> Option<&mut PodTrack> {
        if self.others.holds(name) {
            return None;
        }
        if !self.pods.contains_key(name) {
            if self.pods.len() >= MOST_PODS && !self.make_room() {
                return None;
            }
            let sight = self.others.release(name);
            self.pods.entry(name.to_owned()).or_default().sight = sight;
        }
        self.pods.get_mut(name)
    }

    /// Lets the pod go that is gone and has told least, if there is one.
    fn make_room(&mut self) -> bool {
        let gone = self.pods.iter().filter(|(_, pod)| pod.is_gone);
        let least = gone.min_by_key(|(_, pod)| (pod.restarts(), pod.track.samples()));
        let Some(name) = least.map(|(name, _)| name.clone()) else { return false };
        if let Some(pod) = self.pods.remove(&name) {
            self.others.take(&name, &pod);
        }
        true
    }
}
