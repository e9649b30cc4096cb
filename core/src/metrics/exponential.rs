// SPDX-License-Identifier: Apache-2.0
//! Distributions in exponential buckets, as Prometheus' native histograms and OpenTelemetry's exponential histograms have
//! them: the same bounds everywhere, so that those of many runners or runs add up.

use super::Trend;

/// Each doubling has 2⁵ buckets, so that the bounds of a bucket are 2.2 % apart: as much may a percentile be off.
pub const SCALE: i32 = 5;

/// Counts by bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exponential {
    /// How many values are zero.
    pub zeros: u64,
    /// Number and count of each bucket in which something is, in ascending order. Bucket *n* holds the values above
    /// bⁿ⁻¹ up to bⁿ, where b is 2 to the power of 2⁻⁵: Prometheus' numbers; OpenTelemetry's are one less.
    pub counts: Vec<(i32, u64)>,
}

impl Exponential {
    /// The records of a trend; `unit` is a thousandth of its values' unit, in the unit that is wanted.
    pub fn of(trend: &Trend, unit: f64) -> Self {
        let highest = (trend.max() * 1e3).round() as u64;
        let mut exponential = Self::default();
        for (value, count) in trend.buckets() {
            if value == 0 {
                exponential.zeros += count;
                continue;
            }
            // No record is above the highest, though its bucket may end there.
            let number = number(value.min(highest.max(1)) as f64 * unit);
            match exponential.counts.last_mut() {
                Some((last, sum)) if *last == number => *sum += count,
                _ => exponential.counts.push((number, count)),
            }
        }
        exponential
    }
}

/// The upper bound of the bucket with a number: the highest value that is in it.
pub fn bound(number: i32) -> f64 {
    (f64::from(number) / f64::from(1 << SCALE)).exp2()
}

/// The highest whole value that is in the bucket of a value: it stands for all of them.
pub(super) fn highest(value: u64) -> u64 {
    if value == 0 { 0 } else { (bound(number(value as f64)).floor() as u64).max(value) }
}

/// The bucket of a value above zero.
fn number(value: f64) -> i32 {
    (value.log2() * f64::from(1 << SCALE)).ceil() as i32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_record_is_in_the_bucket_that_holds_it() {
        for microseconds in
            [1_u64, 2, 999, 1_000, 1_024, 2_047, 150_000, 1_000_000, 59_999_999, 3_600_000_000]
        {
            let mut trend = Trend::default();
            trend.record_many(Duration::from_micros(microseconds), 3);
            let exponential = Exponential::of(&trend, 1e-6);
            let [(number, 3)] = exponential.counts[..] else { panic!("{exponential:?}") };
            let (seconds, slack) = (microseconds as f64 / 1e6, 1.0 + 1e-9);
            assert!(
                bound(number - 1) < seconds * slack && seconds <= bound(number) * slack,
                "{microseconds}"
            );
        }
        assert!(bound(1) / bound(0) < 1.022);
    }

    #[test]
    fn nothing_is_lost_and_zeros_are_apart() {
        let mut trend = Trend::default();
        trend.record_many(Duration::ZERO, 7);
        (1..=10_000).for_each(|microseconds| trend.record(Duration::from_micros(microseconds)));
        let exponential = Exponential::of(&trend, 1e-6);
        assert_eq!(exponential.zeros, 7);
        assert_eq!(exponential.counts.iter().map(|(_, count)| count).sum::<u64>(), 10_000);
        assert!(exponential.counts.is_sorted_by(|(one, _), (other, _)| one < other));
        assert_eq!(Exponential::of(&Trend::default(), 1e-6), Exponential::default());
    }
}
