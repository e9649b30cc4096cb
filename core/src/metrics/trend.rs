// SPDX-License-Identifier: Apache-2.0
//! A distribution of times that merges exactly.
//!
//! The buckets of an HdrHistogram with fixed common bounds (1 µs to 1 h, 3 significant digits): merging adds buckets, so
//! a merged percentile equals that of one recorder that saw everything. Sum, minimum and maximum are kept exactly beside it.

mod buckets;
mod room;
mod wire;
mod zlib;

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use self::buckets::{Buckets, lowest};
pub use self::{room::with_room, wire::WireError};
use super::exponential;

/// Highest time that is told apart from longer ones: 1 h in microseconds.
const HIGHEST: u64 = 3_600_000_000;
/// Highest value that is told apart from higher ones, of trends that hold no times: 10¹² in thousandths.
const HIGHEST_VALUE: f64 = 1e15;
/// Significant decimal digits of a recorded time.
const DIGITS: u8 = 3;

/// By how much, as a share, a percentile of [`Trend::coarse`] may be above the one that it was made of: the width of a bucket, and the
/// 0.1 % of any trend.
pub const COARSE: f64 = 0.023;

/// A distribution of times with microsecond resolution.
#[derive(Clone, Debug)]
pub struct Trend {
    buckets: Buckets,
    sum_microseconds: f64,
    min_microseconds: u64,
    max_microseconds: u64,
}

/// How far the sum may be from what count and range allow: it is added up in floating point.
const TOLERANCE: f64 = 1e-3;

/// Why something is no trend.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrendError {
    /// The histogram can't be decoded.
    #[error(transparent)]
    Histogram(#[from] WireError),
    /// The range is none, or one of no records.
    #[error("a trend of {count} records can't have values from {min} to {max} µs")]
    Range {
        /// Number of records.
        count: u64,
        /// Lowest value.
        min: u64,
        /// Highest value.
        max: u64,
    },
    /// The sum can't be that of so many records within the range.
    #[error("{count} records from {min} to {max} µs can't add up to {sum:e} µs")]
    Sum {
        /// Number of records.
        count: u64,
        /// Lowest value.
        min: u64,
        /// Highest value.
        max: u64,
        /// Their sum.
        sum: f64,
    },
    /// The document has no room for it ([`with_room`]).
    #[error("all distributions together take more memory than those of any run")]
    Room,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            buckets: Buckets::default(),
            sum_microseconds: 0.0,
            min_microseconds: u64::MAX,
            max_microseconds: 0,
        }
    }
}

impl Trend {
    /// Records one time; times beyond an hour count as an hour in percentiles.
    pub fn record(&mut self, time: Duration) {
        self.record_many(time, 1);
    }

    /// Records one time that came `count` times.
    pub fn record_many(&mut self, time: Duration, count: u64) {
        if count == 0 {
            return;
        }
        let nanoseconds = time.subsec_nanos();
        let microseconds =
            time.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(nanoseconds / 1000));
        self.buckets.record(microseconds.min(HIGHEST), count);
        self.sum_microseconds += (time.as_secs() as f64 * 1e6 + f64::from(nanoseconds) / 1e3) * count as f64;
        self.min_microseconds = self.min_microseconds.min(microseconds);
        self.max_microseconds = self.max_microseconds.max(microseconds);
    }

    /// Records a value that is no time, in the unit in which [`Self::percentile`] gives it back. It is kept in
    /// steps of 0.001; values below zero count as zero, and those beyond 10¹² as that.
    pub fn record_value(&mut self, value: f64) {
        // In the mean too.
        let value = value.clamp(0.0, HIGHEST_VALUE / 1e3);
        let thousandths = (value * 1e3).round().clamp(0.0, HIGHEST_VALUE) as u64;
        self.buckets.record(thousandths, 1);
        self.sum_microseconds += value * 1e3;
        self.min_microseconds = self.min_microseconds.min(thousandths);
        self.max_microseconds = self.max_microseconds.max(thousandths);
    }

    /// Adds another trend's records to this one's.
    pub fn merge(&mut self, other: &Self) {
        self.buckets.merge(&other.buckets);
        self.sum_microseconds += other.sum_microseconds;
        self.min_microseconds = self.min_microseconds.min(other.min_microseconds);
        self.max_microseconds = self.max_microseconds.max(other.max_microseconds);
    }

    /// The same records in as little memory as they need, for whoever keeps them.
    pub fn compact(self) -> Self {
        Self { buckets: self.buckets.compact(), ..self }
    }

    /// The same records in as few buckets as an exponential histogram of scale 5 has: 32 for each doubling. Percentiles are never lower
    /// than before, and higher by [`COARSE`] at most; count, sum, minimum and maximum stay.
    pub fn coarse(&self) -> Self {
        let mut buckets = Buckets::of_others();
        // By the lowest value of each bucket: so what is coarse already stays as it is.
        for (index, count) in self.buckets.counts() {
            buckets.record(exponential::highest(lowest(index)), count);
        }
        Self {
            buckets,
            sum_microseconds: self.sum_microseconds,
            min_microseconds: self.min_microseconds,
            max_microseconds: self.max_microseconds,
        }
    }

    /// Forgets all records, keeping the memory for new ones.
    pub fn clear(&mut self) {
        self.buckets.clear();
        self.sum_microseconds = 0.0;
        self.min_microseconds = u64::MAX;
        self.max_microseconds = 0;
    }

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.total()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.buckets.total() == 0
    }

    /// Arithmetic mean in milliseconds; 0 without records.
    pub fn mean(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.sum_microseconds / self.count() as f64 / 1e3 }
    }

    /// Shortest time in milliseconds; 0 without records.
    pub fn min(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.min_microseconds as f64 / 1e3 }
    }

    /// Longest time in milliseconds; 0 without records.
    pub fn max(&self) -> f64 {
        self.max_microseconds as f64 / 1e3
    }

    /// Sum of all times in milliseconds.
    pub fn sum(&self) -> f64 {
        self.sum_microseconds / 1e3
    }

    /// The time, in milliseconds, that `percent` (0 to 100) of the records do not exceed; 0 without
    /// records. True to 0.1 %, and never outside of the exact minimum and maximum.
    pub fn percentile(&self, percent: f64) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        let value = self.buckets.quantile(percent.clamp(0.0, 100.0) / 100.0);
        value.clamp(self.min_microseconds.min(HIGHEST), self.max_microseconds) as f64 / 1e3
    }

    /// How many records are longer than a time in milliseconds.
    pub fn longer_than(&self, milliseconds: f64) -> u64 {
        let longer = self.buckets().filter(|(microseconds, _)| *microseconds as f64 > milliseconds * 1e3);
        longer.map(|(_, count)| count).sum()
    }

    /// The records as pairs of bucket value in microseconds and count, for charts and comparison.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets.recorded()
    }
}

