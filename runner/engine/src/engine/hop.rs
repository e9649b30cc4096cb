// SPDX-License-Identifier: Apache-2.0
//! One message of a request: the first one, or one after a redirect.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use upsurge_core::http::{RedirectRewrites, RedirectRules};
use upsurge_http::{
    digest::{self, Asked},
    message::Incoming,
    payload::Payload,
    text,
};

use super::user::Variables;
use crate::program::{Destination, Request, join};

/// Most challenges to one message that are answered.
const MOST_CHALLENGES: u8 = 2;

/// Headers that describe a body.
const OF_A_BODY: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::EXPECT,
];

/// A message on its way, the first one or after a redirect.
pub(super) struct Hop<'a> {
    /// How.
    pub(super) method: Method,
    /// Where to.
    pub(super) destination: Cow<'a, Destination>,
    /// With what headers.
    pub(super) headers: Cow<'a, HeaderMap>,
    /// And what body.
    pub(super) body: Payload,
    /// Cookies of the request itself.
    pub(super) cookies: Vec<(String, String)>,
    /// How many challenges were answered already.
    pub(super) challenges: u8,
    /// Whether a redirect led away from the server of the first message.
    pub(super) abroad: bool,
}

impl Hop<'_> {
    /// Where a response redirects to, if that is to be followed, and whether method and body stay. 307 and 308 repeat
    /// the request; 301, 302 and 303 turn its method into GET as the rules say.
    fn redirect<'r>(
        &self,
        response: &'r Incoming,
        request: &Request,
        rules: &RedirectRules,
    ) -> Option<(Cow<'r, str>, bool)> {
        if !request.follows(response.status) {
            return None;
        }
        let post = self.method == Method::POST;
        let all = rules.rewrites == RedirectRewrites::All;
        let repeats = match response.status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => !(all || post),
            StatusCode::SEE_OTHER => false,
            _ => true,
        };
        let location = text::of_url(response.headers.get(header::LOCATION)?);
        // An empty one would lead back here. Neither curl nor k6 follows it.
        (!location.trim().is_empty()).then_some((location, repeats))
    }

    /// Whether a response redirects.
    pub(super) fn is_redirected(
        &self,
        response: &Incoming,
        request: &Request,
        rules: &RedirectRules,
    ) -> bool {
        self.redirect(response, request, rules).is_some()
    }

    /// What follows a redirect.
    pub(super) fn redirected(
        &self,
        response: &Incoming,
        request: &Request,
        rules: &RedirectRules,
    ) -> Option<Result<Box<Hop<'static>>, String>> {
        let (location, repeats) = self.redirect(response, request, rules)?;
        Some(join(&self.destination, &location).map(|destination| self.to(destination, repeats)))
    }

    fn to(&self, destination: Destination, repeats: bool) -> Box<Hop<'static>> {
        let mut headers = HeaderMap::clone(&self.headers);
        let mut cookies = self.cookies.clone();
        let leaves = destination.origin != self.destination.origin;
        if leaves {
            // What was written for one server is for that one: its name, and the user's credentials.
            headers.insert(header::HOST, destination.origin.header.clone());
            headers.remove(header::AUTHORIZATION);
            headers.remove(header::COOKIE);
            cookies.clear();
        }
        // The answer to a challenge holds for one target.
        if self.challenges > 0 {
            headers.remove(header::AUTHORIZATION);
        }
        if let Some(login) = &destination.login {
            headers.insert(header::AUTHORIZATION, login.clone());
        }
        let (mut method, mut body) = (self.method.clone(), self.body.clone());
        if !repeats {
            // What describes a body goes with it (RFC 9110 §15.4).
            OF_A_BODY.iter().for_each(|name| drop(headers.remove(name)));
            body = Payload::default();
            if method != Method::HEAD {
                method = Method::GET;
            }
        }
        let destination = Cow::Owned(destination);
        let headers = Cow::Owned(headers);
        let abroad = self.abroad || leaves;
        Box::new(Hop { method, destination, headers, body, cookies, challenges: 0, abroad })
    }

    /// The same message with an answer to the server's challenge, if there is one and it was not answered yet. One that
    /// says that only its nonce was too old is answered once more (RFC 7616 §3.3).
    pub(super) fn answering(
        &self,
        response: &Incoming,
        request: &Request,
        variables: &mut Variables,
    ) -> Option<Box<Hop<'static>>> {
        // Nobody but the server that they were written for is told of the credentials.
        if response.status != StatusCode::UNAUTHORIZED || self.abroad || self.challenges >= MOST_CHALLENGES {
            return None;
        }
        let identity = request.auth.as_ref()?.identity(&self.destination, variables)?;
        let asked = Asked {
            method: self.method.as_str(),
            target: self.destination.target.to_string(),
            body: &self.body,
            only_stale: self.challenges > 0,
        };
        let answer = digest::answer(&response.headers, &identity, &asked)?;
        let mut headers = HeaderMap::clone(&self.headers);
        headers.insert(header::AUTHORIZATION, answer);
        Some(Box::new(Hop {
            method: self.method.clone(),
            destination: Cow::Owned(Destination::clone(&self.destination)),
            headers: Cow::Owned(headers),
            body: self.body.clone(),
            cookies: self.cookies.clone(),
            challenges: self.challenges + 1,
            abroad: self.abroad,
        }))
    }
}
