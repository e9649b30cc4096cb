// SPDX-License-Identifier: Apache-2.0
//! Remote write of one runner of many: only what can be added up over all of them. No percentiles, which can't be merged, and
//! no shares: counters, native histograms, and gauges of what each runner has itself.
//!
//! Names are those of k6 with native histograms: `k6_NAME_total`, `k6_NAME_seconds` for times, `k6_NAME` for other
//! distributions and gauges. A rate is two counters, whose label `condition` is `nonzero` or `zero`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use upsurge_core::metrics::{
    Catalog, Contains, Metrics, SeriesKey, Sink, Trend,
    exponential::{Exponential, SCALE},
};
use upsurge_crds::v1alpha1::CustomMetric;

use super::wire::{self, Histogram, Sample, TimeSeries};
use crate::push::{Encoder, Message};

/// Most series with numbers in one message.
const MOST_NUMBERS: usize = 2_000;
/// Most series with histograms in one message: each is about as large as a hundred numbers.
const MOST_HISTOGRAMS: usize = 500;
/// Values up to this are zero: the least that Prometheus knows, so that zeros of all sources go together.
const ZERO: f64 = 2.938_735_877_055_719e-39;

/// Makes series of the metrics of one runner.
pub(crate) struct Parts {
    /// Labels of all series, that of the runner among them.
    pub(crate) labels: BTreeMap<String, String>,
    /// Metrics of the test's own.
    pub(crate) custom: Vec<CustomMetric>,
}

impl Encoder for Parts {
    const HEADERS: &'static [(&'static str, &'static str)] = wire::HEADERS;

    fn encode(&mut self, totals: &Metrics, _: &Metrics, at: Timestamp) -> Vec<Message> {
        let (mut numbers, mut histograms) = (Vec::new(), Vec::new());
        for (key, sink) in totals.iter() {
            match sink {
                Sink::Counter(count) => numbers.push(self.number(key, "_total", None, *count, at)),
                Sink::Rate { passes, total } => {
                    for (condition, count) in [("nonzero", *passes), ("zero", total.saturating_sub(*passes))]
                    {
                        numbers.push(self.number(key, "_total", Some(condition), count as f64, at));
                    }
                }
                Sink::Gauge { value, .. } | Sink::Latest { value, .. } => {
                    numbers.push(self.number(key, "", None, *value, at));
                }
                Sink::Trend(trend) => histograms.push(self.histogram(key, trend, at)),
            }
        }
        // Apart, so that a server that takes no histograms still gets the rest.
        wire::messages(&numbers, MOST_NUMBERS, "figures")
            .chain(wire::messages(&histograms, MOST_HISTOGRAMS, "native histograms"))
            .collect()
    }
}

impl Parts {
    fn number(
        &self,
        key: &SeriesKey,
        suffix: &str,
        condition: Option<&str>,
        value: f64,
        at: Timestamp,
    ) -> TimeSeries {
        let mut fixed = self.labels.clone();
        fixed.extend(condition.map(|condition| ("condition".to_owned(), condition.to_owned())));
        let labels = wire::labels(&BTreeMap::new(), key, suffix, &fixed);
        let samples = vec![Sample { value, timestamp: at.as_millisecond() }];
        TimeSeries { labels, samples, ..TimeSeries::default() }
    }

    fn histogram(&self, key: &SeriesKey, trend: &Trend, at: Timestamp) -> TimeSeries {
        let definition = Catalog::new(&self.custom).get(&key.metric);
        let is_time = definition.is_none_or(|definition| definition.contains == Contains::Time);
        let (suffix, unit) = if is_time { ("_seconds", 1e-6) } else { ("", 1e-3) };
        let buckets = Exponential::of(trend, unit);
        let mut histogram = Histogram {
            count: Some(trend.count()),
            sum: trend.sum() * 1e3 * unit,
            schema: SCALE,
            zero_threshold: ZERO,
            zero_count: Some(buckets.zeros),
            timestamp: at.as_millisecond(),
            ..Histogram::default()
        };
        histogram.set_buckets(&buckets.counts);
        let labels = wire::labels(&BTreeMap::new(), key, suffix, &self.labels);
        TimeSeries { labels, histograms: vec![histogram], ..TimeSeries::default() }
    }
}
