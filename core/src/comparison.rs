// SPDX-License-Identifier: Apache-2.0
//! How an observed value is compared with a limit; shared by thresholds and Prometheus checks.

use std::fmt;

/// An operator between an observed value and a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==` (or k6's `===`)
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    /// Reads the operator that a text begins with, and gives the rest of the text.
    pub(crate) fn split(text: &str) -> Option<(Self, &str)> {
        // Longer ones first: `<` is the beginning of `<=`.
        const OPERATORS: [(&str, Comparison); 7] = [
            ("===", Comparison::Equal),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Less),
            (">", Comparison::More),
        ];
        OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))
    }

    /// Whether the comparison holds. Nothing holds for what is not a number, except `!=`.
    pub fn holds(self, observed: f64, limit: f64) -> bool {
        match self {
            Self::Less => observed < limit,
            Self::AtMost => observed <= limit,
            Self::More => observed > limit,
            Self::AtLeast => observed >= limit,
            Self::Equal => observed == limit,
            Self::NotEqual => observed != limit,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        })
    }
}
