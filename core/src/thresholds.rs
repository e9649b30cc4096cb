// SPDX-License-Identifier: Apache-2.0
//! Limits on metrics, in k6's grammar and with k6's semantics.
//!
//! Evaluated on all that was recorded so far, or on windows of it ([`Windows`]). While the load runs, a metric without
//! samples says nothing yet. At the end a counter reads as zero, as events that did not happen are none; of anything else
//! no samples are no data, which neither passes nor fails.

mod availability;
mod condition;
mod parts;
mod rule;
mod seconds;
mod stages;
mod steps;
mod sums;
mod target;
#[cfg(test)]
mod tests;
mod windows;

use std::time::Duration;

use upsurge_crds::v1alpha1::{LoadTestSpec, Threshold, ThresholdResult};

use self::{availability::source_of, rule::Observed};
pub use self::{
    condition::{Aggregation, Condition, ConditionError},
    parts::Sums,
    rule::{Rule, RuleError},
    seconds::{Seconds, Stretch, is_told_by_seconds},
    stages::over_stages,
    steps::{StepCount, Steps},
    sums::Excess,
    target::{Target, TargetError},
    windows::{Windowed, Windows},
};
use crate::{
    metrics::{Catalog, MOST_SERIES, Metrics, names},
    plan::Timeline,
};

/// All that thresholds are evaluated on.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// The test, with its thresholds and metrics.
    pub test: &'a LoadTestSpec,
    /// Its load over time.
    pub timeline: &'a Timeline,
    /// All that was recorded.
    pub metrics: &'a Metrics,
    /// The windows of those thresholds that have some.
    pub windows: &'a Windows,
    /// How long the load has lasted.
    pub elapsed: Duration,
}

