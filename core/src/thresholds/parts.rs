// SPDX-License-Identifier: Apache-2.0
//! Exact sums of the parts of metrics that thresholds select.
//!
//! They are fed from what runners report and never folded, so a threshold sees its samples however coarse the merged
//! series have become. A threshold on a whole metric needs none, as folding keeps sums over the run; thresholds on the same
//! part share one. Also kept are the requests without an answer that no threshold on failures speaks of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::LoadTestSpec;

use super::{
    availability::source_of,
    rule::Rule,
    steps::Steps,
    sums::{self, Budget, Excess},
    target::Target,
};
use crate::{
    metrics::{Catalog, Metrics, Selector, Sink, Tags, names, selects},
    results::{Counting, as_failed},
};

/// The sums of all selected parts, by what selects them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Parts {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    parts: BTreeMap<String, Part>,
    /// Requests without an answer that no threshold on failures selects.
    #[serde(default)]
    unlimited: u64,
}

/// A part of a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sink: Option<Sink>,
    /// Requests without an answer among those that failed.
    #[serde(default)]
    unanswered: u64,
    /// A runner could not tell all parts of the metric apart.
    #[serde(default)]
    incomplete: bool,
}

/// What was recorded in an interval, as thresholds select it.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// In the order of what selects them.
    parts: Vec<Part>,
    unlimited: u64,
    /// What became of the requests of each step of a staircase.
    pub(super) steps: Steps,
}

impl Sums {
    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(Part::bytes).sum::<usize>() + self.steps.bytes()
    }
}

impl Part {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.sink.as_ref().map_or(0, Sink::bytes)
    }
}

/// What the thresholds of a test select.
#[derive(Clone, Debug, Default)]
pub(super) struct Selected {
    /// By the names under which their sums are kept.
    parts: Vec<(String, Target)>,
    /// Those that limit failures.
    failures: Vec<Target>,
}

impl Selected {
    /// What the thresholds of a test select; those that can't be read are left out.
    pub(super) fn by(test: &LoadTestSpec) -> Self {
        let catalog = Catalog::new(&test.metrics);
        let rules: Vec<Rule> =
            test.thresholds.iter().filter_map(|one| Rule::compile(one, catalog).ok()).collect();
        let references = rules.iter().filter_map(|rule| rule.reference.as_ref().map(|(target, _)| target));
        let own: Vec<Target> = rules.iter().map(|rule| source_of(&rule.target)).collect();
        let targets = own.iter().chain(references);
        let mut parts: Vec<Target> = targets.filter(|target| target.is_part()).cloned().collect();
        parts.sort();
        parts.dedup();
        let counting = Counting::default();
        let parts = parts.into_iter().map(|target| (target.to_string(), target)).collect();
        let failures = own.iter().filter(|target| match target.metric.as_str() {
            names::HTTP_REQ_FAILED => counting == Counting::Failed,
            names::HTTP_REQ_INTERRUPTED | names::REQUEST_ERRORS => true,
            _ => false,
        });
        Self { failures: failures.cloned().collect(), parts }
    }

    /// What was recorded in an interval, as it is selected.
    pub(super) fn sums(&self, metrics: &Metrics, budget: &mut Budget) -> Result<Sums, Excess> {
        let sinks = sums::of(self.parts.iter().map(|(_, target)| target), metrics, budget)?;
        let without: Vec<(&Tags, u64)> =
            unanswered(metrics).map(|(tags, sink)| (tags, count((tags, sink)))).collect();
        let parts = self.parts.iter().zip(sinks).map(|((_, target), sink)| {
            let of_part = without.iter().filter(|(tags, _)| is_of(target, tags)).map(|(_, count)| count);
            Part { sink, unanswered: of_part.sum(), incomplete: metrics.is_overflowed(&target.metric) }
        });
        let limited = |tags: &Tags| self.failures.iter().any(|target| is_of(target, tags));
        let unlimited = without.iter().filter(|(tags, _)| !limited(tags)).map(|(_, count)| count).sum();
        Ok(Sums { parts: parts.collect(), unlimited, steps: Steps::default() })
    }

