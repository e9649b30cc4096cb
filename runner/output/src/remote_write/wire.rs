// SPDX-License-Identifier: Apache-2.0
//! The messages of Prometheus remote write 1.0: protobuf, compressed with snappy.

use std::collections::BTreeMap;

use prost::Message as _;
use upsurge_core::metrics::{self, SeriesKey};

use crate::push::Message;

/// Before every name, as in k6.
const PREFIX: &str = "k6_";
/// Headers of every message.
pub(crate) const HEADERS: &[(&str, &str)] = &[
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
    ("user-agent", concat!("upsurge/", env!("CARGO_PKG_VERSION"))),
];

/// A message of the protocol.
#[derive(Clone, PartialEq, prost::Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// A series with its newest sample, a number or a histogram.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TimeSeries {
    /// Sorted by name.
    #[prost(message, repeated, tag = "1")]
    pub(crate) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Label {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Sample {
    #[prost(double, tag = "1")]
    pub(crate) value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub(crate) timestamp: i64,
}

/// A native histogram with whole counts, of values that are not negative. Those of its fields that tell of zero are members of
/// unions, and written though they are zero.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) count: Option<u64>,
    #[prost(double, tag = "3")]
    pub(crate) sum: f64,
    #[prost(sint32, tag = "4")]
    pub(crate) schema: i32,
    #[prost(double, tag = "5")]
    pub(crate) zero_threshold: f64,
    #[prost(uint64, optional, tag = "6")]
    pub(crate) zero_count: Option<u64>,
    /// Stretches of buckets that follow each other.
    #[prost(message, repeated, tag = "11")]
    pub(crate) positive_spans: Vec<Span>,
    /// Count of the first bucket, and of each other one its difference to the one before.
    #[prost(sint64, repeated, tag = "12")]
    pub(crate) positive_deltas: Vec<i64>,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "15")]
    pub(crate) timestamp: i64,
}

/// Buckets that follow each other.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Span {
    /// Number of the first bucket in the first stretch; in others, buckets that are left out before it.
    #[prost(sint32, tag = "1")]
    pub(crate) offset: i32,
    #[prost(uint32, tag = "2")]
    pub(crate) length: u32,
}

impl Histogram {
    /// Sets the counts by bucket, in ascending order.
    pub(crate) fn set_buckets(&mut self, counts: &[(i32, u64)]) {
        let (mut next, mut before) = (0, 0_i64);
        for (number, count) in counts {
            match self.positive_spans.last_mut() {
                Some(span) if *number == next => span.length += 1,
                _ => self.positive_spans.push(Span { offset: number - next, length: 1 }),
            }
            next = number + 1;
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.positive_deltas.push(count - before);
            before = count;
        }
    }
}

/// The series in messages of so many at most, told of by a word for what is in them.
pub(crate) fn messages<'a>(
    series: &'a [TimeSeries],
    most: usize,
    what: &'static str,
) -> impl Iterator<Item = Message> + 'a {
    series.chunks(most).map(move |chunk| {
        let request = WriteRequest { timeseries: chunk.to_vec() };
        // Can fail only beyond 4 GiB.
        let body = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap_or_default();
        Message { body, samples: chunk.len() as u64, what }
    })
}

/// The labels of a series: its name with a suffix, and its own, over those of all series and under those that nothing else may
/// stand in for.
pub(crate) fn labels(
    common: &BTreeMap<String, String>,
    key: &SeriesKey,
    suffix: &str,
    fixed: &BTreeMap<String, String>,
) -> Vec<Label> {
    let mut sorted = common.clone();
    sorted.extend(metrics::labels(key).into_iter().map(|(name, value)| (label_name(name), value)));
    sorted.extend(fixed.clone());
    sorted.insert("__name__".into(), format!("{PREFIX}{}{suffix}", label_name(&key.metric)));
    // A label without value is one that is not there.
    sorted.retain(|_, value| !value.is_empty());
    sorted.into_iter().map(|(name, value)| Label { name, value }).collect()
}

/// A name as Prometheus allows it.
pub(crate) fn label_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_stretches_and_differences() {
        let mut histogram = Histogram::default();
        histogram.set_buckets(&[(-10, 3), (-9, 5), (-5, 1), (2, 1)]);
        let spans: Vec<(i32, u32)> =
            histogram.positive_spans.iter().map(|span| (span.offset, span.length)).collect();
        assert_eq!(spans, [(-10, 2), (3, 1), (6, 1)]);
        assert_eq!(histogram.positive_deltas, [3, 2, -4, 0]);
    }
}
