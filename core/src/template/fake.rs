// SPDX-License-Identifier: Apache-2.0
//! Made-up names, places and texts.
//!
//! Everything is drawn from the scope's random numbers, so a seeded scope gives the same values again.

use super::{
    Scope,
    function::below,
    lists::{CITIES, COUNTRIES, FIRST_NAMES, FORMS, INDUSTRIES, LAST_NAMES, WORDS},
};

/// What is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fake {
    /// `firstName()`.
    FirstName,
    /// `lastName()`.
    LastName,
    /// `fullName()`: a first and a last name.
    FullName,
    /// `city()`.
    City,
    /// `country()`: its English name.
    Country,
    /// `phone()`: a North American number from the range that is kept free for fiction.
    Phone,
    /// `company()`: a name with what it does and its form.
    Company,
    /// `word()`.
    Word,
    /// `words(n)`: words with spaces between them.
    Words(usize),
    /// `sentence()`: 6 to 12 words.
    Sentence,
    /// `paragraph()`: 3 to 6 sentences.
    Paragraph,
}

impl Fake {
    /// Makes up a text.
    pub fn text(self, scope: &mut dyn Scope) -> String {
        match self {
            Self::FirstName => one(scope, FIRST_NAMES).into(),
            Self::LastName => one(scope, LAST_NAMES).into(),
            Self::FullName => format!("{} {}", one(scope, FIRST_NAMES), one(scope, LAST_NAMES)),
            Self::City => one(scope, CITIES).into(),
            Self::Country => one(scope, COUNTRIES).into(),
            Self::Phone => {
                let area = 200 + below(scope.random(), 800);
                format!("+1-{area}-555-01{:02}", below(scope.random(), 100))
            }
            Self::Company => {
                format!("{} {} {}", one(scope, LAST_NAMES), one(scope, INDUSTRIES), one(scope, FORMS))
            }
            Self::Word => one(scope, WORDS).into(),
            Self::Words(count) => words(scope, count),
            Self::Sentence => sentence(scope),
            Self::Paragraph => {
                let count = 3 + below(scope.random(), 4);
                (0..count).map(|_| sentence(scope)).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

fn one(scope: &mut dyn Scope, list: &[&'static str]) -> &'static str {
    list.get(below(scope.random(), list.len() as u64) as usize).copied().unwrap_or_default()
}

/// The word that belongs to a random number.
pub(crate) fn word(random: u64) -> &'static str {
    WORDS.get(below(random, WORDS.len() as u64) as usize).copied().unwrap_or_default()
}

fn words(scope: &mut dyn Scope, count: usize) -> String {
    (0..count).map(|_| one(scope, WORDS)).collect::<Vec<_>>().join(" ")
}

fn sentence(scope: &mut dyn Scope) -> String {
    let count = 6 + below(scope.random(), 7) as usize;
    let mut text = words(scope, count);
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text.push('.');
    text
}
