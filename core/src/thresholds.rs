//! Limits on metrics, in k6's grammar and with k6's semantics.
//!
//! Evaluated on all that was recorded so far, or on windows of it ([`Windows`]). While the load runs, a metric without
//! samples says nothing yet; at the end it reads as zeros, as in k6.

mod condition;
mod rule;
mod target;
#[cfg(test)]
mod tests;
mod windows;

use std::time::Duration;

use upsurge_crds::v1alpha1::{LoadTestSpec, Threshold, ThresholdResult};

use self::rule::Observed;
pub use self::{
    condition::{Aggregation, Condition, ConditionError},
    rule::{Rule, RuleError},
    target::{Target, TargetError},
    windows::{Windowed, Windows},
};
use crate::{
    metrics::{Catalog, MOST_SERIES, Metrics, names::Kind},
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
            detail,
        };
        let rule = match Rule::compile(threshold, Catalog::new(&self.test.metrics)) {
            Ok(rule) => rule,
            // Validation has refused what can't be read; should one slip through, it must not pass.
            Err(error) => {
                return Some((result(threshold.metric.clone(), error.to_string(), false, None), true));
            }
        };
        let incomplete = |observed: &Observed| {
            let detail = format!("the test makes more than {MOST_SERIES} series: this part is not complete");
            Some((result(rule.name(), rule.shown(observed), false, Some(detail)), false))
        };
        let overflowed = rule.is_incomplete(self.metrics);
        if threshold.window.is_some()
            && let Some(judged) = windowed.outcome(index, self.windows, self.metrics, self.elapsed, finished)
        {
            if overflowed {
                return incomplete(&judged.observed);
            }
            let observed = rule.shown(&judged.observed);
            return Some((result(rule.name(), observed, judged.passed, Some(judged.detail)), judged.stops));
        }
        let observed = match threshold.window {
            Some(_) => None,
            None => rule.observe(self.metrics, self.timeline, self.elapsed),
        };
        let (observed, detail) = match observed {
            Some(observed) => (observed, rule.parts(&observed)),
            None if !finished => return None,
            None => match rule.without_samples() {
                Some(observed) => (observed, Some("no samples: reads as zero".into())),
                None if rule.reference.is_some() => {
                    return Some((result(rule.name(), "nothing to compare".into(), false, None), false));
                }
                None => {
                    let passed = rule.definition.kind == Kind::Rate;
                    return Some((result(rule.name(), "no samples".into(), passed, None), false));
                }
            },
        };
        if overflowed {
            return incomplete(&observed);
        }
        let passed = rule.condition.holds(observed.value);
        Some((result(rule.name(), rule.shown(&observed), passed, detail), !passed))
    }
}

/// The metric with its selector, as `http_req_duration{stage:hold,request:log in}`.
pub fn display_name(threshold: &Threshold) -> String {
    Target::new(&threshold.metric, threshold.selector.as_ref())
        .map_or_else(|_| threshold.metric.clone(), |target| target.to_string())
}
