// SPDX-License-Identifier: Apache-2.0
//! When containers of the target's pods ended without being asked to, and so were started again, by what was observed of them.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use upsurge_figures::observation::{Class, Event, Life, Log, Source, What};

/// Restarts of pods, and when nobody saw them. All times are from the start of the load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    seen: Vec<(Duration, String)>,
    gaps: Vec<(Duration, Duration)>,
}

impl Restarts {
    /// What a log tells of them since the start of the load.
    pub fn of(log: &Log, start: Timestamp) -> Self {
        let at = |instant: Timestamp| Duration::try_from(instant.duration_since(start)).unwrap_or_default();
        let mut restarts = Self::default();
        // Pods are unknown until they were listed.
        let mut lost = Some(Duration::ZERO);
        let asked = Asked::of(log);
        let mut known: BTreeMap<&str, Pod> = BTreeMap::new();
        for event in log.events() {
            match &event.what {
                What::Lost { source: Source::Pods, .. } => drop(lost.get_or_insert(at(event.seen))),
                What::Listed { source: Source::Pods } => {
                    let gap = lost.take().map(|from| (from, at(event.seen)));
                    restarts.gaps.extend(gap.filter(|(from, to)| from < to));
                }
                What::Pod { pod, life: Life::Created } => drop(known.insert(pod, Pod::made(event.found))),
                What::Pod { pod, life: Life::Gone } => drop(known.remove(pod.as_str())),
                What::Pod { pod, life: Life::Terminating } => known.entry(pod).or_default().is_going = true,
                What::Pod { pod, life: Life::Ended { restarts: count, .. } } => {
                    let of_pod = known.entry(pod).or_default();
                    if of_pod.is_going || asked.meets(pod, event) {
                        continue;
                    }
                    let again = of_pod.ended(*count) as usize;
                    // What was found without a stamp may be of any time before.
                    let happened = if event.found { event.stamped } else { Some(event.seen) };
                    if let Some(happened) = happened.filter(|happened| *happened >= start) {
                        restarts.seen.extend(std::iter::repeat_n((at(happened), pod.clone()), again));
                    }
                }
                _ => {}
            }
        }
        restarts.gaps.extend(lost.map(|from| (from, Duration::MAX)));
        let left_out = log.left_out().get(&Class::Pods);
        restarts.gaps.extend(left_out.map(|left| (at(left.from), at(left.to))));
        restarts
    }

    /// The same of the logs of several workloads.
    pub fn of_all<'a>(logs: impl IntoIterator<Item = &'a Log>, start: Timestamp) -> Self {
        let mut all = Self::default();
        for log in logs {
            let Self { seen, gaps } = Self::of(log, start);
            all.seen.extend(seen);
            all.gaps.extend(gaps);
        }
        all.seen.sort();
        all
    }

    /// Those that somebody tells, for tests.
    #[cfg(test)]
    pub(super) fn told(seen: Vec<(Duration, String)>, gaps: Vec<(Duration, Duration)>) -> Self {
        Self { seen, gaps }
    }

    /// Those between two times.
    pub(super) fn between(&self, from: Duration, to: Duration) -> Vec<&(Duration, String)> {
        self.seen.iter().filter(|(at, _)| from <= *at && *at <= to).collect()
    }

    /// The first time between two times in which nobody saw them.
    pub(super) fn gap(&self, from: Duration, to: Duration) -> Option<(Duration, Duration)> {
        let within = self.gaps.iter().map(|(begin, end)| ((*begin).max(from), (*end).min(to)));
        within.filter(|(begin, end)| begin < end).min()
    }
}

/// A pod whose containers end.
#[derive(Clone, Copy, Debug, Default)]
struct Pod {
    /// Ends that were told.
    told: u32,
    /// Kubernetes' own count of new starts at the first of them, or as the pod was made; and at the last.
    first: Option<u32>,
    last: u32,
    /// How often its containers were started again, as far as these tell.
    restarts: u32,
    /// Whether it was asked to end.
    is_going: bool,
}

impl Pod {
    /// One that was created; of one that was only found it is not known what happened to it before.
    fn made(found: bool) -> Self {
        Self { first: (!found).then_some(0), ..Self::default() }
    }

    /// How many more restarts there are once it is told that a container has ended, with the count of new starts so far. The count
    /// is from before the new start if somebody saw the end at once; of several ends between two looks only the last one is told,
    /// but the count knows of the others.
    fn ended(&mut self, count: u32) -> u32 {
        if count < self.last {
            // Another pod under the same name.
            *self = Self::default();
        }
        self.told += 1;
        self.last = count;
        let counted = count.saturating_sub(*self.first.get_or_insert(count));
        let before = std::mem::replace(&mut self.restarts, self.told.max(counted));
        self.restarts.saturating_sub(before)
    }
}

/// When pods were asked to end, and when that was seen. Of a pod that is seen to be about to go and to have ended at the same look, the
/// end is told first.
struct Asked<'a>(BTreeMap<(&'a str, Timestamp), Option<Timestamp>>);

impl<'a> Asked<'a> {
    fn of(log: &'a Log) -> Self {
        let asked = log.events().iter().filter_map(|event| match &event.what {
            What::Pod { pod, life: Life::Terminating } => Some(((pod.as_str(), event.seen), event.stamped)),
            _ => None,
        });
        Self(asked.collect())
    }

