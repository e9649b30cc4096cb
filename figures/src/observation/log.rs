// SPDX-License-Identifier: Apache-2.0
//! The log: events in the order in which they were seen, and as many as there is room for.
//!
//! Each class of events has room of its own, so that what comes often pushes out nothing else. When a class is full, its
//! first half stays and the oldest event after it goes: the begin and the newest tell most. Two classes differ. Of pods,
//! whole lives that are over go first. Gaps are joined with the next gap of the same source: what was known between is then
//! taken for unknown, never the other way. What went is counted, with the stretch of time that can't be told any more.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Event, Life, Source, What};

/// Kinds of events that share room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    /// Levels of the load.
    Load,
    /// Whether thresholds are met.
    Thresholds,
    /// Settings and conditions of the autoscaler.
    Autoscaler,
    /// What the autoscaler wants and reads.
    Scaling,
    /// Replicas that are asked for and exist, revisions, quotas.
    Workload,
    /// Lives of pods.
    Pods,
    /// CPU and memory of pods.
    Usage,
    /// What could not be seen.
    Gaps,
}

impl Class {
    /// The class of an event.
    pub fn of(what: &What) -> Self {
        match what {
            What::Load { .. } => Self::Load,
            What::Thresholds { .. } => Self::Thresholds,
            What::Autoscaler(_) | What::AutoscalerGone | What::Condition(_) => Self::Autoscaler,
            What::Scaling(_) => Self::Scaling,
            What::Asked { .. }
            | What::Existing { .. }
            | What::Revision { .. }
            | What::Rollout { .. }
            | What::QuotaExceeded { .. } => Self::Workload,
            What::Pod { .. } => Self::Pods,
            What::Usage { .. } => Self::Usage,
            What::Lost { .. } | What::Listed { .. } => Self::Gaps,
        }
    }

    /// Most events of it that are kept: 5,300 in all, some 120 bytes each as lines.
    pub const fn room(self) -> usize {
        match self {
            Self::Load => 1_000,
            Self::Thresholds | Self::Scaling | Self::Workload => 500,
            Self::Autoscaler => 300,
            Self::Pods => 2_400,
            // Whoever keeps usage keeps it thinned, apart from the log.
            Self::Usage => 10,
            Self::Gaps => 100,
        }
    }
}

/// What a class has left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Events.
    pub events: u64,
    /// From here on the class does not tell.
    pub from: Timestamp,
    /// Up to here, and not here any more.
    pub to: Timestamp,
}

/// Events of one workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    events: Vec<Event>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    left_out: BTreeMap<Class, LeftOut>,
    /// How many events there are of each class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    counts: BTreeMap<Class, usize>,
}

impl Log {
    /// The events, by when they were seen.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What was left out, by class.
    pub fn left_out(&self) -> &BTreeMap<Class, LeftOut> {
        &self.left_out
    }

    /// Adds an event. Several watches write here, so it may be a little older than the last one.
    pub fn push(&mut self, event: Event) {
        self.push_within(event, Class::room);
    }

    /// The same with other bounds, for tests.
    pub(super) fn push_within(&mut self, mut event: Event, room: impl Fn(Class) -> usize) {
        event.what.shorten();
        let class = Class::of(&event.what);
        if self.counts.values().sum::<usize>() != self.events.len() {
            // Read from what was written before they were.
            self.counts.clear();
            self.events.iter().for_each(|event| *self.counts.entry(Class::of(&event.what)).or_default() += 1);
        }
        let place = self.events.partition_point(|earlier| earlier.seen <= event.seen);
        self.events.insert(place, event);
        let count = self.counts.entry(class).or_default();
        *count += 1;
        let room = room(class);
        if *count > room {
            self.make_room(class, room / 2);
        }
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.events.iter().map(Event::bytes).sum()
    }

