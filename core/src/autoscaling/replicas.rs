// SPDX-License-Identifier: Apache-2.0
//! Replicas as step functions over a period, blank where nobody saw them.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::v1alpha1::ReplicaPoint;
use upsurge_figures::observation::{Levels, Log, levels};

/// What is known between two instants. The first step is the state at the start.
pub(super) struct Replicas {
    steps: Vec<Step>,
    start: Timestamp,
    end: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    at: Timestamp,
    desired: Option<i32>,
    current: Option<i32>,
    ready: Option<i32>,
}

/// When something came about, as far as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// At this instant it was seen to be so.
    pub(super) seen: Option<Timestamp>,
    /// From here on, before that, it may have been so without anybody looking.
    pub(super) perhaps: Option<Timestamp>,
}

impl Reached {
    /// The instant, if it is known.
    pub(super) fn exact(self) -> Option<Timestamp> {
        self.seen.filter(|_| self.perhaps.is_none())
    }

    /// Whether it was so by an instant; `None` if that is not known.
    pub(super) fn by(self, deadline: Timestamp) -> Option<bool> {
        if self.seen.is_some_and(|seen| seen <= deadline) {
            return Some(true);
        }
        self.perhaps.is_none_or(|perhaps| perhaps > deadline).then_some(false)
    }
}

/// Ready replicas by a log: at the start of a time or seen first after that, most of them, and at its end or seen last.
pub fn ready_replicas(log: &Log, start: Timestamp, end: Timestamp) -> [Option<i32>; 3] {
    let replicas = Replicas::of(log, start, end);
    let (first, last) = (replicas.at_start(), replicas.at_end());
    [first.or(replicas.first_seen()), replicas.peak(), last.or(replicas.last_seen())]
}

impl Replicas {
    /// What a log tells of the time between two instants.
    pub(super) fn of(log: &Log, start: Timestamp, end: Timestamp) -> Self {
        let mut steps = vec![Step::of(start, &Levels::default())];
        for (at, levels) in levels(log).into_iter().take_while(|(at, _)| *at <= end) {
            let step = Step::of(at.max(start), &levels);
            match steps.last_mut() {
                Some(first) if at <= start => *first = step,
                Some(last) if last.numbers() == step.numbers() => {}
                _ => steps.push(step),
            }
        }
        Self { steps, start, end }
    }

    /// Ready replicas at the start.
    pub(super) fn at_start(&self) -> Option<i32> {
        self.steps.first().and_then(|step| step.ready)
    }

    /// The ready replicas that were seen first.
    pub(super) fn first_seen(&self) -> Option<i32> {
        self.steps.iter().find_map(|step| step.ready)
    }

    /// Ready replicas at the end.
    pub(super) fn at_end(&self) -> Option<i32> {
        self.steps.last().and_then(|step| step.ready)
    }

    /// The ready replicas that were seen last.
    pub(super) fn last_seen(&self) -> Option<i32> {
        self.steps.iter().rev().find_map(|step| step.ready)
    }

    /// Replicas that are wanted at the end.
    pub(super) fn wanted_at_end(&self) -> Option<i32> {
        self.steps.last().and_then(|step| step.desired)
    }

    /// Most ready replicas that were seen.
    pub(super) fn peak(&self) -> Option<i32> {
        self.steps.iter().filter_map(|step| step.ready).max()
    }

    /// Whether it is known at each instant how many were ready.
    pub(super) fn is_whole(&self) -> bool {
        self.steps.iter().all(|step| step.ready.is_some())
    }

    /// The first instant, not before `from`, at which that many replicas are ready.
    pub(super) fn reaches(&self, replicas: i32, from: Timestamp) -> Reached {
        self.first(from, |ready| ready >= replicas)
    }

    /// The instant, not before `from`, from which no more than that many replicas are ready until the end.
    pub(super) fn settles(&self, replicas: i32, from: Timestamp) -> Reached {
        let above = self.steps.iter().rposition(|step| step.ready.is_some_and(|ready| ready > replicas));
        let begin = match above {
            None => Some(from),
            Some(index) => self.steps.get(index + 1).map(|next| next.at.max(from)),
        };
        begin.map(|begin| self.first(begin, |ready| ready <= replicas)).unwrap_or_default()
    }

    fn first(&self, from: Timestamp, holds: impl Fn(i32) -> bool) -> Reached {
        let mut reached = Reached::default();
        for (index, step) in self.steps.iter().enumerate() {
            if self.steps.get(index + 1).is_some_and(|next| next.at <= from) {
                continue;
            }
            let at = step.at.max(from);
            match step.ready {
                Some(ready) if holds(ready) => {
                    reached.seen = Some(at);
                    break;
                }
                Some(_) => {}
                None => reached.perhaps = reached.perhaps.or(Some(at)),
            }
        }
        reached
    }

