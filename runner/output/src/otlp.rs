// SPDX-License-Identifier: Apache-2.0
//! OpenTelemetry: metrics as OTLP over HTTP, in protobuf, with k6's names and units.
//!
//! All values are cumulative. Counters are monotonic sums, gauges gauges, trends histograms (times in
//! milliseconds), and rates a sum for each `condition`: `nonzero` and `zero`. One runner of many sends exponential histograms,
//! which tell percentiles over all of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
        HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
    },
    resource::v1::Resource,
};
use prost::Message as _;
use upsurge_core::metrics::{
    Catalog, Contains, Metrics, Sink, Trend,
    exponential::{Exponential, SCALE},
    labels,
};
use upsurge_crds::v1alpha1::CustomMetric;

use super::push::{Encoder, Message};

/// Upper bounds of a histogram's buckets; times are in milliseconds.
const BOUNDS: [f64; 22] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0,
    5_000.0, 7_500.0, 10_000.0, 30_000.0, 60_000.0,
];

/// Makes OpenTelemetry metrics.
pub(super) struct Otlp {
    /// Attributes of the whole.
    pub(super) attributes: BTreeMap<String, String>,
    /// Those of each point, where this is one runner of many: what tells its figures from those of the others.
    pub(super) part: Option<BTreeMap<String, String>>,
    /// Instant from which on everything counts.
    pub(super) start: Timestamp,
    /// Metrics of the test's own.
    pub(super) custom: Vec<CustomMetric>,
}

impl Encoder for Otlp {
    const HEADERS: &'static [(&'static str, &'static str)] = &[
        ("content-type", "application/x-protobuf"),
        ("user-agent", concat!("upsurge/", env!("CARGO_PKG_VERSION"))),
    ];

    fn encode(&mut self, totals: &Metrics, _: &Metrics, at: Timestamp) -> Vec<Message> {
        let mut metrics: Vec<Metric> = Vec::new();
        let mut samples = 0;
        for (key, sink) in totals.iter() {
            let part = || self.part.iter().flatten();
            let own = labels(key).into_iter().filter(|(name, _)| part().all(|(fixed, _)| fixed != name));
            let fixed = part().map(|(name, value)| attribute(name, value.clone()));
            let attributes = own.map(|(name, value)| attribute(name, value)).chain(fixed).collect();
            // Series come sorted by metric.
            if metrics.last().is_none_or(|metric| metric.name != key.metric) {
                metrics.push(Metric {
                    name: key.metric.clone(),
                    description: self.description(&key.metric),
                    unit: self.unit(&key.metric, sink).into(),
                    data: Some(self.empty(sink)),
                    ..Metric::default()
                });
            }
            if let Some(data) = metrics.last_mut().and_then(|metric| metric.data.as_mut()) {
                samples += self.fill(data, sink, attributes, at);
            }
        }
        let resource = self.attributes.iter().map(|(name, value)| attribute(name, value.clone()));
        let scope = InstrumentationScope {
            name: "upsurge".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(Resource { attributes: resource.collect(), ..Resource::default() }),
                scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
                ..ResourceMetrics::default()
            }],
        };
        vec![Message { body: request.encode_to_vec(), samples, what: "figures" }]
    }
}

impl Otlp {
    /// What a metric of the test's own tells.
    fn description(&self, metric: &str) -> String {
        let own = self.custom.iter().find(|own| own.name == metric);
        own.and_then(|own| own.description.clone()).unwrap_or_default()
    }

