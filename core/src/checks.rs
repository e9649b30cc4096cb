// SPDX-License-Identifier: Apache-2.0
//! Judging the values that a Prometheus server gave for a check.

use upsurge_crds::v1alpha1::{PrometheusCheck, PrometheusCheckResult};

use crate::comparison::Comparison;

/// How the values over time become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// Arithmetic mean.
    Average,
    /// Lowest value.
    Minimum,
    /// Highest value.
    Maximum,
    /// Last value.
    Last,
    /// A percentile, 0 to 100, with linear interpolation between neighbours.
    Percentile(f64),
}

/// An operator and a limit, as in `< 0.1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// The operator.
    pub comparison: Comparison,
    /// The limit.
    pub value: f64,
}

/// Why a check can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// No known aggregate.
    #[error("{0:?} is no aggregate: use avg, min, max, last or a percentile as p95")]
    Aggregate(String),
    /// No operator and number.
    #[error("{0:?} is no limit: write an operator and a number, for example < 0.1")]
    Limit(String),
}

impl Aggregate {
    /// Reads `avg`, `min`, `max`, `last` or `p95`.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Self, CheckError> {
        match text.trim() {
            "avg" => Ok(Self::Average),
            "min" => Ok(Self::Minimum),
            "max" => Ok(Self::Maximum),
            "last" => Ok(Self::Last),
            other => other
                .strip_prefix('p')
                .and_then(|percent| percent.parse().ok())
                .filter(|percent| (0.0..=100.0).contains(percent))
                .map(Self::Percentile)
                .ok_or_else(|| CheckError::Aggregate(text.into())),
        }
    }

    /// The one value of many; values that are not numbers (gaps, 0/0) are left out. `None` when none is left.
    pub fn of(self, values: &[f64]) -> Option<f64> {
        let numbers: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        match self {
            _ if numbers.is_empty() => None,
            Self::Average => Some(numbers.iter().sum::<f64>() / numbers.len() as f64),
            Self::Minimum => numbers.into_iter().reduce(f64::min),
            Self::Maximum => numbers.into_iter().reduce(f64::max),
            Self::Last => numbers.last().copied(),
            Self::Percentile(percent) => Some(percentile(numbers, percent)),
        }
    }
}

fn percentile(mut numbers: Vec<f64>, percent: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let place = percent / 100.0 * (numbers.len() - 1) as f64;
    let (below, above) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
    // Equal neighbours may be infinite, and their difference no number.
    if below == above { below } else { below + (above - below) * place.fract() }
}

impl Limit {
    /// Reads `< 0.1`.
    ///
    /// # Errors
    /// Without an operator or a number.
    pub fn parse(text: &str) -> Result<Self, CheckError> {
        let wrong = || CheckError::Limit(text.into());
        let (comparison, rest) = Comparison::split(text.trim()).ok_or_else(wrong)?;
        let value: f64 = rest.trim().parse().map_err(|_| wrong())?;
        if value.is_finite() { Ok(Self { comparison, value }) } else { Err(wrong()) }
    }

    /// Whether a value keeps the limit.
    pub fn holds(self, observed: f64) -> bool {
        self.comparison.holds(observed, self.value)
    }
}

/// The one value that a check makes of the values that the server gave.
///
/// # Errors
/// When there is none.
pub fn observe(check: &PrometheusCheck, values: &[f64]) -> Result<f64, String> {
    let aggregate = Aggregate::parse(&check.aggregate).map_err(|error| error.to_string())?;
    Ok(aggregate.of(values).ok_or("the query gave no values in the time that was asked for")?)
}

/// Judges a check by what was observed, or by why nothing was.
pub fn judge(check: &PrometheusCheck, observed: Result<f64, String>) -> PrometheusCheckResult {
    let observed = observed.and_then(|value| {
        let limit = Limit::parse(&check.condition).map_err(|error| error.to_string())?;
        Ok((value, limit.holds(value)))
    });
    let (observed, passed, message) = match observed {
        Ok((value, passed)) => (Some(number(value)), passed, None),
        Err(message) => (None, false, Some(message)),
    };
    PrometheusCheckResult {
        name: check.name.clone(),
        condition: check.condition.clone(),
        observed,
        passed,
        message,
    }
}