    /// Adds them to what there is.
    pub(super) fn add(&self, parts: &mut Parts, sums: &Sums) {
        for ((name, _), new) in self.parts.iter().zip(&sums.parts) {
            if !parts.parts.contains_key(name) {
                parts.parts.insert(name.clone(), Part::default());
            }
            let Some(part) = parts.parts.get_mut(name) else { continue };
            part.incomplete |= new.incomplete;
            part.unanswered = part.unanswered.saturating_add(new.unanswered);
            match (&mut part.sink, &new.sink) {
                (Some(mine), Some(new)) => mine.merge(new),
                (mine @ None, new) => mine.clone_from(new),
                (Some(_), None) => {}
            }
        }
        parts.unlimited = parts.unlimited.saturating_add(sums.unlimited);
    }

    /// By how much memory the sums grow at most with these.
    pub(super) fn growth(&self, parts: &Parts, sums: &Sums) -> usize {
        let grown = self.parts.iter().zip(&sums.parts).map(|((name, _), new)| {
            let Some(sink) = &new.sink else { return 0 };
            match parts.parts.get(name).and_then(|part| part.sink.as_ref()) {
                Some(mine) => mine.growth(sink),
                None => name.len() + new.bytes(),
            }
        });
        grown.sum()
    }

    /// Begins with what was merged before there were such sums, as an earlier version left it.
    pub(super) fn adopt(&self, parts: &mut Parts, metrics: &Metrics) {
        for (name, target) in &self.parts {
            parts.parts.entry(name.clone()).or_insert_with(|| Part {
                sink: metrics.sum(&target.metric, &target.selector),
                unanswered: 0,
                incomplete: metrics.is_overflowed(&target.metric),
            });
        }
    }
}

/// Series of requests without an answer.
fn unanswered(metrics: &Metrics) -> impl Iterator<Item = (&Tags, &Sink)> {
    let series = metrics.select(names::REQUEST_ERRORS, &EVERYTHING);
    series.filter(|(tags, _)| tags.check.as_deref() == Some(names::UNANSWERED))
}

static EVERYTHING: Selector = Selector {
    stage: None,
    scenario: None,
    request: None,
    group: None,
    check: None,
    status: None,
    method: None,
    expected_response: None,
    error_code: None,
    tags: BTreeMap::new(),
};

fn count((_, sink): (&Tags, &Sink)) -> u64 {
    match sink {
        Sink::Counter(count) => *count as u64,
        _ => 0,
    }
}

/// Whether a request without an answer, by its tags, is among what a target selects of failures.
fn is_of(target: &Target, tags: &Tags) -> bool {
    match target.metric.as_str() {
        names::HTTP_REQ_FAILED => selects(&target.selector, &as_failed(tags)),
        names::HTTP_REQ_INTERRUPTED => selects(&target.selector, &Tags { check: None, ..tags.clone() }),
        names::REQUEST_ERRORS => selects(&target.selector, tags),
        _ => false,
    }
}

impl Parts {
    /// Requests without an answer that no threshold on failures selects.
    pub(super) fn unlimited(&self) -> u64 {
        self.unlimited
    }

    /// About how much memory the sums take.
    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(|(name, part)| name.len() + part.bytes()).sum()
    }
}

/// Where samples of a target are found: merged series, or the exact sum of a part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) metrics: &'a Metrics,
    pub(super) parts: &'a Parts,
}

impl Source<'_> {
    fn part(&self, target: &Target) -> Option<&Part> {
        if target.is_part() { self.parts.parts.get(&target.to_string()) } else { None }
    }

    /// The sum of a target's series; `None` if there are none.
    pub(super) fn sum(&self, target: &Target) -> Option<Sink> {
        match self.part(target) {
            Some(part) => part.sink.clone(),
            None => self.metrics.sum(&target.metric, &target.selector),
        }
    }

    /// Whether samples of a target can't all be told apart from others.
    pub(super) fn is_incomplete(&self, target: &Target) -> bool {
        match self.part(target) {
            Some(part) => part.incomplete,
            None => target.is_part() && self.metrics.is_overflowed(&target.metric),
        }
    }

    /// Requests without an answer among a target's failed ones.
    pub(super) fn unanswered(&self, target: &Target) -> u64 {
        if target.metric != names::HTTP_REQ_FAILED {
            return 0;
        }
        match self.part(target) {
            Some(part) => part.unanswered,
            None => unanswered(self.metrics).filter(|(tags, _)| is_of(target, tags)).map(count).sum(),
        }
    }
}