impl Recorded<'_> {
    /// Evaluates all thresholds. While the load runs (`finished` false), those without any samples yet are
    /// left out.
    pub fn evaluate(&self, finished: bool) -> Vec<ThresholdResult> {
        let windowed = Windowed::new(self.test, self.timeline);
        let thresholds = self.test.thresholds.iter().enumerate();
        thresholds
            .filter_map(|(index, threshold)| self.one(index, threshold, &windowed, finished))
            .map(|(result, _)| result)
            .collect()
    }

    /// The first breached threshold that stops the run.
    pub fn breached_abort(&self) -> Option<ThresholdResult> {
        let stops = |threshold: &Threshold| threshold.abort_on_fail;
        if !self.test.thresholds.iter().any(stops) {
            return None;
        }
        let windowed = Windowed::new(self.test, self.timeline);
        let thresholds = self.test.thresholds.iter().enumerate();
        thresholds
            .filter(|(_, threshold)| stops(threshold))
            .filter(|(_, threshold)| threshold.delay_abort_eval.is_none_or(|delay| self.elapsed >= delay.0))
            .filter_map(|(index, threshold)| self.one(index, threshold, &windowed, false))
            .find_map(|(result, stops)| stops.then_some(result))
    }

    /// The result of a threshold, and whether it is a breach that may stop the run.
    fn one(
        &self,
        index: usize,
        threshold: &Threshold,
        windowed: &Windowed,
        finished: bool,
    ) -> Option<(ThresholdResult, bool)> {
        let result = |metric, observed, passed, detail| ThresholdResult {
            metric,
            condition: threshold.condition.clone(),
            observed,
            passed,
            undecided: false,
            detail,
        };
        let undecided = |name, observed, detail| {
            Some((ThresholdResult { undecided: true, ..result(name, observed, false, Some(detail)) }, false))
        };
        let rule = match Rule::compile(threshold, Catalog::new(&self.test.metrics)) {
            Ok(rule) => rule,
            // Validation has refused what can't be read; should one slip through, it must not pass.
            Err(error) => {
                return Some((result(threshold.metric.clone(), error.to_string(), false, None), true));
            }
        };
        let source = self.windows.source(self.metrics);
        if rule.target.metric == names::AVAILABILITY {
            return self.availability(index, &rule, threshold, windowed, finished);
        }
        let incomplete = |observed: &Observed| {
            let detail = format!("the test makes more than {MOST_SERIES} series: this part is not complete");
            undecided(rule.name(), rule.shown(observed), detail)
        };
        let overflowed = rule.is_incomplete(source);
        let unanswered = match source.unanswered(&rule.target) {
            0 => None,
            count => Some(format!("{count} had no answer when they were cut off")),
        };
        if threshold.window.is_some()
            && let Some(judged) = windowed.outcome(index, self.windows, self.metrics, self.elapsed, finished)
        {
            let Some(seen) = judged.observed else {
                return undecided(rule.name(), NO_DATA.into(), judged.detail);
            };
            if overflowed {
                return incomplete(&seen);
            }
            let observed = rule.shown(&seen);
            if judged.is_undecided {
                return undecided(rule.name(), observed, judged.detail);
            }
            let detail = join([Some(judged.detail), unanswered]);
            return Some((result(rule.name(), observed, judged.passed, detail), judged.stops));
        }
        let observed = match threshold.window {
            Some(_) => None,
            None => rule.observe(source, self.timeline, self.elapsed),
        };
        let (observed, detail) = match observed {
            Some(observed) => (observed, join([rule.parts(&observed), unanswered])),
            None if !finished => return None,
            None => match rule.without_samples(source, self.timeline, self.elapsed) {
                Some(observed) => (observed, Some("no samples: reads as zero".into())),
                None if threshold.allow_no_data => {
                    let detail = "allowNoData lets it pass".into();
                    return Some((result(rule.name(), NO_DATA.into(), true, Some(detail)), false));
                }
                None => return undecided(rule.name(), NO_DATA.into(), rule.why_no_data()),
            },
        };
        if overflowed {
            return incomplete(&observed);
        }
        let passed = rule.condition.holds(observed.value);
        Some((result(rule.name(), rule.shown(&observed), passed, detail), !passed))
    }

    /// The result of a threshold on the share of good seconds.
    fn availability(
        &self,
        index: usize,
        rule: &Rule,
        threshold: &Threshold,
        windowed: &Windowed,
        finished: bool,
    ) -> Option<(ThresholdResult, bool)> {
        let mut result = ThresholdResult {
            metric: rule.name(),
            condition: threshold.condition.clone(),
            observed: NO_DATA.into(),
            ..ThresholdResult::default()
        };
        let ended = finished.then_some(self.elapsed);
        let counts = windowed.good_seconds(index, self.windows, ended).unwrap_or_default();
        let all = counts.good + counts.bad + counts.unknown;
        if all == 0 {
            result.passed = threshold.allow_no_data;
            result.undecided = !result.passed;
            let why =
                if result.passed { "allowNoData lets it pass" } else { "no second in which a request ended" };
            result.detail = Some(why.into());
            return finished.then_some((result, false));
        }
        let holds = counts.holds(|share| rule.condition.holds(share), rule.condition.comparison);
        if let Some(share) = counts.share() {
            result.observed = rule.shown(&Observed { value: share, parts: None });
        }
        let succeeded = availability::succeeded(threshold);
        let mut detail = format!(
            "{} of {} seconds in which requests ended were not good: less than {succeeded}% succeeded",
            counts.bad,
            counts.good + counts.bad
        );
        if counts.unknown > 0 {
            detail += &format!(
                "; {} more are not known: some runner did not tell of them one by one",
                counts.unknown
            );
        }
        result.detail = Some(detail);
        let is_incomplete = self.windows.source(self.metrics).is_incomplete(&source_of(&rule.target));
        if is_incomplete {
            let more = format!("the test makes more than {MOST_SERIES} series: this part is not complete");
            result.detail = join([result.detail, Some(more)]);
        }
        result.undecided = is_incomplete || holds.is_none();
        result.passed = !result.undecided && holds == Some(true);
        let stops = !result.undecided && !result.passed;
        Some((result, stops))
    }
}

/// Keeps a breach that stopped the load: what came in after it may have mended the figure, and the load was stopped for it all
/// the same.
pub fn keep_breach(thresholds: &mut [ThresholdResult], breached: &ThresholdResult) {
    let same =
        |one: &&mut ThresholdResult| (&one.metric, &one.condition) == (&breached.metric, &breached.condition);
    if thresholds.iter().all(|threshold| threshold.passed || threshold.undecided)
        && let Some(mended) = thresholds.iter_mut().find(same)
    {
        mended.clone_from(breached);
    }
}

/// What is observed where there is nothing to observe.
const NO_DATA: &str = "no data";

fn join<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The metric with its selector, as `http_req_duration{stage:hold,request:log in}`.
pub fn display_name(threshold: &Threshold) -> String {
    Target::new(&threshold.metric, threshold.selector.as_ref())
        .map_or_else(|_| threshold.metric.clone(), |target| target.to_string())
}
