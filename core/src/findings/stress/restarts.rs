// SPDX-License-Identifier: Apache-2.0
//! When containers of the target's pods were started again, by what was observed of them.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use upsurge_figures::observation::{Class, Life, Log, Source, What};

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
        let mut known: BTreeMap<&str, u32> = BTreeMap::new();
        for event in log.events() {
            match &event.what {
                What::Lost { source: Source::Pods, .. } => drop(lost.get_or_insert(at(event.seen))),
                What::Listed { source: Source::Pods } => {
                    let gap = lost.take().map(|from| (from, at(event.seen)));
                    restarts.gaps.extend(gap.filter(|(from, to)| from < to));
                }
                What::Pod { pod, life: Life::Ended { restarts: count, .. } } => {
                    let before = known.insert(pod, *count).unwrap_or_default();
                    let again = count.saturating_sub(before) as usize;
                    if event.seen >= start {
                        restarts.seen.extend(std::iter::repeat_n((at(event.seen), pod.clone()), again));
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

#[cfg(test)]
mod tests {
    use upsurge_figures::observation::Event;

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
        assert_eq!((seen, restarts.gap(zero, minute)), (vec![21, 40], None));
        assert_eq!(restarts.between(Duration::from_secs(22), minute).len(), 1);
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
