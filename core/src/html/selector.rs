// SPDX-License-Identifier: Apache-2.0
//! CSS selectors, and what is said of texts that are none.

use std::fmt;

/// The pseudo-classes that there are.
const PSEUDO_CLASSES: [&str; 17] = [
    "root",
    "empty",
    "scope",
    "first-child",
    "last-child",
    "only-child",
    "nth-child",
    "nth-last-child",
    "first-of-type",
    "last-of-type",
    "only-of-type",
    "nth-of-type",
    "nth-last-of-type",
    "not",
    "is",
    "where",
    "has",
];
/// Most of a wrong selector that is repeated.
const SHOWN: usize = 40;
/// How far into a wrong selector the place is looked for, by trying all beginnings.
const SEARCHED: usize = 1_000;

/// A compiled CSS selector.
#[derive(Clone, PartialEq)]
pub struct Selector {
    source: String,
    compiled: scraper::Selector,
    looks_inside: bool,
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// There is nothing.
    #[error("not a CSS selector: it is empty")]
    Empty,
    /// From some place on it makes no sense.
    #[error("not a CSS selector: it can't go on with {rest:?}")]
    Wrong {
        /// What stands there.
        rest: String,
    },
    /// CSS itself closes what is open at the end; here it is more likely a slip.
    #[error("not a CSS selector: a bracket, a parenthesis or a quote is not closed")]
    Open,
    /// A pseudo-class or pseudo-element is not known, or needs a browser.
    #[error("{name} is not known here; there are {}, with what belongs in parentheses", known())]
    Unknown {
        /// Its name with colons.
        name: String,
    },
}

fn known() -> String {
    PSEUDO_CLASSES.map(|name| format!(":{name}")).join(", ")
}

impl Selector {
    /// Compiles a selector.
    ///
    /// # Errors
    /// What is wrong with it and where, or what of CSS is not known here.
    pub fn parse(source: &str) -> Result<Self, SelectorError> {
        let source = source.trim();
        let compiled = scraper::Selector::parse(source).map_err(|_| wrong(source))?;
        if is_open(source) {
            return Err(SelectorError::Open);
        }
        let looks_inside = source.to_ascii_lowercase().contains(":has");
        Ok(Self { source: source.to_owned(), compiled, looks_inside })
    }

    pub(super) fn compiled(&self) -> &scraper::Selector {
        &self.compiled
    }

    /// Whether what is in an element decides whether it is meant.
    pub(super) fn looks_inside(&self) -> bool {
        self.looks_inside
    }
}

fn is_selector(text: &str) -> bool {
    scraper::Selector::parse(text).is_ok()
}

/// Whether a selector ends within something: what is closed can't be closed once more.
fn is_open(source: &str) -> bool {
    [']', ')'].iter().any(|end| is_selector(&format!("{source}{end}")))
}

/// What is wrong. The parser doesn't tell where, but it takes what stands before that place.
fn wrong(source: &str) -> SelectorError {
    let places = (0..source.len().min(SEARCHED)).rev().filter_map(|at| Some((at, source.get(..at)?)));
    let from = places.into_iter().find(|(_, before)| is_selector(before)).map_or(0, |(at, _)| at);
    let rest = source.get(from..).unwrap_or_default().trim();
    let name = rest.trim_start_matches(':');
    let end = name.find(|character: char| !(character.is_alphanumeric() || character == '-'));
    let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
    let known = PSEUDO_CLASSES.iter().any(|known| name.eq_ignore_ascii_case(known));
    match rest {
        "" => SelectorError::Empty,
        _ if rest.starts_with("::") && !name.is_empty() => {
            SelectorError::Unknown { name: format!("::{name}") }
        }
        _ if rest.starts_with(':') && !name.is_empty() && !known => {
            SelectorError::Unknown { name: format!(":{name}") }
        }
        _ => SelectorError::Wrong { rest: rest.chars().take(SHOWN).collect() },
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Selector").field(&self.source).finish()
    }
}
