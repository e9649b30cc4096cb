// SPDX-License-Identifier: Apache-2.0
//! What all runners of a run recorded, merged.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use upsurge_core::{
    losses::Losses,
    metrics::{Metrics, Selector, SeriesKey, Sink, names},
    points::Points,
    protocol::GeneratorDelta,
    thresholds::{Windowed, Windows},
};

use super::{
    folding::{COARSEST, Folding},
    prepared::Prepared,
};
use crate::shared::Shared;

/// The merged figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// All series.
    pub metrics: Shared<Metrics>,
    /// CPU time and throttling, summed.
    pub generator: GeneratorDelta,
    /// End of the last interval, milliseconds from T0.
    pub elapsed_ms: u64,
    /// The figures over time.
    pub points: Shared<Points>,
    /// Level of folding.
    pub folded: u8,
    /// When each level was reached, milliseconds from T0.
    #[serde(default)]
    pub folds: Vec<u64>,
    /// What thresholds keep beside the series.
    #[serde(default)]
    pub windows: Shared<Windows>,
    /// Requests that were lost.
    #[serde(default)]
    pub losses: Losses,
    /// Latest gauges of each runner: a current value replaces the one before, and adds to the others'.
    gauges: Shared<BTreeMap<u32, Metrics>>,
}

impl Totals {
    /// Adds what a runner recorded in an interval.
    pub fn add(&mut self, runner: u32, prepared: &Prepared, folding: &Folding, windowed: &Windowed) {
        let Prepared { delta, sums } = prepared;
        windowed.add_sums(&mut self.windows, sums);
        for (key, sink) in delta.metrics.iter() {
            let key = self.key(folding, key, sink);
            match sink {
                Sink::Gauge { .. } => self.gauge(runner, key.into_owned(), sink),
                // Nearly all are there already, and then no copy of their names is needed.
                _ if self.metrics.merge_into(&key, sink) => {}
                _ => self.metrics.add(key.into_owned(), sink),
            }
        }
        self.generator.merge(&delta.generator);
        self.losses.merge(&delta.losses);
        self.elapsed_ms = self.elapsed_ms.max(delta.to_ms);
        let users = self.users();
        for slice in &delta.slices {
            windowed.add_slice(&mut self.windows, slice);
            self.points.add(slice, users);
        }
        if folding.is_due(self.folded, &self.metrics) {
            self.fold(folding, windowed);
        }
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        let gauges = self.gauges.values().map(Metrics::bytes).sum::<usize>();
        self.metrics.bytes() + self.windows.bytes() + self.points.bytes() + gauges
    }

    /// By how much memory they grow at most when a delta is added.
    pub fn growth(&self, runner: u32, prepared: &Prepared, folding: &Folding, windowed: &Windowed) -> usize {
        let Prepared { delta, sums } = prepared;
        let of_series = delta.metrics.iter().map(|(key, sink)| {
            let key = self.key(folding, key, sink);
            let of_gauge = |gauges: &Metrics| gauges.growth(&key, sink);
            let current = match (sink, self.gauges.get(&runner)) {
                (Sink::Gauge { .. }, Some(gauges)) => of_gauge(gauges),
                (Sink::Gauge { .. }, None) => of_gauge(&Metrics::default()),
                _ => 0,
            };
            self.metrics.growth(&key, sink) + current
        });
        of_series.sum::<usize>()
            + windowed.growth(&self.windows, sums, &delta.slices)
            + self.points.growth(&delta.slices)
    }

    /// Judges the windows that all runners have passed: those that end by `until_ms` from T0.
    pub fn close_windows(&mut self, until_ms: u64, windowed: &Windowed) {
        windowed.close(&mut self.windows, Duration::from_millis(until_ms), &self.metrics);
    }

    /// Gives up the next finest tags, after the last ones how each second is spread that may not be over, and at last windows,
    /// threshold by threshold; false if nothing is left to give up.
    pub fn fold(&mut self, folding: &Folding, windowed: &Windowed) -> bool {
        if self.folded >= COARSEST {
            return self.points.close() || windowed.give_up(&mut self.windows);
        }
        self.folded += 1;
        self.folds.push(self.elapsed_ms);
        self.metrics = folding.fold(self.folded, &self.metrics).into();
        for gauges in self.gauges.values_mut() {
            *gauges = folding.fold(self.folded, gauges);
        }
        true
    }