    /// Whether the end of a container comes of that.
    fn meets(&self, pod: &'a str, ended: &Event) -> bool {
        let asked = self.0.get(&(pod, ended.seen));
        asked.is_some_and(|asked| asked.zip(ended.stamped).is_none_or(|(asked, ended)| ended >= asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).unwrap()
    }

    fn ended(second: i64, pod: &str, restarts: u32) -> Event {
        let life = Life::Ended { reason: "Error".into(), exit_code: 1, restarts };
        Event::live(at(second), What::Pod { pod: pod.into(), life })
    }

    #[test]
    fn restarts_are_counted_once_and_those_from_before_are_not() {
        let mut log = Log::default();
        log.push(Event::found(at(-10), ended(-10, "a", 2).what));
        log.push(Event::found(at(-10), What::Listed { source: Source::Pods }));
        // A container ends, and is then started again.
        for event in [ended(20, "a", 2), ended(21, "a", 3), ended(30, "b", 0), ended(40, "b", 1)] {
            log.push(event);
        }
        let restarts = Restarts::of(&log, at(0));
        let (zero, minute) = (Duration::ZERO, Duration::from_secs(60));
        let seen: Vec<u64> = restarts.between(zero, minute).iter().map(|(at, _)| at.as_secs()).collect();
        assert_eq!((seen, restarts.gap(zero, minute)), (vec![20, 21, 30, 40], None));
        assert_eq!(restarts.between(Duration::from_secs(22), minute).len(), 2);
    }

    /// Seconds of the restarts that are told of a log whose pods are listed at the start.
    fn told(events: Vec<Event>) -> Vec<u64> {
        let mut log = Log::default();
        log.push(Event::found(at(0), What::Listed { source: Source::Pods }));
        events.into_iter().for_each(|event| log.push(event));
        Restarts::of(&log, at(0)).seen.iter().map(|(at, _)| at.as_secs()).collect()
    }

    fn life(second: i64, life: Life) -> Event {
        Event::live(at(second), What::Pod { pod: "a".into(), life })
    }

    #[test]
    fn an_end_that_is_seen_before_the_new_start_counts() {
        assert_eq!(told(vec![ended(20, "a", 0)]), [20], "the first crash, as a watch tells of it");
        // The second end was seen once its container had been started again: the count has gone up by both.
        assert_eq!(told(vec![ended(20, "a", 0), ended(30, "a", 2)]), [20, 30]);
        assert_eq!(
            told(vec![ended(20, "a", 0), ended(30, "a", 3)]),
            [20, 30, 30],
            "one in between was not told"
        );
    }

    #[test]
    fn a_pod_that_comes_again_under_its_name_begins_anew() {
        let made = |second| life(second, Life::Created);
        assert_eq!(
            told(vec![ended(10, "a", 3), life(20, Life::Gone), made(21), ended(30, "a", 1)]),
            [10, 30]
        );
        assert_eq!(told(vec![ended(10, "a", 3), ended(30, "a", 1)]), [10, 30], "nobody saw it go");
        assert_eq!(told(vec![made(5), ended(10, "a", 2)]), [10, 10], "it began with none");
        assert_eq!(told(vec![Event::found(at(5), made(5).what), ended(10, "a", 2)]), [10]);
    }

    #[test]
    fn a_pod_that_was_asked_to_end_does_not_crash() {
        let going = |asked: i64| life(20, Life::Terminating).stamped(at(asked));
        assert_eq!(told(vec![going(19), ended(25, "a", 0)]), [0; 0]);
        // At one look the end is told first, whichever came first.
        assert_eq!(told(vec![ended(20, "a", 0).stamped(at(19)), going(18)]), [0; 0]);
        assert_eq!(told(vec![ended(20, "a", 0).stamped(at(15)), going(18)]), [20]);
        // The same name once more, which nobody has asked to end.
        let again = vec![going(19), life(22, Life::Gone), life(23, Life::Created), ended(30, "a", 0)];
        assert_eq!(told(again), [30]);
    }

    #[test]
    fn an_end_that_was_found_counts_if_it_was_under_the_load() {
        let found = |stamped: i64| Event { found: true, ..ended(30, "a", 1).stamped(at(stamped)) };
        assert_eq!((told(vec![found(12)]), told(vec![found(-50)])), (vec![12], vec![]));
    }

    #[test]
    fn what_nobody_saw_is_a_gap() {
        let listed = |second| Event::found(at(second), What::Listed { source: Source::Pods });
        let mut log = Log::default();
        let lost = What::Lost { source: Source::Pods, message: String::new() };
        [listed(-5), Event::live(at(10), lost), listed(25)].into_iter().for_each(|event| log.push(event));
        let restarts = Restarts::of(&log, at(0));
        let seconds = Duration::from_secs;
        assert_eq!(restarts.gap(seconds(0), seconds(60)), Some((seconds(10), seconds(25))));
        assert_eq!(restarts.gap(seconds(20), seconds(60)), Some((seconds(20), seconds(25))));
        assert_eq!(restarts.gap(seconds(26), seconds(60)), None);
        assert!(Restarts::of(&Log::default(), at(0)).gap(seconds(0), seconds(1)).is_some());
    }
}
