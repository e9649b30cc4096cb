// SPDX-License-Identifier: Apache-2.0
//! A threshold, read: which series, what is made of them, and what must hold.

use std::time::Duration;

use upsurge_crds::v1alpha1::Threshold;

use super::{
    condition::{Aggregation, Condition, ConditionError},
    parts::Source,
    target::{Target, TargetError},
};
use crate::{
    metrics::{
        Catalog, Contains, Definition, Sink, Trend,
        names::{self, Kind},
    },
    plan::Timeline,
    results::{self, decimal, milliseconds, percent},
};

/// A threshold that can be evaluated.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The series it speaks of.
    pub target: Target,
    /// What is known of their metric.
    pub definition: Definition,
    /// What must hold.
    pub condition: Condition,
    /// The series that their value is divided by.
    pub reference: Option<(Target, Definition)>,
}

/// Why a threshold can't be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The metric can't be read.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The condition can't be read, or does not fit the metric.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// The reference has no such aggregation.
    #[error("{metric} can't be compared with {reference}, which has no {aggregation}")]
    Reference {
        /// The metric.
        metric: String,
        /// The metric of the reference.
        reference: String,
        /// The aggregation.
        aggregation: String,
    },
}

/// What was made of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Observed {
    /// The value that the condition is put to.
    pub(super) value: f64,
    /// For a ratio, what was divided by what.
    pub(super) parts: Option<(f64, f64)>,
}

impl Rule {
    /// Reads a threshold.
    ///
    /// # Errors
    /// When a name or the condition can't be read, or they don't go together.
    pub fn compile(threshold: &Threshold, catalog: Catalog<'_>) -> Result<Self, RuleError> {
        let target = Target::new(&threshold.metric, threshold.selector.as_ref())?;
        let ratio = threshold.ratio_to.is_some();
        let (condition, definition) =
            Condition::for_metric(&threshold.condition, &target.metric, catalog, ratio)?;
        let reference = match &threshold.ratio_to {
            Some(reference) => {
                let name = reference.metric.as_deref().unwrap_or(&target.metric);
                let other = Target::new(name, reference.selector.as_ref())?;
                let known =
                    catalog.get(&other.metric).ok_or_else(|| ConditionError::Metric(other.metric.clone()))?;
                if !condition.aggregation.belongs_to(known.kind) {
                    return Err(RuleError::Reference {
                        metric: target.metric,
                        reference: other.metric,
                        aggregation: condition.aggregation.to_string(),
                    });
                }
                Some((other, known))
            }
            None => None,
        };
        Ok(Self { target, definition, condition, reference })
    }

    /// Whether it compares two series.
    pub(super) fn has_reference(&self) -> bool {
        self.reference.is_some()
    }

    /// The series, and what they are compared with.
    pub fn name(&self) -> String {
        match &self.reference {
            Some((reference, _)) => format!("{} / {reference}", self.target),
            None => self.target.to_string(),
        }
    }

    /// What is made of all samples so far; `None` without samples.
    pub(super) fn observe(
        &self,
        source: Source<'_>,
        timeline: &Timeline,
        elapsed: Duration,
    ) -> Option<Observed> {
        let sink = source.sum(&self.target)?;
        self.of(&sink, time_of(&self.target, timeline, elapsed), source, timeline, elapsed)
    }

    /// What is made at the end of no samples at all; `None` if that is no data.
    pub(super) fn without_samples(
        &self,
        source: Source<'_>,
        timeline: &Timeline,
        elapsed: Duration,
    ) -> Option<Observed> {
        let begun = match self.target.selector.stage.as_deref() {
            Some(name) => timeline.stage(name).is_some_and(|stage| stage.start < elapsed),
            None => true,
        };
        match self.definition.kind {
            // Events that did not happen are none: that is a figure, if their time has come.
            Kind::Counter if begun => {
                self.of(&nothing(Kind::Counter), Duration::ZERO, source, timeline, elapsed)
            }
            // What is recorded of misfortunes only.
            Kind::Trend
                if begun && self.reference.is_none() && self.target.metric == names::HTTP_REQ_INTERRUPTED =>
            {
                Some(Observed { value: 0.0, parts: None })
            }
            _ => None,
        }
    }