impl PartialEq for Trend {
    fn eq(&self, other: &Self) -> bool {
        self.buckets == other.buckets
            && self.min_microseconds == other.min_microseconds
            && self.max_microseconds == other.max_microseconds
    }
}

/// A histogram on the wire, in HdrHistogram's V2 encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodedHistogram {
    /// In forms that people can read: compressed, in base64.
    Text(String),
    /// In others: as it is. Its counts are short where there are few, and a run of empty buckets takes a byte or two.
    Binary(Vec<u8>),
}

impl Serialize for EncodedHistogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Binary(bytes) => serializer.serialize_bytes(bytes),
        }
    }
}

impl<'de> Deserialize<'de> for EncodedHistogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the bytes of a histogram")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer).map(Self::Text);
        }
        deserializer.deserialize_bytes(Bytes).map(Self::Binary)
    }
}

/// A trend on the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Encoded {
    /// The histogram.
    pub histogram: EncodedHistogram,
    /// Sum of all times in microseconds.
    pub sum: f64,
    /// Shortest time in microseconds.
    pub min: u64,
    /// Longest time in microseconds.
    pub max: u64,
}

impl Serialize for Trend {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let histogram = if serializer.is_human_readable() {
            EncodedHistogram::Text(wire::encode_text(&self.buckets))
        } else {
            EncodedHistogram::Binary(wire::encode(&self.buckets))
        };
        Encoded {
            histogram,
            sum: self.sum_microseconds,
            min: self.min_microseconds,
            max: self.max_microseconds,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trend {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let trend = Self::from_wire(&Encoded::deserialize(deserializer)?).map_err(de::Error::custom)?;
        if room::take(trend.bytes()) { Ok(trend) } else { Err(de::Error::custom(TrendError::Room)) }
    }
}

impl Trend {
    /// Decodes what somebody sent, and refuses what no recorder makes.
    ///
    /// # Errors
    /// When it is no trend, with the reason.
    pub fn from_wire(encoded: &Encoded) -> Result<Self, TrendError> {
        let Encoded { ref histogram, sum, min, max } = *encoded;
        let buckets = wire::decode(histogram)?;
        let count = buckets.total();
        let is_range = if count == 0 { (min, max) == (u64::MAX, 0) } else { min <= max };
        if !is_range {
            return Err(TrendError::Range { count, min, max });
        }
        // Sums have parts of microseconds, which the range does not.
        let [least, most] = if count == 0 {
            [0.0; 2]
        } else {
            let [low, high] = [min.saturating_sub(1), max.saturating_add(1)];
            [low as f64 * count as f64 * (1.0 - TOLERANCE), high as f64 * count as f64 * (1.0 + TOLERANCE)]
        };
        if !(least..=most).contains(&sum) {
            return Err(TrendError::Sum { count, min, max, sum });
        }
        Ok(Self { buckets, sum_microseconds: sum, min_microseconds: min, max_microseconds: max })
    }

    /// About how much memory the records take.
    pub fn bytes(&self) -> usize {
        self.buckets.bytes()
    }

    /// By how much of that they grow at most when those of another are added.
    pub fn growth(&self, other: &Self) -> usize {
        self.buckets.growth(&other.buckets)
    }
}

#[cfg(test)]
mod tests;
