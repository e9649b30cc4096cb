// SPDX-License-Identifier: Apache-2.0
//! What was measured of the operations of a benchmark.
//!
//! Percentiles are order statistics of the samples by nearest rank: the p-th of n is the ⌈p·n/100⌉-th in order. One that would be
//! the longest of all says nothing that `max` doesn't, and so isn't told.

use upsurge_crds::{names::reasons, v1alpha1::OperationResult};

use super::operations::{Kind, Operation, operations};
use crate::{
    autoscaling::Doubt,
    format::milliseconds,
    metrics::{Metrics, Selector, Trend, names},
    scenario::ScenarioSet,
};

/// An operation with what was measured of it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The scenario that it stands in.
    pub scenario: String,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// How often it was to be measured.
    pub repeats: u64,
    /// Requests of it that failed, also those that got no answer.
    pub failures: u64,
    times: Trend,
}

/// Whether so many samples have a percentile: at least one of them is above it.
pub fn is_told(percent: f64, samples: u64) -> bool {
    let rank = (percent / 100.0 * samples as f64).ceil() as u64;
    rank < samples
}

/// What was measured of each operation, in the order of the test.
pub fn measured(set: &ScenarioSet, metrics: &Metrics) -> Vec<Measured> {
    operations(set).iter().map(|operation| one(operation, metrics)).collect()
}

fn one(operation: &Operation<'_>, metrics: &Metrics) -> Measured {
    let Operation { scenario, kind, name, repeats } = *operation;
    let of_kind = |wanted: Kind| (kind == wanted).then(|| name.to_owned());
    let all = Selector {
        scenario: Some(scenario.to_owned()),
        request: of_kind(Kind::Request),
        group: of_kind(Kind::Group),
        ..Selector::default()
    };
    let times = match kind {
        Kind::Request => {
            let answered = Selector { expected_response: Some(true), ..all.clone() };
            metrics.trend(names::HTTP_REQ_DURATION, &answered)
        }
        Kind::Group => metrics.trend(names::GROUP_DURATION, &all),
    };
    let (failures, _) = metrics.rate(names::HTTP_REQ_FAILED, &all);
    Measured { scenario: scenario.to_owned(), kind, name: name.to_owned(), repeats, failures, times }
}

impl Measured {
    /// How many times were measured: of a request those of answers as expected, of a group those in which it came to its end.
    pub fn samples(&self) -> u64 {
        self.times.count()
    }

    /// Shortest time in milliseconds.
    pub fn min(&self) -> Option<f64> {
        self.told(Trend::min)
    }

    /// Arithmetic mean in milliseconds.
    pub fn mean(&self) -> Option<f64> {
        self.told(Trend::mean)
    }

    /// Longest time in milliseconds.
    pub fn max(&self) -> Option<f64> {
        self.told(Trend::max)
    }

    /// A percentile in milliseconds; `None` with too few samples.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        is_told(percent, self.samples()).then(|| self.times.percentile(percent))
    }

    /// min, mean, median, p95, p99 and max.
    pub fn all(&self) -> [Option<f64>; 6] {
        let [median, p95, p99] = [50.0, 95.0, 99.0].map(|percent| self.percentile(percent));
        [self.min(), self.mean(), median, p95, p99, self.max()]
    }

    /// The same for a status.
    pub fn result(&self) -> OperationResult {
        let [min, mean, median, p95, p99, max] = self.all().map(|time| time.map(milliseconds));
        OperationResult {
            name: self.name.clone(),
            scenario: self.scenario.clone(),
            samples: i64::try_from(self.samples()).unwrap_or(i64::MAX),
            failures: i64::try_from(self.failures).unwrap_or(i64::MAX),
            min,
            mean,
            median,
            p95,
            p99,
            max,
        }
    }

    fn told(&self, figure: fn(&Trend) -> f64) -> Option<f64> {
        (!self.times.is_empty()).then(|| figure(&self.times))
    }

    /// How many of its repeats are not known of at all.
    fn missing(&self) -> u64 {
        let failures = if self.kind == Kind::Request { self.failures } else { 0 };
        self.repeats.saturating_sub(self.samples().saturating_add(failures))
    }
}

/// Why a benchmark that did not come to its end can't pass. That a limit was broken before stays true.
pub fn incomplete(measured: &[Measured]) -> Option<Doubt> {
    let first = measured.iter().find(|one| one.missing() > 0)?;
    let Measured { name, repeats, .. } = first;
    let message = format!(
        "{name:?} was measured {} times instead of {repeats}: its scenario ended before, by a step that failed or because \
         maxDuration was over; see what is said of checks and failed requests",
        repeats - first.missing()
    );
    Some(Doubt { reason: reasons::BENCHMARK_INCOMPLETE, message })
}
