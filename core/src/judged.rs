// SPDX-License-Identifier: Apache-2.0
//! Something that was asked for, held against what was seen, and how the verdict tells it.

use upsurge_crds::v1alpha1::ExpectationResult;
use upsurge_figures::statistics::Interval;

use crate::format::decimal;

/// Something that was asked for, held against what was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// As the status has it. Its message is a sentence that says all, with the limit.
    pub result: ExpectationResult,
    /// The reason of a run that missed it: one of `upsurge_crds::names::reasons`.
    pub missed: &'static str,
    /// The reason of a run of which nobody can say whether it held.
    pub unknown: &'static str,
}

impl Judged {
    /// The sentence that the verdict tells.
    pub fn sentence(&self) -> String {
        let ExpectationResult { name, expected, observed, message, .. } = &self.result;
        message.clone().unwrap_or_else(|| format!("{name} {expected}: observed {observed}"))
    }
}

/// What was seen of an expectation, with why it did not hold or is not known, and with the limit where that was computed.
pub fn told(expectation: &ExpectationResult) -> String {
    let ExpectationResult { observed, message, basis, .. } = expectation;
    let why = message.as_ref().filter(|message| *message != observed);
    let told = why.map_or_else(|| observed.clone(), |why| format!("{observed}: {why}"));
    match basis.as_ref().filter(|basis| !told.contains(*basis)) {
        Some(basis) => format!("{told}; the limit is {basis}"),
        None => told,
    }
}

/// Percent of growth in so many digits as matter: `31%`, `4.2%`.
pub fn grown(percent: f64) -> String {
    format!("{}%", decimal(percent, if percent.abs() >= 10.0 { 0 } else { 1 }))
}

/// Growth with its interval, as `31%/h (28% to 34%)`.
pub fn growth_in_words(percent: Interval) -> String {
    format!("{}/h ({} to {})", grown(percent.estimate), grown(percent.low), grown(percent.high))
}

/// A number of hours, as people would say it.
pub fn hours_in_words(hours: f64) -> String {
    if hours >= 1.0 {
        return format!("{} h", decimal(hours, 1));
    }
    format!("{} min", decimal((hours * 60.0).ceil(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_has_as_many_digits_as_matter() {
        let interval = Interval { estimate: 31.04, low: 27.96, high: 4.249 };
        assert_eq!(growth_in_words(interval), "31%/h (28% to 4.2%)");
        assert_eq!([hours_in_words(0.03), hours_in_words(2.14)], ["2 min", "2.1 h"]);
    }
}
