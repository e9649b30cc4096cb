// SPDX-License-Identifier: Apache-2.0
//! Expectations on numbers of replicas, each with what was observed. One that hangs on a time for which nobody saw them is neither
//! held nor missed; one that is decided by what was seen before or after it stays decided.

use jiff::Timestamp;
use upsurge_crds::v1alpha1::{AutoscalingExpectations, ExpectationResult, TimeLimit, TimeSpan};
use upsurge_figures::elasticity::Budget;

use super::{
    USUAL_WAIT,
    budget::{Pods, Settings, in_words},
    doubts::after,
    limiting::Limiting,
    replicas::{Reached, Replicas, seconds_between},
    unseen::Gaps,
};

/// What expectations are judged by.
pub(super) struct Course<'a> {
    /// Replicas over the observation.
    pub(super) replicas: &'a Replicas,
    /// What of them was not seen.
    pub(super) gaps: &'a Gaps,
    /// Replicas that the load asked for, if that is known.
    pub(super) needed: Option<i32>,
    /// The start of the load.
    pub(super) start: Timestamp,
    /// When the load rose.
    pub(super) rise: Timestamp,
    /// When the load fell.
    pub(super) fall: Timestamp,
    /// When the needed replicas were ready; absent if nobody knows how many these are.
    pub(super) up: Option<Reached>,
    /// When the replicas were back to what they were at the start; absent if nobody knows what that was.
    pub(super) down: Option<Reached>,
    /// What kept the workload from growing further, for messages.
    pub(super) limit: Option<&'a Limiting>,
    /// What the autoscaler's own settings make it take.
    pub(super) settings: Settings<'a>,
}

/// What came of an expectation: whether it holds, and why not, or what is not known.
type Outcome = Result<(), Why>;

enum Why {
    Missed(String),
    NotKnown(String),
}

