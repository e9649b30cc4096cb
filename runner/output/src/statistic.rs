// SPDX-License-Identifier: Apache-2.0
//! Statistics of trends, by k6's names.

use std::str::FromStr;

use upsurge_core::metrics::Trend;

/// What is told of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// `avg`
    Mean,
    /// `min`
    Minimum,
    /// `max`
    Maximum,
    /// `med`
    Median,
    /// `count`
    Count,
    /// `sum`
    Sum,
    /// `p(N)`
    Percentile(f64),
}

/// What gauges of trends speak of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TrendWindow {
    /// All since the start of the load, as in k6: at the end, the figures of the summary.
    #[default]
    Run,
    /// What was recorded since the last push: how it is now.
    Push,
}

impl FromStr for Statistic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent = text.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')')?.parse::<f64>().ok());
        Ok(match (text, percent) {
            ("avg", _) => Self::Mean,
            ("min", _) => Self::Minimum,
            ("max", _) => Self::Maximum,
            ("med", _) => Self::Median,
            ("count", _) => Self::Count,
            ("sum", _) => Self::Sum,
            (_, Some(percent)) if (0.0..=100.0).contains(&percent) => Self::Percentile(percent),
            _ => return Err("write avg, min, med, max, count, sum or p(N) with N from 0 to 100".into()),
        })
    }
}

impl Statistic {
    /// As it stands at the end of a name: `p99`, and `p999` for p(99.9).
    pub(super) fn suffix(self) -> String {
        match self {
            Self::Mean => "avg".into(),
            Self::Minimum => "min".into(),
            Self::Maximum => "max".into(),
            Self::Median => "med".into(),
            Self::Count => "count".into(),
            Self::Sum => "sum".into(),
            Self::Percentile(percent) => format!("p{percent}").replace('.', ""),
        }
    }

    /// The figure, in milliseconds if it is a time.
    pub(super) fn of(self, trend: &Trend) -> f64 {
        match self {
            Self::Mean => trend.mean(),
            Self::Minimum => trend.min(),
            Self::Maximum => trend.max(),
            Self::Median => trend.percentile(50.0),
            Self::Count => trend.count() as f64,
            Self::Sum => trend.sum(),
            Self::Percentile(percent) => trend.percentile(percent),
        }
    }

    /// Whether it counts, and so has no unit.
    pub(super) fn is_count(self) -> bool {
        self == Self::Count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_named_as_in_k6() {
        let suffix = |text: &str| text.parse::<Statistic>().map(Statistic::suffix);
        assert_eq!(suffix("p(99.9)").unwrap(), "p999");
        assert_eq!(suffix("p(95)").unwrap(), "p95");
        assert_eq!(suffix("med").unwrap(), "med");
        for wrong in ["p(101)", "p()", "p99", "mean", ""] {
            assert!(suffix(wrong).is_err(), "{wrong}");
        }
    }
}
