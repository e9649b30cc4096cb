//! A distribution of times that merges exactly.
//!
//! The buckets of an HdrHistogram with fixed common bounds (1 µs to 1 h, 3 significant digits): merging adds buckets, so
//! a merged percentile equals that of one recorder that saw everything. Sum, minimum and maximum are kept exactly beside it.

mod buckets;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer as HistogramDeserializer, Serializer as _, V2DeflateSerializer},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use self::buckets::Buckets;

/// Highest time that is told apart from longer ones: 1 h in microseconds.
const HIGHEST: u64 = 3_600_000_000;
/// Highest value that is told apart from higher ones, of trends that hold no times: 10¹² in thousandths.
const HIGHEST_VALUE: f64 = 1e15;
/// Significant decimal digits of a recorded time.
const DIGITS: u8 = 3;

/// A distribution of times with microsecond resolution.
#[derive(Clone, Debug)]
pub struct Trend {
    buckets: Buckets,
    sum_microseconds: f64,
    min_microseconds: u64,
    max_microseconds: u64,
}

/// Why bytes are no trend.
#[derive(Debug, thiserror::Error)]
pub enum TrendError {
    /// Not base64.
    #[error("histogram is not base64")]
    Encoding(#[from] base64::DecodeError),
    /// Not an HdrHistogram V2 payload.
    #[error("histogram can't be decoded: {0}")]
    Histogram(String),
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

/// A histogram for the wire, which grows on demand.
fn empty() -> Histogram<u64> {
    let mut histogram =
        Histogram::new(DIGITS).unwrap_or_else(|error| unreachable!("{DIGITS} digits are valid: {error}"));
    histogram.auto(true);
    histogram
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
        // Values below zero count as zero, in the mean too.
        let value = value.max(0.0);
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

/// A trend on the wire: the histogram in HdrHistogram's V2 compressed encoding, in base64.
#[derive(Serialize, Deserialize)]
struct Encoded {
    histogram: String,
    sum: f64,
    min: u64,
    max: u64,
}

impl Serialize for Trend {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut histogram, mut bytes) = (empty(), Vec::new());
        for (value, count) in self.buckets.recorded() {
            histogram.record_n(value, count).map_err(ser::Error::custom)?;
        }
        V2DeflateSerializer::new().serialize(&histogram, &mut bytes).map_err(ser::Error::custom)?;
        Encoded {
            histogram: STANDARD.encode(bytes),
            sum: self.sum_microseconds,
            min: self.min_microseconds,
            max: self.max_microseconds,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trend {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let encoded = Encoded::deserialize(deserializer)?;
        let buckets = decode(&encoded.histogram).map_err(de::Error::custom)?;
        Ok(Self {
            buckets,
            sum_microseconds: encoded.sum,
            min_microseconds: encoded.min,
            max_microseconds: encoded.max,
        })
    }
}

fn decode(text: &str) -> Result<Buckets, TrendError> {
    let bytes = STANDARD.decode(text)?;
    let decoded: Histogram<u64> = HistogramDeserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| TrendError::Histogram(error.to_string()))?;
    // By value: a foreign histogram might have other buckets.
    let recorded = decoded.iter_recorded();
    Ok(Buckets::received(recorded.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))))
}
