//! CSS selectors and what they match.

use std::fmt;

use super::{
    compile::{self, SelectorError},
    document::Element,
};

/// A compiled CSS selector: names, `#id`, `.class`, `[attribute]`, `:first-child` and its kin, `:not(…)`, the
/// combinators, and lists of all of these.
#[derive(Clone, PartialEq)]
pub struct Selector {
    source: String,
    pub(super) alternatives: Vec<Chain>,
}

/// Elements in relation to each other: the last one, and before it each with how it relates to the next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chain {
    pub(super) last: Compound,
    /// The nearest to the last first.
    pub(super) before: Vec<(Relation, Compound)>,
}

/// How an element relates to the one that follows in the selector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Relation {
    /// It holds it, at any depth.
    Ancestor,
    /// It is its parent.
    Parent,
    /// It stands right before it.
    Previous,
    /// It stands somewhere before it in the same parent.
    Earlier,
}

/// What one element must be like, all of it.
pub(super) type Compound = Vec<Condition>;

/// What an element must be like.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// Its name.
    Name(String),
    /// An attribute with a value that compares so.
    Attribute { name: String, test: Test, any_case: bool },
    /// Its place among its siblings is a number of `step` × n + `offset`, from the first or from the last.
    Nth { step: i64, offset: i64, from_end: bool },
    /// It has no siblings.
    OnlyChild,
    /// It is like none of these.
    Not(Vec<Compound>),
}

/// How the value of an attribute compares.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// It is there.
    Exists,
    /// It is this.
    Equals(String),
    /// It has this word.
    Word(String),
    /// It is this, or begins with it and a hyphen.
    Dash(String),
    /// It begins so.
    Prefix(String),
    /// It ends so.
    Suffix(String),
    /// It holds this.
    Contains(String),
}

impl Selector {
    /// Compiles a selector.
    ///
    /// # Errors
    /// What is wrong with it, or what of CSS is not known here.
    pub fn parse(source: &str) -> Result<Self, SelectorError> {
        let alternatives = compile::selector(source)?;
        Ok(Self { source: source.to_owned(), alternatives })
    }

    /// Whether an element is one of those that are meant.
    pub(super) fn matches(&self, element: Element<'_>) -> bool {
        self.alternatives.iter().any(|chain| fits(&chain.last, element) && leads_to(&chain.before, element))
    }
}

/// Whether the elements that a chain wants before this one are there. Goes as deep as the selector is long.
fn leads_to(before: &[(Relation, Compound)], element: Element<'_>) -> bool {
    let Some(((relation, compound), rest)) = before.split_first() else { return true };
    let leads = |candidate: Element<'_>| fits(compound, candidate) && leads_to(rest, candidate);
    match relation {
        Relation::Parent => element.parent().is_some_and(leads),
        Relation::Ancestor => std::iter::successors(element.parent(), |element| element.parent()).any(leads),
        Relation::Previous => element.before().next().is_some_and(leads),
        Relation::Earlier => element.before().any(leads),
    }
}

fn fits(compound: &[Condition], element: Element<'_>) -> bool {
    compound.iter().all(|condition| condition.holds(element))
}

impl Condition {
    fn holds(&self, element: Element<'_>) -> bool {
        match self {
            Self::Name(name) => element.name().is_some_and(|known| **known == **name),
            Self::Attribute { name, test, any_case } => {
                element.attribute(name).is_some_and(|value| test.holds(value, *any_case))
            }
            Self::Nth { step, offset, from_end } => {
                let (place, count) = element.position();
                let place = if *from_end { count + 1 - place } else { place };
                let distance = place as i64 - offset;
                match step {
                    0 => distance == 0,
                    step => distance % step == 0 && distance / step >= 0,
                }
            }
            Self::OnlyChild => element.position().1 == 1,
            Self::Not(compounds) => !compounds.iter().any(|compound| fits(compound, element)),
        }
    }
}

impl Test {
    fn holds(&self, value: &str, any_case: bool) -> bool {
        if any_case {
            return self.holds_in(&value.to_ascii_lowercase());
        }
        self.holds_in(value)
    }

    fn holds_in(&self, value: &str) -> bool {
        match self {
            Self::Exists => true,
            Self::Equals(wanted) => value == wanted,
            Self::Word(wanted) => value.split_ascii_whitespace().any(|word| word == wanted),
            Self::Dash(wanted) => value
                .strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-')),
            // CSS lets an empty text be no part of anything.
            Self::Prefix(wanted) => !wanted.is_empty() && value.starts_with(wanted.as_str()),
            Self::Suffix(wanted) => !wanted.is_empty() && value.ends_with(wanted.as_str()),
            Self::Contains(wanted) => !wanted.is_empty() && value.contains(wanted.as_str()),
        }
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Selector").field(&self.source).finish()
    }
}
