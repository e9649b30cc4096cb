// SPDX-License-Identifier: Apache-2.0
//! Prometheus remote write 1.0 (protobuf, compressed with snappy), with the names that k6 gives its metrics.
//!
//! Counters are `k6_NAME_total`, rates `k6_NAME_rate`, gauges `k6_NAME`, and trends a gauge for each
//! statistic, as `k6_NAME_p99`; times are in seconds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prost::Message as _;
use upsurge_core::metrics::{Catalog, Contains, Metrics, SeriesKey, Sink, Trend, labels};
use upsurge_crds::v1alpha1::CustomMetric;

use super::{
    push::{Encoder, Message},
    statistic::{Statistic, TrendWindow},
};

/// Before every name, as in k6.
const PREFIX: &str = "k6_";
/// Most series in one message.
const MOST_SERIES: usize = 2_000;

/// A message of the protocol.
#[derive(Clone, PartialEq, prost::Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// A series with its newest sample.
#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeries {
    /// Sorted by name.
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

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
    const HEADERS: &'static [(&'static str, &'static str)] = &[
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
        ("user-agent", concat!("upsurge/", env!("CARGO_PKG_VERSION"))),
    ];

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
                series.push(TimeSeries { labels: self.labels(key, &suffix), samples });
            }
        }
        let chunks = series.chunks(MOST_SERIES).map(|chunk| {
            let request = WriteRequest { timeseries: chunk.to_vec() };
            // Can fail only beyond 4 GiB.
            let body = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap_or_default();
            Message { body, samples: chunk.len() as u64 }
        });
        chunks.collect()
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

    fn labels(&self, key: &SeriesKey, suffix: &str) -> Vec<Label> {
        let mut sorted: BTreeMap<String, String> = self.labels.clone();
        sorted.extend(labels(key).into_iter().map(|(name, value)| (label_name(name), value)));
        sorted.insert("__name__".into(), format!("{PREFIX}{}{suffix}", label_name(&key.metric)));
        // A label without value is one that is not there.
        sorted.retain(|_, value| !value.is_empty());
        sorted.into_iter().map(|(name, value)| Label { name, value }).collect()
    }
}

/// A name as Prometheus allows it.
pub(super) fn label_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}
