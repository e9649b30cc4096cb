// SPDX-License-Identifier: Apache-2.0
//! What is made of a response: values that are taken from it, and checks of what it must be like.

use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;
use upsurge_crds::v1alpha1::MatchChoice;

use crate::{
    expression::Expression,
    html::Selector,
    template::{JsonTemplate, Template},
};

/// A value taken from a response.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Variable that takes it.
    pub name: String,
    /// Its slot.
    pub slot: usize,
    /// Where the value is.
    pub subject: Subject,
    /// Which of several matches.
    pub choice: MatchChoice,
    /// Value when there is none; without it the iteration ends there and the check [`Capture::check_name`] fails.
    pub default: Option<Value>,
}

impl Capture {
    /// Name of the check that counts whether captures found something, or had a default.
    pub fn check_name(&self) -> String {
        format!("capture {}", self.name)
    }
}

/// Where in a response a value is.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Matches in a JSON body.
    JsonPath(JsonPath),
    /// Headers of that name, in lower case.
    Header(String),
    /// First groups of matches in the body, or the whole matches.
    Regex(Regex),
    /// Elements of an HTML body.
    Selector {
        /// Which.
        selector: Selector,
        /// The attribute that is the value, instead of the text.
        attribute: Option<String>,
    },
    /// A cookie that the response sets, else that the user keeps.
    Cookie(String),
    /// The status code.
    Status,
    /// The whole body as text.
    Body,
    /// Milliseconds from the first byte sent to the last byte received.
    ResponseTime,
}

impl Subject {
    /// Whether it is in the body.
    pub fn is_in_body(&self) -> bool {
        match self {
            Self::JsonPath(_) | Self::Regex(_) | Self::Selector { .. } | Self::Body => true,
            Self::Header(_) | Self::Cookie(_) | Self::Status | Self::ResponseTime => false,
        }
    }

    /// The way into a JSON body.
    pub fn json_path(&self) -> Option<&JsonPath> {
        match self {
            Self::JsonPath(path) => Some(path),
            _ => None,
        }
    }
}

/// What expectations, then captures, look at.
pub fn subjects<'a>(
    expectations: &'a [Expectation],
    captures: &'a [Capture],
) -> impl Iterator<Item = &'a Subject> {
    let expected = expectations.iter().filter_map(|expectation| match &expectation.matcher {
        Matcher::Value { of, .. } => Some(of),
        _ => None,
    });
    expected.chain(captures.iter().map(|capture| &capture.subject))
}

/// Something a response must be like.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Name of the check.
    pub name: String,
    /// What must hold.
    pub matcher: Matcher,
    /// That it must not hold instead.
    pub negated: bool,
    /// Whether it is about answers alone whose status counts as failed.
    pub of_failed: bool,
}

impl Expectation {
    /// Whether it is about an answer that counts as failed, or about one that does not, or none.
    pub fn is_about(&self, has_failed: bool) -> bool {
        has_failed || !self.of_failed
    }
}

/// What must hold of a response.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// The status is one of these.
    Status(Vec<u16>),
    /// The media type, without parameters, compared without regard to case.
    ContentType(String),
    /// The first match of something in the response.
    Value {
        /// Where.
        of: Subject,
        /// What, all of it.
        wanted: Vec<Wanted>,
    },
    /// The body holds this text.
    BodyContains(String),
    /// The body matches this somewhere.
    BodyMatches(Regex),
    /// From the first byte sent to the last byte received it took at most this long.
    ResponseTime(Duration),
    /// The variables of the user, once all captures are made, are so.
    Condition(Expression),
}

/// What is wanted of a value.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// That it is there, or is not.
    Exists(bool),
    /// That it equals this. Numbers are equal by value; what is a text in the response equals the text of this.
    Equals(JsonTemplate),
    /// That it is a text that holds this one, or a list with such an element.
    Contains(Template),
    /// That its text matches this somewhere.
    Matches(Regex),
    /// That it is a number on that side of this one.
    Number(Comparison, f64),
    /// That it has so many characters, elements or fields.
    Length {
        /// At least.
        min: u64,
        /// At most.
        max: u64,
    },
}

/// How a number compares with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It is above.
    GreaterThan,
    /// It is equal or above.
    AtLeast,
    /// It is below.
    LessThan,
    /// It is equal or below.
    AtMost,
}

impl Comparison {
    /// Whether a number compares so with a bound.
    pub fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::GreaterThan => number > bound,
            Self::AtLeast => number >= bound,
            Self::LessThan => number < bound,
            Self::AtMost => number <= bound,
        }
    }
}
