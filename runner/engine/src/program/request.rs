// SPDX-License-Identifier: Apache-2.0
//! A request, ready to be filled in and sent.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json_path::JsonPath;
use upsurge_core::{
    scenario::{self, Capture, Expectation, Matcher, Subject, Wanted, subjects},
    template::{Scope, Template},
};
use upsurge_crds::v1alpha1::{HttpMethod, StatusRange};
use upsurge_http::message::{Incoming, Keep};
use upsurge_system::files::Files;

use super::{
    address::{Address, Base, Destination},
    auth::Auth,
    body::Body,
    fold::{fold, fold_json},
    places::Places,
};

/// Sent unless the test has a `User-Agent` of its own.
const USER_AGENT: &str = concat!("upsurge/", env!("CARGO_PKG_VERSION"));

/// A request of a scenario.
#[derive(Debug)]
pub(crate) struct Request {
    /// Its name in results.
    pub(crate) name: String,
    /// The scenario it belongs to.
    pub(crate) scenario: usize,
    /// The innermost group it belongs to.
    pub(crate) group: Option<usize>,
    /// Whether it counts in figures: the warm-up of a benchmark does not.
    pub(crate) is_counted: bool,
    /// Its own tags, besides those of its scenario.
    pub(crate) tags: BTreeMap<String, String>,
    /// Its method.
    pub(crate) method: Method,
    /// Where it goes.
    pub(crate) address: Address,
    /// Its body.
    pub(crate) body: Body,
    /// Longest time.
    pub(crate) timeout: Duration,
    /// What is taken from the response.
    pub(crate) captures: Vec<Capture>,
    /// What the response must be like.
    pub(crate) expectations: Vec<Expectation>,
    /// Whether some expectations look at variables, and so come after the captures.
    pub(crate) has_conditions: bool,
    /// Whether the body of the response is wanted.
    pub(crate) needs_body: bool,
    /// Most redirects that are followed.
    pub(crate) max_redirects: usize,
    /// Largest body of the response, as it comes and as it is kept.
    pub(crate) limits: Limits,
    /// Credentials that are not among the fixed headers.
    pub(crate) auth: Option<Box<Auth>>,
    /// Cookies besides those from responses.
    cookies: Vec<(String, Template)>,
    /// Status codes that don't count as failed.
    expected_status: Vec<StatusRange>,
    /// Statuses of redirects that are followed.
    followed: Vec<StatusCode>,
    headers: HeaderMap,
    changing_headers: Vec<(HeaderName, Template)>,
    /// Headers of the response that captures and checks look at.
    wanted_headers: Vec<HeaderName>,
    /// Places of its JSON that they look at, if each of their paths leads to one place.
    pub(crate) places: Option<Places>,
    /// Whether every message has the headers of the program, as they are.
    fixed_headers: bool,
}

/// What all requests are compiled with.
pub(super) struct Common<'a> {
    /// The base URL.
    pub(super) base: &'a Base,
    /// Values of secrets.
    pub(super) secrets: &'a BTreeMap<String, String>,
    /// Contents of files.
    pub(super) files: &'a Files,
}

/// Largest bodies of a response, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// As it comes.
    pub(crate) received: Option<u64>,
    /// As it is kept, after decompression.
    pub(crate) kept: usize,
}

/// Largest body that is kept for captures and checks unless the test says otherwise, so that an endless
/// response can't exhaust the runner's memory.
const LARGEST_KEPT_BODY: u64 = 64 << 20;

impl Request {
    pub(super) fn compile(
        request: &scenario::Request,
        common: &Common<'_>,
        scenario: usize,
        group: Option<usize>,
    ) -> Result<Self, String> {
        let Common { base, secrets, files } = *common;
        let (mut headers, changing_headers) = split_headers(&request.headers, secrets)?;
        let mut address = Address::compile(base, &request.url, &request.query, secrets)?;
        let mut auth = None;
        if let Some(credentials) = &request.auth {
            let compiled = Auth::compile(credentials, &base.origin, secrets)?;
            match compiled.fixed(&address) {
                Some(value) => drop(headers.insert(header::AUTHORIZATION, value.clone())),
                None => auth = Some(Box::new(compiled)),
            }
        }
        // What a URL always says need not be looked at each time. Credentials that are written as such win over it.
        if let Address::Fixed(destination) = &mut address
            && auth.as_ref().is_none_or(|auth| !auth.is_for(destination))
            && let Some(login) = destination.login.take()
        {
            headers.entry(header::AUTHORIZATION).or_insert(login);
        }
        let fold_cookie = |(name, value): &(String, Template)| (name.clone(), fold(value, secrets));
        let expectations = request.expect.iter().map(|expectation| reveal(expectation, secrets)).collect();
        if let Address::Fixed(destination) = &address
            && changing_headers.iter().all(|(name, _)| *name != header::HOST)
        {
            headers.entry(header::HOST).or_insert_with(|| destination.origin.header.clone());
        }
        let mut compiled = Self {
            name: request.name.clone(),
            scenario,
            group,
            is_counted: true,
            tags: request.tags.clone(),
            method: method(request.method),
            address,
            body: Body::compile(request, secrets, files)?,
            timeout: request.timeout,
            captures: request.capture.clone(),
            expectations,
            has_conditions: request
                .expect
                .iter()
                .any(|expectation| matches!(expectation.matcher, Matcher::Condition(_))),
            needs_body: request.needs_body(),
            max_redirects: request.max_redirects,
            limits: Limits {
                received: request.max_response_size,
                kept: request.max_response_size.unwrap_or(LARGEST_KEPT_BODY) as usize,
            },
            auth,
            cookies: request.cookies.iter().map(fold_cookie).collect(),
            expected_status: request.expected_status.clone(),
            followed: followed(&request.wanted_redirects),
            headers,
            changing_headers,
            wanted_headers: wanted_headers(request),
            places: None,
            fixed_headers: false,
        };
        compiled.places = Places::of(compiled.json_paths());
        compiled.fixed_headers = compiled.changing_headers.is_empty()
            && compiled.auth.is_none()
            && compiled.headers.contains_key(header::HOST);
        Ok(compiled)
    }

