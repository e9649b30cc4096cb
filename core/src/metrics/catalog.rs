// SPDX-License-Identifier: Apache-2.0
//! What is known of a metric: its kind, and what its values are. Built-in metrics and those of a test.

use upsurge_crds::v1alpha1::{CustomMetric, MetricType};

use super::names::{self, Kind};

/// What the values of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contains {
    /// Times, in milliseconds.
    Time,
    /// Bytes.
    Data,
    /// Anything else.
    Numbers,
}

/// Kind and content of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// What is made of its values.
    pub kind: Kind,
    /// What its values are.
    pub contains: Contains,
}

/// The metrics that a test has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Catalog<'a> {
    custom: &'a [CustomMetric],
}

impl<'a> Catalog<'a> {
    /// The built-in metrics, and those of `spec.metrics`.
    pub fn new(custom: &'a [CustomMetric]) -> Self {
        Self { custom }
    }

    /// What is known of a metric; `None` if there is none of that name.
    pub fn get(&self, name: &str) -> Option<Definition> {
        if let Some(kind) = names::kind_of(name) {
            let contains = match kind {
                Kind::Trend => Contains::Time,
                _ if name == names::DATA_SENT || name == names::DATA_RECEIVED => Contains::Data,
                _ => Contains::Numbers,
            };
            return Some(Definition { kind, contains });
        }
        let metric = self.custom.iter().find(|metric| metric.name == name)?;
        let kind = kind(metric.type_);
        let contains = if kind == Kind::Trend && metric.time { Contains::Time } else { Contains::Numbers };
        Some(Definition { kind, contains })
    }

    /// Names of all metrics, the built-in ones first.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        names::ALL.into_iter().chain(self.custom.iter().map(|metric| metric.name.as_str()))
    }
}

/// The kind that a type of custom metric is.
pub fn kind(type_: MetricType) -> Kind {
    match type_ {
        MetricType::Counter => Kind::Counter,
        MetricType::Gauge => Kind::Gauge,
        MetricType::Rate => Kind::Rate,
        MetricType::Trend => Kind::Trend,
    }
}