impl Course<'_> {
    /// Judges each expectation that is given.
    pub(super) fn judge(&self, expected: &AutoscalingExpectations) -> Vec<ExpectationResult> {
        [
            expected.scale_up_within.map(|within| self.scale_up_within(within)),
            expected.min_peak_replicas.map(|fewest| self.min_peak(fewest)),
            expected.max_peak_replicas.map(|most| self.max_peak(most)),
            expected.scale_down_within.map(|within| self.scale_down_within(within)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// When the first of these was missed, by what came of them: a time as it was over, replicas that were too few as the load
    /// fell, since they might have come until then, and too many as they came.
    pub(super) fn first_missed(
        &self,
        expected: &AutoscalingExpectations,
        judged: &[ExpectationResult],
    ) -> Option<Timestamp> {
        let deadline = |limit: Option<TimeLimit>, from: Timestamp, budget: Result<Budget, String>| {
            let time = Time { limit: limit?, budget, pods: self.settings.pods(), is_limited: false };
            time.span().ok().map(|span| after(from, span.0))
        };
        let missed = judged.iter().filter(|one| !one.passed && !one.undecided);
        let instants = missed.filter_map(|one| match one.name.as_str() {
            "scaleUpWithin" => deadline(expected.scale_up_within, self.rise, self.settings.up()),
            "scaleDownWithin" => deadline(expected.scale_down_within, self.fall, self.settings.down()),
            "maxPeakReplicas" => {
                let most = expected.max_peak_replicas?;
                self.replicas.reaches(most.saturating_add(1), self.start).seen
            }
            _ => Some(self.fall),
        });
        instants.min()
    }

    fn scale_up_within(&self, limit: TimeLimit) -> ExpectationResult {
        let (budget, pods) = (self.settings.up(), self.settings.pods());
        let time = Time { limit, budget, pods, is_limited: self.limit.is_some() };
        let peak = shown(self.replicas.peak());
        let (observed, outcome) = match self.needed.zip(self.up) {
            None => (NOT_KNOWN.into(), Err(Why::NotKnown(self.gaps.told(self.start, self.start)))),
            Some((needed, up)) => {
                let took = self.took(self.rise, up);
                let late = || match &took {
                    Some(took) => format!("{needed} replicas were ready only after {took}"),
                    None => format!(
                        "{needed} replicas were never ready: peak was {peak} in {}s from the rise of the load",
                        seconds_between(self.rise, self.replicas.end())
                    ),
                };
                let outcome = self.in_time(self.rise, &time, up, || self.with_limit(late()));
                (took.clone().unwrap_or_else(|| format!("{peak} of {needed} replicas")), outcome)
            }
        };
        time.result("scaleUpWithin", observed, outcome)
    }

    fn min_peak(&self, fewest: i32) -> ExpectationResult {
        let (peak, text) = (self.replicas.peak(), shown(self.replicas.peak()));
        let outcome = match peak {
            Some(peak) if peak >= fewest => Ok(()),
            _ if self.replicas.is_whole() => Err(Why::Missed(self.with_limit(format!("peak was {text}")))),
            _ => Err(self.unseen()),
        };
        result("minPeakReplicas", fewest, text, outcome)
    }

    fn max_peak(&self, most: i32) -> ExpectationResult {
        let (peak, text) = (self.replicas.peak(), shown(self.replicas.peak()));
        let outcome = match peak {
            Some(peak) if peak > most => Err(Why::Missed(format!("peak was {text}"))),
            _ if self.replicas.is_whole() => Ok(()),
            _ => Err(self.unseen()),
        };
        result("maxPeakReplicas", most, text, outcome)
    }

    fn scale_down_within(&self, limit: TimeLimit) -> ExpectationResult {
        let (budget, pods) = (self.settings.down(), Pods::default());
        let time = Time { limit, budget, pods, is_limited: false };
        let left = shown(self.replicas.at_end());
        let (observed, outcome) = match self.replicas.at_start().zip(self.down) {
            None => (NOT_KNOWN.into(), Err(Why::NotKnown(self.gaps.told(self.start, self.start)))),
            Some((start, down)) => {
                let took = self.took(self.fall, down);
                let late = || match &took {
                    Some(took) => format!("back at {start} only {took} after the fall of the load"),
                    None => format!(
                        "still {left} replicas {}s after the fall of the load, {start} at the start",
                        seconds_between(self.fall, self.replicas.end())
                    ),
                };
                let outcome = self.in_time(self.fall, &time, down, late);
                (took.clone().unwrap_or_else(|| format!("{left} replicas")), outcome)
            }
        };
        time.result("scaleDownWithin", observed, outcome)
    }

    /// How long something took from an instant on, or at most.
    fn took(&self, from: Timestamp, reached: Reached) -> Option<String> {
        let seconds = seconds_between(from, reached.seen?);
        Some(if reached.exact().is_some() { format!("{seconds}s") } else { format!("{seconds}s at most") })
    }

    fn in_time(
        &self,
        from: Timestamp,
        time: &Time,
        reached: Reached,
        late: impl FnOnce() -> String,
    ) -> Outcome {
        let deadline = after(from, time.span()?.0);
        let end = self.replicas.end();
        if reached.seen.is_none() && deadline > end {
            let left = seconds_between(end, deadline);
            let longest = after(after(self.start, self.settings.timeline.duration()), USUAL_WAIT);
            let advice = match time.limit {
                TimeLimit::Auto if deadline > longest => {
                    "; Auto watches for 15 minutes after the load at most, so write a time"
                }
                _ => "",
            };
            return Err(Why::NotKnown(format!(
                "the observation ended {left}s before its time was over{advice}"
            )));
        }
        match reached.by(deadline) {
            Some(true) => Ok(()),
            Some(false) => Err(time.unseen().map_or_else(|| Why::Missed(late()), Why::NotKnown)),
            None => Err(Why::NotKnown(self.gaps.told(from, deadline.min(self.replicas.end())))),
        }
    }

    fn unseen(&self) -> Why {
        Why::NotKnown(self.gaps.told(self.start, self.replicas.end()))
    }

    fn with_limit(&self, text: String) -> String {
        text + &self.limit.map(Limiting::in_words).unwrap_or_default()
    }
}

/// A limit on time that is judged.
struct Time {
    limit: TimeLimit,
    budget: Result<Budget, String>,
    /// The new pods that the budget counts.
    pods: Pods,
    /// Whether something kept the workload from getting there: more time would not have helped.
    is_limited: bool,
}

impl Time {
    /// How long it is, or why nobody can tell.
    fn span(&self) -> Result<TimeSpan, Why> {
        match (&self.limit, &self.budget) {
            (TimeLimit::Within(span), _) => Ok(*span),
            (TimeLimit::Auto, Ok(budget)) => Ok(TimeSpan(budget.longest())),
            (TimeLimit::Auto, Err(why)) => Err(Why::NotKnown(why.clone())),
        }
    }

    /// Why the limit counts no time for the pods, though there are some.
    fn unseen(&self) -> Option<String> {
        self.pods.unseen().filter(|_| self.limit == TimeLimit::Auto)
    }

    /// What the autoscaler's own settings make it take, beside what was missed.
    fn compared(&self) -> Option<String> {
        let budget = self.budget.as_ref().ok().filter(|_| !self.is_limited)?;
        let allowed = in_words(budget, self.pods);
        Some(match self.limit {
            TimeLimit::Within(span) if span.0 < budget.longest() => {
                format!("this autoscaler may need up to {allowed}: allow that much, or change its settings")
            }
            _ => format!("its own settings explain no more than {allowed}"),
        })
    }

    fn result(&self, name: &str, observed: String, outcome: Outcome) -> ExpectationResult {
        let outcome = outcome.map_err(|why| match (why, self.compared()) {
            (Why::Missed(text), Some(compared)) => Why::Missed(format!("{text}; {compared}")),
            (why, _) => why,
        });
        let is_auto = self.limit == TimeLimit::Auto;
        let basis = self.budget.as_ref().ok().filter(|_| is_auto).map(|budget| in_words(budget, self.pods));
        ExpectationResult { basis, ..result(name, self.limit, observed, outcome) }
    }
}

const NOT_KNOWN: &str = "not known";

fn shown(replicas: Option<i32>) -> String {
    replicas.map_or_else(|| NOT_KNOWN.into(), |replicas| replicas.to_string())
}

fn result(name: &str, expected: impl ToString, observed: String, outcome: Outcome) -> ExpectationResult {
    let (passed, undecided) = (outcome.is_ok(), matches!(outcome, Err(Why::NotKnown(_))));
    let message = match outcome {
        Ok(()) => None,
        Err(Why::Missed(why) | Why::NotKnown(why)) => Some(why),
    };
    ExpectationResult {
        name: name.into(),
        expected: expected.to_string(),
        observed,
        passed,
        undecided,
        message,
        basis: None,
    }
}