    /// The points of the timeline: where all three numbers are known.
    pub(super) fn points(&self) -> Vec<ReplicaPoint> {
        let point = |step: &Step| {
            Some(ReplicaPoint {
                at: Time(step.at),
                seconds: seconds_between(self.start, step.at),
                desired: step.desired?,
                current: step.current?,
                ready: step.ready?,
            })
        };
        self.steps.iter().filter_map(point).collect()
    }

    /// The end of the period.
    pub(super) fn end(&self) -> Timestamp {
        self.end
    }
}

impl Step {
    fn of(at: Timestamp, levels: &Levels) -> Self {
        let number = |replicas: u32| i32::try_from(replicas).unwrap_or(i32::MAX);
        Self {
            at,
            desired: levels.desired.or(levels.asked).map(number),
            current: levels.existing.map(number),
            ready: levels.serving.map(number),
        }
    }

    fn numbers(&self) -> [Option<i32>; 3] {
        [self.desired, self.current, self.ready]
    }
}

/// Seconds from one instant to another, to the millisecond.
pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.duration_since(from).as_millis() as f64) / 1e3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use upsurge_figures::observation::{Event, Life, Source, What};

    use super::*;

    fn at(second: usize) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second as i64).unwrap()
    }

    /// A log of as many ready pods as there are in each second; in a second without a number nobody looks.
    fn log_of(seconds: &[Option<usize>]) -> Log {
        let mut log = Log::default();
        let (mut were_ready, mut is_seen) = (0, false);
        log.push(Event::live(at(0), What::Listed { source: Source::Endpoints }));
        for (second, ready) in seconds.iter().enumerate() {
            let Some(ready) = *ready else {
                if is_seen {
                    let lost = What::Lost { source: Source::Pods, message: String::new() };
                    log.push(Event::live(at(second), lost));
                }
                is_seen = false;
                continue;
            };
            for pod in were_ready.min(ready)..were_ready.max(ready) {
                let life = if ready > were_ready { Life::Ready } else { Life::NotReady };
                log.push(Event {
                    found: !is_seen,
                    ..Event::live(at(second), What::Pod { pod: pod.to_string(), life })
                });
            }
            if !is_seen {
                log.push(Event::live(at(second), What::Listed { source: Source::Pods }));
            }
            (were_ready, is_seen) = (ready, true);
        }
        log
    }

    /// From a second on, the first one that is seen to hold, and the first one before that of which nobody knows.
    fn first(seconds: &[Option<usize>], from: usize, holds: impl Fn(usize) -> bool) -> Reached {
        let rest = || (from..seconds.len()).map(|second| (second, seconds[second]));
        let seen = rest().find(|(_, ready)| ready.is_some_and(&holds)).map(|(second, _)| second);
        let perhaps = rest().find(|(_, ready)| ready.is_none()).map(|(second, _)| second);
        let perhaps = perhaps.filter(|perhaps| seen.is_none_or(|seen| *perhaps < seen));
        Reached { seen: seen.map(at), perhaps: perhaps.map(at) }
    }

    proptest! {
        #[test]
        fn numbers_and_times_are_those_of_an_array_with_a_cell_per_second(
            seconds in prop::collection::vec(prop::option::weighted(0.8, 0..5_usize), 1..40),
            wanted in 0..5_usize,
            from in 0..40_usize,
            deadline in 0..60_usize,
            hidden in prop::collection::vec(0..5_usize, 40),
        ) {
            let from = from % seconds.len();
            let replicas = Replicas::of(&log_of(&seconds), at(0), at(seconds.len() - 1));
            let number = |ready: Option<usize>| ready.map(|ready| ready as i32);
            prop_assert_eq!(replicas.at_start(), number(seconds[0]));
            prop_assert_eq!(replicas.at_end(), number(seconds[seconds.len() - 1]));
            prop_assert_eq!(replicas.peak(), number(seconds.iter().flatten().max().copied()));
            prop_assert_eq!(replicas.is_whole(), seconds.iter().all(Option::is_some));

            let reached = replicas.reaches(wanted as i32, at(from));
            prop_assert_eq!(reached, first(&seconds, from, |ready| ready >= wanted));
            let above = seconds.iter().rposition(|ready| ready.is_some_and(|ready| ready > wanted));
            let begin = above.map_or(from, |above| from.max(above + 1));
            prop_assert_eq!(replicas.settles(wanted as i32, at(from)), first(&seconds, begin, |ready| ready <= wanted));

            // Whatever happened while nobody looked, what is said to be certain is so.
            let truth: Vec<usize> =
                seconds.iter().zip(&hidden).map(|(ready, hidden)| ready.unwrap_or(*hidden)).collect();
            let in_time = (from..truth.len()).any(|second| truth[second] >= wanted && second <= deadline);
            if let Some(certain) = reached.by(at(deadline)) {
                prop_assert_eq!(certain, in_time);
            }
        }
    }
}
