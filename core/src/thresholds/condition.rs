// SPDX-License-Identifier: Apache-2.0
//! The grammar of a threshold's condition: aggregation, operator, limit, unit.

use std::fmt;

use crate::{
    comparison::Comparison,
    metrics::{Catalog, Contains, Definition, names::Kind},
    suggest,
};

/// A condition, read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// What is made of the samples.
    pub aggregation: Aggregation,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what: milliseconds for times, a share for rates with `%`, else as written.
    pub limit: f64,
    unit: Unit,
}

/// What is made of the samples of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregation {
    /// Arithmetic mean of a trend.
    Average,
    /// Lowest of a trend.
    Minimum,
    /// Highest of a trend.
    Maximum,
    /// A percentile of a trend, 0 to 100.
    Percentile(f64),
    /// Sum of a counter.
    Count,
    /// Counter per second, or share of a rate.
    Rate,
    /// Latest of a gauge.
    Value,
}

/// What a limit was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    None,
    Time,
    Percent,
}

/// Why a condition can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Not in the grammar.
    #[error("{text:?} is not a condition: {why}; write for example \"p(95) < 200ms\" or \"rate < 1%\"")]
    Grammar {
        /// The condition as written.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// The metric has no such aggregation.
    #[error("{metric} is a {kind} and has no {aggregation}; it has {available}")]
    Aggregation {
        /// The metric.
        metric: String,
        /// Kind of the metric.
        kind: &'static str,
        /// The aggregation that was asked for.
        aggregation: String,
        /// The aggregations that the metric has.
        available: &'static str,
    },
    /// The limit has a unit that the metric has not.
    #[error("the limit of {metric} is {takes}, not {unit}")]
    Unit {
        /// The metric.
        metric: String,
        /// What the limit is.
        takes: &'static str,
        /// What it was written in.
        unit: &'static str,
    },
    /// There is no such metric.
    #[error("unknown metric {0:?}")]
    Metric(String),
}

/// Aggregations without a number.
const AGGREGATIONS: [&str; 7] = ["avg", "min", "max", "med", "count", "rate", "value"];
/// What other tools call them.
const ELSEWHERE: [(&str, &str); 7] = [
    ("mean", "avg"),
    ("average", "avg"),
    ("median", "med"),
    ("minimum", "min"),
    ("maximum", "max"),
    ("sum", "count"),
    ("last", "value"),
];

impl Condition {
    /// Reads `p(95) < 200ms`, whatever metric it is for.
    ///
    /// # Errors
    /// When the text is not in the grammar.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let wrong = |why: &str| ConditionError::Grammar { text: text.into(), why: why.into() };
        let at = text
            .find(['<', '>', '=', '!'])
            .ok_or_else(|| wrong("it has no operator (<, <=, >, >=, == or !=)"))?;
        let (left, right) = text.split_at(at);
        let aggregation = Aggregation::parse(left.trim()).map_err(|why| wrong(&why))?;
        let (comparison, right) =
            Comparison::split(right).ok_or_else(|| wrong("it has no known operator"))?;
        let (limit, unit) = limit(right.trim()).map_err(|why| wrong(&why))?;
        Ok(Self { aggregation, comparison, limit, unit })
    }

    /// Reads a condition and checks that the metric has what it asks for. With `ratio` it is put to the
    /// quotient of two such values.
    ///
    /// # Errors
    /// When the text is not in the grammar, or aggregation or unit don't go with the metric.
    pub fn for_metric(
        text: &str,
        metric: &str,
        catalog: Catalog<'_>,
        ratio: bool,
    ) -> Result<(Self, Definition), ConditionError> {
        let condition = Self::parse(text)?;
        let definition = catalog.get(metric).ok_or_else(|| ConditionError::Metric(metric.into()))?;
        let kind = definition.kind;
        if !condition.aggregation.belongs_to(kind) {
            return Err(ConditionError::Aggregation {
                metric: metric.into(),
                kind: kind_name(kind),
                aggregation: condition.aggregation.to_string(),
                available: available(kind),
            });
        }
        let takes = match (kind, condition.unit) {
            (_, Unit::None) => return Ok((condition, definition)),
            (_, Unit::Percent) if ratio => return Ok((condition, definition)),
            (_, Unit::Time) if ratio => "a number or a percentage, because it is a ratio",
            (Kind::Trend, Unit::Time) if definition.contains == Contains::Time => {
                return Ok((condition, definition));
            }
            (Kind::Rate, Unit::Percent) => return Ok((condition, definition)),
            (Kind::Trend, _) if definition.contains == Contains::Time => "a time",
            (Kind::Rate, _) => "a share from 0 to 1 or a percentage",
            (Kind::Trend | Kind::Counter | Kind::Gauge, _) => "a plain number",
        };
        let unit = if condition.unit == Unit::Percent { "a percentage" } else { "a time" };
        Err(ConditionError::Unit { metric: metric.into(), takes, unit })
    }

    /// Whether the limit was written as a percentage.
    pub(super) fn is_percentage(&self) -> bool {
        self.unit == Unit::Percent
    }

    /// What is wrong with a condition on a share that every share keeps, or none does; `text` is how it was written. Most
    /// often a percentage lacks its sign.
    pub fn idle_on_share(&self, text: &str) -> Option<String> {
        let (lowest, highest) = (self.holds(0.0), self.holds(1.0));
        let is_share = (0.0..=1.0).contains(&self.limit);
        let by_equality = matches!(self.comparison, Comparison::Equal | Comparison::NotEqual);
        if lowest != highest || (by_equality && is_share) {
            return None;
        }
        let always = if lowest { "always" } else { "never" };
        let text = text.trim();
        let meant = match self.unit {
            Unit::None if self.limit > 0.0 && self.limit <= 100.0 => format!(": did you mean {text}%?"),
            _ => "; choose a limit between, for example rate < 5%".into(),
        };
        Some(format!("a rate is a share from 0 to 1 (0% to 100%), so {text:?} {always} holds{meant}"))
    }

    /// What is odd about a condition on a share that only a share of all breaks; `text` is how it was written. Most often a
    /// percentage lacks its sign.
    pub fn loose_on_share(&self, text: &str) -> Option<String> {
        if self.comparison != Comparison::Less || self.limit != 1.0 {
            return None;
        }
        let text = text.trim();
        let meant = match self.unit {
            Unit::None => format!("did you mean {text}%?"),
            Unit::Time | Unit::Percent => "choose a lower limit, for example rate < 1%".into(),
        };
        Some(format!("a rate is a share from 0 to 1 (0% to 100%), so {text:?} only fails at 100%: {meant}"))
    }

    /// Whether an observed value keeps the limit.
    pub fn holds(&self, observed: f64) -> bool {
        self.comparison.holds(observed, self.limit)
    }
}

