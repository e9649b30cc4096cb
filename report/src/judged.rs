// SPDX-License-Identifier: Apache-2.0
//! Everything that the test asked for beside what was observed, worst first: page and Markdown list it alike.

use upsurge_core::{comparison::Comparison, thresholds::Condition};
use upsurge_crds::v1alpha1::{ExpectationResult, PrometheusCheckResult, ThresholdResult};
use upsurge_record::model::Record;

use crate::{verdict::Kept, words};

/// Something that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// What kind of demand it is.
    pub(crate) kind: &'static str,
    /// What it is about.
    pub(crate) what: String,
    /// What was asked for.
    pub(crate) asked: String,
    /// What was observed.
    pub(crate) observed: String,
    /// How far that is from the limit, as a share of it: above 0 it is kept. Absent where the limit is no number.
    pub(crate) margin: Option<f64>,
    /// Whether it held.
    pub(crate) kept: Kept,
    /// More, if there is more to say.
    pub(crate) detail: String,
}

impl Judged {
    /// The margin in words.
    pub(crate) fn margin_in_words(&self) -> String {
        match self.margin {
            None => "–".to_owned(),
            Some(margin) if margin < 0.0 => format!("{}% over", words::significant(-margin * 100.0)),
            Some(margin) => format!("{}% left", words::significant(margin * 100.0)),
        }
    }
}

/// All of it: what did not hold first, then what is not known; within these by their margin.
pub(crate) fn judged(record: &Record) -> Vec<Judged> {
    let thresholds = record.shown().into_iter().flat_map(|epoch| &epoch.thresholds).map(threshold);
    let of = |kind: &'static str| move |result: &ExpectationResult| expectation(kind, result);
    let autoscaling =
        record.autoscaling.iter().flat_map(|result| &result.expectations).map(of("autoscaling"));
    let usage = record.usage_expectations.iter().map(of("usage"));
    let soak = record.soak.iter().flat_map(|soak| &soak.expectations).map(of("soak"));
    let stress = record.stress.iter().flat_map(|stress| &stress.expectations).map(of("stress"));
    let checks = record.prometheus_checks.iter().map(check);
    let verified = record.verification.iter().map(|result| Judged {
        kind: "verification",
        what: "steps after the load".into(),
        asked: "all of their expectations hold".into(),
        observed: Kept::of(result.passed, result.undecided).word().into(),
        margin: None,
        kept: Kept::of(result.passed, result.undecided),
        detail: result.message.clone().unwrap_or_default(),
    });
    let mut all: Vec<Judged> = thresholds
        .chain(autoscaling)
        .chain(usage)
        .chain(soak)
        .chain(stress)
        .chain(checks)
        .chain(verified)
        .collect();
    let rank = |one: &Judged| one.margin.unwrap_or(f64::MAX);
    all.sort_by(|one, other| one.kept.cmp(&other.kept).then_with(|| rank(one).total_cmp(&rank(other))));
    all
}

fn threshold(result: &ThresholdResult) -> Judged {
    Judged {
        kind: "threshold",
        what: result.metric.clone(),
        asked: result.condition.clone(),
        observed: result.observed.clone(),
        margin: margin(&result.condition, &result.observed),
        kept: Kept::of(result.passed, result.undecided),
        detail: result.detail.clone().unwrap_or_default(),
    }
}

fn expectation(kind: &'static str, result: &ExpectationResult) -> Judged {
    let mut detail = result.message.clone().filter(|message| *message != result.observed).unwrap_or_default();
    if let Some(basis) = result.basis.as_ref().filter(|basis| !detail.contains(*basis)) {
        let joint = if detail.is_empty() { "" } else { "; " };
        detail += &format!("{joint}the limit is {basis}");
    }
    Judged {
        kind,
        what: result.name.clone(),
        asked: result.expected.clone(),
        observed: result.observed.clone(),
        margin: None,
        kept: Kept::of(result.passed, result.undecided),
        detail,
    }
}

fn check(result: &PrometheusCheckResult) -> Judged {
    Judged {
        kind: "Prometheus check",
        what: result.name.clone(),
        asked: result.condition.clone(),
        observed: result.observed.clone().unwrap_or_else(|| "no value".into()),
        margin: None,
        kept: Kept::of(result.passed, result.observed.is_none() && !result.passed),
        detail: result.message.clone().unwrap_or_default(),
    }
}

/// How far an observed figure is from a condition's limit, as a share of the limit.
fn margin(condition: &str, observed: &str) -> Option<f64> {
    let condition = Condition::parse(condition).ok()?;
    let end = observed.find(|sign: char| !(sign.is_ascii_digit() || matches!(sign, '.' | '-')));
    let (number, unit) = observed.split_at(end.unwrap_or(observed.len()));
    let number: f64 = number.parse().ok()?;
    let observed = match unit {
        "%" => number / 100.0,
        "s" => number * 1000.0,
        _ => number,
    };
    let room = match condition.comparison {
        Comparison::Less | Comparison::AtMost => condition.limit - observed,
        Comparison::More | Comparison::AtLeast => observed - condition.limit,
        Comparison::Equal | Comparison::NotEqual => return None,
    };
    (condition.limit != 0.0).then(|| room / condition.limit.abs())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("p(95) < 200ms", "182.4ms", Some(0.088))]
    #[case("p(95) < 200ms", "250ms", Some(-0.25))]
    #[case("rate < 1%", "0.13%", Some(0.87))]
    #[case("rate >= 99.9%", "100%", Some(0.001_001))]
    #[case("count > 0", "5", None)]
    #[case("rate < 1%", "no data", None)]
    fn a_margin_is_a_share_of_the_limit(
        #[case] condition: &str,
        #[case] observed: &str,
        #[case] share: Option<f64>,
    ) {
        let found = margin(condition, observed);
        match (found, share) {
            (Some(found), Some(share)) => assert!((found - share).abs() < 1e-6, "{found}"),
            _ => assert_eq!(found, share),
        }
    }

    #[test]
    fn margins_read_as_what_is_left_or_over() {
        let of = |margin| Judged {
            kind: "threshold",
            what: String::new(),
            asked: String::new(),
            observed: String::new(),
            margin,
            kept: Kept::Yes,
            detail: String::new(),
        };
        let told = [Some(0.088), Some(-0.25), None].map(|margin| of(margin).margin_in_words());
        assert_eq!(told, ["8.8% left", "25% over", "–"]);
    }
}