    /// Places of the events of a class.
    fn of(&self, class: Class) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let all = self.events.iter().enumerate();
        let is_of_class = move |(_, event): &(usize, &Event)| {
            count_look();
            Class::of(&event.what) == class
        };
        all.filter(is_of_class).map(|(place, _)| place)
    }

    /// The event at a place.
    fn look(&self, place: usize) -> Option<&Event> {
        count_look();
        self.events.get(place)
    }

    fn make_room(&mut self, class: Class, head: usize) {
        let tail: Vec<usize> = self.of(class).skip(head).collect();
        let superseded =
            || self.superseded(class, &tail).or_else(|| Some((vec![*tail.first()?], Timestamp::MAX)));
        let chosen = match class {
            Class::Gaps => self.repeated(&tail).or_else(|| self.shortest_sight(&tail)),
            Class::Pods => self.oldest_life(&tail),
            _ => None,
        };
        let Some((mut gone, to)) = chosen.or_else(superseded) else { return };
        gone.sort_unstable();
        if let Some(from) = gone.first().and_then(|first| self.look(*first)).map(|event| event.seen)
            && class != Class::Gaps
        {
            let left = self.left_out.entry(class).or_insert(LeftOut { events: 0, from, to });
            left.events = left.events.saturating_add(gone.len() as u64);
            (left.from, left.to) = (left.from.min(from), left.to.max(to));
        }
        if let Some(count) = self.counts.get_mut(&class) {
            *count = count.saturating_sub(gone.len());
        }
        for place in gone.into_iter().rev() {
            self.events.remove(place);
        }
    }

    /// The oldest event after the first half that a later one of its kind makes up for, and when that came.
    fn superseded(&self, class: Class, tail: &[usize]) -> Option<(Vec<usize>, Timestamp)> {
        if class == Class::Pods {
            // None of a pod does, and to find that out takes time at each event.
            return None;
        }
        tail.iter().enumerate().find_map(|(index, place)| {
            let what = &self.look(*place)?.what;
            let later = tail.iter().skip(index + 1).filter_map(|place| self.look(*place));
            let next = later.into_iter().find(|event| supersedes(&event.what, what))?;
            Some((vec![*place], next.seen))
        })
    }

    /// A source and whether it is seen from an event on.
    fn sight(&self, place: usize) -> Option<(Source, bool)> {
        match &self.look(place)?.what {
            What::Listed { source } => Some((*source, true)),
            What::Lost { source, .. } => Some((*source, false)),
            _ => None,
        }
    }

    /// An event after the first half that says of a source what was said before.
    fn repeated(&self, tail: &[usize]) -> Option<(Vec<usize>, Timestamp)> {
        let before = |place: usize| {
            let (source, _) = self.sight(place)?;
            let mut earlier = self.of(Class::Gaps).rev().filter(|earlier| *earlier < place);
            earlier.find_map(|earlier| self.sight(earlier).filter(|(other, _)| *other == source))
        };
        let place = tail.iter().find(|place| before(**place) == self.sight(**place))?;
        Some((vec![*place], Timestamp::MAX))
    }

    /// The shortest time after the first half for which a source could be seen between two gaps.
    fn shortest_sight(&self, tail: &[usize]) -> Option<(Vec<usize>, Timestamp)> {
        let sights = tail.iter().enumerate().filter_map(|(index, place)| {
            let (source, true) = self.sight(*place)? else { return None };
            let lost =
                tail.iter().skip(index + 1).find(|later| self.sight(**later) == Some((source, false)))?;
            let length = self.look(*lost)?.seen.duration_since(self.look(*place)?.seen);
            Some((length, vec![*place, *lost]))
        });
        // What is joined is unknown by the gaps themselves.
        sights.min_by_key(|(length, _)| *length).map(|(_, places)| (places, Timestamp::MAX))
    }

    /// All events of the pod that went first of those that came after the first half, and when it went.
    fn oldest_life(&self, tail: &[usize]) -> Option<(Vec<usize>, Timestamp)> {
        let first = tail.first()?;
        let of_pod = |place: usize, name: &str| {
            let what = self.look(place).map(|event| &event.what);
            matches!(what, Some(What::Pod { pod, .. }) if pod == name)
        };
        tail.iter().find_map(|place| {
            let event = self.look(*place)?;
            let What::Pod { pod, life: Life::Gone } = &event.what else { return None };
            let begun = self.of(Class::Pods).find(|earlier| of_pod(*earlier, pod))?;
            let whole = tail.iter().copied().filter(|other| other <= place && of_pod(*other, pod));
            (begun >= *first).then(|| (whole.collect(), event.seen))
        })
    }
}

/// Whether after an event it doesn't matter any more what an earlier one said.
fn supersedes(later: &What, earlier: &What) -> bool {
    match (later, earlier) {
        (What::Condition(later), What::Condition(earlier)) => later.condition == earlier.condition,
        // That an autoscaler was gone ends what it wanted, too.
        (_, What::AutoscalerGone) => false,
        (What::Pod { .. }, _) => false,
        _ => std::mem::discriminant(later) == std::mem::discriminant(earlier),
    }
}

/// Counts that an event was looked at to make room: tests ask how often.
fn count_look() {
    #[cfg(test)]
    LOOKS.set(LOOKS.get() + 1);
}

#[cfg(test)]
thread_local! {
    /// How often an event was looked at to make room.
    pub(super) static LOOKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
