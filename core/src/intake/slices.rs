// SPDX-License-Identifier: Apache-2.0
//! The slices of a merged delta: no more of them than any runner sends, within the delta's time, and of thresholds that
//! the test has.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::{Bounds, MOST_DELTA_BYTES, Objection, sinks};
use crate::{
    metrics::{Encoded, Sink, WireSink, names, names::Kind},
    protocol::{Counts, MOST_SLICES, Slice},
    thresholds::Windowed,
};

/// Most windows of a slice: as many thresholds as a test may have.
const MOST_WINDOWS: usize = 100;

/// Slices as they were sent.
#[derive(Debug, Default)]
pub struct WireSlices(Vec<WireSlice>);

/// A `Slice` whose distributions are not decoded.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSlice {
    from_ms: u64,
    to_ms: u64,
    requests: f64,
    failed: u64,
    durations: Encoded,
    // Not looked at: they only add up, within what a number holds.
    #[serde(default)]
    counts: Counts,
    #[serde(default)]
    windows: Windows,
}

#[derive(Debug, Default)]
struct Windows(Vec<(usize, WireSink)>);

/// The delta that slices are of.
pub struct Span {
    /// Its number.
    pub number: u64,
    /// Its begin.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
    /// What it takes already.
    pub bytes: usize,
}

/// The slices of a delta, decoded.
///
/// # Errors
/// When no runner of ours sends that.
pub fn check(
    sent: WireSlices,
    span: &Span,
    windowed: &Windowed,
    bounds: &Bounds,
) -> Result<Vec<Slice>, Objection> {
    let (mut slices, mut bytes) = (Vec::with_capacity(sent.0.len()), span.bytes);
    for slice in sent.0 {
        let WireSlice { from_ms, to_ms, requests, failed, durations, counts, windows } = slice;
        if !(span.from_ms <= from_ms && from_ms <= to_ms && to_ms <= span.to_ms) {
            return Err(Objection::Interval { number: span.number, from_ms, to_ms });
        }
        let mut take = |metric: &str, kind, is_built_in, sink| {
            let sink = bounds.check(metric, kind, is_built_in, sink)?;
            bytes += sink.bytes();
            if bytes > MOST_DELTA_BYTES {
                return Err(Objection::Heavy { number: span.number });
            }
            Ok(sink)
        };
        let requests = match take(names::HTTP_REQS, Kind::Counter, true, WireSink::Counter(requests))? {
            Sink::Counter(requests) => requests,
            _ => 0.0,
        };
        let durations = match take(names::HTTP_REQ_DURATION, Kind::Trend, true, WireSink::Trend(durations))? {
            Sink::Trend(durations) => durations,
            _ => Default::default(),
        };
        sinks::within(names::HTTP_REQ_FAILED, failed as f64, 0.0, sinks::MOST_EVENTS as f64)?;
        let mut of_windows = std::collections::BTreeMap::new();
        for (index, sink) in windows.0 {
            let (metric, kind, is_built_in) = windowed
                .metric(index)
                .ok_or_else(|| Objection::Metric(format!("of a threshold with windows at {index}")))?;
            of_windows.insert(index, take(metric, kind, is_built_in, sink)?);
        }
        slices.push(Slice { from_ms, to_ms, requests, failed, durations, counts, windows: of_windows });
    }
    Ok(slices)
}

impl<'de> Deserialize<'de> for WireSlices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Few;
        impl<'de> Visitor<'de> for Few {
            type Value = Vec<WireSlice>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "at most {MOST_SLICES} slices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(slice) = list.next_element()? {
                    if all.len() == MOST_SLICES {
                        return Err(A::Error::custom(format_args!(
                            "there are more than {MOST_SLICES} slices"
                        )));
                    }
                    all.push(slice);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(Few).map(Self)
    }
}

impl<'de> Deserialize<'de> for Windows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Few;
        impl<'de> Visitor<'de> for Few {
            type Value = Vec<(usize, WireSink)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "at most {MOST_WINDOWS} windows")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(window) = map.next_entry()? {
                    if all.len() == MOST_WINDOWS {
                        return Err(A::Error::custom(format_args!(
                            "there are more than {MOST_WINDOWS} windows"
                        )));
                    }
                    all.push(window);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_map(Few).map(Self)
    }
}
