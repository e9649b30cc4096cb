// SPDX-License-Identifier: Apache-2.0
//! Prometheus remote write 1.0 (protobuf, compressed with snappy), with the names that k6 gives its metrics.
//!
//! Counters are `k6_NAME_total`, rates `k6_NAME_rate`, gauges `k6_NAME`, and trends a gauge for each
//! statistic, as `k6_NAME_p99`; times are in seconds.

pub(super) mod parts;
pub(super) mod wire;

use std::collections::BTreeMap;

use jiff::Timestamp;
use upsurge_core::metrics::{Catalog, Contains, Metrics, Sink, Trend};
use upsurge_crds::v1alpha1::CustomMetric;

use self::wire::{Sample, TimeSeries};
use super::{
    push::{Encoder, Message},
    statistic::{Statistic, TrendWindow},
};

/// Most series in one message.
const MOST_SERIES: usize = 2_000;

/// Makes series of metrics.
pub(super) struct RemoteWrite {
    /// Labels of all series.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) statistics: Vec<Statistic>,
    pub(super) window: TrendWindow,
    /// Metrics of the test's own.
    pub(super) custom: Vec<CustomMetric>,
}

impl Encoder for RemoteWrite {
    const HEADERS: &'static [(&'static str, &'static str)] = wire::HEADERS;

    fn looks_at_recent(&self) -> bool {
        self.window == TrendWindow::Push
    }

    fn encode(&mut self, totals: &Metrics, since: &Metrics, at: Timestamp) -> Vec<Message> {
        let mut series = Vec::new();
        for (key, sink) in totals.iter() {
            let trend = match (self.window, since.get(key)) {
                (TrendWindow::Push, Some(Sink::Trend(recent))) => Some(recent),
                // Nothing new to tell.
                (TrendWindow::Push, None) if matches!(sink, Sink::Trend(_)) => continue,
                _ => None,
            };
            for (suffix, value) in self.values(&key.metric, sink, trend) {
                let samples = vec![Sample { value, timestamp: at.as_millisecond() }];
                let labels = wire::labels(&self.labels, key, &suffix, &BTreeMap::new());
                series.push(TimeSeries { labels, samples, ..TimeSeries::default() });
            }
        }
        wire::messages(&series, MOST_SERIES, "figures").collect()
    }
}

impl RemoteWrite {
    /// Suffixes of the name and values. A trend that is given takes the place of the sink's.
    fn values(&self, metric: &str, sink: &Sink, trend: Option<&Trend>) -> Vec<(String, f64)> {
        match sink {
            Sink::Counter(count) => vec![("_total".into(), *count)],
            Sink::Rate { total: 0, .. } => Vec::new(),
            Sink::Rate { passes, total } => vec![("_rate".into(), *passes as f64 / *total as f64)],
            Sink::Gauge { value, .. } | Sink::Latest { value, .. } => vec![(String::new(), *value)],
            Sink::Trend(whole) => {
                let trend = trend.unwrap_or(whole);
                let definition = Catalog::new(&self.custom).get(metric);
                let time = definition.is_none_or(|definition| definition.contains == Contains::Time);
                let values = self.statistics.iter().map(|statistic| {
                    let value = statistic.of(trend);
                    let scale = if time && !statistic.is_count() { 1e-3 } else { 1.0 };
                    (format!("_{}", statistic.suffix()), value * scale)
                });
                values.collect()
            }
        }
    }
}