    /// The headers for a user and a destination; those of the program itself if nothing about them changes.
    pub(crate) fn headers(
        &self,
        destination: &Destination,
        scope: &mut dyn Scope,
    ) -> Result<Cow<'_, HeaderMap>, String> {
        if self.fixed_headers && destination.login.is_none() {
            return Ok(Cow::Borrowed(&self.headers));
        }
        let mut headers = self.headers.clone();
        for (name, value) in &self.changing_headers {
            let text = value.render(scope);
            let value = HeaderValue::try_from(text).map_err(|_| {
                format!("the value of header {name} holds characters that a header can't carry")
            })?;
            headers.insert(name, value);
        }
        if let Some(auth) = &self.auth
            && let Some(value) = auth.header(destination, scope)?
        {
            headers.insert(header::AUTHORIZATION, value);
        }
        if let Some(login) = &destination.login
            && self.auth.as_ref().is_none_or(|auth| !auth.is_for(destination))
        {
            headers.entry(header::AUTHORIZATION).or_insert_with(|| login.clone());
        }
        headers.entry(header::HOST).or_insert_with(|| destination.origin.header.clone());
        Ok(Cow::Owned(headers))
    }

    /// What of a response is looked at; `follows`: whether a redirect may be followed yet.
    pub(crate) fn keep(&self, follows: bool) -> Keep<'_> {
        let body = self.needs_body.then_some(self.limits.kept);
        let discarded = self.limits.received.unwrap_or(u64::MAX);
        let followed = if follows { &*self.followed } else { &[] };
        Keep { headers: &self.wanted_headers, body, discarded, followed }
    }

    /// Whether a response with that status counts as failed.
    pub(crate) fn is_failure(&self, status: u16) -> bool {
        !self.expected_status.iter().any(|range| range.contains(status))
    }

    /// Whether there is a response, and it counts as failed.
    pub(crate) fn has_failed(&self, response: Option<&Incoming>) -> bool {
        response.is_some_and(|response| self.is_failure(response.status.as_u16()))
    }

    /// The cookies of the request itself, filled in.
    pub(crate) fn cookies(&self, scope: &mut dyn Scope) -> Result<Vec<(String, String)>, String> {
        let cookies = self.cookies.iter().map(|(name, value)| {
            let value = value.render(scope);
            let separates = |character: char| " \",;".contains(character) || character.is_control();
            if value.contains(separates) {
                return Err(format!("the value of cookie {name} holds characters that a cookie can't carry"));
            }
            Ok((name.clone(), value))
        });
        cookies.collect()
    }

    /// Whether a redirect with that status is followed.
    pub(crate) fn follows(&self, status: StatusCode) -> bool {
        self.followed.contains(&status)
    }

    /// The paths into the JSON of the response that captures and checks follow.
    pub(crate) fn json_paths(&self) -> impl Iterator<Item = &JsonPath> {
        subjects(&self.expectations, &self.captures).filter_map(Subject::json_path)
    }
}

/// Statuses that lead elsewhere (RFC 9110 §15.4), but for those that the test wants to see. 300 and 305 leave it to
/// people where to go.
fn followed(wanted: &[u16]) -> Vec<StatusCode> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    redirects.into_iter().filter(|status| !wanted.contains(&status.as_u16())).collect()
}

/// The headers of a response that captures and checks name.
fn wanted_headers(request: &scenario::Request) -> Vec<HeaderName> {
    let named = request.subjects().filter_map(|subject| match subject {
        Subject::Header(name) => HeaderName::from_bytes(name.as_bytes()).ok(),
        _ => None,
    });
    let is_typed = |expectation: &&Expectation| matches!(expectation.matcher, Matcher::ContentType(_));
    let types = request.expect.iter().filter(is_typed).map(|_| header::CONTENT_TYPE);
    named.chain(types).collect()
}

fn split_headers(
    headers: &[(String, Template)],
    secrets: &BTreeMap<String, String>,
) -> Result<(HeaderMap, Vec<(HeaderName, Template)>), String> {
    let mut fixed = HeaderMap::new();
    let mut changing = Vec::new();
    fixed.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    for (name, value) in headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{name:?} can't be the name of a header"))?;
        let value = fold(value, secrets);
        match value.literal() {
            Some(literal) => {
                let literal = HeaderValue::from_str(literal).map_err(|_| {
                    format!("the value of header {name} holds characters that a header can't carry")
                })?;
                fixed.insert(header, literal);
            }
            None => {
                fixed.remove(&header);
                changing.push((header, value));
            }
        }
    }
    Ok((fixed, changing))
}

fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Options => Method::OPTIONS,
    }
}

/// An expectation with its secrets filled in.
fn reveal(expectation: &Expectation, secrets: &BTreeMap<String, String>) -> Expectation {
    let mut revealed = expectation.clone();
    if let Matcher::Value { wanted, .. } = &mut revealed.matcher {
        for wanted in wanted {
            match wanted {
                Wanted::Equals(json) => *json = fold_json(json, secrets),
                Wanted::Contains(text) => *text = fold(text, secrets),
                Wanted::Exists(_) | Wanted::Matches(_) | Wanted::Number(..) | Wanted::Length { .. } => {}
            }
        }
    }
    revealed
}