    /// Time from T0 that the figures cover.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms)
    }

    /// The series that takes the samples of one.
    fn key<'a>(&self, folding: &Folding, key: &'a SeriesKey, sink: &Sink) -> Cow<'a, SeriesKey> {
        let mut key = folding.key(self.folded, key);
        if let Sink::Gauge { .. } = sink {
            // What is current belongs to no stage: else the last value of a stage would stay for ever.
            key.to_mut().tags.stage = None;
        }
        key
    }

    /// The whole-run gauge: the sum of the runners' latest values, and the range that this sum had. What a runner
    /// reports is the change of its value, and the range within the interval.
    fn gauge(&mut self, runner: u32, key: SeriesKey, sink: &Sink) {
        let gauges = self.gauges.entry(runner).or_default();
        let mut latest = sink.clone();
        if let (Sink::Gauge { value, .. }, Some(Sink::Gauge { value: before, .. })) =
            (&mut latest, gauges.get(&key))
        {
            *value += before;
        }
        gauges.set(key.clone(), latest);
        let latest = self.gauges.values().filter_map(|gauges| gauges.get(&key));
        let Some(mut sum) = latest.fold(None, add_gauges) else { return };
        if let (Sink::Gauge { min, max, .. }, Some(Sink::Gauge { min: lowest, max: highest, .. })) =
            (&mut sum, self.metrics.get(&key))
        {
            *min = min.min(*lowest);
            *max = max.max(*highest);
        }
        self.metrics.set(key, sum);
    }

    fn users(&self) -> f64 {
        let all = Selector::default();
        let values = self.metrics.select(names::VUS, &all).map(|(_, sink)| match sink {
            Sink::Gauge { value, .. } => *value,
            _ => 0.0,
        });
        values.sum()
    }
}

/// Adds up gauges of different runners at the same time: their ranges add up, too.
fn add_gauges(sum: Option<Sink>, gauge: &Sink) -> Option<Sink> {
    match (sum, gauge) {
        (Some(Sink::Gauge { value, min, max }), Sink::Gauge { value: other, min: lower, max: upper }) => {
            Some(Sink::Gauge { value: value + other, min: min + lower, max: max + upper })
        }
        (None, gauge) => Some(gauge.clone()),
        (sum, _) => sum,
    }
}

#[cfg(test)]
mod tests {
    use upsurge_core::{metrics::Tags, protocol::Delta};

    use super::*;
    use crate::collector::prepared::Preparing;

    fn users(change: f64, value: f64) -> Delta {
        let mut metrics = Metrics::default();
        let key = SeriesKey { metric: names::VUS.into(), tags: Tags::default() };
        metrics.add(key, &Sink::Gauge { value: change, min: value, max: value });
        Delta { metrics, ..Delta::default() }
    }

    #[test]
    fn the_worst_window_outlives_the_operator() {
        let mut plan = crate::collector::session::tests::plan(1, false);
        plan.test.thresholds = serde_json::from_value(serde_json::json!([
            {"metric": "http_reqs", "condition": "count < 5", "window": "2s"}
        ]))
        .unwrap();
        let (folding, windowed, preparing) = (Folding, Windowed::of(&plan.test), Preparing::of(&plan.test));
        let mut totals = Totals::default();
        for (second, count) in [1.0, 1.0, 8.0, 1.0, 1.0, 1.0].into_iter().enumerate() {
            let mut metrics = Metrics::default();
            let key = SeriesKey { metric: names::HTTP_REQS.into(), tags: Tags::default() };
            metrics.add(key, &Sink::Counter(count));
            let [from_ms, to_ms] = [second, second + 1].map(|second| second as u64 * 1000);
            let delta = Delta { from_ms, to_ms, metrics, ..Delta::default() };
            totals.add(0, &preparing.prepare(delta).unwrap(), &folding, &windowed);
            totals.close_windows(to_ms, &windowed);
            totals = serde_json::from_str(&serde_json::to_string(&totals).unwrap()).unwrap();
        }
        let timeline = upsurge_core::plan::Plan::compile(&plan.test.load, &[]).unwrap().timeline;
        let recorded = upsurge_core::thresholds::Recorded {
            test: &plan.test,
            timeline: &timeline,
            metrics: &totals.metrics,
            windows: &totals.windows,
            elapsed: totals.elapsed(),
        };
        let result = recorded.evaluate(true).remove(0);
        assert_eq!((result.observed.as_str(), result.passed), ("9", false), "{result:?}");
    }

    #[test]
    fn gauges_of_one_runner_go_on_from_what_they_were_and_those_of_many_add_up() {
        let (mut totals, folding) = (Totals::default(), Folding);
        for (runner, change, value) in [(0, 3.0, 3.0), (1, 4.0, 4.0), (0, 2.0, 5.0), (1, -3.0, 1.0)] {
            let prepared = Preparing::default().prepare(users(change, value)).unwrap();
            totals.add(runner, &prepared, &folding, &Windowed::default());
        }
        let sum = totals.metrics.sum(names::VUS, &Selector::default());
        assert_eq!(sum, Some(Sink::Gauge { value: 6.0, min: 3.0, max: 9.0 }));
        assert_eq!(totals.points.list()[0].users, 9.0);
    }
}
