// SPDX-License-Identifier: Apache-2.0
//! Thresholds on the whole load, put to some of its stages alone.
//!
//! These are the thresholds on how long requests take and how many fail that select nothing and have no window. They are put to the
//! merged series of those stages.

use std::time::Duration;

use upsurge_crds::v1alpha1::{LoadTestSpec, ThresholdResult, ThresholdSelector};

use super::{
    NO_DATA,
    rule::{Observed, Rule, value},
    seconds::tells,
};
use crate::metrics::{Catalog, Metrics, Sink};

/// What came of these thresholds in some stages. Those without samples there are undecided.
pub fn over_stages(test: &LoadTestSpec, metrics: &Metrics, stages: &[&str]) -> Vec<ThresholdResult> {
    let catalog = Catalog::new(&test.metrics);
    let whole = test.thresholds.iter().filter(|threshold| threshold.window.is_none());
    let results = whole.filter_map(|threshold| {
        let rule = Rule::compile(threshold, catalog).ok().filter(tells)?;
        if rule.target.is_part() {
            return None;
        }
        let sums = stages.iter().filter_map(|stage| {
            let selector =
                ThresholdSelector { stage: Some((*stage).to_owned()), ..ThresholdSelector::default() };
            metrics.sum(&rule.target.metric, &selector)
        });
        let sum: Option<Sink> = sums.reduce(|mut sum, other| {
            sum.merge(&other);
            sum
        });
        let observed = sum.and_then(|sum| value(rule.condition.aggregation, &sum, Duration::ZERO));
        let passed = observed.is_some_and(|observed| rule.condition.holds(observed));
        Some(ThresholdResult {
            metric: rule.name(),
            condition: threshold.condition.clone(),
            observed: observed
                .map_or_else(|| NO_DATA.into(), |value| rule.shown(&Observed { value, parts: None })),
            passed: passed || (observed.is_none() && threshold.allow_no_data),
            undecided: observed.is_none() && !threshold.allow_no_data,
            detail: None,
        })
    });
    results.collect()
}