/// A number in up to six significant digits.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let places = (5 - value.abs().log10().floor() as i32).clamp(0, 15) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const VALUES: [f64; 5] = [4.0, 1.0, f64::NAN, 3.0, 2.0];

    #[rstest]
    #[case("avg", 2.5)]
    #[case("min", 1.0)]
    #[case("max", 4.0)]
    #[case("last", 2.0)]
    #[case("p50", 2.5)]
    #[case("p95", 3.85)] // place 0.95 · 3 = 2.85 of 1, 2, 3, 4
    #[case("p99.9", 3.997)]
    #[case("p0", 1.0)]
    fn values_over_time_become_one(#[case] aggregate: &str, #[case] expected: f64) {
        let value = Aggregate::parse(aggregate).unwrap().of(&VALUES).unwrap();
        assert!((value - expected).abs() < 1e-12, "{value}");
    }

    #[test]
    fn no_numbers_have_no_aggregate() {
        for aggregate in ["avg", "min", "max", "last", "p95"] {
            assert_eq!(Aggregate::parse(aggregate).unwrap().of(&[f64::NAN]), None);
        }
        assert_eq!(Aggregate::parse("p95").unwrap().of(&[f64::INFINITY, f64::INFINITY]), Some(f64::INFINITY));
    }

    #[rstest]
    #[case("< 0.1", 0.05, true)]
    #[case("<0.1", 0.1, false)]
    #[case("<= 0.1", 0.1, true)]
    #[case("> -1e3", 0.0, true)]
    #[case("== 2", 2.0, true)]
    #[case("!= 2", 2.0, false)]
    #[case(">= 1E2", 99.0, false)]
    #[case("< 1", f64::NAN, false)]
    #[case("< 1", f64::INFINITY, false)]
    fn limits_hold_or_not(#[case] limit: &str, #[case] value: f64, #[case] holds: bool) {
        assert_eq!(Limit::parse(limit).unwrap().holds(value), holds);
    }

    #[rstest]
    #[case("p")]
    #[case("p101")]
    #[case("sum")]
    fn unknown_aggregates_are_refused(#[case] text: &str) {
        assert!(Aggregate::parse(text).unwrap_err().to_string().contains(text));
    }

    #[rstest]
    #[case("0.1")]
    #[case("< ")]
    #[case("< fast")]
    #[case("< inf")]
    #[case("~ 1")]
    fn what_is_no_limit_is_refused(#[case] text: &str) {
        assert!(Limit::parse(text).unwrap_err().to_string().contains("write an operator and a number"));
    }

    #[test]
    fn a_check_shows_its_value_or_why_there_is_none() {
        let check = PrometheusCheck {
            name: "db p95".into(),
            query: "up".into(),
            stage: None,
            aggregate: "max".into(),
            condition: "< 0.1".into(),
            tells: None,
        };
        let judge = |check: &PrometheusCheck, values: Vec<f64>| judge(check, observe(check, &values));
        let held = judge(&check, vec![0.012_345_678, 0.01]);
        assert_eq!((held.observed.as_deref(), held.passed, held.message), (Some("0.0123457"), true, None));
        let breached = judge(&check, vec![1_234_567.0]);
        assert_eq!((breached.observed.as_deref(), breached.passed), (Some("1234567"), false));
        let empty = judge(&check, vec![]);
        assert!(!empty.passed && empty.observed.is_none());
        assert!(empty.message.unwrap().contains("no values"));
        let unanswered = super::judge(&check, Err("connection refused".into()));
        assert_eq!(unanswered.message.as_deref(), Some("connection refused"));
    }
}
