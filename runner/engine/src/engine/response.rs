// SPDX-License-Identifier: Apache-2.0
//! What is made of a response: captures and checks.

mod found;
mod json;

use std::{borrow::Cow, cell::OnceCell, time::Duration};

use http::{HeaderMap, header};
use serde_json::Value;
use upsurge_core::{
    html::{Document, Element, Selector},
    scenario::{Capture, Expectation, Matcher, Subject},
};
use upsurge_crds::v1alpha1::MatchChoice;
use upsurge_http::{charset, message::Incoming, text};

use self::{found::Found, json::Json};
use super::user::User;
use crate::program::Request;

/// A response as captures and checks see it.
pub(crate) struct Seen<'a> {
    request: &'a Request,
    response: Option<&'a Incoming>,
    /// The body in UTF-8.
    body: Cow<'a, [u8]>,
    json: Json,
    /// The body as HTML, once somebody looks at it.
    html: OnceCell<Document>,
    duration: Duration,
}

impl<'a> Seen<'a> {
    /// Looks at the response to a request, or at none.
    pub(crate) fn new(request: &'a Request, response: Option<&'a Incoming>, duration: Duration) -> Self {
        let body = response.map(|response| charset::in_utf8(&response.headers, &response.body));
        let json = body.as_ref().map_or(Json::None, |body| Json::of(body, request));
        Self { request, response, body: body.unwrap_or_default(), json, html: OnceCell::new(), duration }
    }

    /// Whether an expectation holds. None holds of a response that never came, nor does its contrary.
    pub(crate) fn meets(&self, expectation: &Expectation, user: &mut User) -> bool {
        self.response
            .is_some_and(|response| self.matches(&expectation.matcher, response, user) != expectation.negated)
    }

    fn matches(&self, matcher: &Matcher, response: &Incoming, user: &mut User) -> bool {
        match matcher {
            Matcher::Status(codes) => codes.contains(&response.status.as_u16()),
            Matcher::ContentType(wanted) => {
                media_type(&response.headers).is_some_and(|found| found == *wanted)
            }
            Matcher::Value { of, wanted } => {
                let found = self.first(of, response, user);
                wanted.iter().all(|wanted| found::is(found.as_ref(), wanted, &mut user.variables))
            }
            Matcher::BodyContains(text) => memchr::memmem::find(&self.body, text.as_bytes()).is_some(),
            Matcher::BodyMatches(regex) => regex.is_match(&String::from_utf8_lossy(&self.body)),
            Matcher::ResponseTime(limit) => self.duration <= *limit,
            Matcher::Condition(expression) => expression.evaluate(&user.variables).unwrap_or(false),
        }
    }

    /// The value of a capture; `None` when there is none, not even a default.
    pub(crate) fn capture(&self, capture: &Capture, user: &mut User) -> Option<Value> {
        let found = self.response.and_then(|response| match capture.choice {
            MatchChoice::First => self.first(&capture.subject, response, user).map(Found::into_value),
            MatchChoice::Last => self.all(&capture.subject, response, user).pop(),
            MatchChoice::Random => {
                let mut all = self.all(&capture.subject, response, user);
                let number = user.variables.below(all.len())?;
                Some(all.swap_remove(number))
            }
            MatchChoice::All => Some(self.all(&capture.subject, response, user))
                .filter(|all| !all.is_empty())
                .map(Value::Array),
        });
        found.or_else(|| capture.default.clone())
    }

    /// The first match.
    fn first<'s>(&'s self, subject: &'s Subject, response: &'s Incoming, user: &User) -> Option<Found<'s>> {
        match subject {
            Subject::JsonPath(path) => self.json.first(path, self.request).map(Found::Json),
            Subject::Header(name) => response.headers.get(name).map(text::of).map(Found::Text),
            Subject::Regex(regex) => {
                let text = String::from_utf8_lossy(&self.body);
                let found = regex.captures(&text)?;
                Some(Found::Text(Cow::Owned(group(&found)?.to_owned())))
            }
            Subject::Selector { selector, attribute } => {
                self.selected(selector, attribute.as_deref()).next().map(Found::Text)
            }
            Subject::Cookie(name) => {
                let set = cookie_set(&response.headers, name);
                set.or_else(|| user.cookies.get(name)).map(|value| Found::Text(value.into()))
            }
            Subject::Status => Some(Found::Own(response.status.as_u16().into())),
            Subject::Body => Some(Found::Text(String::from_utf8_lossy(&self.body))),
            Subject::ResponseTime => Some(Found::Own((self.duration.as_secs_f64() * 1_000.0).into())),
        }
    }

    /// All matches.
    fn all(&self, subject: &Subject, response: &Incoming, user: &User) -> Vec<Value> {
        match subject {
            Subject::JsonPath(path) => self.json.all(path, self.request).into_iter().cloned().collect(),
            Subject::Header(name) => {
                response.headers.get_all(name).iter().map(text::of).map(Value::from).collect()
            }
            Subject::Regex(regex) => {
                let text = String::from_utf8_lossy(&self.body);
                regex.captures_iter(&text).filter_map(|found| group(&found).map(Value::from)).collect()
            }
            Subject::Selector { selector, attribute } => {
                self.selected(selector, attribute.as_deref()).map(Value::from).collect()
            }
            Subject::Cookie(_) | Subject::Status | Subject::Body | Subject::ResponseTime => {
                self.first(subject, response, user).map(Found::into_value).into_iter().collect()
            }
        }
    }

    /// Texts of the elements that a selector finds, or their attributes, as far as they have them.
    fn selected<'s>(
        &'s self,
        selector: &'s Selector,
        attribute: Option<&'s str>,
    ) -> impl Iterator<Item = Cow<'s, str>> {
        let document = self.html.get_or_init(|| Document::parse(&self.body));
        let value = move |element: Element<'s>| match attribute {
            Some(name) => element.attribute(name).map(Cow::Borrowed),
            None => Some(Cow::Owned(element.text())),
        };
        document.select(selector).filter_map(value)
    }
}

/// The first group of a match, or the whole match.
fn group<'t>(found: &regex::Captures<'t>) -> Option<&'t str> {
    found.get(1).or_else(|| found.get(0)).map(|group| group.as_str())
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = text::of(headers.get(header::CONTENT_TYPE)?);
    text.split(';').next().map(|media_type| media_type.trim().to_ascii_lowercase())
}

/// The value that a response gives a cookie. One that is made empty is taken away.
fn cookie_set(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let set = headers.get_all(header::SET_COOKIE).iter().map(text::of);
    let named = set.filter_map(|text| {
        let (name, value) = text.split(';').next()?.split_once('=')?;
        (name.trim() == wanted).then(|| value.trim().to_owned())
    });
    // Of two, browsers keep the last.
    named.fold(None, |_, value| Some(value)).filter(|value| !value.is_empty())
}