    /// What is made of some samples that came in a stretch of time; `None` if they say nothing.
    pub(super) fn of(
        &self,
        sink: &Sink,
        time: Duration,
        source: Source<'_>,
        timeline: &Timeline,
        elapsed: Duration,
    ) -> Option<Observed> {
        let value = value(self.condition.aggregation, sink, time)?;
        let Some((reference, _)) = &self.reference else { return Some(Observed { value, parts: None }) };
        let base = source.sum(reference)?;
        let base = self::value(self.condition.aggregation, &base, time_of(reference, timeline, elapsed))?;
        let ratio = match (value, base) {
            (0.0, 0.0) => 0.0,
            // Not infinite: JSON knows no such number.
            (_, 0.0) => f64::MAX.copysign(value),
            (value, base) => value / base,
        };
        Some(Observed { value: ratio, parts: Some((value, base)) })
    }

    /// Whether it speaks of a part of a metric whose parts can't all be told apart any more.
    pub(super) fn is_incomplete(&self, source: Source<'_>) -> bool {
        let reference = self.reference.as_ref().map(|(reference, _)| reference);
        let mut targets = [Some(&self.target), reference].into_iter().flatten();
        targets.any(|target| source.is_incomplete(target))
    }

    /// What there are no samples of.
    pub(super) fn why_no_data(&self) -> String {
        match &self.reference {
            Some((reference, _)) => format!("no samples of {} or of {reference}", self.target),
            None => "no samples".into(),
        }
    }

    /// A value in words.
    pub(super) fn shown(&self, observed: &Observed) -> String {
        match observed.parts {
            Some(_) if observed.value.abs() == f64::MAX => "infinite".into(),
            Some(_) if self.condition.is_percentage() => percent(observed.value),
            Some(_) => decimal(observed.value, 3),
            None => plain(self.condition.aggregation, self.definition, observed.value),
        }
    }

    /// What was divided by what, in words.
    pub(super) fn parts(&self, observed: &Observed) -> Option<String> {
        let ((value, base), (_, known)) = observed.parts.zip(self.reference.as_ref())?;
        let aggregation = self.condition.aggregation;
        Some(format!(
            "{} against {}",
            plain(aggregation, self.definition, value),
            plain(aggregation, *known, base)
        ))
    }
}

/// Time that counters per second refer to: the stage's, if one is selected.
fn time_of(target: &Target, timeline: &Timeline, elapsed: Duration) -> Duration {
    match target.selector.stage.as_deref().and_then(|name| timeline.stage(name)) {
        Some(stage) => results::part(stage, elapsed),
        None => results::whole(timeline, elapsed),
    }
}

/// A sink of a kind in which nothing was recorded.
pub(super) fn nothing(kind: Kind) -> Sink {
    match kind {
        Kind::Trend => Sink::Trend(Trend::default()),
        Kind::Counter => Sink::Counter(0.0),
        Kind::Rate => Sink::Rate { passes: 0, total: 0 },
        Kind::Gauge => Sink::Gauge { value: 0.0, min: 0.0, max: 0.0 },
    }
}

/// What an aggregation makes of a sink; `None` if nothing was recorded that it could speak of.
pub(super) fn value(aggregation: Aggregation, sink: &Sink, time: Duration) -> Option<f64> {
    Some(match (aggregation, sink) {
        (_, Sink::Trend(trend)) if trend.is_empty() => return None,
        (_, Sink::Rate { total: 0, .. }) => return None,
        (Aggregation::Average, Sink::Trend(trend)) => trend.mean(),
        (Aggregation::Minimum, Sink::Trend(trend)) => trend.min(),
        (Aggregation::Maximum, Sink::Trend(trend)) => trend.max(),
        (Aggregation::Percentile(percent), Sink::Trend(trend)) => trend.percentile(percent),
        (Aggregation::Count, Sink::Counter(count)) => *count,
        (Aggregation::Rate, Sink::Counter(count)) => results::rate_of(*count, time),
        (Aggregation::Rate, Sink::Rate { passes, total }) => *passes as f64 / *total as f64,
        (Aggregation::Value, Sink::Gauge { value, .. } | Sink::Latest { value, .. }) => *value,
        // A series whose kind is not that of its metric: not a number, which keeps no limit.
        (_, _) => f64::NAN,
    })
}

fn plain(aggregation: Aggregation, definition: Definition, value: f64) -> String {
    match (definition.kind, aggregation) {
        (Kind::Trend, _) if definition.contains == Contains::Time => milliseconds(value),
        (Kind::Rate, _) => percent(value),
        (Kind::Counter, Aggregation::Rate) => format!("{}/s", decimal(value, 3)),
        (Kind::Trend | Kind::Counter | Kind::Gauge, _) => decimal(value, 3),
    }
}