impl Aggregation {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "avg" => Self::Average,
            "min" => Self::Minimum,
            "max" => Self::Maximum,
            "med" => Self::Percentile(50.0),
            "count" => Self::Count,
            "rate" => Self::Rate,
            "value" => Self::Value,
            _ => {
                let percent = text.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')')).map(str::trim);
                let percent: f64 =
                    percent.and_then(|percent| percent.parse().ok()).ok_or_else(|| match text {
                        "" => "it has no aggregation".into(),
                        _ => format!("there is no aggregation {text:?}{}", meant(text)),
                    })?;
                if !(0.0..=100.0).contains(&percent) {
                    return Err(format!("percentile {percent} is not between 0 and 100"));
                }
                Self::Percentile(percent)
            }
        })
    }

    pub(super) fn belongs_to(self, kind: Kind) -> bool {
        match self {
            Self::Average | Self::Minimum | Self::Maximum | Self::Percentile(_) => kind == Kind::Trend,
            Self::Count => kind == Kind::Counter,
            Self::Rate => matches!(kind, Kind::Counter | Kind::Rate),
            Self::Value => kind == Kind::Gauge,
        }
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Average => formatter.write_str("avg"),
            Self::Minimum => formatter.write_str("min"),
            Self::Maximum => formatter.write_str("max"),
            Self::Percentile(percent) => write!(formatter, "p({percent})"),
            Self::Count => formatter.write_str("count"),
            Self::Rate => formatter.write_str("rate"),
            Self::Value => formatter.write_str("value"),
        }
    }
}

fn limit(text: &str) -> Result<(f64, Unit), String> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+')).unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim());
    let number: f64 = number.parse().map_err(|_| format!("{text:?} is no limit"))?;
    Ok(match unit {
        "" => (number, Unit::None),
        "us" => (number / 1e3, Unit::Time),
        "ms" => (number, Unit::Time),
        "s" => (number * 1e3, Unit::Time),
        "m" => (number * 60e3, Unit::Time),
        "%" => (number / 100.0, Unit::Percent),
        other => return Err(format!("there is no unit {other:?}; there are us, ms, s, m and %")),
    })
}

/// What somebody means who knows another tool's words, or makes a slip.
fn meant(text: &str) -> String {
    let percent = text.strip_prefix(['p', 'P']).map(|rest| rest.trim_matches(['(', ')', ' ']));
    if let Some(percent) = percent.filter(|percent| percent.parse::<f64>().is_ok()) {
        return format!(" (did you mean p({percent})?)");
    }
    let elsewhere = ELSEWHERE.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    let known = elsewhere.map(|(_, known)| *known).or_else(|| suggest::meant(text, AGGREGATIONS));
    known.map(|known| format!(" (did you mean {known}?)")).unwrap_or_default()
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Trend => "trend",
        Kind::Counter => "counter",
        Kind::Rate => "rate",
        Kind::Gauge => "gauge",
    }
}

fn available(kind: Kind) -> &'static str {
    match kind {
        Kind::Trend => "avg, min, max, med and p(N)",
        Kind::Counter => "count and rate",
        Kind::Rate => "rate",
        Kind::Gauge => "value",
    }
}
