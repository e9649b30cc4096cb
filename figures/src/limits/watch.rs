// SPDX-License-Identifier: Apache-2.0
//! Limits over time, as a fold.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Limit,
    in_force::{Moment, in_force, next_late},
};
use crate::{
    elasticity::Demand,
    observation::{Event, Tracker},
};

/// Most stretches that are kept; of more, the shortest go. The sums have all.
const MOST: usize = 50;

/// Takes events in the order in which they are seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    demand: Demand,
    tracker: Tracker,
    /// Up to here everything is counted.
    at: Timestamp,
    found: Limits,
}

/// A limit that was in force from one instant to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stretch {
    /// The limit.
    pub limit: Limit,
    /// Its begin.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// What it was seen by, at its begin.
    pub evidence: String,
}

/// All limits of a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Seconds for which each was in force.
    pub seconds: BTreeMap<Limit, f64>,
    /// When they were in force, in order of time.
    pub stretches: Vec<Stretch>,
    /// Stretches that are left out.
    pub omitted: u64,
    /// Seconds of which supply isn't known, and so no limit either.
    pub unknown: f64,
    /// Most replicas that the load asked for; absent if that isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_demanded: Option<u32>,
}

impl Watch {
    /// For a period from an instant on; what comes before tells how things stood then.
    pub fn new(demand: Demand, from: Timestamp) -> Self {
        Self { demand, tracker: Tracker::default(), at: from, found: Limits::default() }
    }

    /// With what is known at its begin.
    #[must_use]
    pub fn knowing(mut self, known: Tracker) -> Self {
        self.tracker = known;
        self
    }

    /// Takes an event.
    pub fn see(&mut self, event: &Event) {
        self.advance(event.seen);
        self.tracker.see(event);
    }

    /// The limits of the period up to an instant, which isn't before the last event.
    pub fn limits(&self, to: Timestamp) -> Limits {
        let mut whole = self.clone();
        whole.advance(to);
        whole.found
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let stretch = |stretch: &Stretch| size_of::<Stretch>() + stretch.evidence.len();
        self.tracker.bytes() + self.found.stretches.iter().map(stretch).sum::<usize>()
    }

    fn advance(&mut self, to: Timestamp) {
        while self.at < to {
            let until = next_late(&self.tracker, self.at).map_or(to, |late| late.min(to));
            let demand = self.tracker.levels().load.and_then(|load| self.demand.replicas(load));
            self.found.most_demanded = self.found.most_demanded.max(demand);
            let seconds = until.duration_since(self.at).as_secs_f64();
            match in_force(&self.tracker, demand, self.at) {
                Moment::Unknown => self.found.unknown += seconds,
                Moment::Enough => {}
                Moment::Short(limit, evidence) => {
                    *self.found.seconds.entry(limit).or_default() += seconds;
                    self.found.add(Stretch { limit, from: self.at, to: until, evidence });
                }
            }
            self.at = until;
        }
    }
}

impl Limits {
    /// The limit of the period: the one that was in force longest. `None` if there always were enough replicas, or nobody
    /// knows. Without a demand a limit counts only while it can be seen, which is less than what it does: then any says more than
    /// that replicas were on their way.
    pub fn limited_by(&self) -> Option<Limit> {
        let mut named = self.seconds.clone();
        if self.most_demanded.is_none() {
            named.remove(&Limit::None);
        }
        longest(&named).or_else(|| longest(&self.seconds))
    }

    /// The limit that was in force longest between two instants, such as the rise of the load and when a scale-up served, with its
    /// longest stretch.
    pub fn within(&self, from: Timestamp, to: Timestamp) -> Option<&Stretch> {
        let overlap = |stretch: &Stretch| {
            stretch.to.min(to).duration_since(stretch.from.max(from)).as_secs_f64().max(0.0)
        };
        let mut seconds: BTreeMap<Limit, f64> = BTreeMap::new();
        for stretch in self.stretches.iter().filter(|stretch| overlap(stretch) > 0.0) {
            *seconds.entry(stretch.limit).or_default() += overlap(stretch);
        }
        let limit = longest(&seconds)?;
        let own = self.stretches.iter().filter(|stretch| stretch.limit == limit);
        own.max_by(|one, other| overlap(one).total_cmp(&overlap(other)))
    }

    fn add(&mut self, stretch: Stretch) {
        match self.stretches.last_mut() {
            Some(last) if last.limit == stretch.limit && last.to == stretch.from => last.to = stretch.to,
            _ => self.stretches.push(stretch),
        }
        if self.stretches.len() > MOST {
            // Never the last one, which may still go on.
            let all = self.stretches.iter().enumerate().take(MOST);
            let shortest = all.min_by_key(|(_, stretch)| stretch.to.duration_since(stretch.from));
            if let Some((index, _)) = shortest {
                self.stretches.remove(index);
                self.omitted += 1;
            }
        }
    }
}

/// The one with most seconds.
fn longest(seconds: &BTreeMap<Limit, f64>) -> Option<Limit> {
    seconds.iter().max_by(|one, other| one.1.total_cmp(other.1)).map(|(limit, _)| *limit)
}
