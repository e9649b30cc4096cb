// SPDX-License-Identifier: Apache-2.0
//! Series as somebody sent them: nothing is decoded, and nothing added up.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use super::{MOST_SERIES_IN_ALL, SeriesKey, trend::Encoded};

/// A `Sink` whose distribution is not decoded.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WireSink {
    /// A distribution of times.
    Trend(Encoded),
    /// A sum.
    Counter(f64),
    /// Events of which some passed.
    Rate {
        /// Events that passed.
        passes: u64,
        /// All events.
        total: u64,
    },
    /// A current value; values of several runners add up.
    Gauge {
        /// Change within the interval.
        value: f64,
        /// Lowest value.
        min: f64,
        /// Highest value.
        max: f64,
    },
    /// A value that replaces the one before.
    Latest {
        /// When it was recorded, in microseconds from the start of the load.
        at: u64,
        /// The value.
        value: f64,
        /// Lowest value.
        min: f64,
        /// Highest value.
        max: f64,
    },
}

/// Series as they were sent, and no more than anybody may have.
#[derive(Clone, Debug, Default)]
pub struct WireMetrics(pub Vec<(SeriesKey, WireSink)>);

impl<'de> Deserialize<'de> for WireMetrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Series;
        impl<'de> Visitor<'de> for Series {
            type Value = Vec<(SeriesKey, WireSink)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "at most {MOST_SERIES_IN_ALL} series")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(series) = list.next_element()? {
                    if all.len() == MOST_SERIES_IN_ALL {
                        let message = format_args!("there are more than {MOST_SERIES_IN_ALL} series");
                        return Err(A::Error::custom(message));
                    }
                    all.push(series);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(Series).map(Self)
    }
}
