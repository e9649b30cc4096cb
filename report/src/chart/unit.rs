// SPDX-License-Identifier: Apache-2.0
//! Units of what charts show, and how a value in each of them reads on an axis and in a table.

use crate::words;

/// Of what values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number per second.
    PerSecond,
    /// A number.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Percent.
    Percent,
}

impl Unit {
    /// The word that the page's script knows it by.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::PerSecond => "per second",
            Self::Count => "count",
            Self::Milliseconds => "milliseconds",
            Self::Percent => "percent",
        }
    }

    /// A value on an axis.
    pub(crate) fn tick(self, value: f64) -> String {
        match self {
            Self::PerSecond | Self::Count => words::short(value),
            Self::Milliseconds => words::milliseconds(value),
            Self::Percent => format!("{}%", words::significant(value)),
        }
    }

    /// A value in a table.
    pub(crate) fn value(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", words::significant(value)),
            _ => self.tick(value),
        }
    }
}
