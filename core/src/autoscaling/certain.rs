// SPDX-License-Identifier: Apache-2.0
//! What of the expectations on numbers of replicas is certain, although the target was not seen for a while.
//!
//! They are judged by the list of samples, in which the last number simply goes on while nobody looks. The record knows when
//! nobody did. An expectation that hangs on such a time is neither held nor missed; one that is decided by what was seen
//! before or after it stays decided.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{AutoscalingExpectations, AutoscalingResult, TimeSpan};
use upsurge_figures::{
    observation::{Levels, Log, levels},
    workload::Workload as Record,
};

use super::{
    Observed,
    analyse::{has_own_need, needed},
    course,
    doubts::after,
    replicas::seconds_between,
    unseen::{Unseen, unseen},
    workload::not_seen,
};

/// Most gaps that a message names.
const MOST_NAMED: usize = 3;

/// From one instant to another.
type Stretch = (Timestamp, Timestamp);

/// What was seen of the number of replicas, and what was not.
pub(super) struct Certain<'a> {
    observed: &'a Observed<'a>,
    gaps: Vec<Unseen>,
    steps: Vec<(Timestamp, Levels)>,
}

impl<'a> Certain<'a> {
    /// By the record of a run; `None` if it has no gap.
    pub(super) fn of(observed: &'a Observed<'a>, record: &Record) -> Option<Self> {
        let log: &Log = record.log();
        let gaps = unseen(log, observed.start, observed.end);
        (!gaps.is_empty()).then(|| Self { observed, gaps, steps: levels(log) })
    }

    /// Leaves open what hangs on a gap.
    pub(super) fn check(&self, expect: &AutoscalingExpectations, result: &mut AutoscalingResult) {
        let (start, up, down) = (result.start_replicas, result.scale_up_seconds, result.scale_down_seconds);
        for one in &mut result.expectations {
            let hangs = match one.name.as_str() {
                "scaleUpWithin" => {
                    expect.scale_up_within.and_then(|within| self.up(within, one.passed, start, up))
                }
                "scaleDownWithin" => {
                    expect.scale_down_within.and_then(|within| self.down(within, one.passed, start, down))
                }
                "minPeakReplicas" => {
                    let enough = |seen: i32| expect.min_peak_replicas.is_some_and(|fewest| seen >= fewest);
                    self.whole(one.passed && self.saw(self.all(), enough))
                }
                "maxPeakReplicas" => {
                    let too_many = |seen: i32| expect.max_peak_replicas.is_some_and(|most| seen > most);
                    self.whole(!one.passed && self.saw(self.all(), too_many))
                }
                _ => None,
            };
            if let Some(stretch) = hangs {
                (one.passed, one.undecided) = (false, true);
                one.message = Some(self.told(stretch));
            }
        }
    }

    /// The time on which it hangs whether the replicas were ready in time.
    fn up(&self, within: TimeSpan, passed: bool, first: i32, took: Option<f64>) -> Option<Stretch> {
        let Observed { timeline, workload, start, end, .. } = *self.observed;
        if !has_own_need(workload, timeline) && self.is_unseen((start, start)) {
            // It is one more than at the start.
            return Some((start, start));
        }
        let rise = after(start, course::rise(timeline));
        let deadline = after(rise, within.0).min(end).max(rise);
        let needed = needed(workload, timeline, first);
        let (until, is_seen) = match took {
            Some(seconds) if passed => {
                (later(rise, seconds), self.saw((rise, deadline), |seen| seen >= needed))
            }
            _ => (deadline, false),
        };
        (!is_seen && self.is_unseen((rise, until))).then_some((rise, until))
    }

    /// The time on which it hangs whether the replicas were back in time.
    fn down(&self, within: TimeSpan, passed: bool, first: i32, took: Option<f64>) -> Option<Stretch> {
        let Observed { timeline, start, end, .. } = *self.observed;
        if self.is_unseen((start, start)) {
            return Some((start, start));
        }
        let fall = after(start, course::fall(timeline)).min(end);
        let deadline = after(fall, within.0).min(end);
        let (until, is_seen) = match took {
            Some(seconds) if passed => {
                (later(fall, seconds), self.saw((deadline, deadline), |seen| seen <= first))
            }
            _ => (end, self.saw((deadline, end), |seen| seen > first)),
        };
        (!is_seen && self.is_unseen((fall, until))).then_some((fall, until))
    }

    /// All of the time, unless what was seen decides.
    fn whole(&self, is_seen: bool) -> Option<Stretch> {
        (!is_seen).then(|| self.all())
    }

    fn all(&self) -> Stretch {
        (self.observed.start, self.observed.end)
    }

    fn is_unseen(&self, (from, to): Stretch) -> bool {
        self.gaps.iter().any(|gap| gap.meets(from, to))
    }

    /// Whether such a number of replicas was seen to serve at any instant of a time.
    fn saw(&self, (from, to): Stretch, holds: impl Fn(i32) -> bool) -> bool {
        self.steps.iter().enumerate().any(|(index, (at, levels))| {
            let next = self.steps.get(index + 1).map(|(next, _)| *next);
            let is_within = *at <= to && next.is_none_or(|next| next > from);
            is_within && levels.serving.is_some_and(|seen| holds(i32::try_from(seen).unwrap_or(i32::MAX)))
        })
    }

    fn told(&self, (from, to): Stretch) -> String {
        let start = self.observed.start;
        let meeting: Vec<&Unseen> = self.gaps.iter().filter(|gap| gap.meets(from, to)).collect();
        let named = meeting.iter().take(MOST_NAMED).map(|gap| {
            let [begin, end] = [gap.from, gap.to].map(|at| seconds_between(start, at));
            format!("{} not seen from {begin:.0} s to {end:.0} s of the run", not_seen(gap.source))
        });
        let named = named.collect::<Vec<_>>().join("; ");
        match meeting.len().saturating_sub(MOST_NAMED) {
            0 => named,
            more => format!("{named}; and {more} more gaps"),
        }
    }
}

fn later(at: Timestamp, seconds: f64) -> Timestamp {
    after(at, std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