    fn unit(&self, metric: &str, sink: &Sink) -> &'static str {
        let contains = Catalog::new(&self.custom).get(metric).map(|definition| definition.contains);
        match (sink, contains) {
            (Sink::Trend(_), Some(Contains::Time)) => "ms",
            (_, Some(Contains::Data)) => "By",
            _ => "",
        }
    }

    /// A metric of that kind without points.
    fn empty(&self, sink: &Sink) -> Data {
        let aggregation_temporality = AggregationTemporality::Cumulative.into();
        match sink {
            Sink::Counter(_) | Sink::Rate { .. } => {
                Data::Sum(Sum { aggregation_temporality, is_monotonic: true, data_points: Vec::new() })
            }
            Sink::Gauge { .. } | Sink::Latest { .. } => Data::Gauge(Gauge::default()),
            Sink::Trend(_) if self.part.is_some() => Data::ExponentialHistogram(ExponentialHistogram {
                aggregation_temporality,
                data_points: Vec::new(),
            }),
            Sink::Trend(_) => Data::Histogram(Histogram { aggregation_temporality, data_points: Vec::new() }),
        }
    }

    /// Adds the points of a series, and says how many these are.
    fn fill(&self, data: &mut Data, sink: &Sink, attributes: Vec<KeyValue>, at: Timestamp) -> u64 {
        let (start, time) = (nanoseconds(self.start), nanoseconds(at));
        let number = |value: f64, attributes| NumberDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            value: Some(number_data_point::Value::AsDouble(value)),
            ..NumberDataPoint::default()
        };
        match (data, sink) {
            (Data::Sum(sum), Sink::Counter(count)) => sum.data_points.push(number(*count, attributes)),
            (Data::Sum(sum), Sink::Rate { passes, total }) => {
                let zeros = total.saturating_sub(*passes);
                for (condition, count) in [("nonzero", *passes), ("zero", zeros)] {
                    let mut attributes = attributes.clone();
                    attributes.push(attribute("condition", condition.into()));
                    sum.data_points.push(number(count as f64, attributes));
                }
                return 2;
            }
            (Data::Gauge(gauge), Sink::Gauge { value, .. } | Sink::Latest { value, .. }) => {
                gauge.data_points.push(number(*value, attributes));
            }
            (Data::Histogram(histogram), Sink::Trend(trend)) => {
                histogram.data_points.push(HistogramDataPoint {
                    attributes,
                    start_time_unix_nano: start,
                    time_unix_nano: time,
                    count: trend.count(),
                    sum: Some(trend.sum()),
                    min: Some(trend.min()),
                    max: Some(trend.max()),
                    explicit_bounds: BOUNDS.to_vec(),
                    bucket_counts: buckets(trend),
                    ..HistogramDataPoint::default()
                });
            }
            (Data::ExponentialHistogram(histogram), Sink::Trend(trend)) => {
                histogram.data_points.push(exponential(trend, attributes, [start, time]));
            }
            // A series whose kind is not that of its metric.
            (_, _) => return 0,
        }
        1
    }
}

/// A trend in exponential buckets, in the unit in which trends are given.
fn exponential(
    trend: &Trend,
    attributes: Vec<KeyValue>,
    [start, time]: [u64; 2],
) -> ExponentialHistogramDataPoint {
    let Exponential { zeros, counts } = Exponential::of(trend, 1e-3);
    let first = counts.first().map_or(0, |(number, _)| *number);
    let last = counts.last().map_or(first - 1, |(number, _)| *number);
    let mut bucket_counts = vec![0; usize::try_from(last - first + 1).unwrap_or_default()];
    for (number, count) in counts {
        if let Some(place) = usize::try_from(number - first).ok().and_then(|at| bucket_counts.get_mut(at)) {
            *place = count;
        }
    }
    ExponentialHistogramDataPoint {
        attributes,
        start_time_unix_nano: start,
        time_unix_nano: time,
        count: trend.count(),
        sum: Some(trend.sum()),
        scale: SCALE,
        zero_count: zeros,
        // Here a bucket has the number of its lower bound.
        positive: Some(Buckets { offset: first - 1, bucket_counts }),
        min: Some(trend.min()),
        max: Some(trend.max()),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// Counts by bucket, the last of which has no bound.
fn buckets(trend: &Trend) -> Vec<u64> {
    let mut counts = vec![0; BOUNDS.len() + 1];
    for (microseconds, count) in trend.buckets() {
        let value = microseconds as f64 / 1e3;
        if let Some(sum) = counts.get_mut(BOUNDS.partition_point(|bound| *bound < value)) {
            *sum += count;
        }
    }
    counts
}

fn attribute(name: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value)) });
    KeyValue { key: name.into(), value, ..KeyValue::default() }
}

fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use upsurge_core::metrics::SeriesKey;

    use super::*;

    #[test]
    fn metrics_of_the_tests_own_are_described() {
        let custom = serde_json::json!([
            {"name": "orders", "type": "Counter", "description": "Orders that were paid"}]);
        let custom = serde_json::from_value(custom).unwrap();
        let mut encoder =
            Otlp { attributes: BTreeMap::new(), part: None, start: Timestamp::UNIX_EPOCH, custom };
        let mut metrics = Metrics::default();
        for metric in ["orders", "http_reqs"] {
            metrics.add(SeriesKey { metric: metric.into(), ..SeriesKey::default() }, &Sink::Counter(1.0));
        }
        let messages = encoder.encode(&metrics, &metrics, Timestamp::UNIX_EPOCH);
        let request = ExportMetricsServiceRequest::decode(&messages[0].body[..]).unwrap();
        let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
        let described: Vec<_> = metrics.iter().map(|metric| (&*metric.name, &*metric.description)).collect();
        assert_eq!(described, [("http_reqs", ""), ("orders", "Orders that were paid")]);
    }
}
