//! What all runners of a run recorded, merged.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use upsurge_core::{
    metrics::{Metrics, Selector, SeriesKey, Sink, names},
    protocol::{Delta, GeneratorDelta},
};

use super::{
    folding::{COARSEST, Folding},
    points::Points,
};

/// The merged figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// All series.
    pub metrics: Metrics,
    /// CPU time and throttling, summed.
    pub generator: GeneratorDelta,
    /// End of the last interval, milliseconds from T0.
    pub elapsed_ms: u64,
    /// The figures over time.
    pub points: Points,
    /// Level of folding.
    pub folded: u8,
    /// Latest gauges of each runner: a current value replaces the one before, and adds to the others'.
    gauges: BTreeMap<u32, Metrics>,
}

impl Totals {
    /// Adds what a runner recorded in an interval.
    pub fn add(&mut self, runner: u32, delta: &Delta, folding: &Folding) {
        for (key, sink) in delta.metrics.iter() {
            let mut key = folding.key(self.folded, key);
            match sink {
                Sink::Gauge { .. } => {
                    // What is current belongs to no stage: else the last value of a stage would stay for ever.
                    key.tags.stage = None;
                    self.gauge(runner, key, sink);
                }
                _ => self.metrics.add(key, sink),
            }
        }
        self.generator.cpu_seconds += delta.generator.cpu_seconds;
        self.generator.periods += delta.generator.periods;
        self.generator.throttled_periods += delta.generator.throttled_periods;
        self.elapsed_ms = self.elapsed_ms.max(delta.to_ms);
        self.points.add(delta, self.users());
        if folding.is_due(self.folded, &self.metrics) {
            self.fold(folding);
        }
    }

    /// Gives up the next finest tags; false if there are none left to give up.
    pub fn fold(&mut self, folding: &Folding) -> bool {
        if self.folded >= COARSEST {
            return false;
        }
        self.folded += 1;
        self.metrics = folding.fold(self.folded, &self.metrics);
        for gauges in self.gauges.values_mut() {
            *gauges = folding.fold(self.folded, gauges);
        }
        true
    }

    /// Time from T0 that the figures cover.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms)
    }

    /// The whole-run gauge: the sum of the runners' latest values, and the range that this sum had.
    fn gauge(&mut self, runner: u32, key: SeriesKey, sink: &Sink) {
        self.gauges.entry(runner).or_default().set(key.clone(), sink.clone());
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
    use upsurge_core::metrics::Tags;

    use super::*;

    fn users(value: f64) -> Delta {
        let mut metrics = Metrics::default();
        let key = SeriesKey { metric: names::VUS.into(), tags: Tags::default() };
        metrics.add(key, &Sink::Gauge { value, min: value, max: value });
        Delta { metrics, ..Delta::default() }
    }

    #[test]
    fn gauges_of_one_runner_replace_and_those_of_many_add_up() {
        let (mut totals, folding) = (Totals::default(), Folding::default());
        for (runner, value) in [(0, 3.0), (1, 4.0), (0, 5.0), (1, 1.0)] {
            totals.add(runner, &users(value), &folding);
        }
        let sum = totals.metrics.sum(names::VUS, &Selector::default());
        assert_eq!(sum, Some(Sink::Gauge { value: 6.0, min: 3.0, max: 9.0 }));
        assert_eq!(totals.points.list()[0].users, 9.0);
    }
}
